"""Searching the SQLite index."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from pyfcrawl.stores.index import Document, Filter, Query
from pyfcrawl.stores.sqlite import SqliteReader, SqliteWriter
from pyfcrawl.stores.sqlite_census import Censuses
from tests.stores.contract import NAME, document
from tests.stores.search_contract import SearchContract


class TestSqliteSearch(SearchContract):
    """What any index promises of its search."""


def _many(random: Random) -> list[Document]:
    """Packages whose names begin with what is searched, and others that only mention it."""
    words = ["forms", "form", "formula", "portal", "mail", "theme"]
    return [
        document(
            f"{random.choice(['form', 'form.', 'mail', 'x-form', 'theme', '@form/form-'])}{number}",
            version,
            is_latest=version == "2.0",
            summary=" ".join(random.choices(words, k=3)),
            main_content=" ".join(random.choices(words, k=random.randrange(1, 40))),
            license_expression=random.choice([None, "MIT", "ISC"]),
            framework_versions=random.sample(["Plone 5.2", "Plone 6.0", "Plone 6.1"], 2),
            upload_timestamp=random.randrange(10) * 1000,
        )
        for number in range(300)
        for version in ("1.0", "2.0")
    ]


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[SqliteWriter]:
    writer = SqliteWriter(tmp_path / "index.db")
    writer.create(NAME)
    assert not writer.upsert(
        NAME, [*_many(Random(3)), document("form"), document("Form_2")]
    ).refused
    yield writer
    writer.close()


@pytest.mark.parametrize("text", ["form", "form 2", "f", "mail", "portal form"])
def test_the_first_hits_are_those_of_the_whole_order(filled: SqliteWriter, text: str) -> None:
    whole = [each["name"] for each in filled.search(NAME, Query(text, per_page=250)).hits]
    for size in (1, 7, 60):
        pages = range(1, -(-len(whole) // size) + 1)
        hits = (filled.search(NAME, Query(text, page=n, per_page=size)).hits for n in pages)
        assert [each["name"] for page in hits for each in page][: len(whole)] == whole


@pytest.mark.parametrize("text", ["", "form", "mail", "formula portal"])
def test_a_census_counts_as_reading_hit_by_hit_does(
    filled: SqliteWriter, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = [Filter("upload_timestamp", ">=", 5000), Filter("license_expression", "!=", "MIT")]
    fields = ["license_expression", "framework_versions", "registry"]
    query = Query(text, facets=fields, counts=counts)
    by_census = [filled.search(NAME, query) for _ in range(2)]
    monkeypatch.setattr(Censuses, "of", lambda *_: None)
    read = filled.search(NAME, query)
    assert by_census == [read, read]
    assert read.counts[0] > 0


def test_a_field_of_many_values_is_counted_hit_by_hit(
    filled: SqliteWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = Query("form", facets=["framework_versions", "license_expression"])
    expected = filled.search(NAME, query).facets
    monkeypatch.setattr("pyfcrawl.stores.sqlite_census._MOST_LABELS", 2)
    filled.upsert(NAME, [document("other")])
    assert filled.search(NAME, query).facets == expected


def test_another_process_sees_what_was_written_since(filled: SqliteWriter, tmp_path: Path) -> None:
    reader = SqliteReader(tmp_path / "index.db")
    query = Query("form", facets=["license_expression"])
    before = dict(reader.search(NAME, query).facets["license_expression"])
    filled.upsert(NAME, [document("form-new", license_expression="ISC")])
    after = dict(reader.search(NAME, query).facets["license_expression"])
    assert after == before | {"ISC": before["ISC"] + 1}
    reader.close()


def test_an_older_file_gets_its_indexes_of_names(filled: SqliteWriter, tmp_path: Path) -> None:
    filled.close()
    path = tmp_path / "index.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP INDEX c1_documents_by_key")
        db.execute("DROP INDEX c1_documents_by_bare")
    SqliteWriter(path).close()
    with closing(sqlite3.connect(path)) as db:
        found = db.execute("SELECT name FROM sqlite_master WHERE name LIKE 'c1_documents_by_%'")
        assert {"c1_documents_by_key", "c1_documents_by_bare"} <= {name for (name,) in found}


def test_a_file_in_the_place_of_another_is_counted_anew(tmp_path: Path) -> None:
    for name, license_, count in (("a", "MIT", 5), ("b", "ISC", 5), ("c", "ISC", 20)):
        writer = SqliteWriter(tmp_path / name)
        writer.create(NAME)
        packages = [document(f"{name}-{n}", license_expression=license_) for n in range(count)]
        writer.upsert(NAME, packages)
        writer.close()
    query = Query(facets=["license_expression"], counts=[Filter("license_expression", "=", "ISC")])
    path = tmp_path / "a"
    reader = SqliteReader(path)
    assert [reader.search(NAME, query).counts for _ in range(2)] == [[0], [0]]
    for other, count in (("b", 5), ("c", 20)):
        os.replace(tmp_path / other, path)
        found = reader.search(NAME, query)
        assert (found.counts, found.facets) == ([count], {"license_expression": [("ISC", count)]})
    reader.close()


def test_what_is_remembered_of_dropped_collections_is_forgotten(filled: SqliteWriter) -> None:
    for number in range(4):
        filled.create(f"new-{number}")
        filled.upsert(f"new-{number}", [document("a", summary="something")])
        filled.drop(f"new-{number - 1}")
        filled.search(f"new-{number}", Query("somethign", facets=["registry"]))
    assert len(filled._censuses._kept) == len(filled._vocabularies) == 1
