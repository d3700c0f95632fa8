"""The embedded index: one SQLite file, one writer and any number of readers at once.

It needs nothing but Python. What the file looks like inside stands in sqlite_schema.py, how it is
opened and kept safe in sqlite_file.py.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from pyfcrawl.core.document import FIELDS
from pyfcrawl.errors import StoreError, UnknownCollectionError
from pyfcrawl.stores.conditions import planned
from pyfcrawl.stores.index import (
    CollectionInfo,
    Document,
    Patch,
    Query,
    SearchResult,
    WriteReport,
)
from pyfcrawl.stores.spelling import Vocabulary
from pyfcrawl.stores.sqlite_census import Censuses, note_change, still_there
from pyfcrawl.stores.sqlite_collections import (
    check_name,
    drop_collection,
    exists,
    info,
    make_collection,
    resolved,
    unknown,
)
from pyfcrawl.stores.sqlite_counts import Counts
from pyfcrawl.stores.sqlite_file import IndexFile
from pyfcrawl.stores.sqlite_labels import select_in
from pyfcrawl.stores.sqlite_migrate import migrate
from pyfcrawl.stores.sqlite_rows import Projection
from pyfcrawl.stores.sqlite_schema import Layout, Tables
from pyfcrawl.stores.sqlite_search import Search, load_terms, newest_term
from pyfcrawl.stores.sqlite_write import CollectionWriter
from pyfcrawl.stores.values import chunks, is_key

#: Documents a transaction: enough to share its flush to disk, few enough not to keep others out.
_BATCH = 500

T = TypeVar("T")
V = TypeVar("V")

#: Some 20 MB; with more the memory of terms starts afresh.
_MOST_TERMS = 200_000


class SqliteReader:
    """IndexReader over a file, for any number of threads. A missing file reads as empty."""

    def __init__(self, path: str | Path, timeout: float = 30.0) -> None:
        """Raises StoreError when there is a file that can't be read as an index.

        `timeout` is how many seconds to wait for a lock.
        """
        self._layout = Layout(FIELDS.values())
        self._file = IndexFile(Path(path), self._layout, timeout)
        self._vocabularies: dict[int, tuple[int, Vocabulary]] = {}
        self._vocabulary_lock = threading.Lock()
        self._censuses = Censuses()
        self._open()

    def _open(self) -> None:
        with self._file.reading():
            pass

    def collections(self) -> list[CollectionInfo]:
        """As IndexReader.collections."""
        with self._file.reading() as db:
            names = db.execute("SELECT name FROM collections ORDER BY name") if db else ()
            return [info(db, name) for (name,) in list(names) if db]

    def aliases(self) -> dict[str, str]:
        """As IndexReader.aliases."""
        sql = (
            "SELECT a.name, c.name FROM aliases a JOIN collections c ON c.id = a.collection"
            " ORDER BY a.name"
        )
        with self._file.reading() as db:
            return dict(db.execute(sql).fetchall()) if db else {}

    def collection(self, name: str) -> CollectionInfo | None:
        """As IndexReader.collection."""
        with self._file.reading() as db:
            found = resolved(db, name) if db else None
            return info(db, found[0]) if db and found else None

    def get(self, collection: str, identifier: str) -> Document | None:
        """As IndexReader.get."""
        with self._reading(collection) as (db, tables):
            whole = Projection(self._layout, tables)
            sql = f"SELECT {whole.select} FROM {whole.source} WHERE d.identifier = ?"
            row = db.execute(sql, [identifier]).fetchone() if is_key(identifier) else None
            return whole.document(row) if row else None

    def releases(self, collection: str, package_id: str) -> list[Document]:
        """As IndexReader.releases."""
        with self._reading(collection) as (db, tables):
            if not is_key(package_id):
                return []
            whole = Projection(self._layout, tables)
            sql = (
                f"SELECT {whole.select} FROM {whole.source} WHERE p._package_id = ?"
                " ORDER BY d.version_sortable DESC, d.version DESC"
            )
            return [whole.document(row) for row in db.execute(sql, [package_id])]

    def known(
        self, collection: str, package_ids: Iterable[str], fields: Sequence[str]
    ) -> dict[str, dict[str, Document]]:
        """As IndexReader.known. Raises QueryError for a field that doesn't exist."""
        found: dict[str, dict[str, Document]] = {}
        wanted = [each for each in package_ids if is_key(each)]
        with self._reading(collection) as (db, tables):
            some = Projection(self._layout, tables, fields)
            sql = (
                f"SELECT {some.select}, p._package_id, d.version FROM {some.source}"
                " WHERE p._package_id IN ({})"
            )
            for row in select_in(db, sql, wanted):
                found.setdefault(row[-2], {})[row[-1]] = some.document(row)
        return found

    def package_ids(self, collection: str, registry: str) -> dict[str, str]:
        """As IndexReader.package_ids."""
        with self._reading(collection) as (db, tables):
            sql = (
                f"SELECT p._package_id, d.name FROM {tables.packages} p"
                f" JOIN {tables.documents} d ON d._id = p._head WHERE d.registry = ?"
            )
            return dict(db.execute(sql, [registry]).fetchall()) if is_key(registry) else {}

    def iterate(
        self, collection: str, fields: Sequence[str] | None = None, latest: bool = False
    ) -> Iterator[Document]:
        """As IndexReader.iterate. Raises QueryError for a field that doesn't exist.

        Reads page by page, so it holds up no writer; what is written meanwhile may be seen.
        """
        with self._reading(collection) as (_, tables):
            some = Projection(self._layout, tables, fields)
        return self._pages(collection, tables, some, " AND p._head = d._id" if latest else "")

    def _pages(
        self, collection: str, tables: Tables, some: Projection, condition: str
    ) -> Iterator[Document]:
        sql = (
            f"SELECT {some.select}, d.identifier FROM {some.source} WHERE d.identifier > ?"
            f"{condition} ORDER BY d.identifier LIMIT ?"
        )
        last = ""
        while True:
            with self._file.reading() as db:
                if db is None or not exists(db, tables):
                    raise UnknownCollectionError(f"collection {collection} was dropped meanwhile")
                rows = db.execute(sql, [last, _BATCH]).fetchall()
            for row in rows:
                yield some.document(row)
            if len(rows) < _BATCH:
                return
            last = rows[-1][-1]

    def search(self, collection: str, query: Query) -> SearchResult:
        """As IndexReader.search."""
        plan = planned(query)
        with self._reading(collection) as (db, tables):
            vocabulary = partial(self._vocabulary, db, tables)
            counts = Counts(db, self._layout, tables, self._censuses, plan)
            return Search(db, self._layout, tables, vocabulary, counts, plan).run()

    def close(self) -> None:
        """As IndexReader.close."""
        self._file.close()

    def _vocabulary(self, db: sqlite3.Connection, tables: Tables) -> Vocabulary:
        """The words of a collection, those learned since the last time added."""
        with self._vocabulary_lock:
            last, vocabulary = self._vocabularies.get(tables.number, (0, Vocabulary()))
            if last > newest_term(db, tables):  # another file is in its place
                last, vocabulary = 0, Vocabulary()
            new = list(load_terms(db, tables, last))
            vocabulary.add(term for _, term in new)
            last = new[-1][0] if new else last
            kept = still_there(db, self._vocabularies)
            self._vocabularies = kept | {tables.number: (last, vocabulary)}
            return vocabulary

    @contextmanager
    def _reading(self, collection: str) -> Iterator[tuple[sqlite3.Connection, Tables]]:
        with self._file.reading() as db:
            found = resolved(db, collection) if db else None
            if not db or not found:
                raise unknown(collection, self._file.path)
            yield db, Tables(found[1])


