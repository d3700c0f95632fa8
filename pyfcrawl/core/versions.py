"""Version numbers as an index needs them: one text key that any store can sort by.

What follows is about PyPI's; npm's are in core.npm_versions, and `version_fields` knows both.

Stores compare strings, not PEP 440 (https://peps.python.org/pep-0440/), so `sort_key` writes a
version as text whose plain order is the order of `packaging.version.Version`. The key reads

    STABLE.MAJOR.MINOR.BUGFIX.PRETYPE.PRENUM.POST.DEV[.LOCAL...]

e.g. `1.0006.0001.0000.5.0000.0.9` for 6.1. Every part is prefix-free, so the order rests on
letters and digits alone: Typesense drops all other signs before it sorts, and the dots are there
for the reader. (It also sorts by the first 2,000 characters only; real versions have fewer.)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from packaging.version import Version

from pyfcrawl.core import npm_versions
from pyfcrawl.core.sortable import number

_INVALID = "0.0000.0000.0000.0."  # below 0.dev0, the lowest version there is, whose PRETYPE is 1
_DEV_ONLY, _FINAL = "1", "5"
_PRETYPE = {"a": "2", "b": "3", "rc": "4"}
_EPOCH = "z"  # above anything a number starts with
_MORE = "x"  # a fourth and later number of the release; above any PRETYPE
_INT64_LIMIT = 2**63
_DIGITS = re.compile("[0-9]+")


def sort_key(version: str) -> str:
    """The document field `version_sortable`: text that sorts as the version does.

    All stable releases sort above all pre-releases (dev releases are among these), each group
    as PEP 440 orders it; keys are equal when the versions are. What is no PEP 440 version sorts
    below everything that is, its runs of digits compared as numbers. Never raises.
    """
    parsed = _parsed(version)
    return _invalid_key(version) if parsed is None else _valid_key(parsed)


def natural_key(version: str, registry: str = "pypi") -> str:
    """Text that sorts as people count versions: 2.9 before 2.10, 2.0rc1 just before 2.0."""
    key: str = version_fields(version, registry)["version_sortable"]
    return key[1:]  # without the digit that sets pre-releases apart


def majors(releases: Iterable[tuple[str, int]], registry: str = "pypi") -> set[str]:
    """Which of a package's releases (version, when uploaded) were major ones.

    Those are stable, and the first with a new first number of 1 or more: 2.0 after 1.9, or 2.1 if
    there was no 2.0, but not 1.10 and not a 1.9.1 after 2.0. A later PEP 440 epoch counts as new.
    """
    found: set[str] = set()
    highest = ""
    for version, _ in sorted(releases, key=lambda each: (each[1], natural_key(each[0], registry))):
        fields = version_fields(version, registry)
        if fields["version_is_prerelease"] is not False:
            continue
        leading = fields["version_sortable"].split(".")[1]  # with the epoch, if there is one
        if leading > highest and fields["version_major"] != 0:
            found.add(version)
        highest = max(highest, leading)
    return found


def version_fields(version: str, registry: str = "pypi") -> dict[str, Any]:
    """The document fields derived from a version alone, by the rules of its registry.

    Numbers are None when the version is none (PEP 440; npm: semver) or they don't fit 64 bits,
    and `version_is_prerelease` is None when nobody can tell.
    """
    if registry == "npm":
        return npm_versions.version_fields(version) or _fields(version, None)
    return _fields(version, _parsed(version))


def _fields(version: str, parsed: Version | None) -> dict[str, Any]:
    numbers = [None] * 3 if parsed is None else [parsed.major, parsed.minor, parsed.micro]
    major, minor, bugfix = (_int64(each) for each in numbers)
    return {
        "version_sortable": _invalid_key(version) if parsed is None else _valid_key(parsed),
        "version_major": major,
        "version_minor": minor,
        "version_bugfix": bugfix,
        "version_is_valid": parsed is not None,
        "version_is_prerelease": None if parsed is None else parsed.is_prerelease,
    }


def latest(releases: Mapping[str, bool]) -> str | None:
    """The release PyPI calls latest, of a mapping from version to whether it is yanked.

    Not yanked before yanked, stable before pre-release, then the highest version; what is no
    PEP 440 version comes after all that is. Among spellings of one version the choice does not
    depend on the mapping's order. None when there is no release.
    """
    return max(releases, key=lambda each: (not releases[each], sort_key(each), each), default=None)


def _parsed(version: str) -> Version | None:
    try:
        return Version(version)
    except (ValueError, TypeError):  # ValueError also for numbers past int()'s limit of digits
        return None


def _int64(value: int | None) -> int | None:
    return value if value is not None and value < _INT64_LIMIT else None


def _invalid_key(version: str) -> str:
    text = version.lower() if isinstance(version, str) else ""
    encodable = text.encode("utf-8", "backslashreplace").decode()
    return _INVALID + _DIGITS.sub(lambda run: number(run[0]), encodable)


def _valid_key(version: Version) -> str:
    stable = "0" if version.is_prerelease else "1"
    pretype, prenum = _pre(version)
    post = "0" if version.post is None else "1" + number(version.post)
    dev = "9" if version.dev is None else "0" + number(version.dev)
    local = version.local.split(".") if version.local else []
    return ".".join(
        [stable, *_release(version), pretype, prenum, post, dev, *map(_local_part, local)]
    )


def _release(version: Version) -> tuple[str, str, str]:
    """MAJOR, MINOR and BUGFIX; the first holds the epoch, the last the numbers beyond three."""
    numbers = list(version.release)
    while len(numbers) > 3 and not numbers[-1]:
        numbers.pop()
    major, minor, bugfix, *more = [number(each) for each in numbers + [0] * (3 - len(numbers))]
    epoch = f"{_EPOCH}{number(version.epoch)}_" if version.epoch else ""
    return epoch + major, minor, bugfix + "".join(_MORE + each for each in more)


def _pre(version: Version) -> tuple[str, str]:
    if version.pre is not None:
        letter, count = version.pre
        return _PRETYPE[letter], number(count)
    dev_only = version.dev is not None and version.post is None
    return (_DEV_ONLY if dev_only else _FINAL), number(0)


def _local_part(part: str) -> str:
    """A part of a local version; text sorts below numbers, and below text it begins."""
    if part.isdigit():
        return "1" + number(part)
    return "0" + "1".join(part) + "0"
