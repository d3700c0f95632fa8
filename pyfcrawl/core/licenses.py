"""The SPDX license expression a package's metadata stands for.

Metadata says a license in up to three ways: PEP 639's License-Expression, trove classifiers, and
a free text that holds anything from `MIT` to the whole license. They are asked in that order, and
the answer is an expression that `license-expression` knows, or nothing: a guess would be worse
than a blank, so what could mean several licenses (`BSD`, `GPL`) means none here unless another
part of the metadata settles it.

Several license classifiers are joined with OR: authors who list more than one offer a choice far
more often than they demand all of them, and the classifiers themselves can't say which.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from license_expression import Licensing, get_spdx_licensing
from packaging.licenses import canonicalize_license_expression

_LONGEST_DECLARED = 500
_LONGEST_TEXT = 100

_PREFIX = "License :: "
_OSI = "OSI Approved :: "

#: Classifiers (after `License ::` and `OSI Approved ::`) that stand for exactly one license.
#: "Apache Software License" names no version, but is used for 2.0 and nothing else.
_CLASSIFIERS = {
    "Aladdin Free Public License (AFPL)": "Aladdin",
    "Apache Software License": "Apache-2.0",
    "Attribution Assurance License": "AAL",
    "Blue Oak Model License (BlueOak-1.0.0)": "BlueOak-1.0.0",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "CEA CNRS Inria Logiciel Libre License, version 2.1 (CeCILL-2.1)": "CECILL-2.1",
    "CMU License (MIT-CMU)": "MIT-CMU",
    "CeCILL-B Free Software License Agreement (CECILL-B)": "CECILL-B",
    "CeCILL-C Free Software License Agreement (CECILL-C)": "CECILL-C",
    "Common Development and Distribution License 1.0 (CDDL-1.0)": "CDDL-1.0",
    "Common Public License": "CPL-1.0",
    "Eclipse Public License 1.0 (EPL-1.0)": "EPL-1.0",
    "Eclipse Public License 2.0 (EPL-2.0)": "EPL-2.0",
    "Educational Community License, Version 2.0 (ECL-2.0)": "ECL-2.0",
    "European Union Public Licence 1.0 (EUPL 1.0)": "EUPL-1.0",
    "European Union Public Licence 1.1 (EUPL 1.1)": "EUPL-1.1",
    "European Union Public Licence 1.2 (EUPL 1.2)": "EUPL-1.2",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 (LGPLv2)": "LGPL-2.0-only",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "Historical Permission Notice and Disclaimer (HPND)": "HPND",
    "IBM Public License": "IPL-1.0",
    "ISC License (ISCL)": "ISC",
    "Intel Open Source License": "Intel",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "MirOS License (MirOS)": "MirOS",
    "Motosoto License": "Motosoto",
    "Mozilla Public License 1.0 (MPL)": "MPL-1.0",
    "Mozilla Public License 1.1 (MPL 1.1)": "MPL-1.1",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Mulan Permissive Software License v2 (MulanPSL-2.0)": "MulanPSL-2.0",
    "NASA Open Source Agreement v1.3 (NASA-1.3)": "NASA-1.3",
    "Nethack General Public License": "NGPL",
    "Nokia Open Source License": "Nokia",
    "Nokia Open Source License (NOKOS)": "Nokia",
    "Open Group Test Suite License": "OGTSL",
    "Open Software License 3.0 (OSL-3.0)": "OSL-3.0",
    "PostgreSQL License": "PostgreSQL",
    "Python License (CNRI Python License)": "CNRI-Python",
    "Python Software Foundation License": "PSF-2.0",
    "Qt Public License (QPL)": "QPL-1.0",
    "Repoze Public License": "BSD-3-Clause-Modification",
    "Ricoh Source Code Public License": "RSCPL",
    "SIL Open Font License 1.1 (OFL-1.1)": "OFL-1.1",
    "Sleepycat License": "Sleepycat",
    "Sun Public License": "SPL-1.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "Universal Permissive License (UPL)": "UPL-1.0",
    "University of Illinois/NCSA Open Source License": "NCSA",
    "Vovida Software License 1.0": "VSL-1.0",
    "X.Net License": "Xnet",
    "Zero-Clause BSD (0BSD)": "0BSD",
    "zlib/libpng License": "Zlib",
}

#: Classifiers that could mean several: how the ids of those licenses begin.
_AMBIGUOUS = {
    "Academic Free License (AFL)": ("AFL-",),
    "Apple Public Source License": ("APSL-",),
    "Artistic License": ("Artistic-", "ClArtistic"),
    "BSD License": ("BSD-", "0BSD"),
    "Eiffel Forum License": ("EFL-",),
    "Eiffel Forum License (EFL)": ("EFL-",),
    "GNU Free Documentation License (FDL)": ("GFDL-",),
    "GNU General Public License (GPL)": ("GPL-",),
    "GNU Library or Lesser General Public License (LGPL)": ("LGPL-",),
    "Netscape Public License (NPL)": ("NPL-",),
    "Public Domain": ("CC0-", "CC-PDDC", "PDDL-", "Unlicense", "0BSD"),
    "Sun Industry Standards Source License (SISSL)": ("SISSL",),
    "W3C License": ("W3C",),
    "Zope Public License": ("ZPL-",),
}

#: Classifiers that say who approves of a license, not which it is.
_APPROVALS = frozenset({"OSI Approved", "DFSG approved"})

#: Names people write for a license that are not its id with other punctuation.
_NAMES = {
    "0BSD": ("BSD 0 Clause", "Zero Clause BSD"),
    "Apache-2.0": ("Apache", "ASL 2.0", "Apache 2.0 January 2004", "AL 2.0", "ALv2"),
    "BSD-2-Clause": ("2 Clause BSD", "BSD 2", "Simplified BSD", "BSD Simplified", "FreeBSD"),
    "BSD-3-Clause": (
        *("3 Clause BSD", "BSD 3", "New BSD", "BSD New", "Modified BSD", "BSD Modified"),
        *(
            "Revised BSD",
            "New or Revised BSD",
            "BSD 3 Clause New or Revised",
            "Modified BSD 3 Clause",
        ),
    ),
    "BSL-1.0": ("Boost", "Boost 1.0"),
    "CC0-1.0": ("CC0", "CC0 1.0", "CC0 1.0 Universal"),
    "ISC": ("ISCL",),
    "MIT": ("Expat", "MIT Expat", "Expat MIT", "MIT X11", "X11 MIT", "MIT X"),
    "PSF-2.0": ("PSF", "PSFL", "Python Software Foundation", "Python PSF"),
    "Unlicense": ("Unlicence", "Un License"),
    "WTFPL": ("Do What The Fuck You Want To Public License",),
    "Zlib": ("zlib libpng",),
}

_LATER = r"(?:later|newer|greater|above|higher|upwards?)"
_REWRITES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"[,;(]?\s*\bsee\b.*", ""),  # "MIT (see LICENSE.txt)"
        (r">=\s*([\d.]+)", r"\1 later"),
        (rf",?\s*\(?\bor\s+\(?(?:any\s+)?{_LATER}(?:\s+versions?)?", " later "),
        (r"-or-later\b|(?<=\d)\s*\+", " later "),
        (r"at your option", " "),
        (r"\blicen[cs]e[ds]?\b", "license"),  # never npm's UNLICENSED, which means "no license"
        (r"(?<!\w)(?:gnu\s+)?affero\s+general\s+public", "agpl"),
        (r"\b(?:lesser|library)(?:\s+or\s+lesser)?\s+(?:general\s+public|gpl)", "lgpl"),
        (r"\bgeneral\s+public", "gpl"),
        (r"\bacademic\s+free", "afl"),
        (r"\beclipse\s+public", "epl"),
        (r"\beuropean\s+union\s+public", "eupl"),
        (r"\bmozilla\s+public", "mpl"),
        (r"\bzope\s+public", "zpl"),
        (r"v(?:er(?:sion)?)?\.?\s*(?=\d)", " "),
    )
)
_NOISE = frozenset({"the", "a", "license", "under", "version", "software", "terms", "of", "gnu"})
_WORD = re.compile(r"[^\W\d_]+|\d+(?:\.\d+)*")
_COPYLEFT = re.compile(r"([al]?)gpl (\d+)(?:\.(\d+))?( later| only)?")
_CHOICE = re.compile(rf"\s*/\s*|\s+or\s+(?!\(?(?:any\s+)?{_LATER}\b)", re.IGNORECASE)
_BOTH = re.compile(r"\s+and\s+|\s*&\s*", re.IGNORECASE)


def license_expression(
    declared: str | None, text: str | None, classifiers: Iterable[str] | None
) -> str:
    """The SPDX expression of a package, "" when its metadata doesn't settle one.

    `declared` is the License-Expression, `text` the free License field, `classifiers` all trove
    classifiers. A `text` of several lines or over 100 characters is a license, not its name. Ids
    that SPDX has replaced come out as their successors (`GPL-2.0` is `GPL-2.0-only`). Values of
    other types count as missing.
    """
    listed = classifiers if isinstance(classifiers, list | tuple | set | frozenset) else ()
    return _expression(
        " ".join(_short(declared, _LONGEST_DECLARED).split()),
        _one_line(_short(text, _LONGEST_TEXT)),
        tuple(each for each in listed if isinstance(each, str) and each.startswith(_PREFIX)),
    )


@lru_cache(4096)
def _expression(declared: str, text: str, classifiers: tuple[str, ...]) -> str:
    named = _read(text)
    return _read(declared) or _of_classifiers(classifiers, named) or named


def _of_classifiers(classifiers: tuple[str, ...], named: str) -> str:
    """What license classifiers stand for; `named` is what the text field says.

    An ambiguous classifier is settled by a more exact one beside it or by the text; if nothing
    settles it the classifiers say nothing, since an expression that leaves one out is wrong.
    """
    names = [each.removeprefix(_PREFIX).removeprefix(_OSI) for each in classifiers]
    names = [name for name in names if name not in _APPROVALS]
    exact = [_CLASSIFIERS[name] for name in names if name in _CLASSIFIERS]
    for name in names:
        if name in _CLASSIFIERS:
            continue
        beginnings = _AMBIGUOUS.get(name, ())
        if any(each.startswith(beginnings) for each in exact):
            continue
        if " " in named or not named.startswith(beginnings):
            return ""
        exact.append(named)
    return " OR ".join(dict.fromkeys(exact))


@lru_cache(4096)
def _read(text: str) -> str:
    """The expression a short text is, or names in other words; "" when it is neither."""
    if text.startswith((_PREFIX, _OSI)):
        return _of_classifiers((text,), "")
    return _spdx(text) or _named(text) or _joined(text)


def _joined(text: str) -> str:
    """Several names with "or", "/" or "and" between them, all of one kind."""
    for separator, operator in ((_CHOICE, " OR "), (_BOTH, " AND ")):
        parts = separator.split(text)
        found = [_spdx(part) or _named(part) for part in parts]
        if len(parts) > 1 and all(each and " " not in each for each in found):
            return operator.join(dict.fromkeys(found))
    return ""


def _named(text: str) -> str:
    """The id of a license that is named the way people do, e.g. `GPL version 2 or newer`."""
    words = _words(text)
    copyleft = _COPYLEFT.fullmatch(" ".join(words))
    if copyleft:
        kind, major, minor, extent = copyleft.groups()
        suffix = "or-later" if extent == " later" else "only"
        return _spdx(f"{kind}gpl-{major}.{minor or 0}-{suffix}")
    last = f"{words[-1]}.0" if words and words[-1].isdecimal() else ""
    as_id = "-".join(words)
    with_minor = "-".join([*words[:-1], last]) if last else ""
    return _names().get(words) or _spdx(as_id) or _spdx(with_minor)


def _words(text: str) -> tuple[str, ...]:
    """The words that tell licenses apart: lower case, versions bare, said once."""
    text = text.lower()
    for pattern, replacement in _REWRITES:
        text = pattern.sub(replacement, text)
    words = (re.sub(r"(?:\.0)+$", "", word) for word in _WORD.findall(text))
    return tuple(dict.fromkeys(word for word in words if word not in _NOISE))  # "MIT (MIT)"


@lru_cache(1)
def _names() -> dict[tuple[str, ...], str]:
    return {_words(name): spdx for spdx, names in _NAMES.items() for name in names}


@lru_cache(4096)
def _spdx(text: str) -> str:
    """The normalised form of a valid SPDX expression, else ""."""
    if not text:
        return ""
    try:
        expression = str(_licensing().parse(text, validate=True, strict=True))
    except Exception:  # the library raises errors of many kinds on broken expressions
        return _with_references(text)
    # The library takes "GPL" for "any version"; people who write it mean they don't know which.
    return "" if "GPL-1.0" in expression and "1" not in text else expression


def _with_references(text: str) -> str:
    """Valid by PEP 639, though not in the library's list: `LicenseRef-...`, `Apache-2.0+`."""
    try:
        return str(canonicalize_license_expression(text))
    except Exception:  # broken expressions meet the same fate whatever it raises
        return ""


@lru_cache(1)
def _licensing() -> Licensing:
    """SPDX's list of licenses, read at first use."""
    return get_spdx_licensing()


def _short(value: Any, longest: int) -> str:
    text = value.strip() if isinstance(value, str) else ""
    return text if len(text) <= longest else ""


def _one_line(text: str) -> str:
    return "" if "\n" in text or "\r" in text else text
