"""Brings a file that was written with other document fields up to date, losing nothing.

A field added to the field table, removed from it or put to another use changes the tables. The
documents are read with the layout the file was made with and written with today's, all in one
transaction: killed in the middle, the file is as it was.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from typing import Any

from pyfcrawl.core.document import problem_with_fields
from pyfcrawl.stores.index import Document, Patch
from pyfcrawl.stores.sqlite_collections import drop_collection, make_collection
from pyfcrawl.stores.sqlite_file import IndexFile, store_layout, stored_layout
from pyfcrawl.stores.sqlite_rows import Projection
from pyfcrawl.stores.sqlite_schema import ENRICHMENT, Layout, Tables, name_indexes
from pyfcrawl.stores.sqlite_write import CollectionWriter

_BATCH = 500

_log = logging.getLogger(__name__)


def migrate(file: IndexFile) -> None:
    """Rewrite all collections if the file's layout isn't the current one. Raises StoreError.

    Otherwise just add what indexes files of former versions lack.
    """
    with file.writing() as db:
        old = stored_layout(db)
        if old.description() == file.layout.description():
            for (number,) in db.execute("SELECT id FROM collections").fetchall():
                for statement in name_indexes(Tables(number)):
                    db.execute(statement)
            return
        _log.info("The document fields changed: rewriting %s, which may take minutes", file.path)
        collections = db.execute("SELECT id, name, generation FROM collections").fetchall()
        for number, name, generation in collections:
            # No other collection has this name: a real one can't hold a line break.
            new = make_collection(db, file.layout, f"{name}\n")
            _copy(db, (old, Tables(number)), (file.layout, Tables(new)))
            db.execute("UPDATE aliases SET collection = ? WHERE collection = ?", [new, number])
            drop_collection(db, number)
            db.execute(
                "UPDATE collections SET name = ?, generation = ? WHERE id = ?",
                [name, generation, new],
            )
        store_layout(db, file.layout)


def _copy(db: sqlite3.Connection, old: tuple[Layout, Tables], new: tuple[Layout, Tables]) -> None:
    layout, tables = new
    for documents in _read(db, *old):
        current = [_fitting(document, layout) for document in documents]
        CollectionWriter(db, layout, tables).upsert(current)
        facts = [Patch(each["identifier"], _enrichment(each, layout)) for each in current]
        CollectionWriter(db, layout, tables).patch(facts)


def _read(db: sqlite3.Connection, layout: Layout, tables: Tables) -> Iterator[list[Document]]:
    whole = Projection(layout, tables)
    sql = f"SELECT {whole.select}, d._id FROM {whole.source} WHERE d._id > ? ORDER BY d._id LIMIT ?"
    last = 0
    while rows := db.execute(sql, [last, _BATCH]).fetchall():
        yield [whole.document(row) for row in rows]
        last = rows[-1][-1]


def _fitting(document: Document, layout: Layout) -> Document:
    """The fields that still exist and whose values still have the right type."""
    return {
        name: value
        for name, value in document.items()
        if name in layout.fields and problem_with_fields({name: value}) is None
    }


def _enrichment(document: Document, layout: Layout) -> dict[str, Any]:
    return {
        name: value
        for name, value in document.items()
        if layout.fields[name].owner in ENRICHMENT and value != layout.fields[name].empty
    }
