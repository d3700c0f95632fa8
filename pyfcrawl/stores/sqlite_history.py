"""The history of downloads in one SQLite file, for any thread and any number of processes.

WAL and BEGIN IMMEDIATE let writers take turns while readers go on, synchronous=FULL has a commit
on the disk before it returns (https://www.sqlite.org/pragma.html#pragma_synchronous): the crawl
takes a package for done after it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from pyfcrawl.core.downloads import COUNTING_CHANGED, Counting, counting
from pyfcrawl.errors import StoreError
from pyfcrawl.stores.history import (
    CountedDay,
    ImportedDay,
    ImportedTotal,
    PackageDays,
    RepeatedRowError,
    Total,
)

#: Seconds to wait for another process's turn: a large import is one transaction.
_PATIENCE = 120

#: Marks the file as ours ("pyfh") and its form.
_APPLICATION, _FORMAT = 0x70796668, 1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS packages (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS days (
    package INTEGER NOT NULL REFERENCES packages, day TEXT NOT NULL, version TEXT NOT NULL,
    downloads INTEGER NOT NULL, source TEXT NOT NULL, PRIMARY KEY (package, day, version)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS totals (
    package INTEGER PRIMARY KEY REFERENCES packages, downloads INTEGER NOT NULL,
    day TEXT NOT NULL, source TEXT NOT NULL
);
"""

#: A day's number: that for all versions where there is one, else the sum of its versions.
_OF_DAY = """
SELECT day, coalesce(sum(downloads) FILTER (WHERE version = ''), sum(downloads)) AS downloads,
    coalesce(max(source) FILTER (WHERE version = ''), max(source)) AS source
FROM days WHERE package = ? AND day > ? AND day >= ? AND day <= ? GROUP BY day ORDER BY day
"""

_STALE = "DELETE FROM days WHERE package = ? AND day = ? AND (version = '') = ?"

_INCOMING = """
CREATE TEMP TABLE incoming (
    package TEXT NOT NULL, day TEXT NOT NULL, version TEXT NOT NULL, downloads INTEGER NOT NULL,
    number INTEGER NOT NULL
)
"""

_ADD_INCOMING = "INSERT OR IGNORE INTO temp.incoming VALUES (?, ?, ?, ?, ?)"

_HOW_MANY = "SELECT count(DISTINCT package) FROM temp.incoming"

_TAKE_DAYS = (
    "INSERT OR IGNORE INTO packages (name) SELECT DISTINCT package FROM temp.incoming",
    """
    DELETE FROM days WHERE (package, day, version = '') IN (
        SELECT p.id, i.day, i.version = ''
        FROM temp.incoming i JOIN packages p ON p.name = i.package
    )
    """,
    """
    INSERT INTO days SELECT p.id, i.day, i.version, i.downloads, ?
    FROM temp.incoming i JOIN packages p ON p.name = i.package
    """,
)

_TAKE_TOTALS = (
    _TAKE_DAYS[0],
    """
    REPLACE INTO totals SELECT p.id, i.downloads, i.day, ?
    FROM temp.incoming i JOIN packages p ON p.name = i.package
    """,
)

_FIRST, _LAST = "", "9999-12-31"


