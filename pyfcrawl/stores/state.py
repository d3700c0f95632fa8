"""What a crawl must remember between runs: cursors, pending names, the last runs, small things.

Kept apart from the index because a cursor may move only after the documents it vouches for are
durable. Everything that belongs together (a cursor and the names it leaves pending) changes in
one transaction, so a run killed at any moment is resumed exactly where it stood.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from pyfcrawl.errors import ConfigurationError, StoreError
from pyfcrawl.stores import memory
from pyfcrawl.stores.memory import storable


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a collection is in step with its registry.

    `serial`: everything up to it is done or pending. `scope` says what the cursor vouches for
    (which classifiers, which releases, which generation of the collection): with another scope
    it is worth nothing. `etag` validates the listing that the serial came from, "" while a run is
    under way. `listed` is the number of projects that listing held, `newest` its own serial,
    `updated` the Unix time of the change.
    """

    serial: int
    scope: str
    etag: str = ""
    listed: int = 0
    newest: int = 0
    updated: int = 0


@dataclass(frozen=True, slots=True)
class Pending:
    """A name to be tried again: the serial promised, why it failed, since when, how often."""

    serial: int
    reason: str
    since: int
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class Run:
    """One crawl: which spider, for which collections, when (Unix seconds), how it ended.

    `error` is the line it ended with, "" without one, `errors` how many of them its log has,
    `monitors` what was found wrong with it. `arguments` are those that were given another value
    than usual, `by` says what started it.
    """

    spider: str
    collections: str
    started: int
    ended: int
    reason: str
    counts: dict[str, int] = field(default_factory=dict)
    id: str = ""
    profiles: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    by: str = ""
    host: str = ""
    pid: int = 0
    error: str = ""
    errors: int = 0
    monitors: list[str] = field(default_factory=list)


class StateReader(Protocol):
    """Read side; `key` is "registry/collection", e.g. "pypi/plone"."""

    def cursor(self, key: str) -> Cursor | None:
        """The cursor, None before the first run."""

    def pending(self, key: str) -> dict[str, Pending]:
        """Names to be tried again, oldest serial first."""

    def runs(self, limit: int = 10) -> list[Run]:
        """The last runs, newest first."""

    def recall(self, kind: str, keys: Iterable[str] | None = None, now: int = 0) -> dict[str, Any]:
        """What is remembered under these keys of a kind (None: all of it), key -> JSON value.

        What is not there, or is past its time at `now` (Unix seconds; 0: by the clock), is left
        out.
        """

    def close(self) -> None:
        """Release the file or connection."""


class StateStore(StateReader, Protocol):
    """Write side; every call is one transaction and durable against a killed process."""

    def advance(
        self,
        key: str,
        cursor: Cursor | None,
        failed: Mapping[str, Pending] | None = None,
        settled: Iterable[str] = (),
    ) -> None:
        """Set the cursor (None leaves it), add pending names, drop settled ones, all at once.

        A name pending already keeps its `since` and counts one attempt more. A cursor of the same
        scope never goes back.
        """

    def record(self, run: Run) -> None:
        """Keep the record of a run (the last hundred are kept)."""

    def remember(self, kind: str, values: Mapping[str, Any], until: int | None = None) -> None:
        """Remember JSON values by key, `until` then (Unix seconds, by the clock) or for ever.

        A key that is there already is replaced, its time too.
        """

    def forget(self, kind: str, keys: Iterable[str]) -> None:
        """Forget these keys of a kind; those never there are fine."""


_SCHEMA = """
CREATE TABLE IF NOT EXISTS cursors (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pending (
    key TEXT NOT NULL, name TEXT NOT NULL, serial INTEGER NOT NULL, reason TEXT NOT NULL,
    since INTEGER NOT NULL, attempts INTEGER NOT NULL, PRIMARY KEY (key, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (id INTEGER PRIMARY KEY, value TEXT NOT NULL);
"""

_ADD_PENDING = """
INSERT INTO pending VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (key, name) DO UPDATE SET
    serial = max(serial, excluded.serial), reason = excluded.reason, attempts = attempts + 1
"""

_KEPT_RUNS = 100


def open_state(url: str, readonly: bool = False, wait: float | None = None) -> StateStore:
    """The state store behind `url`, e.g. `sqlite:////var/lib/pyfcrawl/state.db`.

    Or `redis://...`, whose query may hold `prefix`, `wait` and `timeout`; `wait` is how many
    seconds at most one that is away is waited for, if not as long as that says. Raises
    ConfigurationError for an unknown scheme, StoreError when it can't be opened.
    """
    if url.startswith(("redis://", "rediss://", "unix://")):
        from pyfcrawl.stores.redis_client import RedisAddress
        from pyfcrawl.stores.redis_state import RedisState

        address = RedisAddress.parse(url)
        shorter = address.wait if wait is None else min(wait, address.wait)
        return RedisState(replace(address, wait=shorter), readonly)
    scheme, _, path = url.partition(":///")
    if scheme != "sqlite" or not path:
        raise ConfigurationError(
            f"state store {url.rpartition('@')[2]!r} is not known; give sqlite:///PATH (see "
            "DATA_DIR) or redis://HOST (see REDIS_URL)"
        )
    return SqliteState(Path(path), readonly)


