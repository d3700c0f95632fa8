"""Which SPDX expression a package's license metadata stands for."""

import pytest
import trove_classifiers
from hypothesis import given
from hypothesis import strategies as st
from packaging.licenses import canonicalize_license_expression

from pyfcrawl.core import licenses
from pyfcrawl.core.licenses import license_expression

BSD = "License :: OSI Approved :: BSD License"
GPL = "License :: OSI Approved :: GNU General Public License (GPL)"
GPL2 = "License :: OSI Approved :: GNU General Public License v2 (GPLv2)"
MIT = "License :: OSI Approved :: MIT License"
APACHE = "License :: OSI Approved :: Apache Software License"
ZOPE = "License :: OSI Approved :: Zope Public License"
PROPRIETARY = "License :: Other/Proprietary License"


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("MIT", "MIT"),
        ("mit or apache-2.0", "MIT OR Apache-2.0"),
        ("MIT AND (Apache-2.0 OR ISC)", "MIT AND (Apache-2.0 OR ISC)"),
        ("GPL-2.0", "GPL-2.0-only"),
        ("GPL-2.0-or-later WITH Classpath-exception-2.0",) * 2,
        ("LicenseRef-Ours", "LicenseRef-Ours"),
        ("Apache-2.0+", "Apache-2.0+"),
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("MIT OR", ""),
        ("MIT WITH MIT", ""),
        ("((((", ""),
        ("(" * 240 + "MIT" + ")" * 240, "MIT"),
        ("MIT " * 4000, ""),
    ],
)
def test_declared_expression(declared: str, expected: str) -> None:
    assert license_expression(declared, None, []) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MIT", "MIT"),
        ("mit", "MIT"),
        ("  MIT License ", "MIT"),
        ("The MIT License (MIT)", "MIT"),
        ("MIT licence", "MIT"),
        ("MIT (see LICENSE.txt)", "MIT"),
        ("MIT/X11", "MIT"),
        ("BSD 3-Clause", "BSD-3-Clause"),
        ("bsd-3-clause", "BSD-3-Clause"),
        ("3-Clause BSD License", "BSD-3-Clause"),
        ("Modified BSD License (3-clause)", "BSD-3-Clause"),
        ("Simplified BSD", "BSD-2-Clause"),
        ("GPLv2", "GPL-2.0-only"),
        ("gpl-3", "GPL-3.0-only"),
        ("GPL version 2", "GPL-2.0-only"),
        ("GPL-2.0+", "GPL-2.0-or-later"),
        ("GPLv3+", "GPL-3.0-or-later"),
        ("GPL (>= 2)", "GPL-2.0-or-later"),
        ("GPL v2.0 only", "GPL-2.0-only"),
        ("GPL 2 (or later)", "GPL-2.0-or-later"),
        ("GNU General Public License v3 or later (GPLv3+)", "GPL-3.0-or-later"),
        ("GNU GPL, version 2 or any later version", "GPL-2.0-or-later"),
        ("GNU Lesser General Public License v2.1", "LGPL-2.1-only"),
        ("LGPL 2.1", "LGPL-2.1-only"),
        ("AGPLv3", "AGPL-3.0-only"),
        ("Apache 2.0", "Apache-2.0"),
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("Apache2", "Apache-2.0"),
        ("Apache 1.1", "Apache-1.1"),
        ("ZPL 2.1", "ZPL-2.1"),
        ("Zope Public License, Version 2.1 (ZPL)", "ZPL-2.1"),
        ("MPLv2", "MPL-2.0"),
        ("European Union Public Licence 1.2 (EUPL 1.2)", "EUPL-1.2"),
        ("CC BY-SA 4.0", "CC-BY-SA-4.0"),
        ("MIT or Apache 2.0", "MIT OR Apache-2.0"),
        ("MIT/Apache-2.0", "MIT OR Apache-2.0"),
        ("MIT and BSD 3-Clause", "MIT AND BSD-3-Clause"),
        (MIT, "MIT"),
    ],
)
def test_short_text_is_read(text: str, expected: str) -> None:
    assert license_expression(None, text, []) == expected


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "UNKNOWN",
            "BSD",
            "BSD License",
            "BSD-like",
            "GPL",
            "LGPL",
            "ZPL",
            "GPL 4",
            "MIT OR GPL",
        ),
        *("Proprietary", "UNLICENSED", "SEE LICENSE IN LICENSE.md", "Public Domain", "MIT, BSD"),
        *(
            "MIT (non-commercial)",
            "MIT and (GPL or BSD)",
            "GPL version 2 or 3",
            "2",
            "the",
            "\ud800",
        ),
        "MIT License\n\nPermission is hereby granted",
        "MIT " + "x" * 100,
    ],
)
def test_text_that_settles_nothing(text: str) -> None:
    assert license_expression(None, text, []) == ""


