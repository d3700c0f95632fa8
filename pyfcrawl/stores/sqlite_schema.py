"""How the field table becomes SQLite tables, so that a new field needs no change in a store.

Each collection has tables of its own (`c1_documents`, `c1_texts`, ...): dropping one is cheap, and
relevance in one collection does not depend on what others hold.

* documents: one row a release with a typed column for every release field to filter or sort by.
* texts: the searched text, which is the content of the full-text indexes, and the rest of the
  document as JSON.
* packages: one row a package with the package-level fields. They stay outside the full-text
  indexes, so updating stars and downloads re-indexes nothing.
* heads, others: full-text indexes (https://www.sqlite.org/fts5.html). `heads` holds each
  package's latest release only: a grouped search reads one row a package however many releases
  there are, and a word's weight counts packages. `others` holds all other releases.
* labels, postings, facets: values of list fields and facets as numbers; by value for filters, by
  document for counting.
* terms: the words of the heads, for the spelling corrections.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from pyfcrawl.core.document import Field, Owner, Type, Use

#: Changes with the shape of the tables below (not with the fields); kept in PRAGMA user_version.
FORMAT = 1

#: Marks a file as ours in PRAGMA application_id: "pyfc" in ASCII.
APPLICATION_ID = 0x70796663

#: How much a hit in a column counts; searched fields not named here count DEFAULT_WEIGHT.
WEIGHTS = {
    "name": 10.0,
    "title": 6.0,
    "keywords": 5.0,
    "summary": 5.0,
    "first_chapter": 3.0,
    "main_content": 1.0,
    "changelog": 0.4,
}
DEFAULT_WEIGHT = 0.5

_TOKENIZER = "unicode61 remove_diacritics 2 tokenchars ''+#''"

#: A batch of documents is written as one segment (by default every MB is, which is merged
#: again), and segments are merged by eights: a third less time in all.
_FULLTEXT_OPTIONS = {"hashsize": 16 * 2**20, "automerge": 8}

_COLUMN_TYPES = {
    Type.STRING: "TEXT",
    Type.INT: "INTEGER",
    Type.BOOL: "INTEGER",
    Type.FLOAT: "REAL",
}

#: Writers of facts that outlive the document they came with.
ENRICHMENT = frozenset({Owner.GITHUB, Owner.DOWNLOADS})

SHARED_TABLES = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    # AUTOINCREMENT: a collection's number is never used again, so what a reader has
    # remembered of a dropped one is never taken for its successor's.
    "CREATE TABLE collections (id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " name TEXT NOT NULL UNIQUE, generation TEXT NOT NULL)",
    "CREATE TABLE aliases (name TEXT PRIMARY KEY, collection INTEGER NOT NULL)",
)


def _is_column(field: Field) -> bool:
    return field.type in _COLUMN_TYPES and bool(field.uses & {Use.FILTER, Use.SORT})


def _is_label(field: Field) -> bool:
    listed = field.type is Type.STRINGS and Use.FILTER in field.uses
    return listed or Use.FACET in field.uses


class Layout:
    """Where each field is kept. Made from the field table, or from a stored description."""

    def __init__(self, fields: Iterable[Field]) -> None:
        self.fields = {field.name: field for field in fields}
        every = tuple(self.fields.values())
        release = tuple(field for field in every if field.level == "release")
        package = tuple(field for field in every if field.level == "package")
        self.columns = tuple(field for field in release if _is_column(field))
        self.texts = tuple(field for field in every if Use.SEARCH in field.uses)
        self.labels = tuple(field for field in every if _is_label(field))
        in_texts = {f.name for f in self.texts if f.type is Type.STRING and f.level == "release"}
        self.text_only = frozenset(in_texts - {field.name for field in self.columns})
        self.body = tuple(f for f in release if not _is_column(f) and f.name not in self.text_only)
        self.release = release
        self.package = package
        self.package_columns = tuple(field for field in package if _is_column(field))
        self.facts = tuple(field for field in package if not _is_column(field))
        #: Package fields that a crawl's documents bring with them.
        self.listed = tuple(field for field in package if field.owner not in ENRICHMENT)
        #: Release fields that an upsert leaves as they are.
        self.kept = tuple(field for field in release if field.owner in ENRICHMENT)
        #: Package fields that are part of each document's index entries.
        self.package_indexed = frozenset(f.name for f in package if f in self.texts + self.labels)

    def is_shared(self, name: str) -> bool:
        """Whether the field is kept once a package."""
        return self.fields[name].level == "package"

    def description(self) -> str:
        """The layout as text: equal texts mean equal tables."""
        rows = [
            [f.name, f.type.value, sorted(use.value for use in f.uses), f.owner.value, f.level]
            for f in self.fields.values()
        ]
        return json.dumps(rows)

    @classmethod
    def described(cls, description: str) -> Layout:
        """The layout that `description` was made from. Raises ValueError when it is none."""
        try:
            return cls(_field(*row) for row in json.loads(description))
        except (TypeError, KeyError) as error:
            raise ValueError(f"not a layout: {error}") from error

    def weights(self) -> str:
        """Arguments for bm25(), one number a text column."""
        return ", ".join(str(WEIGHTS.get(field.name, DEFAULT_WEIGHT)) for field in self.texts)


def _field(name: str, type_: str, uses: list[str], owner: str, level: Any) -> Field:
    return Field(name, Type(type_), frozenset(Use(use) for use in uses), Owner(owner), level, "")


def quoted(name: str) -> str:
    """A column's name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def listed(fields: Iterable[Field], prefix: str = "") -> str:
    """Column names with commas between, each behind `prefix` (a table's name with its dot)."""
    return ", ".join(prefix + quoted(field.name) for field in fields)


