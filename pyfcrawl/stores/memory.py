"""Small things to remember beside the cursors: marks, validators, look-ups; some only for a while.

A memory is (kind, key) -> JSON value, and needs nothing that Redis hasn't too: a hash a kind, and
an expiry. These are the SQL statements; `pyfcrawl.stores.state` says when they run.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS memory (
    kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, until INTEGER,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS memory_until ON memory (until) WHERE until IS NOT NULL;
"""

_THERE = "SELECT key, value FROM memory WHERE kind = ? AND (until IS NULL OR until > ?)"

#: Parameters of one statement; SQLite's own limit is higher everywhere.
_GROUP = 500


def recall(
    read: Callable[..., list[tuple[Any, ...]]], kind: str, keys: Iterable[str] | None, now: int
) -> dict[str, Any]:
    """Key -> value of what is there and not expired; of these keys, or all of the kind."""
    if keys is None:
        return {key: json.loads(value) for key, value in read(_THERE, kind, now)}
    asked = {storable(key): key for key in keys}
    rows: list[tuple[Any, ...]] = []
    for group in _groups(asked):
        marks = ",".join("?" * len(group))
        rows += read(f"{_THERE} AND key IN ({marks})", kind, now, *group)
    return {asked[key]: json.loads(value) for key, value in rows}


def remember(
    connection: sqlite3.Connection,
    kind: str,
    values: Mapping[str, Any],
    until: int | None,
    now: int,
) -> None:
    """Set values, and drop what is past its time."""
    connection.execute("DELETE FROM memory WHERE until <= ?", (now,))
    rows = [(kind, storable(key), json.dumps(value), until) for key, value in values.items()]
    connection.executemany("REPLACE INTO memory VALUES (?, ?, ?, ?)", rows)


def forget(connection: sqlite3.Connection, kind: str, keys: Iterable[str]) -> None:
    """Drop these keys of a kind, where they are there."""
    rows = [(kind, storable(key)) for key in keys]
    connection.executemany("DELETE FROM memory WHERE kind = ? AND key = ?", rows)


def storable(text: str) -> str:
    """Text from upstream may hold half a surrogate pair, which UTF-8 can't."""
    return text.encode("utf-8", "backslashreplace").decode()


def _groups(keys: Iterable[str]) -> Iterable[list[str]]:
    every = list(keys)
    return (every[start : start + _GROUP] for start in range(0, len(every), _GROUP))
