"""Runs a checked query over the tables of one collection.

A grouped search reads only the packages' heads, unless a condition may hold for some releases of
a package and not for others: then all releases are searched and the newest that fits is taken.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pyfcrawl.core.document import Type
from pyfcrawl.core.names import normalized
from pyfcrawl.stores.conditions import Condition, Plan
from pyfcrawl.stores.index import Document, SearchResult
from pyfcrawl.stores.spelling import Vocabulary, Words
from pyfcrawl.stores.sqlite_labels import Labels, select_in
from pyfcrawl.stores.sqlite_rows import Projection, label_text
from pyfcrawl.stores.sqlite_schema import Layout, Tables, quoted
from pyfcrawl.stores.sqlite_words import Attempt, Attempts

#: How many words to search in place of an unknown one.
_MOST_CORRECTIONS = 5

#: Temporary, each connection its own: numbers of the documents that fit, for one search.
_HITS = "temp.hits"

_BY_NAME = "d.name_sortable ASC NULLS LAST, d.version_sortable DESC, d.identifier"


class Search:
    """One search in one collection."""

    def __init__(
        self,
        db: sqlite3.Connection,
        layout: Layout,
        tables: Tables,
        vocabulary: Callable[[], Vocabulary],
        plan: Plan,
    ) -> None:
        self._db = db
        self._layout = layout
        self._tables = tables
        self._vocabulary = vocabulary
        self._plan = plan
        self._heads_only = plan.grouped and not plan.by_release
        self._indexes = [tables.heads] if self._heads_only else [tables.heads, tables.others]
        self._parameters: dict[str, Any] = {}
        #: Whether the hits have been gathered in a table, as conditions demand.
        self._filtered = False
        self._where = [self._condition(each) for each in plan.conditions]

    def run(self) -> SearchResult:
        """The page of hits, the count of all and the facets."""
        if not self._plan.text.strip():
            return self._result(None, self._count())
        words = Words.of(self._plan.text)
        if not words.words:
            return SearchResult(0, [], {field.name: [] for field in self._plan.facets})
        for attempt in Attempts(words, self._is_known, self._corrections):
            self._set_text(attempt)
            found = self._count(attempt)
            if found:
                return self._result(attempt, found)
        return SearchResult(0, [], {field.name: [] for field in self._plan.facets})

    def _result(self, attempt: Attempt | None, found: int) -> SearchResult:
        facets = self._facets(attempt) if self._plan.facets else {}
        hits = self._hits(attempt) if self._plan.offset < found else []
        return SearchResult(found, hits, facets, attempt.corrected if attempt else {})

    def _set_text(self, attempt: Attempt) -> None:
        """The parameters for the words, and for the exact name as each registry compares it."""
        self._parameters |= {
            "match": attempt.match,
            "key": attempt.name,
            "key_end": attempt.name + "\U0010ffff",
        }
        written = self._plan.text.strip() if not attempt.corrected else attempt.name
        written = written.encode(errors="replace").decode()[:300]
        self._parameters |= {"pypi": normalized(written), "npm": written.lower()}

    # The parts of the statements

    def _bind(self, value: Any) -> str:
        name = f"v{len(self._parameters)}"
        self._parameters[name] = value
        return f":{name}"

    def _condition(self, condition: Condition) -> str:
        field = condition.field
        if field.type is Type.STRINGS:
            values = ", ".join(self._bind(label_text(low)) for low, _ in condition.ranges)
            numbers = (
                f"SELECT _id FROM {self._tables.labels}"
                f" WHERE field = {self._bind(field.name)} AND value IN ({values})"
            )
            return self._carries(numbers, condition.operator == "!=")
        column = ("p." if field.level == "package" else "d.") + quoted(field.name)
        low, high = condition.ranges[0]
        if condition.operator == ">=":
            return f"{column} >= {self._bind(low)}"
        if condition.operator == "<=":
            return f"{column} <= {self._bind(high)}"
        fits = " OR ".join(
            f"{column} BETWEEN {self._bind(low)} AND {self._bind(high)}"
            if low != high
            else f"{column} = {self._bind(low)}"
            for low, high in condition.ranges
        )
        return f"NOT coalesce({fits}, 0)" if condition.operator == "!=" else f"({fits})"

    def _carries(self, numbers: str, negated: bool) -> str:
        """Whether a document carries one of the labels that `numbers` selects."""
        postings = f"SELECT document FROM {self._tables.postings} WHERE label IN ({numbers})"
        if negated:
            return f"d._id NOT IN ({postings})"
        if self._plan.text.strip():
            # Few documents are left: look each up. Without words the labels lead the way.
            return f"EXISTS ({postings} AND document = d._id)"
        return f"d._id IN ({postings})"

    def _text_source(self, ranked: bool) -> str:
        """SQL for the documents that the words match, as `id` and, if asked for, `score`.

        CROSS JOIN: the words lead, and only hits are ranked.
        """
        among = f" CROSS JOIN {_HITS} h ON h.id = {{0}}.rowid" if self._filtered else ""
        score = f", bm25({{0}}, {self._layout.weights()}) AS score" if ranked else ""
        sql = f"SELECT {{0}}.rowid AS id{score} FROM {{0}}{among} WHERE {{0}} MATCH :match"
        return " UNION ALL ".join(sql.format(table) for table in self._indexes)

    def _source(self, attempt: Attempt | None, packages: bool, ranked: bool = False) -> str:
        """FROM and its joins for all hits: `d`, `f` when ranked, and if asked for their `p`."""
        join = f" JOIN {self._tables.packages} p ON p._id = d._package" if packages else ""
        if ranked or (attempt and not self._filtered):
            first = f"({self._text_source(ranked)}) f"
        elif self._filtered:
            first = f"{_HITS} f"
        elif self._heads_only:
            return f"{self._tables.packages} p JOIN {self._tables.documents} d ON d._id = p._head"
        else:
            return f"{self._tables.documents} d{join}"
        return f"{first} CROSS JOIN {self._tables.documents} d ON d._id = f.id{join}"

    def _candidates(self, attempt: Attempt | None) -> str:
        """SQL for the numbers of all hits, as `id`."""
        if self._filtered:
            return f"SELECT id FROM {_HITS}"
        if attempt:
            return self._text_source(ranked=False)
        if self._heads_only:
            return f"SELECT _head AS id FROM {self._tables.packages}"
        return f"SELECT _id AS id FROM {self._tables.documents}"

    def _gather(self, attempt: Attempt | None) -> None:
        """Find the documents that fit words and conditions, once for count, facets and page.

        Of a package the newest is taken: with max(), SQLite takes the other columns from the row
        that has it (https://www.sqlite.org/lang_select.html#bareagg).
        """
        self._filtered = False
        packages = any(each.field.level == "package" for each in self._plan.conditions)
        fitting = f"{self._source(attempt, packages)} WHERE {' AND '.join(self._where)}"
        sql = f"SELECT d._id FROM {fitting}"
        if self._plan.grouped and not self._heads_only:
            newest = "max(coalesce(d.version_sortable, ''))"
            sql = (
                f"SELECT id FROM (SELECT d._id AS id, {newest} FROM {fitting} GROUP BY d._package)"
            )
        self._db.execute(f"CREATE TABLE IF NOT EXISTS {_HITS} (id INTEGER PRIMARY KEY)")
        self._db.execute(f"DELETE FROM {_HITS}")
        self._db.execute(f"INSERT INTO {_HITS} {sql}", self._parameters)
        self._filtered = True

    # The statements

    def _count(self, attempt: Attempt | None = None) -> int:
        if self._where:
            self._gather(attempt)
        sql = f"SELECT count(*) FROM ({self._candidates(attempt)})"
        return int(self._db.execute(sql, self._parameters).fetchone()[0])

    def _facets(self, attempt: Attempt | None) -> dict[str, list[tuple[str, int]]]:
        labels = Labels(self._db, self._layout, self._tables)
        plan = self._plan
        return labels.counts(
            plan.facets, plan.facet_values, self._candidates(attempt), self._parameters
        )

    def _hits(self, attempt: Attempt | None) -> list[Document]:
        ranked = attempt is not None and self._plan.sort is None
        packages = self._plan.sort is not None and self._plan.sort.level == "package"
        source = self._source(attempt, packages, ranked)
        parameters = self._parameters | {"limit": self._plan.limit, "offset": self._plan.offset}
        sql = (
            f"SELECT d._id FROM {source} ORDER BY {self._order(ranked)} LIMIT :limit OFFSET :offset"
        )
        numbers = [row[0] for row in self._db.execute(sql, parameters)]
        return self._documents(numbers)

    def _order(self, ranked: bool) -> str:
        direction = "DESC" if self._plan.descending else "ASC"
        if ranked:
            return f"{_NAME_FIRST} {direction}, f.score {direction}, {_BY_NAME}"
        if self._plan.sort is None:
            return f"d.name_sortable {direction} NULLS LAST, {_BY_NAME}"
        column = ("p." if self._plan.sort.level == "package" else "d.") + quoted(
            self._plan.sort.name
        )
        # NULLs come last by themselves in a descending order, which an index can then serve.
        nulls = "" if self._plan.descending else " NULLS LAST"
        return f"{column} {direction}{nulls}, {_BY_NAME}"

    def _documents(self, numbers: list[int]) -> list[Document]:
        whole = Projection(self._layout, self._tables)
        sql = f"SELECT {whole.select}, d._id FROM {whole.source} WHERE d._id IN ({{}})"
        found = {row[-1]: whole.document(row) for row in select_in(self._db, sql, numbers)}
        return [found[number] for number in numbers]

    # The words

    def _is_known(self, match: str) -> bool:
        return any(
            self._db.execute(
                f"SELECT 1 FROM {table} WHERE {table} MATCH ? LIMIT 1", [match]
            ).fetchone()
            for table in self._indexes
        )

    def _corrections(self, word: str) -> list[str]:
        """The nearest words that some document holds, most frequent first."""
        nearest: int | None = None
        counted = []
        for distance, term in self._vocabulary().near(word):
            if nearest is not None and distance > nearest:
                break
            count = self._frequency(term)
            if count:
                nearest = distance
                counted.append((-count, term))
        return [term for _, term in sorted(counted)[:_MOST_CORRECTIONS]]

    def _frequency(self, term: str) -> int:
        table = self._tables.heads
        sql = f"SELECT count(*) FROM {table} WHERE {table} MATCH ?"
        return int(self._db.execute(sql, [f'"{term}"']).fetchone()[0])


#: An exact name first, then names that are the words but for separators, then names they begin.
#: What is true of the first two is true of the third, which an easy comparison tells.
_NAME_FIRST = (
    "CASE WHEN NOT (d._key BETWEEN :key AND :key_end OR d._bare BETWEEN :key AND :key_end) THEN 3"
    " WHEN d.name_sortable IN (:pypi, :npm) THEN 0"
    " WHEN d._key = :key OR d._bare = :key THEN 1 ELSE 2 END"
)


def load_terms(db: sqlite3.Connection, tables: Tables, after: int) -> Iterator[tuple[int, str]]:
    """Number and term of the terms learned after the term of that number."""
    sql = f"SELECT _id, term FROM {tables.terms} WHERE _id > ? ORDER BY _id"
    found: Iterable[tuple[int, str]] = db.execute(sql, [after])
    yield from found