class SqliteWriter(SqliteReader):
    """IndexWriter over a file, made when missing. Its methods may be called from any thread."""

    def _open(self) -> None:
        #: By collection's number, words that need not be put into its terms table again.
        self._terms: dict[int, set[str]] = {}
        self._file.create()
        try:
            migrate(self._file)
        except BaseException:
            self._file.close()
            raise

    def create(self, collection: str) -> CollectionInfo:
        """As IndexWriter.create. Raises StoreError for a name that can't be one."""
        return self.create_like(collection, None)

    def create_like(self, collection: str, generation: str | None) -> CollectionInfo:
        """As IndexWriter.create_like. Raises StoreError for a name that can't be one."""
        check_name(collection)
        with self._file.writing() as db:
            found = resolved(db, collection)
            if not found:
                found = (collection, make_collection(db, self._layout, collection, generation))
            return info(db, found[0])

    def drop(self, collection: str) -> bool:
        """As IndexWriter.drop; aliases of the collection go with it."""
        with self._file.writing() as db:
            found = resolved(db, collection)
            if found:
                drop_collection(db, found[1])
            return found is not None

    def alias(self, name: str, collection: str) -> None:
        """As IndexWriter.alias. Raises StoreError for a name that a collection has."""
        check_name(name)
        with self._file.writing() as db:
            if db.execute("SELECT 1 FROM collections WHERE name = ?", [name]).fetchone():
                raise StoreError(f"alias {name} is the name of a collection: choose another name")
            found = resolved(db, collection)
            if not found:
                raise unknown(collection, self._file.path)
            db.execute("INSERT OR REPLACE INTO aliases VALUES (?, ?)", [name, found[1]])

    def upsert(self, collection: str, documents: Iterable[Document]) -> WriteReport:
        """As IndexWriter.upsert. Each batch of up to 500 is a transaction of its own."""
        return self._written(collection, distinct(documents, _BATCH), CollectionWriter.upsert)

    def patch(self, collection: str, patches: Iterable[Patch]) -> WriteReport:
        """As IndexWriter.patch. Each batch of up to 500 is a transaction of its own."""
        return self._written(collection, chunks(patches, _BATCH), CollectionWriter.patch)

    def delete(self, collection: str, identifiers: Iterable[str]) -> int:
        """As IndexWriter.delete. Each batch of up to 500 is a transaction of its own."""
        results = self._each(collection, chunks(identifiers, _BATCH), CollectionWriter.delete)
        return sum(results)

    def delete_packages(self, collection: str, package_ids: Iterable[str]) -> int:
        """As IndexWriter.delete_packages. Each batch of 50 is a transaction of its own."""
        batches = chunks(package_ids, _BATCH // 10)
        return sum(self._each(collection, batches, CollectionWriter.delete_packages))

    def _written(
        self,
        collection: str,
        batches: Iterable[list[V]],
        action: Callable[[CollectionWriter, list[V]], WriteReport],
    ) -> WriteReport:
        report = WriteReport()
        for part in self._each(collection, batches, action):
            report.written += part.written
            report.unchanged += part.unchanged
            report.refused += part.refused
        return report

    def _each(
        self,
        collection: str,
        batches: Iterable[list[V]],
        action: Callable[[CollectionWriter, list[V]], T],
    ) -> Iterator[T]:
        """Do the action with each batch in a transaction. The caller's iterable is never read
        inside one, as it may take its time or read from this index."""
        with self._writing(collection):
            pass  # an unknown collection is told of even when there is nothing to write
        for batch in batches:
            with self._writing(collection) as writer:
                result = action(writer, batch)
            yield result

    @contextmanager
    def _writing(self, collection: str) -> Iterator[CollectionWriter]:
        with self._file.writing() as db:
            found = resolved(db, collection)
            if not found:
                raise unknown(collection, self._file.path)
            tables = Tables(found[1])
            terms = self._terms.setdefault(tables.number, set())
            writer = CollectionWriter(db, self._layout, tables, terms)
            before = db.total_changes
            yield writer
            if db.total_changes != before:
                note_change(db, tables)
        # Only now are they on the disk.
        terms |= writer.learned
        if len(terms) > _MOST_TERMS:
            self._terms.pop(tables.number, None)


def distinct(documents: Iterable[Document], size: int) -> Iterator[list[Document]]:
    """Batches of at most `size` documents in which no identifier occurs twice."""
    batch: list[Document] = []
    seen: set[str] = set()
    for document in documents:
        identifier = document.get("identifier") if isinstance(document, dict) else None
        if len(batch) >= size or (isinstance(identifier, str) and identifier in seen):
            yield batch
            batch, seen = [], set()
        batch.append(document)
        if isinstance(identifier, str):
            seen.add(identifier)
    if batch:
        yield batch