class Tables:
    """Names of a collection's tables, by the collection's number."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.documents = f"c{number}_documents"
        self.texts = f"c{number}_texts"
        self.packages = f"c{number}_packages"
        self.facets = f"c{number}_facets"
        self.labels = f"c{number}_labels"
        self.postings = f"c{number}_postings"
        self.terms = f"c{number}_terms"
        self.heads = f"c{number}_heads"
        self.others = f"c{number}_others"

    def all(self) -> tuple[str, ...]:
        """Every table, in an order in which they can be dropped."""
        return (
            *(self.heads, self.others, self.documents, self.texts, self.packages),
            *(self.facets, self.labels, self.postings, self.terms),
        )


def collection_tables(layout: Layout, tables: Tables) -> Iterator[str]:
    """The statements that make a collection's tables."""
    yield from _document_tables(layout, tables)
    yield from _label_tables(layout, tables)
    yield from _search_tables(layout, tables)


def _typed(fields: Iterable[Field]) -> str:
    return "".join(f", {quoted(f.name)} {_COLUMN_TYPES[f.type]}" for f in fields)


def _document_tables(layout: Layout, tables: Tables) -> Iterator[str]:
    yield (
        f"CREATE TABLE {tables.packages} (_id INTEGER PRIMARY KEY,"
        f" _package_id TEXT NOT NULL UNIQUE, _head INTEGER"
        f"{_typed(layout.package_columns)}, _facts TEXT)"
    )
    yield (
        f"CREATE TABLE {tables.documents} (_id INTEGER PRIMARY KEY,"
        " _package INTEGER NOT NULL, _key TEXT NOT NULL, _bare TEXT NOT NULL"
        f"{_typed(layout.columns)}, _hash BLOB NOT NULL)"
    )
    yield f"CREATE UNIQUE INDEX {tables.documents}_id ON {tables.documents} (identifier)"
    yield f"CREATE INDEX {tables.documents}_of ON {tables.documents} (_package)"
    yield from name_indexes(tables)
    for table, fields in (
        (tables.documents, layout.columns),
        (tables.packages, layout.package_columns),
    ):
        for field in fields:
            if Use.SORT in field.uses:
                index = quoted(f"{table}_by_{field.name}")
                yield f"CREATE INDEX {index} ON {table} ({quoted(field.name)})"


def name_indexes(tables: Tables) -> Iterator[str]:
    """The statements that make names findable by how they begin, unless they are."""
    index = f"CREATE INDEX IF NOT EXISTS {tables.documents}_by"
    yield f"{index}_key ON {tables.documents} (_key)"
    yield f"{index}_bare ON {tables.documents} (_bare) WHERE _bare <> _key"


def _label_tables(layout: Layout, tables: Tables) -> Iterator[str]:
    columns = "".join(f", {quoted(field.name)} BLOB" for field in layout.labels)
    yield f"CREATE TABLE {tables.facets} (_id INTEGER PRIMARY KEY{columns})"
    yield (
        f"CREATE TABLE {tables.labels} (_id INTEGER PRIMARY KEY, field TEXT NOT NULL,"
        " value TEXT NOT NULL, UNIQUE (field, value))"
    )
    yield (
        f"CREATE TABLE {tables.postings} (label INTEGER NOT NULL, document INTEGER NOT NULL,"
        " PRIMARY KEY (label, document)) WITHOUT ROWID"
    )


def _search_tables(layout: Layout, tables: Tables) -> Iterator[str]:
    columns = listed(layout.texts)
    yield f"CREATE TABLE {tables.texts} (_id INTEGER PRIMARY KEY, {columns}, _body)"
    yield f"CREATE TABLE {tables.terms} (_id INTEGER PRIMARY KEY, term TEXT NOT NULL UNIQUE)"
    options = f"content='{tables.texts}', content_rowid='_id', tokenize='{_TOKENIZER}'"
    # Only the heads are searched while somebody types.
    prefixes = {tables.heads: ", prefix='1 2 3'", tables.others: ""}
    for table, prefix in prefixes.items():
        yield f"CREATE VIRTUAL TABLE {table} USING fts5({columns}, {options}{prefix})"
        for option, value in _FULLTEXT_OPTIONS.items():
            yield f"INSERT INTO {table} ({table}, rank) VALUES ('{option}', {value})"