@pytest.mark.parametrize(
    ("classifiers", "text", "expected"),
    [
        ([MIT], None, "MIT"),
        ([APACHE], "Apache", "Apache-2.0"),
        ([GPL2], "GPL", "GPL-2.0-only"),
        (["License :: CC0 1.0 Universal (CC0 1.0) Public Domain Dedication"], None, "CC0-1.0"),
        (["License :: OSI Approved"], None, ""),
        (["License :: OSI Approved", MIT], None, "MIT"),
        ([APACHE, MIT], None, "Apache-2.0 OR MIT"),
        ([MIT, MIT], None, "MIT"),
        ([BSD], None, ""),
        ([BSD], "BSD", ""),
        ([BSD], "BSD 2-Clause", "BSD-2-Clause"),
        ([BSD, MIT], "BSD 3-Clause", "MIT OR BSD-3-Clause"),
        ([BSD, MIT], None, ""),
        ([GPL, GPL2], None, "GPL-2.0-only"),
        ([GPL], "LGPL 2.1", "LGPL-2.1-only"),
        ([ZOPE], "ZPL 2.1", "ZPL-2.1"),
        ([PROPRIETARY, MIT], None, ""),
        ([PROPRIETARY], "MIT", "MIT"),
        (["Framework :: Plone", "License :: No such thing"], "ISC", "ISC"),
        ([MIT], "Apache 2.0", "MIT"),
    ],
)
def test_classifiers_come_before_text(classifiers: list[str], text: str, expected: str) -> None:
    assert license_expression(None, text, classifiers) == expected


def test_declared_comes_before_classifiers_unless_it_is_broken() -> None:
    assert license_expression("ISC", "GPLv2", [MIT]) == "ISC"
    assert license_expression("not a license", "GPLv2", [MIT]) == "MIT"


def test_every_classifier_in_the_tables_exists() -> None:
    known = trove_classifiers.classifiers | set(trove_classifiers.deprecated_classifiers)
    for name in [*licenses._CLASSIFIERS, *licenses._AMBIGUOUS, *licenses._APPROVALS]:
        assert {f"License :: {name}", f"License :: OSI Approved :: {name}"} & known, name


def test_every_exact_classifier_gives_a_current_spdx_id() -> None:
    for name, spdx in licenses._CLASSIFIERS.items():
        assert license_expression(None, None, [f"License :: OSI Approved :: {name}"]) == spdx
        assert canonicalize_license_expression(spdx) == spdx
        assert license_expression(spdx, None, []) == spdx


@pytest.mark.parametrize("junk", [None, 7, {"type": "MIT"}, ["MIT"], b"MIT", float("nan")])
def test_other_types_count_as_missing(junk: object) -> None:
    assert license_expression(junk, junk, junk) == ""  # type: ignore[arg-type]
    assert license_expression(None, None, [junk, MIT]) == "MIT"  # type: ignore[list-item]


PIECES = st.sampled_from(
    ["MIT", "GPL", "v2", "+", " or ", " later ", "(", ")", "/", " and ", " WITH ", "-", ",", "2.0"]
)


@given(st.lists(PIECES, max_size=30).map("".join) | st.text(max_size=120))
def test_whatever_it_reads_is_a_valid_expression_or_nothing(text: str) -> None:
    found = license_expression(text, text, [])
    assert license_expression(found, None, []) == found
