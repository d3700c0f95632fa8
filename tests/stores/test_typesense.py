"""The Typesense index: what every index promises, on a real server."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from pyfcrawl.core.document import FIELDS, Type
from pyfcrawl.core.versions import sort_key
from pyfcrawl.errors import StoreError
from pyfcrawl.stores import typesense, typesense_schema
from pyfcrawl.stores.index import Document, IndexWriter, Patch
from pyfcrawl.stores.typesense import TypesenseWriter
from pyfcrawl.stores.typesense_schema import (
    CONTENT_KEY,
    EXACT_KEYS,
    FACETS,
    IS_HEAD,
    NAME_JOINED,
    NUMBERS,
    PACKAGE_KEY,
    facet_key,
    has_key,
    schema,
)
from tests.stores.contract import NAME, IndexContract, document, names_of, search, texts_of
from tests.stores.search_contract import SearchContract
from tests.stores.typesense_server import ServerElsewhere, TypesenseServer


@pytest.fixture
def writer(typesense_server: TypesenseServer | ServerElsewhere) -> Iterator[IndexWriter]:
    """An index without collections, open for writing."""
    opened = TypesenseWriter(typesense_server.address())
    yield opened
    opened.close()
    cleaner = TypesenseWriter(typesense_server.address())
    for each in cleaner.collections():
        cleaner.drop(each.name)
    cleaner.close()


class TestTypesenseIndex(IndexContract):
    """What any index promises of writing and reading."""


class TestTypesenseSearch(SearchContract):
    """What any index promises of its search, but for a few things the server can't do.

    It orders names by their letters and digits alone, so @plone/volto is not the first but the
    last. It misses short words of which the first or second letter was left out.
    """

    TELLS_CORRECTIONS = False

    def test_a_package_is_one_hit_its_latest_release(self, writer: IndexWriter) -> None:
        assert texts_of(search(writer, sort="name")) == [
            "collective.easyform 4.1",
            "plone.api 2.0",
            "plone.restapi 9.0",
            "@plone/volto 17.0",
        ]

    @pytest.mark.parametrize(
        ("sort", "descending", "expected"),
        [
            ("name", None, "easyform api restapi volto"),
            ("name", True, "volto restapi api easyform"),
            ("relevance", None, "easyform api restapi volto"),
            ("stars", None, "restapi api easyform volto"),
            ("stars", False, "api restapi easyform volto"),
            ("downloads", None, "api easyform restapi volto"),
            ("health", None, "api restapi easyform volto"),
            ("released", None, "restapi api easyform volto"),
            ("upload_timestamp", False, "easyform api restapi volto"),
            ("version", None, "volto restapi easyform api"),
        ],
    )
    def test_orders(
        self, writer: IndexWriter, sort: str, descending: bool | None, expected: str
    ) -> None:
        super().test_orders(writer, sort, descending, expected)

    @pytest.mark.parametrize(
        ("typed", "meant", "name"),
        [
            ("hypremedia", "hypermedia", "plone.restapi"),
            ("hypemedia", "hypermedia", "plone.restapi"),
            ("hyperrmedia", "hypermedia", "plone.restapi"),
            ("hyperxedia", "hypermedia", "plone.restapi"),
            ("hpyermeida", "hypermedia", "plone.restapi"),
            ("xypermedixa", "hypermedia", "plone.restapi"),
            ("recat", "react", "@plone/volto"),
            ("vollto", "volto", "@plone/volto"),
            ("colectiveeasyfrom", "collectiveeasyform", "collective.easyform"),
        ],
    )
    def test_typos_are_forgiven_and_told(
        self, writer: IndexWriter, typed: str, meant: str, name: str
    ) -> None:
        super().test_typos_are_forgiven_and_told(writer, typed, meant, name)


# exactness: names chosen to collide


def collide(writer: IndexWriter) -> list[Document]:
    """Documents that differ only in what Typesense doesn't compare."""
    given = [
        document("plone.volto", author="A. Smith", keywords=["plone-api", "C"]),
        document("plonevolto", author="a smith", keywords=["plone.api", "C++"]),
        document("@plone/volto", registry="npm", npm_scope="@plone", keywords=["plone api", "C#"]),
        document("volto", keywords=["PLONE-API", "c"], version="1.0"),
        document("volto", registry="npm", license_expression="MIT OR (BSD-3-Clause AND ISC)"),
        document(
            "volto", "1.0.0", registry="npm", license_expression="(MIT OR BSD-3-Clause) AND ISC"
        ),
    ]
    writer.create(NAME)
    assert writer.upsert(NAME, given).written == len(given)
    return given


