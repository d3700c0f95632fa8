"""The SQLite file behind an index: connections, transactions and errors a person can act on.

Why these settings (https://www.sqlite.org/wal.html, https://www.sqlite.org/pragma.html):

* WAL: readers never wait for the writer, nor it for them, and a killed process leaves a log that
  the next connection replays.
* synchronous=FULL: a commit is on the disk before it returns. The crawl moves its cursor past
  documents that were acknowledged; with NORMAL a power cut could take those back.
* BEGIN IMMEDIATE and a long busy_timeout: a second writer waits its turn instead of failing when
  it turns from reading to writing.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from pyfcrawl.errors import StoreError
from pyfcrawl.stores.sqlite_schema import APPLICATION_ID, FORMAT, SHARED_TABLES, Layout

_Identity = tuple[int, int]
#: A connection and the file it is to; without one it is used once, see `_is_frozen`.
_Lent = tuple[_Identity | None, sqlite3.Connection]

_WRITER_PRAGMAS = (
    "PRAGMA synchronous=FULL",
    "PRAGMA cache_size=-65536",
    # A batch of 500 documents is some 1,000 pages: let a few gather before they are moved.
    "PRAGMA wal_autocheckpoint=4000",
    "PRAGMA journal_size_limit=67108864",
)

_REMEDIES = {
    sqlite3.SQLITE_BUSY: "is being written by another process: wait for it or stop it",
    sqlite3.SQLITE_LOCKED: "is being written by another process: wait for it or stop it",
    sqlite3.SQLITE_CANTOPEN: "can't be opened: check the path and its permissions",
    sqlite3.SQLITE_PERM: "can't be opened: check its permissions",
    sqlite3.SQLITE_READONLY: "can't be written: check the permissions of file and directory",
    sqlite3.SQLITE_FULL: "can't be written, the disk is full: free some space and try again",
    sqlite3.SQLITE_IOERR: "can't be read or written: check the disk and its free space",
    sqlite3.SQLITE_NOTADB: "is not an SQLite file: give another path or move it away",
    sqlite3.SQLITE_CORRUPT: "is damaged: move it away and crawl with mode=full to build it anew",
}


def complaint(path: Path, error: sqlite3.Error | OSError) -> StoreError:
    """The error of SQLite or the file system as one line with the path and what to do."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None and isinstance(error, OSError):
        return StoreError(f"index {path} can't be opened: {error.strerror}; check the path")
    # The low byte is the primary code: https://www.sqlite.org/rescode.html
    remedy = _REMEDIES.get((code or 0) & 0xFF, "can't be used: check the file or build it anew")
    return StoreError(f"index {path} {remedy} ({error})")


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


