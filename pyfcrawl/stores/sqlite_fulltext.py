"""Keeps the full-text indexes and each package's head in step with the documents.

The head is the release a grouped search shows: the one the registry calls latest, else the newest.
The full-text tables have their text in another table (external content), so an entry can only be
removed while that text is still there: `forget` comes before a change, `settle` after it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from collections.abc import Set as AbstractSet

from pyfcrawl.stores.spelling import vocabulary
from pyfcrawl.stores.sqlite_labels import PARAMETERS, marks, select_in
from pyfcrawl.stores.sqlite_schema import Layout, Tables, listed
from pyfcrawl.stores.values import chunks


class FullText:
    """The full-text side of one collection's writes."""

    def __init__(
        self,
        db: sqlite3.Connection,
        layout: Layout,
        tables: Tables,
        terms: AbstractSet[str] = frozenset(),
    ) -> None:
        """`terms`: words that are surely in the terms table already."""
        self._db = db
        self._terms = terms
        #: Words that this transaction put into the terms table, or met there.
        self.learned: set[str] = set()
        self._tables = tables
        self._columns = listed(layout.texts)
        self._texts = listed(layout.texts, "t.")
        # Which of the two indexes a document is in follows from its package's head.
        self._entries = (
            f"FROM {tables.texts} t JOIN {tables.documents} d ON d._id = t._id"
            f" JOIN {tables.packages} p ON p._id = d._package"
            " WHERE t._id IN ({marks}) AND (p._head IS t._id) = {is_head}"
        )

    def forget(self, documents: Iterable[int]) -> None:
        """Take these documents' entries out, by the texts and heads as they still are."""
        for chunk in chunks(documents, PARAMETERS):
            for table, is_head in ((self._tables.heads, 1), (self._tables.others, 0)):
                self._db.execute(
                    f"INSERT INTO {table} ({table}, rowid, {self._columns})"
                    f" SELECT 'delete', t._id, {self._texts} "
                    + self._entries.format(marks=marks(chunk), is_head=is_head),
                    chunk,
                )

    def settle(self, packages: Collection[int], pending: Iterable[int]) -> None:
        """Find the packages' heads anew and enter what has no entry.

        `pending` are documents without an entry. Packages without documents are removed.
        """
        pending = set(pending)
        heads = {number: (old, new) for number, old, new in self._heads(packages)}
        changed = {number: new for number, (old, new) in heads.items() if old != new}
        moved = {each for number in changed for each in heads[number] if each is not None}
        moved -= pending
        self.forget(moved)
        self._db.executemany(
            f"UPDATE {self._tables.packages} SET _head=? WHERE _id=?",
            [(head, number) for number, head in changed.items() if head is not None],
        )
        self._db.executemany(
            f"DELETE FROM {self._tables.packages} WHERE _id=?",
            [(number,) for number, (_, head) in heads.items() if head is None],
        )
        self._enter(pending | moved)

    def _heads(self, packages: Collection[int]) -> Iterable[tuple[int, int | None, int | None]]:
        """Per package its number, its head so far and the head it should have."""
        sql = (
            f"SELECT p._id, p._head, (SELECT d._id FROM {self._tables.documents} d"
            " WHERE d._package = p._id ORDER BY d.is_latest IS 1 DESC,"
            " d.version_sortable DESC, d._id DESC LIMIT 1)"
            f" FROM {self._tables.packages} p WHERE p._id IN ({{}})"
        )
        return select_in(self._db, sql, packages)

    def _enter(self, documents: Iterable[int]) -> None:
        for chunk in chunks(sorted(documents), PARAMETERS):
            for table, is_head in ((self._tables.heads, 1), (self._tables.others, 0)):
                entries = self._entries.format(marks=marks(chunk), is_head=is_head)
                self._db.execute(
                    f"INSERT INTO {table} (rowid, {self._columns})"
                    f" SELECT t._id, {self._texts} {entries}",
                    chunk,
                )
            self._learn(self._entries.format(marks=marks(chunk), is_head=1), chunk)

    def _learn(self, entries: str, documents: list[int]) -> None:
        """Note the words of new heads for the spelling. They are never unlearned: a correction
        that no document holds any more is dropped when it is looked up."""
        cells = (
            text
            for row in self._db.execute(f"SELECT {self._texts} {entries}", documents)
            for text in row
            if text
        )
        new = vocabulary(cells) - self._terms
        self._db.executemany(
            f"INSERT OR IGNORE INTO {self._tables.terms} (term) VALUES (?)",
            [(term,) for term in sorted(new)],
        )
        self.learned |= new