def test_filters_are_exact(writer: IndexWriter) -> None:
    given = collide(writer)
    fields = ["identifier", "package_id", "name", "version", "author", "npm_scope"]
    fields += ["license_expression", "keywords"]
    for field in fields:
        values = {v for d in given for v in _listed(d.get(field))}
        assert len(values) > 1 or field == "npm_scope"
        for value in values:
            expected = {d["identifier"] for d in given if value in _listed(d.get(field))}
            found = search(writer, "", (field, "=", value), grouped=False)
            assert {hit["identifier"] for hit in found.hits} == expected, (field, value)
            others = search(writer, "", (field, "!=", value), grouped=False)
            assert others.found == len(given) - len(expected), (field, value)
    assert search(writer, "", ("name", "=", "Plone.Volto")).found == 0
    assert search(writer, "", ("identifier", "!=", "nothing"), grouped=False).found == len(given)


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [] if value is None else [value]


def test_facets_are_exact(writer: IndexWriter) -> None:
    given = collide(writer)
    wanted = Counter(value for each in given for value in each.get("keywords", ()))
    facets = search(writer, facets=["keywords", "license_expression"], grouped=False).facets
    assert dict(facets["keywords"]) == wanted
    assert len(facets["license_expression"]) == 2


def test_groups_and_packages_are_exact(writer: IndexWriter) -> None:
    given = collide(writer)
    packages = {each["package_id"] for each in given}
    assert search(writer).found == len(packages) == 5
    fits = ("version", "!=", "nothing")  # differs between releases, so the server groups
    assert search(writer, "", fits).found == len(packages)
    found = writer.collection(NAME)
    assert found is not None
    assert (found.documents, found.packages) == (len(given), len(packages))


def test_removal_is_exact(writer: IndexWriter) -> None:
    given = collide(writer)
    left = {each["identifier"] for each in given}
    for each in given[:3]:
        assert writer.delete_packages(NAME, [each["package_id"]]) == 1
        left.discard(each["identifier"])
        assert {found["identifier"] for found in writer.iterate(NAME)} == left
    for each in given[3:]:
        assert writer.delete(NAME, [each["identifier"]]) == 1
        left.discard(each["identifier"])
        assert {found["identifier"] for found in writer.iterate(NAME)} == left


def test_no_two_classifiers_are_one_to_clients(writer: IndexWriter) -> None:
    """Clients filter and count by the fields themselves: there words are compared."""
    writer.create(NAME)
    chosen = [f"Programming Language :: {each}" for each in ("C", "C++", "C#", "Python", "Rust")]
    given = [document(f"p{n}", classifiers=[each]) for n, each in enumerate(chosen)]
    writer.upsert(NAME, given)
    answer = raw(writer, {"q": "*", "facet_by": "classifiers"})
    counts = {each["value"]: each["count"] for each in answer["facet_counts"][0]["counts"]}
    assert counts == dict.fromkeys(chosen, 1)


def test_numbers_that_are_not(writer: IndexWriter) -> None:
    writer.create(NAME)
    days = [1_704_067_200 + 86_400 * day for day in range(3)]
    writer.upsert(NAME, [document(f"p{n}", upload_timestamp=day) for n, day in enumerate(days)])
    writer.upsert(NAME, [document("none")])
    not_second = ("upload_timestamp", "!=", "2024-01-02")
    assert names_of(search(writer, "", not_second, sort="name")) == ["none", "p0", "p2"]


def test_odd_identifiers(writer: IndexWriter) -> None:
    writer.create(NAME)
    odd = ["a,b", "a]b", "a&&b", "(a", "a)||b", "a:=b", "é\u0301", "a\nb", "*", "x" * 5000, '"']
    given = [document("p", version="1.0") | {"identifier": each} for each in odd]
    assert writer.upsert(NAME, given).written == len(odd)
    for each in odd:
        read = writer.get(NAME, each)
        assert read is not None
        assert read["identifier"] == each
    assert writer.delete(NAME, odd) == len(odd)
    report = writer.upsert(NAME, [document("p") | {"identifier": each} for each in ("a`b", " a")])
    assert [each.identifier for each in report.refused] == ["a`b", " a"]


