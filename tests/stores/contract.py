"""What any index must do: a suite for every IndexWriter.

A store's test module subclasses `IndexContract` and `SearchContract` and provides the fixture
`writer`: an open, empty IndexWriter. The fixture `collection` makes "packages" in it.
"""

from __future__ import annotations

from typing import Any

import pytest

from pyfcrawl.core.document import FIELDS, Owner, at_level, owned_by
from pyfcrawl.core.names import normalized, package_id, release_id
from pyfcrawl.errors import QueryError, StoreError, UnknownCollectionError
from pyfcrawl.stores.index import Document, Filter, IndexWriter, Patch, Query, SearchResult

ENRICHED = owned_by(Owner.GITHUB, Owner.DOWNLOADS)
NAME = "packages"


def document(name: str, version: str = "1.0", registry: str = "pypi", **fields: Any) -> Document:
    """A document as the crawl makes it, with the fields given on top of its identity."""
    numbers = [int(number) for number in version.split(".")]
    return {
        "identifier": release_id(registry, name, version),
        "package_id": package_id(registry, name),
        "registry": registry,
        "name": name,
        "name_sortable": normalized(name, registry),
        "version": version,
        "version_sortable": "1." + ".".join(f"{number:06}" for number in numbers),
        "is_latest": True,
        **fields,
    }


def full_document(name: str = "plone.api", version: str = "2.0") -> Document:
    """A document in which every field of the table has a value."""
    samples: dict[str, Any] = {
        "string": "tæxt \0 'with\" odds 🎉",
        "string[]": ["one", "two words", "it's"],
        "int64": 2**40,
        "float": 0.25,
        "bool": True,
        "json": {"a": [1, 2.5, None, {"b": "ü"}], "z": False},
    }
    filled = {field.name: samples[field.type.value] for field in FIELDS.values()}
    return filled | document(name, version)


def texts_of(result: SearchResult) -> list[str]:
    """Name and version of the hits."""
    return [f"{hit['name']} {hit['version']}" for hit in result.hits]


def names_of(result: SearchResult) -> list[str]:
    """Names of the hits."""
    return [hit["name"] for hit in result.hits]