class SqliteState:
    """StateStore in one SQLite file, used by any thread and any number of processes."""

    def __init__(self, path: Path, readonly: bool = False) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection = self._open(readonly)

    def _open(self, readonly: bool) -> sqlite3.Connection:
        target = str(self._path)
        try:
            if readonly and not self._path.exists():
                target = ":memory:"
            elif not readonly:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                target, timeout=30, isolation_level=None, check_same_thread=False
            )
            # A lost tail only makes the next run look again; NORMAL costs no fsync a write.
            connection.execute("PRAGMA synchronous = NORMAL")
            if not readonly:
                connection.execute("PRAGMA journal_mode = WAL")
            if not readonly or target == ":memory:":
                connection.executescript(_SCHEMA + memory.SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise self._failure("opened", error) from error
        return connection

    def _failure(self, what: str, error: Exception) -> StoreError:
        return StoreError(
            f"the state file {self._path} can't be {what} ({error}); "
            "give a writable directory with DATA_DIR"
        )

    def _read(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        try:
            with self._lock, closing(self._connection.execute(sql, parameters)) as rows:
                return rows.fetchall()
        except sqlite3.Error as error:
            # Killed before it could make its tables, or made by a run that never wrote.
            if "no such table" in str(error):
                return []
            raise self._failure("read", error) from error

    def cursor(self, key: str) -> Cursor | None:
        """See StateReader."""
        rows = self._read("SELECT value FROM cursors WHERE key = ?", key)
        return Cursor(**json.loads(rows[0][0])) if rows else None

    def pending(self, key: str) -> dict[str, Pending]:
        """See StateReader."""
        rows = self._read(
            "SELECT name, serial, reason, since, attempts FROM pending WHERE key = ?"
            " ORDER BY serial, name",
            key,
        )
        return {name: Pending(*rest) for name, *rest in rows}

    def runs(self, limit: int = 10) -> list[Run]:
        """See StateReader."""
        rows = self._read("SELECT value FROM runs ORDER BY id DESC LIMIT ?", limit)
        return [Run(**json.loads(value)) for (value,) in rows]

    def advance(
        self,
        key: str,
        cursor: Cursor | None,
        failed: Mapping[str, Pending] | None = None,
        settled: Iterable[str] = (),
    ) -> None:
        """See StateStore."""
        with _Transaction(self) as connection:
            if cursor is not None:
                self._set_cursor(connection, key, cursor)
            connection.executemany(
                "DELETE FROM pending WHERE key = ? AND name = ?",
                [(key, name) for name in settled],
            )
            connection.executemany(
                _ADD_PENDING,
                [
                    (key, name, each.serial, storable(each.reason), each.since, each.attempts)
                    for name, each in (failed or {}).items()
                ],
            )

    @staticmethod
    def _set_cursor(connection: sqlite3.Connection, key: str, cursor: Cursor) -> None:
        row = connection.execute("SELECT value FROM cursors WHERE key = ?", (key,)).fetchone()
        if row:
            old = Cursor(**json.loads(row[0]))
            if old.scope == cursor.scope and old.serial > cursor.serial:
                return
        value = json.dumps(asdict(cursor))
        connection.execute("REPLACE INTO cursors VALUES (?, ?)", (key, value))

    def record(self, run: Run) -> None:
        """See StateStore."""
        with _Transaction(self) as connection:
            connection.execute("INSERT INTO runs (value) VALUES (?)", (json.dumps(asdict(run)),))
            connection.execute(
                "DELETE FROM runs WHERE id <= (SELECT max(id) FROM runs) - ?", (_KEPT_RUNS,)
            )

    def recall(self, kind: str, keys: Iterable[str] | None = None, now: int = 0) -> dict[str, Any]:
        """See StateReader."""
        return memory.recall(self._read, kind, keys, now or int(time.time()))

    def remember(self, kind: str, values: Mapping[str, Any], until: int | None = None) -> None:
        """See StateStore."""
        with _Transaction(self) as connection:
            memory.remember(connection, kind, values, until, int(time.time()))

    def forget(self, kind: str, keys: Iterable[str]) -> None:
        """See StateStore."""
        with _Transaction(self) as connection:
            memory.forget(connection, kind, keys)

    def close(self) -> None:
        """See StateReader."""
        with self._lock:
            self._connection.close()


class _Transaction:
    """BEGIN IMMEDIATE ... COMMIT under the store's lock; sqlite3's errors become StoreError."""

    def __init__(self, store: SqliteState) -> None:
        self._store = store

    def __enter__(self) -> sqlite3.Connection:
        self._store._lock.acquire()
        try:
            self._store._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            self._store._lock.release()
            raise self._store._failure("written", error) from error
        return self._store._connection

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        connection = self._store._connection
        try:
            connection.execute("ROLLBACK" if kind else "COMMIT")
        except sqlite3.Error as failure:
            raise self._store._failure("written", failure) from failure
        finally:
            self._store._lock.release()
        if isinstance(error, sqlite3.Error):
            raise self._store._failure("written", error) from error
