"""npm's version numbers: a text key that sorts as semver does, and the fields made of a version.

The key has the shape of PyPI's (see core.versions), with semver's order (https://semver.org, rule
11) instead of PEP 440's:

    STABLE.MAJOR.MINOR.BUGFIX.PRETYPE.PRENUM[.REST...]

e.g. `1.0017.0000.0000.5.0000` for 17.0.0 and `0.0017.0000.0000.2.0003.10` for 17.0.0-alpha.3.
PRETYPE is 2, 3 and 4 for `alpha`, `beta` and `rc`, as on PyPI; semver orders these words as any
others, so other identifiers stand between them, behind a z. Whether a text is a version, and what
its parts are, is left to the `node-semver` library.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import nodesemver  # type: ignore[import-untyped]

from pyfcrawl.core.sortable import ascii_text, number

_INT64_LIMIT = 2**63
_LONGEST = 256  # characters, as in npm's own parser
_NUMERIC, _FINAL = "1", "5"
_NAMED = {"alpha": "2", "beta": "3", "rc": "4"}
_OTHER = "z"  # above any number
_END, _NUMBER, _TEXT = "0", "1", "2"


def sort_key(version: str) -> str | None:
    """Text that sorts as the version does; None when it is none. Never raises.

    All stable versions sort above all pre-releases, each group as semver orders it. Keys are equal
    when the versions have the same precedence: build metadata doesn't count.
    """
    parsed = _parsed(version)
    return None if parsed is None else _key(parsed)


def version_fields(version: str) -> dict[str, Any]:
    """The document fields derived from a version that semver knows; empty for any other text."""
    parsed = _parsed(version)
    if parsed is None:
        return {}
    return {
        "version_sortable": _key(parsed),
        "version_major": _int64(parsed.major),
        "version_minor": _int64(parsed.minor),
        "version_bugfix": _int64(parsed.patch),
        "version_is_valid": True,
        "version_is_prerelease": bool(parsed.prerelease),
    }


def _parsed(version: str) -> Any | None:
    if not isinstance(version, str) or len(version) > _LONGEST:
        return None
    try:
        return nodesemver.make_semver(version, loose=False)
    except ValueError:
        return None


def _key(version: Any) -> str:
    main = [number(part) for part in (version.major, version.minor, version.patch)]
    if not version.prerelease:
        return ".".join(["1", *main, _FINAL, number(0)])
    return ".".join(["0", *main, *_prerelease(version.prerelease)])


def _prerelease(identifiers: Sequence[int | str]) -> list[str]:
    """PRETYPE, PRENUM and all that comes after."""
    first, *rest = identifiers
    if isinstance(first, int):
        return [_NUMERIC, number(first), _rest(rest)]
    if first not in _NAMED:
        return [_between(first), number(0), _rest(rest)]
    if not rest:
        return [_NAMED[first], number(0), _END]
    second, *rest = rest
    if isinstance(second, int):
        # The 1 keeps `alpha.0` above `alpha`.
        return [_NAMED[first], number(second), _NUMBER + _rest(rest)]
    return [_NAMED[first], _OTHER + ascii_text(second), _rest(rest)]


def _between(word: str) -> str:
    """PRETYPE of any other word, at its place among alpha, beta and rc."""
    below = [digit for name, digit in _NAMED.items() if name < word]
    return (below[-1] if below else _NUMERIC) + _OTHER + ascii_text(word)


def _rest(identifiers: Sequence[int | str]) -> str:
    """Numbers below texts, fewer identifiers below more."""
    parts = [
        _NUMBER + number(each) if isinstance(each, int) else _TEXT + ascii_text(each)
        for each in identifiers
    ]
    return "".join(parts) + _END


def _int64(value: int) -> int | None:
    return value if value < _INT64_LIMIT else None