# what clients ask

CLIENT = {
    "query_by": "name,keywords,summary,description",
    "group_by": "name_sortable",
    "group_limit": 1,
    "sort_by": "_text_match:desc,name_sortable:asc,version_sortable:desc",
    "facet_by": "framework_versions,python_versions",
    "exclude_fields": "description",
}


def raw(writer: IndexWriter, *searches: dict[str, Any]) -> dict[str, Any]:
    """What the server itself answers to the last of some searches in an alias of the index."""
    assert isinstance(writer, TypesenseWriter)
    writer.alias("gallery", NAME)
    body = {"searches": [{"collection": "gallery", **each} for each in searches]}
    answer = writer._server.connection.json("POST", "/multi_search", body=body)["results"][-1]
    assert "error" not in answer, answer
    assert isinstance(answer, dict)
    return answer


def shelf(writer: IndexWriter) -> None:
    """Packages with pre-releases, and one that is only described by its README."""
    writer.create(NAME)
    common = {
        "classifiers": ["Framework :: Plone", "Framework :: Plone :: 6.0"],
        "framework_versions": ["Plone 6.0"],
        "python_versions": ["Python 3.12"],
    }
    releases = [
        document(name, version, version_sortable=sort_key(version), **common, **more)
        for name, more in {
            "plone.api": {"summary": "A Plone API", "keywords": ["plone"]},
            "plone.restapi": {"summary": "REST for Plone", "title": "Rest", "health_score": 80},
            "collective.walrus": {"description": "<p>About a plone unicorn</p>"},
        }.items()
        for version in ("2.10", "2.9", "0.1")
    ]
    for name in ("plone.api", "plone.restapi"):
        ahead = document(name, "3.0", **common) | {
            "identifier": f"pkg:pypi/{name}@3.0a1",
            "version": "3.0a1",
            "version_sortable": sort_key("3.0a1"),
            "is_latest": False,
        }
        releases.append(ahead)
    npm = document("@plone/volto", "17.0", registry="npm", summary="plone", main_content="unicorn")
    writer.upsert(NAME, [*releases, npm])


def groups(answer: dict[str, Any]) -> list[str]:
    """Name and version of the first hit of each group."""
    firsts = [each["hits"][0]["document"] for each in answer["grouped_hits"]]
    return [f"{each['name']} {each['version']}" for each in firsts]


def test_the_galleries_search(writer: IndexWriter) -> None:
    shelf(writer)
    only = "classifiers:=['Framework :: Plone'] && framework_versions:=['Plone 6.0']"
    quoted = "classifiers:=[`Framework :: Plone`] && framework_versions:=[`Plone 6.0`]"
    for filter_by in (only, quoted):
        answer = raw(writer, {"q": "*", **CLIENT, "filter_by": filter_by})
        assert sorted(groups(answer)) == [
            "collective.walrus 2.10",
            "plone.api 2.10",
            "plone.restapi 2.10",
        ]
        assert answer["found"] == 3
        assert all(
            "description" not in hit["document"]
            for group in answer["grouped_hits"]
            for hit in group["hits"]
        )
        counts = {each["field_name"]: each["counts"] for each in answer["facet_counts"]}
        assert [each["value"] for each in counts["framework_versions"]] == ["Plone 6.0"]
        assert [each["value"] for each in counts["python_versions"]] == ["Python 3.12"]
    found = groups(raw(writer, {"q": "api", **CLIENT, "filter_by": only}))
    assert found[0] == "plone.api 2.10"
    assert groups(raw(writer, {"q": "unicorn", **CLIENT})) == ["collective.walrus 2.10"]