class IndexFile:
    """Connections to one file, for any number of threads.

    Each read borrows a read-only connection from a pool; a file that doesn't exist yet reads as
    an empty index and is not made. Writes share one connection and take turns.
    """

    def __init__(self, path: Path, layout: Layout, timeout: float = 30.0) -> None:
        """`timeout`: how many seconds to wait for another process that is writing."""
        self.path = path.absolute()
        self.layout = layout
        self._timeout = timeout
        self._idle: list[tuple[_Identity, sqlite3.Connection]] = []
        self._pool_lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._writer: tuple[_Identity, sqlite3.Connection] | None = None
        self._closed = False

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection that sees the index as it is now; None while there is nothing to read.

        Raises StoreError when the file can't be read.
        """
        if self._closed:
            raise StoreError(f"index {self.path} was closed: open it again")
        try:
            borrowed = self._borrow()
            if borrowed is None:
                yield None
                return
            try:
                with _transaction(borrowed[1], "BEGIN"):
                    yield borrowed[1]
            except sqlite3.Error:
                borrowed = (None, borrowed[1])  # nobody knows what state it is in
                raise
            finally:
                self._give_back(borrowed)
        except (sqlite3.Error, OSError) as error:
            raise complaint(self.path, error) from error

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The write connection inside a transaction, committed at the end or undone whole.

        Raises StoreError when the file can't be written or was replaced under our feet.
        """
        with self._write_lock:
            if self._writer is None:
                raise StoreError(f"index {self.path} was closed: open it again")
            identity, connection = self._writer
            if self._identity() != identity:
                raise StoreError(
                    f"index {self.path} was moved or removed while open: open it again"
                )
            try:
                with _transaction(connection, "BEGIN IMMEDIATE"):
                    yield connection
            except (sqlite3.Error, OSError) as error:
                raise complaint(self.path, error) from error

    def create(self) -> None:
        """Open for writing; make the directories, the file and its shared tables if need be.

        Raises StoreError. The layout stored in the file may differ from ours afterwards: see
        `stored_layout`.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = self._connect("rwc")
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            identity = self._identity()
        except (sqlite3.Error, OSError) as error:
            raise complaint(self.path, error) from error
        if identity is None:
            raise StoreError(f"index {self.path} was removed while it was opened: try again")
        self._writer = (identity, connection)

    def close(self) -> None:
        """Close all connections; those in use are closed when they come back."""
        self._closed = True
        with self._pool_lock:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()
        with self._write_lock:
            if self._writer:
                self._writer[1].close()
            self._writer = None

    def _prepare(self, connection: sqlite3.Connection) -> None:
        self._check_owner(connection)
        _switch_to_wal(connection, self._timeout)
        for pragma in _WRITER_PRAGMAS:
            connection.execute(pragma)
        with _transaction(connection, "BEGIN IMMEDIATE"):
            if not self._check_owner(connection):
                for statement in SHARED_TABLES:
                    connection.execute(statement)
                store_layout(connection, self.layout)
                connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version={FORMAT}")

    def _check_owner(self, connection: sqlite3.Connection) -> bool:
        """Whether the file holds an index; False when it is empty. Raises StoreError."""
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (owner,) = connection.execute("PRAGMA application_id").fetchone()
        if not tables and not owner:
            return False
        if owner != APPLICATION_ID:
            raise StoreError(
                f"index {self.path} is a database of another program: give another path"
            )
        if version != FORMAT:
            raise StoreError(
                f"index {self.path} has format {version}, this version of pyfcrawl reads format"
                f" {FORMAT}: move the file away and crawl with mode=full to build it anew"
            )
        return True

    def _identity(self) -> _Identity | None:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _borrow(self) -> _Lent | None:
        identity = self._identity()
        if identity is None:
            return None
        while True:
            with self._pool_lock:
                if not self._idle:
                    break
                lent = self._idle.pop()
            if lent[0] == identity:
                return lent
            lent[1].close()  # the file was replaced since
        frozen = self._is_frozen()
        connection = self._open_to_read(frozen)
        return (None if frozen else identity, connection) if connection else None

    def _is_frozen(self) -> bool:
        """Whether nobody is writing and we may not make the WAL's files beside the index."""
        writable = os.access(self.path.parent, os.W_OK)
        return not writable and not Path(f"{self.path}-wal").exists()

    def _open_to_read(self, frozen: bool) -> sqlite3.Connection | None:
        connection = self._connect("ro&immutable=1" if frozen else "ro")
        try:
            if not self._check_owner(connection):
                connection.close()
                return None
            if stored_layout(connection).description() != self.layout.description():
                raise StoreError(
                    f"index {self.path} was written with other document fields: open it once for"
                    " writing (any crawl does) to bring it up to date"
                )
        except BaseException:
            connection.close()
            raise
        return connection

    def _give_back(self, borrowed: _Lent) -> None:
        identity, connection = borrowed
        with self._pool_lock:
            if identity is not None and not self._closed:
                self._idle.append((identity, connection))
                return
        connection.close()

    def _connect(self, mode: str) -> sqlite3.Connection:
        if self.path.is_dir():
            raise StoreError(f"index {self.path} is a directory: give the path of a file")
        uri = f"file:{quote(os.fspath(self.path))}?mode={mode}"
        connection = sqlite3.connect(
            uri, uri=True, timeout=self._timeout, isolation_level=None, check_same_thread=False
        )
        # Searches keep their hits in a temporary table: never on the disk.
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute("PRAGMA cache_size=-16384")
        return connection


def _switch_to_wal(connection: sqlite3.Connection, timeout: float) -> None:
    """Turn the file to WAL. Two processes that make the file at once may find it locked."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def stored_layout(connection: sqlite3.Connection) -> Layout:
    """The layout the tables were made with. Raises sqlite3.DatabaseError if there is none."""
    row = connection.execute("SELECT value FROM meta WHERE key='fields'").fetchone()
    try:
        return Layout.described(row[0])
    except (TypeError, ValueError) as error:
        raise sqlite3.DatabaseError(f"no description of its fields: {error}") from error


def store_layout(connection: sqlite3.Connection, layout: Layout) -> None:
    """Note in the file which layout its tables are made with."""
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('fields', ?)", (layout.description(),))
