"""What a day of downloads is, and by which method it was counted.

Numbers come from several counters (pypistats, ClickHouse, BigQuery, a CSV), all of which read
PyPI's own log, so a change in what PyPI logs shows in all of them.
"""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum

#: (day as YYYY-MM-DD, version or "" for all of them, downloads)
Day = tuple[str, str, int]

#: From this day on PyPI no longer counts fetches of .metadata and .asc files. Numbers dropped, and
#: earlier ones were not corrected, so sums across it don't compare with others.
COUNTING_CHANGED = "2026-08-24"

#: Programs that copy all of PyPI: pypistats leaves their fetches out of its numbers, so all other
#: counters have to. Lower case, as https://pypistats.org/faqs names them.
MIRRORS = ("bandersnatch", "z3c.pypimirror", "artifactory", "devpi")

#: More downloads of one package than any day has: what is over it is a broken answer.
MOST = 10**15


#: No day before it has downloads: PyPI opened that year, npm later.
EARLIEST = "2003-01-01"


class Counting(StrEnum):
    """What a day's number counts."""

    WITH_METADATA = "with-metadata"  # every file, .metadata and .asc too
    FILES = "files"  # only what can be installed
    REGISTRY = "registry"  # what the package's registry makes of it, one way all the time


def counting(package: str, day: str) -> Counting:
    """The method by which a day of a package (a package URL) was counted."""
    if not package.startswith("pkg:pypi/"):
        return Counting.REGISTRY
    return Counting.FILES if day >= COUNTING_CHANGED else Counting.WITH_METADATA


def is_day(text: object) -> bool:
    """Whether it is a day of the calendar, written YYYY-MM-DD."""
    if not isinstance(text, str) or len(text) != 10 or not text.isascii():
        return False
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def is_count(value: object) -> bool:
    """Whether it can be a number of downloads."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST


def days_before(day: str, days: int) -> str:
    """The day that many days earlier (later, when negative); kept within the calendar."""
    try:
        return (date.fromisoformat(day) - timedelta(days=days)).isoformat()
    except OverflowError:
        return (date.min if days > 0 else date.max).isoformat()
