"""Runs a checked query over the tables of one collection.

A grouped search reads only the packages' heads, unless a condition may hold for some releases of
a package and not for others: then all releases are searched and the newest that fits is taken.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator

from pyfcrawl.core.names import normalized
from pyfcrawl.stores.conditions import Plan
from pyfcrawl.stores.index import Document, SearchResult
from pyfcrawl.stores.spelling import Vocabulary, Words
from pyfcrawl.stores.sqlite_conditions import Conditions
from pyfcrawl.stores.sqlite_counts import Counts
from pyfcrawl.stores.sqlite_labels import select_in
from pyfcrawl.stores.sqlite_rows import Projection
from pyfcrawl.stores.sqlite_schema import Layout, Tables, quoted
from pyfcrawl.stores.sqlite_words import Attempt, Attempts

#: How many words to search in place of an unknown one.
_MOST_CORRECTIONS = 5

#: Temporary, each connection its own: numbers of the documents that fit, for one search.
_HITS = "temp.hits"
#: As well: numbers and scores of the heads that words alone find, and of those to put in order.
_MATCHES, _BEST = "temp.matches", "temp.best"
_SCORED = "id INTEGER PRIMARY KEY, score REAL"

_BY_NAME = "d.name_sortable ASC NULLS LAST, d.version_sortable DESC, d.identifier"


class Search:
    """One search in one collection."""

    def __init__(
        self,
        db: sqlite3.Connection,
        layout: Layout,
        tables: Tables,
        vocabulary: Callable[[], Vocabulary],
        counts: Counts,
        plan: Plan,
    ) -> None:
        self._db = db
        self._layout = layout
        self._tables = tables
        self._vocabulary = vocabulary
        self._counts = counts
        self._plan = plan
        self._heads_only = plan.grouped and not plan.by_release
        self._indexes = [tables.heads] if self._heads_only else [tables.heads, tables.others]
        # Without words the labels lead the way.
        conditions = Conditions(tables, few=bool(plan.text.strip()))
        self._where = [conditions.sql(each) for each in plan.conditions]
        self._parameters = conditions.values
        #: Whether the hits have been gathered in a table, as conditions demand.
        self._filtered = False
        #: How many heads were found by words alone and are in _MATCHES. Lower scores are better.
        self._matches: int | None = None
        #: The table with those of them to put in order.
        self._ordered = _MATCHES

    def run(self) -> SearchResult:
        """The page of hits, the count of all and the facets."""
        if not self._plan.text.strip():
            return self._result(None, self._find(None))
        words = Words.of(self._plan.text)
        for attempt in Attempts(words, self._is_known, self._corrections) if words.words else ():
            self._set_text(attempt)
            found = self._find(attempt)
            if found:
                return self._result(attempt, found)
        facets, counts = self._counts.nothing()
        return SearchResult(0, [], facets, {}, counts)

    def _result(self, attempt: Attempt | None, found: int) -> SearchResult:
        heads = self._heads if self._heads_only else None
        facets, counts = self._counts.of(found, self._candidates(attempt), self._parameters, heads)
        hits = self._hits(attempt) if self._plan.limit and self._plan.offset < found else []
        return SearchResult(found, hits, facets, attempt.corrected if attempt else {}, counts)

    def _heads(self) -> Iterator[int]:
        """The numbers of all hits where they are heads of packages."""
        # One row: for each the interpreter is let go and waited for.
        sql = f"SELECT group_concat(id) FROM ({self._candidates(None)})"
        (numbers,) = self._db.execute(sql, self._parameters).fetchone()
        return map(int, numbers.split(",") if numbers else ())

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
        if self._matches is not None:
            first = f"{self._ordered} f"
        elif ranked or (attempt and not self._filtered):
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
        if self._matches is not None:
            return f"SELECT id FROM {_MATCHES}"
        if self._filtered:
            return f"SELECT id FROM {_HITS}"
        if attempt:
            return self._text_source(ranked=False)
        if self._heads_only:
            return f"SELECT _head AS id FROM {self._tables.packages}"
        return f"SELECT _id AS id FROM {self._tables.documents}"

    # The statements

    def _find(self, attempt: Attempt | None) -> int:
        """Find all hits; returns how many there are."""
        self._filtered, self._matches = False, None
        if self._where:
            self._gather(attempt)
        elif attempt and self._heads_only:
            scored = self._plan.sort is None and self._plan.limit > 0
            columns = "(id, score)" if scored else "(id)"
            self._fill(_MATCHES, _SCORED)
            sql = f"INSERT INTO {_MATCHES} {columns} {self._text_source(scored)}"
            self._matches = self._db.execute(sql, self._parameters).rowcount
            return self._matches
        sql = f"SELECT count(*) FROM ({self._candidates(attempt)})"
        return int(self._db.execute(sql, self._parameters).fetchone()[0])

    def _gather(self, attempt: Attempt | None) -> None:
        """Find the documents that fit words and conditions, once for count, facets and page.

        Of a package the newest is taken: with max(), SQLite takes the other columns from the row
        that has it (https://www.sqlite.org/lang_select.html#bareagg).
        """
        packages = any(each.field.level == "package" for each in self._plan.conditions)
        fitting = f"{self._source(attempt, packages)} WHERE {' AND '.join(self._where)}"
        sql = f"SELECT d._id FROM {fitting}"
        if self._plan.grouped and not self._heads_only:
            newest = "max(coalesce(d.version_sortable, ''))"
            sql = (
                f"SELECT id FROM (SELECT d._id AS id, {newest} FROM {fitting} GROUP BY d._package)"
            )
        self._fill(_HITS, "id INTEGER PRIMARY KEY")
        self._db.execute(f"INSERT INTO {_HITS} {sql}", self._parameters)
        self._filtered = True

    def _fill(self, table: str, columns: str) -> None:
        """Have an empty temporary table."""
        self._db.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns})")
        self._db.execute(f"DELETE FROM {table}")

    def _hits(self, attempt: Attempt | None) -> list[Document]:
        ranked = attempt is not None and self._plan.sort is None
        if ranked and self._matches is not None:
            self._ordered = self._chosen(self._matches)
        packages = self._plan.sort is not None and self._plan.sort.level == "package"
        source = self._source(attempt, packages, ranked)
        parameters = self._parameters | {"limit": self._plan.limit, "offset": self._plan.offset}
        sql = (
            f"SELECT d._id FROM {source} ORDER BY {self._order(ranked)} LIMIT :limit OFFSET :offset"
        )
        numbers = [row[0] for row in self._db.execute(sql, parameters)]
        return self._documents(numbers)

    def _chosen(self, matches: int) -> str:
        """A table of matches among which the first are, so that not all are put in order."""
        most = self._plan.offset + self._plan.limit
        if self._plan.descending or matches <= most:
            return _MATCHES
        self._fill(_BEST, _SCORED)
        documents = self._tables.documents
        same = (
            f"SELECT _id FROM {documents} WHERE _key = :key UNION ALL"
            f" SELECT _id FROM {documents} WHERE _bare <> _key AND _bare = :key UNION ALL"
            f" SELECT _id FROM {documents} WHERE name_sortable IN (:pypi, :npm)"
        )
        begun = (
            f"SELECT _id FROM {documents} WHERE _key BETWEEN :key AND :key_end UNION ALL"
            f" SELECT _id FROM {documents} WHERE _bare <> _key AND _bare BETWEEN :key AND :key_end"
            " AND _key NOT BETWEEN :key AND :key_end"
        )
        self._take(f"SELECT id, score FROM ({same}) JOIN {_MATCHES} ON id = _id")
        named = self._take_lowest(f"({begun}) JOIN {_MATCHES} ON id = _id", most)
        if named < most:
            self._take_lowest(f"{_MATCHES} WHERE id NOT IN ({begun})", most - named)
        return _BEST

    def _take_lowest(self, source: str, most: int) -> int:
        """Take the matches with the lowest scores, and all that are as good as the last of them."""
        lowest = f"SELECT score FROM {source} ORDER BY score LIMIT {most}"
        sql = f"SELECT max(score) FROM ({lowest})"
        (self._parameters["worst"],) = self._db.execute(sql, self._parameters).fetchone()
        return self._take(f"SELECT id, score FROM (SELECT * FROM {source}) WHERE score <= :worst")

    def _take(self, sql: str) -> int:
        """Put matches into _BEST; returns how many were not there."""
        into = f"INSERT OR IGNORE INTO {_BEST} {sql}"
        return self._db.execute(into, self._parameters).rowcount

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


def newest_term(db: sqlite3.Connection, tables: Tables) -> int:
    """Number of the term learned last, 0 if there is none."""
    (number,) = db.execute(f"SELECT max(_id) FROM {tables.terms}").fetchone()
    return number or 0