class IndexContract:
    """Writing and reading back."""

    @pytest.fixture(autouse=True)
    def collection(self, writer: IndexWriter) -> str:
        writer.create(NAME)
        return NAME

    def test_a_document_reads_back_as_it_was_written(self, writer: IndexWriter) -> None:
        given = full_document()
        assert writer.upsert(NAME, [given]).written == 1
        read = writer.get(NAME, given["identifier"])
        assert read is not None
        assert list(read) == list(FIELDS)
        assert read == {
            name: FIELDS[name].empty if name in ENRICHED else value for name, value in given.items()
        }
        assert type(read["yanked"]) is bool

    def test_missing_fields_read_as_their_empty_values(self, writer: IndexWriter) -> None:
        given = document("plone.api")
        writer.upsert(NAME, [given])
        expected = {name: field.empty for name, field in FIELDS.items()} | given
        assert writer.get(NAME, given["identifier"]) == expected

    def test_what_does_not_exist_reads_as_nothing(self, writer: IndexWriter) -> None:
        for strange in ("", "nothing", "\ud800", "a\0b", "x" * 10_000):
            assert writer.get(NAME, strange) is None
            assert writer.releases(NAME, strange) == []
            assert writer.known(NAME, [strange], ["name"]) == {}
            assert writer.package_ids(NAME, strange) == {}
            assert writer.collection(strange) is None
            assert writer.delete(NAME, [strange]) == 0
            assert writer.delete_packages(NAME, [strange]) == 0

    def test_an_unknown_collection_is_told_of_by_every_method(self, writer: IndexWriter) -> None:
        calls = [
            lambda: writer.get("nowhere", "x"),
            lambda: writer.releases("nowhere", "x"),
            lambda: writer.known("nowhere", [], []),
            lambda: writer.package_ids("nowhere", "pypi"),
            lambda: writer.iterate("nowhere"),
            lambda: writer.search("nowhere", Query()),
            lambda: writer.upsert("nowhere", []),
            lambda: writer.upsert("nowhere", [document("a")]),
            lambda: writer.patch("nowhere", [Patch("x", {})]),
            lambda: writer.delete("nowhere", ["x"]),
            lambda: writer.delete_packages("nowhere", ["x"]),
            lambda: writer.get("\ud800", "x"),
        ]
        for call in calls:
            with pytest.raises(UnknownCollectionError):
                call()

    def test_an_equal_document_is_unchanged(self, writer: IndexWriter) -> None:
        given = full_document()
        writer.upsert(NAME, [given])
        again = dict(reversed(given.items())) | {"health_score_last_calculated": 7}
        report = writer.upsert(NAME, [again, document("other")])
        assert (report.written, report.unchanged, report.refused) == (1, 1, [])
        read = writer.get(NAME, given["identifier"])
        assert read is not None
        assert read["health_score_last_calculated"] == 2**40

    def test_a_document_is_replaced_as_a_whole(self, writer: IndexWriter) -> None:
        writer.upsert(NAME, [full_document()])
        bare = document("plone.api", "2.0")
        assert writer.upsert(NAME, [bare]).written == 1
        expected = {name: field.empty for name, field in FIELDS.items()} | bare
        assert writer.get(NAME, bare["identifier"]) == expected

    def test_the_last_of_two_documents_with_one_id_stays(self, writer: IndexWriter) -> None:
        pair = [document("a", summary="first"), document("a", summary="second")]
        assert writer.upsert(NAME, pair).written == 2
        read = writer.get(NAME, pair[0]["identifier"])
        assert read is not None
        assert read["summary"] == "second"

    def test_refused_documents_are_named_and_leave_neighbours_alone(
        self, writer: IndexWriter
    ) -> None:
        loop: list[Any] = []
        loop.append(loop)
        deep: Any = 0
        for _ in range(5000):
            deep = [deep]
        broken = [
            document("b") | {"version": None},
            document("c", is_latest="yes"),
            document("d", upload_timestamp=2**63),
            document("e", keywords="one, two"),
            document("f", summary="\ud800"),
            document("g", invented=1),
            document("h", urls=loop),
            document("i", urls=deep),
            document("j", urls={1, 2}),
            document("k", npm_final_score=10**400),
        ]
        report = writer.upsert(NAME, [document("a"), *broken, document("z")])
        assert report.written == 2
        assert [each.identifier for each in report.refused] == [d["identifier"] for d in broken]
        reasons = ["version", "is_latest", "upload_timestamp", "keywords", "summary", "invented"]
        reasons += ["urls", "urls", "urls", "npm_final_score"]
        for refusal, field in zip(report.refused, reasons, strict=True):
            assert field in refusal.reason
            assert "\n" not in refusal.reason
        found = writer.collection(NAME)
        assert found is not None
        assert found.documents == 2

    def test_what_is_no_document_at_all_is_refused(self, writer: IndexWriter) -> None:
        junk: list[Any] = [None, 7, "text", [], {}, {"identifier": ["x"]}, {"identifier": "\ud800"}]
        report = writer.upsert(NAME, [*junk, document("a")])
        assert (report.written, len(report.refused)) == (1, len(junk))

    def test_more_than_a_batch_and_from_a_generator(self, writer: IndexWriter) -> None:
        given = [document(f"package-{number}") for number in range(1203)]
        assert writer.upsert(NAME, (each for each in given)).written == 1203
        names = [each["identifier"] for each in writer.iterate(NAME, ["identifier"])]
        assert names == sorted(each["identifier"] for each in given)

    def test_iterate_gives_whole_documents_or_some_fields(self, writer: IndexWriter) -> None:
        given = full_document()
        writer.upsert(NAME, [given, document("aaa")])
        whole = list(writer.iterate(NAME))
        assert [each["name"] for each in whole] == ["aaa", "plone.api"]
        assert whole[1] == writer.get(NAME, given["identifier"])
        some = list(writer.iterate(NAME, ["urls", "release_count", "title"]))
        assert list(some[1]) == ["urls", "release_count", "title"]
        assert some[1] == {name: given[name] for name in some[1]}
        with pytest.raises(QueryError, match="invented"):
            writer.iterate(NAME, ["invented"])

    def test_iterate_gives_the_latest_release_of_each_package(self, writer: IndexWriter) -> None:
        versions = ["1.0", "2.0", "3.0"]
        writer.upsert(NAME, [document("a", each, is_latest=each == "2.0") for each in versions])
        writer.upsert(NAME, [document("b", "1.1", is_latest=False)])
        found = writer.iterate(NAME, ["name", "version"], latest=True)
        assert [(each["name"], each["version"]) for each in found] == [("a", "2.0"), ("b", "1.1")]

    def test_the_index_may_be_written_while_it_is_iterated(self, writer: IndexWriter) -> None:
        writer.upsert(NAME, [document(f"package-{number:04}") for number in range(1100)])
        seen = 0
        for each in writer.iterate(NAME, ["identifier"]):
            seen += writer.delete(NAME, [each["identifier"]])
        assert seen == 1100

    def test_releases_come_newest_first(self, writer: IndexWriter) -> None:
        versions = ["1.9", "1.10", "0.1", "2.0"]
        writer.upsert(NAME, [document("a", each, is_latest=each == "2.0") for each in versions])
        writer.upsert(NAME, [document("b")])
        found = writer.releases(NAME, package_id("pypi", "a"))
        assert [each["version"] for each in found] == ["2.0", "1.10", "1.9", "0.1"]

    def test_known_answers_for_many_packages_at_once(self, writer: IndexWriter) -> None:
        writer.upsert(NAME, [document("a"), document("a", "2.0", yanked=True), document("b")])
        ids = [package_id("pypi", name) for name in ("a", "c", *map(str, range(2000)))]
        assert writer.known(NAME, ids, ["yanked", "urls", "github_stars"]) == {
            ids[0]: {
                "1.0": {"yanked": None, "urls": None, "github_stars": None},
                "2.0": {"yanked": True, "urls": None, "github_stars": None},
            }
        }
        assert writer.known(NAME, ids[:1], []) == {ids[0]: {"1.0": {}, "2.0": {}}}

    def test_package_ids_by_registry(self, writer: IndexWriter) -> None:
        writer.upsert(NAME, [document("plone.api"), document("plone.api", "2.0")])
        writer.upsert(NAME, [document("@plone/volto", registry="npm")])
        assert writer.package_ids(NAME, "pypi") == {"pkg:pypi/plone-api": "plone.api"}
        assert writer.package_ids(NAME, "npm") == {"pkg:npm/%40plone/volto": "@plone/volto"}

    # package facts and enrichment

    def test_package_fields_are_one_for_all_releases(self, writer: IndexWriter) -> None:
        writer.upsert(NAME, [document("a", "1.0", release_count=1)])
        writer.upsert(NAME, [document("a", "2.0", release_count=2)])
        counts = {each["version"]: each["release_count"] for each in writer.iterate(NAME)}
        assert counts == {"1.0": 2, "2.0": 2}

    def test_an_upsert_never_touches_enrichment(self, writer: IndexWriter) -> None:
        first = document("a", "1.0", github_stars=99)
        writer.upsert(NAME, [first])
        assert _field(writer, first, "github_stars") is None
        facts = {"github_stars": 5, "contributors": [{"login": "x"}], "download_last_month": 7}
        assert writer.patch(NAME, [Patch(first["package_id"], facts)]).written == 1
        assert writer.upsert(NAME, [first | {"github_stars": None}]).unchanged == 1
        second = document("a", "2.0", github_stars=None, contributors=None)
        writer.upsert(NAME, [second, first | {"summary": "new", "download_last_month": 0}])
        for each in (first, second):
            assert {name: _field(writer, each, name) for name in facts} == facts

    def test_facts_go_with_the_last_release(self, writer: IndexWriter) -> None:
        pair = [document("a", "1.0"), document("a", "2.0")]
        writer.upsert(NAME, pair)
        writer.patch(NAME, [Patch(pair[0]["package_id"], {"github_stars": 5})])
        writer.delete(NAME, [pair[0]["identifier"]])
        assert _field(writer, pair[1], "github_stars") == 5
        writer.delete(NAME, [pair[1]["identifier"]])
        assert writer.package_ids(NAME, "pypi") == {}
        writer.upsert(NAME, pair)
        assert _field(writer, pair[1], "github_stars") is None

    def test_patches_change_only_what_they_name(self, writer: IndexWriter) -> None:
        pair = [full_document(version="1.0"), full_document(version="2.0")]
        writer.upsert(NAME, pair)
        before = writer.get(NAME, pair[0]["identifier"])
        assert before is not None
        changes = {"is_latest": False, "yanked_reason": None, "summary": "other", "keywords": ["k"]}
        report = writer.patch(NAME, [Patch(pair[0]["identifier"], changes)])
        assert (report.written, report.unchanged) == (1, 0)
        assert writer.get(NAME, pair[0]["identifier"]) == before | changes
        assert _field(writer, pair[1], "summary") == pair[1]["summary"]

    def test_a_patch_by_package_changes_all_its_releases(self, writer: IndexWriter) -> None:
        pair = [document("a", "1.0"), document("a", "2.0")]
        writer.upsert(NAME, [*pair, document("b")])
        report = writer.patch(NAME, [Patch(pair[0]["package_id"], {"health_score": 50})])
        assert report.written == 1
        scores = {each["identifier"]: each["health_score"] for each in writer.iterate(NAME)}
        assert list(scores.values()) == [50, 50, None]

    def test_a_patch_by_release_of_a_package_field_changes_the_package(
        self, writer: IndexWriter
    ) -> None:
        pair = [document("a", "1.0"), document("a", "2.0")]
        writer.upsert(NAME, pair)
        writer.patch(NAME, [Patch(pair[0]["identifier"], {"github_stars": 3})])
        assert _field(writer, pair[1], "github_stars") == 3

    def test_only_real_changes_of_things_that_exist_count(self, writer: IndexWriter) -> None:
        given = full_document()
        writer.upsert(NAME, [given])
        patches = [
            Patch(given["identifier"], {}),
            Patch(given["identifier"], {"summary": given["summary"], "urls": given["urls"]}),
            Patch(given["identifier"], {"health_score_last_calculated": 1}),
            Patch(given["package_id"], {"release_count": given["release_count"]}),
            Patch("pkg:pypi/nothing", {"github_stars": 1}),
        ]
        report = writer.patch(NAME, patches)
        assert (report.written, report.unchanged, report.refused) == (0, len(patches), [])
        assert writer.patch(NAME, [Patch(given["package_id"], {"github_stars": 1})]).written == 1
        assert writer.package_ids(NAME, "pypi") == {given["package_id"]: given["name"]}

    def test_wrong_patches_are_refused_by_target(self, writer: IndexWriter) -> None:
        given = document("a")
        target = given["identifier"]
        writer.upsert(NAME, [given])
        before = writer.get(NAME, target)
        wrong: list[dict[str, Any]] = [
            {"invented": 1},
            {"github_stars": "many"},
            {"identifier": "other"},
            {"version": "2.0"},
            {"urls": {1, 2}, "summary": "x"},
        ]
        report = writer.patch(NAME, [Patch(target, each) for each in wrong])
        assert (report.written, report.unchanged) == (0, 0)
        assert [each.identifier for each in report.refused] == [target] * len(wrong)
        assert writer.get(NAME, target) == before

    # deleting

    def test_delete_counts_what_was_there(self, writer: IndexWriter) -> None:
        given = [document("a", "1.0"), document("a", "2.0"), document("b")]
        writer.upsert(NAME, given)
        ids = [given[0]["identifier"], "missing", given[0]["identifier"]]
        assert writer.delete(NAME, ids) == 1
        assert writer.delete(NAME, ids) == 0
        assert [each["version"] for each in writer.iterate(NAME)] == ["2.0", "1.0"]

    def test_delete_packages_takes_only_those_packages(self, writer: IndexWriter) -> None:
        names = ["plone.volto", "plone-volto-addon", "plonevolto"]
        writer.upsert(NAME, [document(name, each) for name in names for each in ("1.0", "2.0")])
        writer.upsert(NAME, [document("@plone/volto", registry="npm")])
        assert writer.delete_packages(NAME, [package_id("pypi", names[0]), "missing"]) == 2
        left = {each["name"] for each in writer.iterate(NAME)}
        assert left == {*names[1:], "@plone/volto"}
        assert writer.search(NAME, Query(text="plone.volto", grouped=False)).hits[0]["name"] in left

    # collections and aliases

    def test_create_is_idempotent_and_generations_are_fresh(self, writer: IndexWriter) -> None:
        first = writer.create(NAME)
        writer.upsert(NAME, [document("a"), document("a", "2.0")])
        again = writer.create(NAME)
        assert (again.generation, again.documents, again.packages) == (first.generation, 2, 1)
        assert writer.drop(NAME) is True
        assert writer.drop(NAME) is False
        assert writer.collection(NAME) is None
        fresh = writer.create(NAME)
        assert fresh.documents == 0
        assert fresh.generation not in ("", first.generation)
        assert list(writer.iterate(NAME)) == []

    def test_collections_are_apart(self, writer: IndexWriter) -> None:
        writer.create("other")
        writer.upsert(NAME, [document("a", summary="only here")])
        writer.upsert("other", [document("a", "3.0", release_count=3)])
        assert [each.name for each in writer.collections()] == ["other", NAME]
        assert [each["version"] for each in writer.iterate(NAME)] == ["1.0"]
        assert writer.search("other", Query(text="only here")).found == 0
        assert _field(writer, document("a"), "release_count") is None
        writer.drop("other")
        assert [each.name for each in writer.collections()] == [NAME]
        assert writer.search(NAME, Query(text="only here")).found == 1

    def test_aliases_stand_for_their_collection(self, writer: IndexWriter) -> None:
        writer.alias("live", NAME)
        assert writer.aliases() == {"live": NAME}
        assert writer.upsert("live", [document("a")]).written == 1
        assert writer.get("live", document("a")["identifier"]) is not None
        found = writer.collection("live")
        assert found is not None
        assert found.name == NAME
        writer.create("next")
        writer.alias("live", "next")
        assert writer.aliases() == {"live": "next"}
        assert list(writer.iterate("live")) == []

    def test_wrong_aliases_are_refused(self, writer: IndexWriter) -> None:
        writer.create("other")
        for name, target in ((NAME, "other"), ("live", "missing"), ("", NAME), ("\ud800", NAME)):
            with pytest.raises(StoreError):
                writer.alias(name, target)
        assert writer.aliases() == {}

    def test_an_alias_goes_with_its_collection(self, writer: IndexWriter) -> None:
        writer.alias("live", NAME)
        writer.drop(NAME)
        assert writer.aliases() == {}
        with pytest.raises(UnknownCollectionError):
            writer.get("live", "x")

    @pytest.mark.parametrize("name", ["", " ", "a\nb", "\ud800", "x" * 1000, None, 5])
    def test_names_that_cannot_be(self, writer: IndexWriter, name: Any) -> None:
        with pytest.raises(StoreError):
            writer.create(name)

    def test_closing_twice_is_fine(self, writer: IndexWriter) -> None:
        writer.close()
        writer.close()
        with pytest.raises(StoreError):
            writer.collections()

    def test_package_fields_are_known_to_the_table(self) -> None:
        """The tests above name fields; if one moves to another level they must move too."""
        assert {"release_count", "github_stars", "contributors"} <= at_level("package")
        assert {"summary", "is_latest", "urls", "health_score"} <= at_level("release")


def _field(writer: IndexWriter, of: Document, name: str) -> Any:
    found = writer.get(NAME, of["identifier"])
    assert found is not None
    return found[name]


def search(writer: IndexWriter, text: str = "", *filters: tuple[str, str, Any], **more: Any):
    """Search "packages"; filters as (field, operator, value)."""
    conditions = [Filter(*each) for each in filters]
    return writer.search(NAME, Query(text=text, filters=conditions, **more))