@pytest.mark.parametrize(
    "field", ["upload_timestamp", "health_score", "github_stars", "download_last_month"]
)
def test_other_searches_of_clients(writer: IndexWriter, field: str) -> None:
    shelf(writer)
    parts = {
        "query_by": "title,first_chapter,main_content,changelog",
        "query_by_weights": "4,3,2,1",
    }
    answer = raw(writer, {"q": "unicorn", **parts, "filter_by": "registry:=npm"})
    assert [hit["document"]["name"] for hit in answer["hits"]] == ["@plone/volto"]
    answer = raw(writer, {"q": "rest", **parts, "sort_by": f"{field}:desc"})
    assert {hit["document"]["name"] for hit in answer["hits"]} == {"plone.restapi"}
    assert raw(writer, {"q": "*", "sort_by": f"{field}:asc"})["found"] == 12


@pytest.mark.parametrize("word", ["plone", "api"])
@pytest.mark.parametrize("name", ["plone.api", "plone-api", "plone_api"])
def test_parts_of_names_are_found_by_clients(writer: IndexWriter, name: str, word: str) -> None:
    writer.create(NAME)
    writer.upsert(NAME, [document(name)])
    assert raw(writer, {"q": word, "query_by": "name", "num_typos": 0})["found"] == 1


# what is only so here


def test_our_fields_are_not_those_of_documents() -> None:
    hidden = {PACKAGE_KEY, IS_HEAD, EXACT_KEYS, NAME_JOINED, CONTENT_KEY}
    hidden |= {facet_key(field.name) for field in FACETS}
    hidden |= {has_key(field.name) for field in NUMBERS}
    assert not hidden & FIELDS.keys()


def test_the_schema_indexes_what_is_used_and_nothing_else(writer: IndexWriter) -> None:
    asked = {each["name"]: each for each in schema("x")["fields"]}
    for field in FIELDS.values():
        if field.name in ("identifier", "package_id"):
            continue
        indexed = bool(field.uses) or field.name == "description"
        assert (field.name in asked) == (indexed and field.type is not Type.JSON), field.name
    assert all(each["optional"] and each["type"] != "auto" for each in asked.values())
    assert not any(each["type"] in ("int32", "object", "object[]") for each in asked.values())


