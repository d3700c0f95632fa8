"""npm's download counts: sums of the last day, week and month by package.

https://github.com/npm/registry/blob/main/docs/download-counts.md describes the API: up to 128
names at once, but packages with a scope one by one. A package it doesn't know has no numbers,
which is not the same as zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from pyfcrawl.core.downloads import is_count
from pyfcrawl.core.screening import JUNK
from pyfcrawl.errors import SourceError

#: Period in the API -> the document's field.
PERIODS = {
    "last-day": "download_last_day",
    "last-week": "download_last_week",
    "last-month": "download_last_month",
}

#: Names of one request at most.
_AT_ONCE = 128
_BROKEN = -1


def groups(names: Iterable[str]) -> Iterator[list[str]]:
    """The names cut into what one request may ask for."""
    every = sorted(set(names))
    bare = [name for name in every if not name.startswith("@")]
    for start in range(0, len(bare), _AT_ONCE):
        yield bare[start : start + _AT_ONCE]
    yield from ([name] for name in every if name.startswith("@"))


def point_url(root: str, period: str, names: Sequence[str]) -> str:
    """The sums of a period for a group of names."""
    listed = ",".join(quote(name, safe="@/") for name in names)
    return f"{root}/downloads/point/{period}/{listed}"


def read_point(body: bytes, names: Sequence[str]) -> dict[str, int | None]:
    """Name -> downloads, for the group asked for; None: no numbers. What is broken is left out.

    Raises SourceError when the body is no answer to that question.
    """
    try:
        answer = msgspec.json.decode(body)
    except JUNK as error:
        raise SourceError(f"junk instead of download counts ({error})") from error
    if not isinstance(answer, dict):
        raise SourceError("download counts are no object")
    if len(names) == 1 and is_count(answer.get("downloads")):
        answer = {str(answer.get("package", names[0])): answer}
    if not any(name in answer for name in names):
        raise SourceError("download counts of other packages")
    counts = {name: _count(answer.get(name)) for name in names}
    return {name: count for name, count in counts.items() if count != _BROKEN}


def _count(entry: Any) -> int | None:
    if entry is None:
        return None
    count = entry.get("downloads") if isinstance(entry, dict) else None
    return count if is_count(count) else _BROKEN
