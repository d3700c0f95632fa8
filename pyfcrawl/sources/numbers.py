"""What a warehouse of download logs (ClickHouse, BigQuery) says of packages, checked.

Answers of such servers can be cut without a word: a cap on rows, on time or on what is read gives
part of a result, with a good status. So every page asks first what to expect and every package
asked about has its row, and a page that isn't whole is not believed at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pyfcrawl.core.document import is_text
from pyfcrawl.core.downloads import Day, is_count, is_day
from pyfcrawl.errors import SourceError

_LAST = ("download_last_day", "download_last_week", "download_last_month")


@dataclass(frozen=True, slots=True)
class Window:
    """Days to read, both included."""

    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What a package's days must add up to: how many (day, version), how many downloads."""

    entries: int
    downloads: int


@dataclass(slots=True)
class Numbers:
    """Of one package: last day, week and month (None: not asked for), and days.

    `known` is False for a package the log doesn't have. `without` are days asked about one by one
    that have no downloads.
    """

    known: bool
    last: tuple[int, int, int] | None = None
    days: list[Day] = field(default_factory=list)
    without: list[str] = field(default_factory=list)

    @property
    def facts(self) -> dict[str, int | None]:
        """The download_last_... fields: no numbers, not zero, for a package without any."""
        if not self.known:
            return dict.fromkeys(_LAST)
        return dict(zip(_LAST, self.last, strict=True)) if self.last else {}


class CutError(SourceError):
    """An answer is not whole: rows are missing, or they don't add up to what was to come."""


def checked_rows(
    rows: Iterable[tuple[str, tuple[Any, ...]]], names: Iterable[str]
) -> dict[str, tuple[Any, ...]]:
    """Package -> the rest of its row. Raises CutError unless each of `names` has exactly one."""
    found: dict[str, tuple[Any, ...]] = {}
    for name, rest in rows:
        if name in found:
            raise CutError(f"two rows about {ascii(name)[:80]}")
        found[name] = rest
    wanted = set(names)
    if found.keys() != wanted:
        missing = len(wanted - found.keys())
        raise CutError(f"{missing} of {len(wanted)} packages are missing from the answer")
    return found


def checked_days(
    name: str,
    entries: Iterable[tuple[object, object, object]],
    expected: Expected,
) -> list[Day]:
    """A package's days, by version and for all versions. Raises CutError, SourceError."""
    by_version: dict[tuple[str, str], int] = {}
    of_day: dict[str, int] = {}
    for day, version, downloads in entries:
        if not (is_day(day) and is_text(version) and is_count(downloads)):
            found = ascii((day, version, downloads))[:120]
            raise SourceError(f"a day of {name} can't be read: {found}")
        assert isinstance(day, str)
        assert isinstance(version, str)
        assert isinstance(downloads, int)
        if (day, version) in by_version:
            raise SourceError(f"{name} has {day} of version {version!r} twice")
        by_version[day, version] = downloads
        of_day[day] = of_day.get(day, 0) + downloads
    if len(by_version) != expected.entries or sum(of_day.values()) != expected.downloads:
        raise CutError(
            f"{name}: {len(by_version)} rows with {sum(of_day.values())} downloads came, "
            f"{expected.entries} with {expected.downloads} were to come"
        )
    return list(_both_levels(by_version, of_day))


def _both_levels(
    by_version: Mapping[tuple[str, str], int], of_day: Mapping[str, int]
) -> Iterator[Day]:
    """A file whose version isn't known counts for its day alone."""
    for day, downloads in of_day.items():
        yield day, "", downloads
    for (day, version), downloads in by_version.items():
        if version:
            yield day, version, downloads


def pages(names: Iterable[str], expected: Mapping[str, Expected], most: int) -> Iterator[list[str]]:
    """The packages that have days, in lists with at most `most` rows in all; a larger one alone."""
    page: list[str] = []
    size = 0
    for name in names:
        entries = expected[name].entries
        if page and size + entries > most:
            yield page
            page, size = [], 0
        if entries:
            page.append(name)
            size += entries
    if page:
        yield page
