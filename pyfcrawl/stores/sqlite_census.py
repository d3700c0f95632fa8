"""Which packages carry which label or fit which condition, as bit masks in memory.

A search that finds most packages of a large collection would read their labels one by one. Joining
masks and counting bits takes a thousandth of that, which is worth reading all of them once for as
long as nothing is written.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Mapping
from typing import TypeVar

from pyfcrawl.core.document import Field
from pyfcrawl.stores.conditions import Condition
from pyfcrawl.stores.sqlite_conditions import Conditions
from pyfcrawl.stores.sqlite_labels import unpacked
from pyfcrawl.stores.sqlite_schema import Tables, quoted

V = TypeVar("V")

#: A field with more different values is better counted hit by hit.
_MOST_LABELS = 1000
#: Conditions kept: those that pages offer, which change from day to day.
_MOST_CONDITIONS = 50
#: This part of all packages, found once, is enough to read them all.
_MANY = 4


class Census:
    """The packages of a collection as they were at one moment, each a bit."""

    def __init__(self, db: sqlite3.Connection, tables: Tables) -> None:
        self._tables = tables
        sql = f"SELECT _head FROM {tables.packages} WHERE _head IS NOT NULL ORDER BY _head"
        self._places = {head: place for place, (head,) in enumerate(db.execute(sql))}
        self._labels: dict[str, dict[int, int] | None] = {}
        self._fitting: dict[tuple[object, ...], int] = {}

    def mask(self, heads: Iterable[int]) -> int:
        """The packages with these heads (numbers of documents)."""
        digits = bytearray(b"0") * len(self._places)
        places = self._places
        for head in heads:
            digits[places[head]] = 49  # a "1"
        return int(digits or b"0", 2)

    def labels(self, db: sqlite3.Connection, field: Field) -> dict[int, int] | None:
        """Label's number -> the packages whose head carries it; None when they are too many."""
        if field.name not in self._labels:
            self._labels[field.name] = self._read(db, field)
        return self._labels[field.name]

    def _read(self, db: sqlite3.Connection, field: Field) -> dict[int, int] | None:
        found: dict[int, list[int]] = {}
        sql = (
            f"SELECT p._head, f.{quoted(field.name)} FROM {self._tables.packages} p"
            f" JOIN {self._tables.facets} f ON f._id = p._head"
        )
        for head, cell in db.execute(sql):
            for number in unpacked([cell]):
                found.setdefault(number, []).append(head)
            if len(found) > _MOST_LABELS:
                return None
        return {number: self.mask(heads) for number, heads in found.items()}

    def fitting(self, db: sqlite3.Connection, condition: Condition) -> int:
        """The packages whose heads fit."""
        key = (condition.field.name, condition.operator, condition.ranges)
        found = self._fitting.get(key)
        if found is None:
            conditions = Conditions(self._tables, few=False)
            sql = (
                f"SELECT p._head FROM {self._tables.packages} p"
                f" JOIN {self._tables.documents} d ON d._id = p._head"
                f" WHERE {conditions.sql(condition)}"
            )
            heads = (head for (head,) in db.execute(sql, conditions.values))
            if len(self._fitting) >= _MOST_CONDITIONS:
                self._fitting.clear()
            found = self._fitting[key] = self.mask(heads)
        return found


class Censuses:
    """Keeps a census of each collection until it changes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: By collection's number: its state, and the census of it, if one was worth it.
        self._kept: dict[int, tuple[str, Census | None]] = {}

    def of(self, db: sqlite3.Connection, tables: Tables, found: int) -> Census | None:
        """A census as of the transaction that is open, None if it isn't worth the making.

        It is if many packages were `found`, or if nothing was written since somebody asked last.
        """
        state = _state(db, tables)
        if state is None:
            return None
        with self._lock:
            seen, census = self._kept.get(tables.number, (None, None))
            if census is None or seen != state:
                count = db.execute(f"SELECT count(*) FROM {tables.packages}").fetchone()[0]
                worth = seen == state or found * _MANY >= count
                census = Census(db, tables) if worth else None
                self._keep(db, tables, state, census)
            return census

    def _keep(
        self, db: sqlite3.Connection, tables: Tables, state: str, census: Census | None
    ) -> None:
        """Remember a census, and forget those of collections that were dropped."""
        self._kept = still_there(db, self._kept) | {tables.number: (state, census)}


def still_there(db: sqlite3.Connection, kept: Mapping[int, V]) -> dict[int, V]:
    """Of what is kept by collections' numbers that of collections which weren't dropped."""
    there = {number for (number,) in db.execute("SELECT id FROM collections")}
    return {number: value for number, value in kept.items() if number in there}


def _state(db: sqlite3.Connection, tables: Tables) -> str | None:
    """What is another after each change, in whatever file; None where changes weren't noted yet."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", [_key(tables)]).fetchone()
    return row[0] if row else None


def note_change(db: sqlite3.Connection, tables: Tables) -> None:
    """Have readers know that the open transaction changes the collection."""
    sql = "INSERT OR REPLACE INTO meta VALUES (?, hex(randomblob(16)))"
    db.execute(sql, [_key(tables)])


def forget_changes(db: sqlite3.Connection, tables: Tables) -> None:
    """Of a collection that is dropped."""
    db.execute("DELETE FROM meta WHERE key = ?", [_key(tables)])


def _key(tables: Tables) -> str:
    return f"state {tables.number}"
