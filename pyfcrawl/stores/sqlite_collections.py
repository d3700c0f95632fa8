"""Collections and aliases of an SQLite index, inside a transaction that is open."""

from __future__ import annotations

import sqlite3
import uuid
from pathlib import Path
from typing import Any

from pyfcrawl.errors import StoreError, UnknownCollectionError
from pyfcrawl.stores.index import CollectionInfo
from pyfcrawl.stores.sqlite_census import forget_changes, note_change
from pyfcrawl.stores.sqlite_schema import Layout, Tables, collection_tables
from pyfcrawl.stores.values import is_key

_LONGEST_NAME = 100


def resolved(db: sqlite3.Connection, name: Any) -> tuple[str, int] | None:
    """Name and number of the collection of that name or alias."""
    if not is_key(name):
        return None
    sql = (
        "SELECT name, id FROM collections WHERE name = ?1 UNION ALL"
        " SELECT c.name, c.id FROM aliases a JOIN collections c ON c.id = a.collection"
        " WHERE a.name = ?1"
    )
    found: tuple[str, int] | None = db.execute(sql, [name]).fetchone()
    return found


def unknown(name: Any, path: Path) -> UnknownCollectionError:
    """The error for a name that is neither collection nor alias."""
    return UnknownCollectionError(
        f"collection {ascii(name)[:80]} is not in index {path}: crawl its profile first"
    )


def info(db: sqlite3.Connection, name: str) -> CollectionInfo:
    """What there is to say of an existing collection."""
    sql = "SELECT id, generation FROM collections WHERE name = ?"
    number, generation = db.execute(sql, [name]).fetchone()
    tables = Tables(number)
    counts = [
        db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in (tables.documents, tables.packages)
    ]
    return CollectionInfo(name, generation, *counts)


def check_name(name: Any) -> None:
    """Raises StoreError for what can't be the name of a collection or alias."""
    sound = is_key(name) and name.isprintable() and name == name.strip()
    if not sound or not 0 < len(name) <= _LONGEST_NAME:
        raise StoreError(
            f"collection name {ascii(name)[:80]} can't be used: give 1 to {_LONGEST_NAME}"
            " printable characters without spaces around them"
        )


def make_collection(
    db: sqlite3.Connection, layout: Layout, name: str, generation: str | None = None
) -> int:
    """Make an empty collection, with a fresh generation unless one is given; returns its number."""
    sql = "INSERT INTO collections (name, generation) VALUES (?, ?)"
    number = db.execute(sql, [name, generation or uuid.uuid4().hex]).lastrowid or 0
    for statement in collection_tables(layout, Tables(number)):
        db.execute(statement)
    note_change(db, Tables(number))
    return number


def drop_collection(db: sqlite3.Connection, number: int) -> None:
    """Remove a collection, its documents and its aliases."""
    for table in Tables(number).all():
        db.execute(f"DROP TABLE {table}")
    forget_changes(db, Tables(number))
    db.execute("DELETE FROM aliases WHERE collection = ?", [number])
    db.execute("DELETE FROM collections WHERE id = ?", [number])


def exists(db: sqlite3.Connection, tables: Tables) -> bool:
    """Whether the collection with these tables is still there."""
    sql = "SELECT 1 FROM collections WHERE id = ?"
    return db.execute(sql, [tables.number]).fetchone() is not None
