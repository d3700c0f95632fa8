"""How often each package was downloaded, day by day, kept for as long as there is room.

Counters forget (pypistats after 180 days), so what was read once is kept here, apart from the
index: it outlives a rebuilt collection and is shared by all profiles. Rows belong to a package by
its package URL, so PyPI and npm keep apart and spellings of one name don't.

Numbers are kept at two levels that never add up: a day of all versions together, and a day by
version. A day counts once, by its number for all versions where there is one, else by the sum of
its versions; and days that an imported lifetime total covers don't count beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pyfcrawl.core.downloads import Counting, Day
from pyfcrawl.errors import ConfigurationError, StoreError

if TYPE_CHECKING:
    from pyfcrawl.stores.sqlite_history import SqliteHistory


class RepeatedRowError(StoreError):
    """An import says the same thing twice; `row` and `first` are the numbers of the two rows."""

    def __init__(self, row: int, first: int) -> None:
        super().__init__(f"row {row} says the same as row {first}")
        self.row, self.first = row, first


@dataclass(frozen=True, slots=True)
class CountedDay:
    """One number of the history: who counted it and how; `version` "" stands for all."""

    day: str
    version: str
    downloads: int
    source: str
    counting: Counting


@dataclass(frozen=True, slots=True)
class Total:
    """All downloads known of a package.

    `since` is the first day that counts; None with an imported lifetime total, which counts from
    the package's beginning, whenever that was.
    """

    downloads: int
    since: str | None


@dataclass(frozen=True, slots=True)
class PackageDays:
    """What a counter says of some days of one package (a package URL).

    `without` are days on which it had no downloads at all.
    """

    package: str
    days: list[Day]
    source: str
    without: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ImportedDay:
    """One row of an import; `row` tells it apart in complaints."""

    row: int
    package: str
    day: str
    version: str
    downloads: int


@dataclass(frozen=True, slots=True)
class ImportedTotal:
    """A lifetime total as of the end of `day`; `row` tells it apart in complaints."""

    row: int
    package: str
    day: str
    downloads: int


class HistoryReader(Protocol):
    """Read side. Raises StoreError."""

    def series(
        self, package: str, first: str = "", last: str = "", by_version: bool = False
    ) -> list[CountedDay]:
        """The known days of a package, oldest first, between two days (both included).

        One entry a day, or with `by_version` one a day and version.
        """

    def counting_changes(self, package: str) -> list[str]:
        """Days of the series from which on numbers were counted differently than before."""

    def totals(self, packages: Iterable[str]) -> dict[str, Total]:
        """Package -> all downloads known of it; packages nothing is known of are left out."""

    def at_once(self) -> AbstractContextManager[None]:
        """Within it everything is read as of one moment, whatever is written meanwhile."""

    def close(self) -> None:
        """Release the file; closing twice is fine."""


class HistoryStore(HistoryReader, Protocol):
    """Write side: what a call returns from is durable, and one that raises left no trace.

    Any number of processes may write.
    """

    def write(self, entries: Iterable[PackageDays]) -> None:
        """Keep days of packages, in place of all that is known of these days at the same level.

        So a day read again by version forgets versions it had before; its number for all versions
        stays, and the other way round. Of days without downloads nothing is kept at either level.
        """

    def import_days(self, rows: Iterable[ImportedDay], source: str) -> int:
        """Likewise for a stream of rows in any order; returns how many packages they were of.

        Errors that `rows` raises pass through. Raises RepeatedRowError.
        """

    def import_totals(self, rows: Iterable[ImportedTotal], source: str) -> int:
        """Set lifetime totals, in place of earlier ones; otherwise as `import_days`."""


def open_history(url: str, readonly: bool = False) -> SqliteHistory:
    """The history at `sqlite:///PATH`, made if it isn't there.

    With `readonly` one that isn't there reads as empty. Raises ConfigurationError for another
    kind of address, StoreError when the file can't be opened.
    """
    from pyfcrawl.stores.sqlite_history import SqliteHistory

    scheme, _, path = str(url).partition(":///")
    if scheme != "sqlite" or not path or "\0" in path:
        raise ConfigurationError(
            f"HISTORY_URL={ascii(str(url))[:200]} can't be used; give sqlite:///relative/path.db "
            "or sqlite:////absolute/path.db"
        )
    return SqliteHistory(Path(path), readonly)
