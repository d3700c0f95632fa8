"""Values of list fields and facets as numbers: found by value, counted by document.

Every different value has a number. `postings` says which documents carry it, which makes a filter
an index look-up. `facets` holds per document and field the numbers as one packed array: counting
a facet is joining arrays and counting integers, a tenth of the time SQL takes to group rows.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import nlargest
from typing import Any

from pyfcrawl.core.document import Field
from pyfcrawl.stores.sqlite_schema import Layout, Tables, quoted
from pyfcrawl.stores.values import chunks

#: Array of unsigned 32-bit integers.
_PACKED = "I"

PARAMETERS = 900


def marks(values: Sequence[Any]) -> str:
    """One question mark a value, for `IN (...)`."""
    return ",".join("?" * len(values))


def select_in(
    db: sqlite3.Connection, sql: str, values: Iterable[Any], first: Sequence[Any] = ()
) -> Iterator[Any]:
    """Rows of `sql`, whose `{}` stands for the values; asked in parts if there are many."""
    for chunk in chunks(values, PARAMETERS):
        yield from db.execute(sql.format(marks(chunk)), [*first, *chunk])


def packed(numbers: Iterable[int]) -> bytes | None:
    """The numbers as one array, None for none."""
    return array(_PACKED, numbers).tobytes() or None


def unpacked(cells: Iterable[bytes | None]) -> array[int]:
    """The numbers of many packed arrays, one behind the other."""
    return array(_PACKED, b"".join(filter(None, cells)))


class Labels:
    """Reads and writes the three tables of one collection."""

    def __init__(self, db: sqlite3.Connection, layout: Layout, tables: Tables) -> None:
        self._db = db
        self._fields = layout.labels
        self._tables = tables

    def write(self, documents: Mapping[int, Mapping[str, Sequence[str]]]) -> None:
        """Give documents (by number) these labels per field, in place of those they had."""
        if not self._fields or not documents:
            return
        self.remove(documents)
        numbers = self._numbers(documents.values())
        rows, postings = [], []
        for document, texts in documents.items():
            own = [[numbers[f.name, text] for text in texts[f.name]] for f in self._fields]
            rows.append((document, *map(packed, own)))
            postings += [(number, document) for each in own for number in each]
        slots = marks(rows[0])
        self._db.executemany(f"INSERT INTO {self._tables.facets} VALUES ({slots})", rows)
        self._db.executemany(f"INSERT INTO {self._tables.postings} VALUES (?, ?)", sorted(postings))

    def remove(self, documents: Iterable[int]) -> None:
        """Take all labels from documents."""
        documents = list(documents)
        sql = f"SELECT * FROM {self._tables.facets} WHERE _id IN ({{}})"
        rows = list(select_in(self._db, sql, documents))
        if not rows:
            return
        postings = [(number, row[0]) for row in rows for number in unpacked(row[1:])]
        self._db.executemany(
            f"DELETE FROM {self._tables.postings} WHERE label=? AND document=?", postings
        )
        self._db.executemany(
            f"DELETE FROM {self._tables.facets} WHERE _id=?", [(row[0],) for row in rows]
        )

    def _numbers(self, labels: Iterable[Mapping[str, Sequence[str]]]) -> dict[tuple[str, str], int]:
        """The number of each (field, value), made where it is new."""
        wanted: dict[str, dict[str, None]] = {field.name: {} for field in self._fields}
        for each in labels:
            for name, texts in each.items():
                wanted[name].update(dict.fromkeys(texts))
        insert = f"INSERT OR IGNORE INTO {self._tables.labels} (field, value) VALUES (?, ?)"
        numbers = {}
        for name, asked in wanted.items():
            known = self._known(name, asked)
            new = [text for text in asked if text not in known]
            self._db.executemany(insert, [(name, text) for text in new])
            known |= self._known(name, new)
            numbers.update({(name, text): number for text, number in known.items()})
        return numbers

    def _known(self, name: str, texts: Iterable[str]) -> dict[str, int]:
        sql = f"SELECT value, _id FROM {self._tables.labels} WHERE field=? AND value IN ({{}})"
        return dict(select_in(self._db, sql, texts, [name]))

    def counts(
        self, fields: Sequence[Field], most: int, candidates: str, parameters: Mapping[str, Any]
    ) -> dict[str, list[tuple[str, int]]]:
        """Per field the `most` frequent values with counts, over the documents of a query.

        `candidates` is SQL that selects document numbers as `id`.
        """
        if not fields:
            return {}
        columns = ", ".join(f"f.{quoted(field.name)}" for field in fields)
        sql = f"SELECT {columns} FROM ({candidates}) c JOIN {self._tables.facets} f ON f._id = c.id"
        cells = list(zip(*self._db.execute(sql, parameters), strict=True))
        return {
            field.name: self.named(_most_common(unpacked(column), most))
            for field, column in zip(fields, cells or [()] * len(fields), strict=True)
        }

    def named(self, counted: list[tuple[int, int]]) -> list[tuple[str, int]]:
        """Values in place of their numbers, most frequent first."""
        sql = f"SELECT _id, value FROM {self._tables.labels} WHERE _id IN ({{}})"
        values = dict(select_in(self._db, sql, [number for number, _ in counted]))
        named = [(values[number], count) for number, count in counted]
        return sorted(named, key=lambda pair: (-pair[1], pair[0]))


def _most_common(numbers: array[int], most: int) -> list[tuple[int, int]]:
    return nlargest(most, Counter(numbers).items(), key=lambda pair: (pair[1], -pair[0]))