def test_a_server_that_makes_something_else_is_told_of(
    writer: IndexWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def newer(name: str, generation: str | None = None) -> dict[str, Any]:
        made = schema(name, generation)
        made["fields"][3]["from_the_future"] = True
        return made

    monkeypatch.setattr(typesense_schema, "schema", newer)
    monkeypatch.setattr(typesense, "schema", newer)
    with pytest.raises(StoreError, match="from_the_future is None, not True"):
        writer.create(NAME)
    monkeypatch.undo()
    assert writer.collections() == []


def test_a_collection_of_somebody_else_is_not_written_to(writer: IndexWriter) -> None:
    assert isinstance(writer, TypesenseWriter)
    foreign = {"name": NAME, "fields": [{"name": "title", "type": "string"}]}
    writer._server.make_collection(foreign)
    found = writer.collection(NAME)
    assert found is not None
    assert (found.documents, found.packages) == (0, 0)
    assert found.generation
    for call in (
        lambda: writer.create(NAME),
        lambda: writer.upsert(NAME, [document("a")]),
        lambda: writer.patch(NAME, [Patch("x", {})]),
        lambda: writer.delete(NAME, ["x"]),
    ):
        with pytest.raises(StoreError, match="scrapy manage recreate packages"):
            call()


def test_a_copy_may_keep_the_generation(writer: IndexWriter) -> None:
    assert isinstance(writer, TypesenseWriter)
    first = writer.create(NAME)
    copy = writer.create_like("packages-1", first.generation)
    assert copy.generation == first.generation
    assert writer.create("packages-2").generation != first.generation


def picky(writer: IndexWriter) -> None:
    """A collection whose server refuses summaries that are no numbers."""
    assert isinstance(writer, TypesenseWriter)
    writer.create(NAME)
    for changes in ({"drop": True}, {"type": "int64", "optional": True}):
        body = {"fields": [{"name": "summary", **changes}]}
        writer._server.connection.send("PATCH", f"/collections/{NAME}", body=body)


def test_a_document_the_server_refuses_leaves_its_neighbours_alone(writer: IndexWriter) -> None:
    picky(writer)
    given = [document(f"p{n:03}", summary=str(n)) for n in range(700)]
    given[13]["summary"] = given[650]["summary"] = "a word"
    report = writer.upsert(NAME, given)
    assert (report.written, report.unchanged) == (698, 0)
    bad = [given[13]["identifier"], given[650]["identifier"]]
    assert [each.identifier for each in report.refused] == bad
    assert all("summary" in each.reason and "\n" not in each.reason for each in report.refused)
    assert [writer.get(NAME, each) for each in bad] == [None, None]
    patches = [Patch(each["identifier"], {"summary": "word"}) for each in given[:2]]
    patches.append(Patch(given[2]["identifier"], {"license": "MIT"}))
    report = writer.patch(NAME, patches)
    assert (report.written, [each.identifier for each in report.refused]) == (
        1,
        [each.target for each in patches[:2]],
    )


def test_a_refused_release_does_not_hide_its_package(writer: IndexWriter) -> None:
    picky(writer)
    writer.upsert(NAME, [document("a", "1.0", summary="1")])
    assert len(writer.upsert(NAME, [document("a", "2.0", summary="two")]).refused) == 1
    assert texts_of(search(writer)) == ["a 1.0"]


def test_what_is_written_by_an_alias_is_sent_under_the_true_name(
    writer: IndexWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that starts takes its log in by several threads, one for each name: what came by an
    alias may be taken in, and dropped, before the alias is there."""
    assert isinstance(writer, TypesenseWriter)
    writer.create(f"{NAME}-1")
    writer.alias(NAME, f"{NAME}-1")
    connection = writer._server.connection
    send, paths = connection.send, []

    def noted(method: str, path: str, *rest: Any) -> str:
        if "/documents" in path and method != "GET":
            paths.append(path)
        return send(method, path, *rest)

    monkeypatch.setattr(connection, "send", noted)
    given = document("a")
    writer.upsert(NAME, [given, document("b")])
    writer.patch(NAME, [Patch(given["package_id"], {"github_stars": 7})])
    writer.delete(NAME, [given["identifier"]])
    writer.delete_packages(NAME, [document("b")["package_id"]])
    assert len(paths) >= 4
    assert all(each.startswith(f"/collections/{NAME}-1/") for each in paths)


def test_a_large_import_goes_in_parts(writer: IndexWriter) -> None:
    writer.create(NAME)
    text = "words and more words " * 100_000
    given = [document(f"p{n}", description=text) for n in range(9)]
    assert writer.upsert(NAME, given).written == 9
    assert sum(len(each["description"]) for each in writer.iterate(NAME)) == 9 * len(text)


def test_facts_reach_releases_that_are_written_at_the_same_time(writer: IndexWriter) -> None:
    writer.create(NAME)
    package = document("a")["package_id"]
    writer.upsert(NAME, [document("a", "0.0")])
    done = threading.Event()

    def enrich() -> None:
        for stars in range(1, 60):
            writer_too.patch(NAME, [Patch(package, {"github_stars": stars})])
        done.set()

    writer_too = TypesenseWriter(writer._server.connection.address)  # type: ignore[attr-defined]
    thread = threading.Thread(target=enrich)
    thread.start()
    count = 0
    while not done.is_set():
        count += 1
        writer.upsert(NAME, [document("a", f"0.{count}", is_latest=None)])
    thread.join()
    writer_too.close()
    releases = writer.releases(NAME, package)
    assert len(releases) == count + 1
    assert {each["github_stars"] for each in releases} == {59}


def test_pages_far_beyond_the_end(writer: IndexWriter) -> None:
    collide(writer)
    for page in (251, 10**6, 10**30):
        result = search(writer, "volto", page=page, per_page=250, facets=["registry"])
        assert (result.found, result.hits) == (4, [])
        assert result.facets["registry"] == [("npm", 2), ("pypi", 2)]


def test_what_an_iterable_raises_comes_after_what_it_gave(writer: IndexWriter) -> None:
    writer.create(NAME)

    def broken() -> Iterator[Document]:
        yield from (document(f"p{n}") for n in range(1500))
        raise OSError("the source is gone")

    with pytest.raises(OSError, match="gone"):
        writer.upsert(NAME, broken())
    found = writer.collection(NAME)
    assert found is not None
    assert found.documents >= 1000


# texts that only a package's head has in the index


def readme(version: str, **changes: Any) -> Document:
    """A release of pkg with a README of its own."""
    word = f"word{version.replace('.', '')}"
    texts = {
        "first_chapter": f"first {word}",
        "main_content": f"main {word}",
        "changelog": f"changes {word}",
        "description": f"<p>first {word}</p><p>main {word}</p>",
    }
    return document("pkg", version, version_sortable=sort_key(version), **texts | changes)


def searched_sections(writer: IndexWriter, word: str) -> list[str]:
    query = {"q": word, "query_by": "first_chapter,main_content,changelog", "num_typos": 0}
    return sorted(hit["document"]["version"] for hit in raw(writer, query)["hits"])


def kept(writer: IndexWriter) -> dict[str, Any]:
    """What every release has as its main_content, read in each way there is."""
    whole = {each["version"]: each["main_content"] for each in writer.iterate(NAME)}
    some = {each["main_content"] for each in writer.iterate(NAME, ["main_content"])}
    known = writer.known(NAME, ["pkg:pypi/pkg"], ["main_content"])["pkg:pypi/pkg"]
    assert {version: fields["main_content"] for version, fields in known.items()} == whole
    assert some == set(whole.values())
    for each in writer.releases(NAME, "pkg:pypi/pkg"):
        assert each["main_content"] == whole[each["version"]]
        assert writer.get(NAME, each["identifier"]) == each
    return whole


def test_long_texts_are_indexed_on_the_head_and_kept_on_all(writer: IndexWriter) -> None:
    writer.create(NAME)
    writer.upsert(NAME, [readme("1.0"), readme("1.1", is_latest=True)])
    assert searched_sections(writer, "main") == ["1.1"]
    assert kept(writer) == {"1.0": "main word10", "1.1": "main word11"}


def test_a_new_head_takes_the_index_over(writer: IndexWriter) -> None:
    writer.create(NAME)
    writer.upsert(NAME, [readme("1.0"), readme("1.1", is_latest=True)])
    writer.upsert(NAME, [readme("1.1", is_latest=False), readme("1.2", is_latest=True)])
    assert searched_sections(writer, "main") == ["1.2"]
    assert kept(writer) == {"1.0": "main word10", "1.1": "main word11", "1.2": "main word12"}
    again = writer.upsert(NAME, [readme("1.1", is_latest=False), readme("1.2", is_latest=True)])
    assert (again.written, again.unchanged) == (0, 2)


@pytest.mark.parametrize("how", ["delete", "yank", "patch"])
def test_an_old_release_becomes_the_head_again(writer: IndexWriter, how: str) -> None:
    writer.create(NAME)
    old, new = readme("1.0"), readme("1.1", is_latest=True)
    writer.upsert(NAME, [old, new])
    if how == "delete":
        writer.delete(NAME, [new["identifier"]])
    elif how == "yank":
        writer.upsert(NAME, [readme("1.0", is_latest=True), readme("1.1", is_latest=False)])
    else:
        changes = ((new, False), (old, True))
        writer.patch(NAME, [Patch(each["identifier"], {"is_latest": to}) for each, to in changes])
    assert searched_sections(writer, "word10") == ["1.0"]
    assert searched_sections(writer, "word11") == []
    assert kept(writer)["1.0"] == "main word10"
    assert kept(writer).get("1.1") == (None if how == "delete" else "main word11")


def test_texts_of_an_older_release_change(writer: IndexWriter) -> None:
    writer.create(NAME)
    old = readme("1.0")
    writer.upsert(NAME, [old, readme("1.1", is_latest=True)])
    writer.patch(NAME, [Patch(old["identifier"], {"main_content": "other", "changelog": None})])
    found = writer.get(NAME, old["identifier"])
    assert found is not None
    assert (found["first_chapter"], found["main_content"]) == ("first word10", "other")
    assert found["changelog"] is None
    assert searched_sections(writer, "other") == []
    writer.upsert(NAME, [readme("1.0", main_content="third")])
    assert kept(writer) == {"1.0": "third", "1.1": "main word11"}


def test_an_older_release_is_found_by_its_description(writer: IndexWriter) -> None:
    writer.create(NAME)
    fits = {"framework_versions": ["Plone 5.2"]}
    writer.upsert(NAME, [readme("1.0", **fits), readme("1.1", is_latest=True)])
    assert [
        each["version"]
        for each in search(writer, "word10", ("framework_versions", "=", "Plone 5.2")).hits
    ] == ["1.0"]