class SqliteHistory:
    """HistoryStore in a file; see there for what its methods do."""

    def __init__(self, path: Path, readonly: bool = False) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._connection = self._open(readonly)

    def _open(self, readonly: bool) -> sqlite3.Connection:
        missing = readonly and not self._path.exists()
        try:
            if not readonly:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                ":memory:" if missing else str(self._path),
                timeout=_PATIENCE,
                isolation_level=None,
                check_same_thread=False,
            )
        except (OSError, sqlite3.Error) as error:
            raise self._failure("opened", error) from error
        try:
            self._prepare(connection, readonly, missing)
        except BaseException as error:
            connection.close()
            if isinstance(error, sqlite3.Error):
                raise self._failure("opened", error) from error
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection, readonly: bool, missing: bool) -> None:
        form = connection.execute("PRAGMA user_version").fetchone()[0]
        mark = connection.execute("PRAGMA application_id").fetchone()[0]
        if (mark, form) not in ((0, 0), (_APPLICATION, _FORMAT)):
            raise StoreError(
                f"{self._path} is no history of downloads that this version can read; "
                "give another path with HISTORY_URL"
            )
        if readonly and not missing:
            connection.execute("PRAGMA query_only = ON")
            return
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA temp_store = FILE")  # an import may be larger than memory
        if not mark:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(
                f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA application_id = {_APPLICATION};"
                f"PRAGMA user_version = {_FORMAT}; COMMIT;"
            )

    def _failure(self, what: str, error: Exception) -> StoreError:
        return StoreError(
            f"the history of downloads {self._path} can't be {what} ({error}); "
            "give a writable file with HISTORY_URL"
        )

    # --- reading ------------------------------------------------------------------------------

    def _read(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        try:
            with self._lock, closing(self._connection.execute(sql, parameters)) as rows:
                return rows.fetchall()
        except sqlite3.Error as error:
            if "no such table" in str(error):  # a process was killed before it could make them
                return []
            raise self._failure("read", error) from error

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """See HistoryReader."""
        with self._lock:
            self._read("BEGIN")
            try:
                yield
            finally:
                self._read("COMMIT")

    def _id(self, package: str) -> int | None:
        rows = self._read("SELECT id FROM packages WHERE name = ?", package)
        return rows[0][0] if rows else None

    def series(
        self, package: str, first: str = "", last: str = "", by_version: bool = False
    ) -> list[CountedDay]:
        """See HistoryReader."""
        number = self._id(package)
        last = last or _LAST
        if by_version:
            rows = self._read(
                "SELECT day, version, downloads, source FROM days"
                " WHERE package = ? AND day >= ? AND day <= ? AND version != '' ORDER BY 1, 2",
                *(number, first, last),
            )
        else:
            found = self._read(_OF_DAY, number, _FIRST, first, last)
            rows = [(day, "", downloads, source) for day, downloads, source in found]
        return [
            CountedDay(day, version, downloads, source, counting(package, day))
            for day, version, downloads, source in rows
        ]

    def counting_changes(self, package: str) -> list[str]:
        """See HistoryReader."""
        rows = self._read(
            "SELECT min(day), max(day) FROM days WHERE package = ?", self._id(package)
        )
        first, last = rows[0] if rows else (None, None)
        if first is None or counting(package, first) is Counting.REGISTRY:
            return []
        return [COUNTING_CHANGED] if first < COUNTING_CHANGED <= last else []

    def totals(self, packages: Iterable[str]) -> dict[str, Total]:
        """See HistoryReader."""
        found = ((package, self._total(package)) for package in packages)
        return {package: total for package, total in found if total is not None}

    def _total(self, package: str) -> Total | None:
        number = self._id(package)
        if number is None:
            return None
        imported = self._read("SELECT downloads, day FROM totals WHERE package = ?", number)
        before, until = imported[0] if imported else (0, _FIRST)
        counted, first = self._read(
            f"SELECT sum(downloads), min(day) FROM ({_OF_DAY})", number, until, _FIRST, _LAST
        )[0]
        if not imported and first is None:
            return None
        return Total(before + (counted or 0), None if imported else first)

    # --- writing ------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection
        with self._lock:
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise self._failure("written", error) from error
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def write(self, entries: Iterable[PackageDays]) -> None:
        """See HistoryStore."""
        with self._transaction() as connection:
            for entry in entries:
                if entry.days or entry.without:
                    self._replace(connection, entry)

    @staticmethod
    def _replace(connection: sqlite3.Connection, entry: PackageDays) -> None:
        connection.execute("INSERT OR IGNORE INTO packages (name) VALUES (?)", (entry.package,))
        (number,) = connection.execute(
            "SELECT id FROM packages WHERE name = ?", (entry.package,)
        ).fetchone()
        levels = {(number, day, version == "") for day, version, _ in entry.days}
        levels |= {(number, day, level) for day in entry.without for level in (True, False)}
        connection.executemany(_STALE, sorted(levels))
        connection.executemany(
            "REPLACE INTO days VALUES (?, ?, ?, ?, ?)",
            [(number, *each, entry.source) for each in entry.days],
        )

    def import_days(self, rows: Iterable[ImportedDay], source: str) -> int:
        """See HistoryStore."""
        values = ((r.package, r.day, r.version, r.downloads, r.row) for r in rows)
        return self._import(values, ("package", "day", "version"), _TAKE_DAYS, source)

    def import_totals(self, rows: Iterable[ImportedTotal], source: str) -> int:
        """See HistoryStore."""
        values = ((r.package, r.day, "", r.downloads, r.row) for r in rows)
        return self._import(values, ("package",), _TAKE_TOTALS, source)

    def _import(
        self,
        values: Iterable[tuple[str, str, str, int, int]],
        key: Sequence[str],
        take: Sequence[str],
        source: str,
    ) -> int:
        """Gather the rows beside the file, then take all of them at once."""
        with self._lock:
            try:
                self._gather(values, key)
                with self._transaction() as connection:
                    packages = connection.execute(_HOW_MANY).fetchone()[0]
                    for statement in take[:-1]:
                        connection.execute(statement)
                    connection.execute(take[-1], (source,))
                return int(packages)
            except sqlite3.Error as error:
                raise self._failure("written", error) from error
            finally:
                self._connection.execute("DROP TABLE IF EXISTS temp.incoming")

    def _gather(self, values: Iterable[tuple[str, str, str, int, int]], key: Sequence[str]) -> None:
        connection = self._connection
        same = " AND ".join(f"{name} = ?" for name in key)
        connection.execute("BEGIN")  # of the temporary table alone: nobody waits for it
        try:
            connection.execute(_INCOMING)
            connection.execute(f"CREATE UNIQUE INDEX temp.key ON incoming ({', '.join(key)})")
            for value in values:
                if not connection.execute(_ADD_INCOMING, value).rowcount:
                    found = connection.execute(
                        f"SELECT number FROM temp.incoming WHERE {same}", value[: len(key)]
                    )
                    raise RepeatedRowError(value[-1], found.fetchone()[0])
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def close(self) -> None:
        """See HistoryReader."""
        with self._lock:
            self._connection.close()
