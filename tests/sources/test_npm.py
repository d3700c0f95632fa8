"""What npm, its counters and jsDelivr say, read as it is meant; nonsense gives SourceError only."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfcrawl.core.build import build_document
from pyfcrawl.core.document import problem_with
from pyfcrawl.core.readme import EMPTY
from pyfcrawl.errors import SourceError
from pyfcrawl.sources import jsdelivr, npm, npm_downloads, npm_search, npm_visit
from pyfcrawl.sources.npm_links import page, repository_page
from pyfcrawl.sources.npm_metadata import metadata_of

ROOT = "https://npm.example"


def packument(**keys: Any) -> npm.Packument:
    """A packument of `x` with two versions, read; `keys` replace its own."""
    payload = {
        "name": "x",
        "dist-tags": {"latest": "1.0.0"},
        "versions": {"1.0.0": {"keywords": ["Plone"]}, "2.0.0-beta": {}},
        "time": {"modified": "2024-02-01T00:00:00.000Z", "1.0.0": "2024-01-01T00:00:00.000Z"},
    }
    return npm.read_packument(json.dumps(payload | keys).encode(), "x")


def metadata(**entry: Any) -> dict[str, Any]:
    return metadata_of("@plone/x", "1.0.0", entry)


# --- addresses ----------------------------------------------------------------------------------


def test_addresses() -> None:
    assert npm.packument_url(ROOT, "@plone/volto") == f"{ROOT}/@plone%2Fvolto"
    assert npm.packument_url(ROOT, "volto") == f"{ROOT}/volto"
    search = npm_search.search_url(ROOT, "keywords:plone", 250)
    assert search == f"{ROOT}/-/v1/search?text=keywords%3Aplone&size=250&from=250"
    file = jsdelivr.file_url(ROOT, "@plone/volto", "1.0.0+b")
    assert file == f"{ROOT}/npm/@plone/volto@1.0.0%2Bb/README.md"
    files = jsdelivr.files_url(ROOT, "volto", "1.0.0")
    assert files == f"{ROOT}/v1/packages/npm/volto@1.0.0?structure=flat"
    point = npm_downloads.point_url(ROOT, "last-day", ["a", "b"])
    assert point == f"{ROOT}/downloads/point/last-day/a,b"


def test_what_is_searched_for() -> None:
    texts = npm_search.search_texts(["plone", "plone cms", "plone"], ["@plone"])
    assert texts == ["keywords:plone", 'keywords:"plone cms"', "scope:plone"]


@pytest.mark.parametrize("name", ["x", "@plone/volto", "JSONStream", "a.b_c-d", "_x", "@a/_b", "1"])
def test_names(name: str) -> None:
    assert npm.is_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", "..", "../x", ".x", "a/b", "@a", "@a/../b", "@/b", "a b", "a?b", "a\n", "x" * 215),
        *(None, 7, "@../x", "a%2fb", "é", "@a/b/c"),
    ],
)
def test_no_names(name: Any) -> None:
    assert not npm.is_name(name)


# --- search -------------------------------------------------------------------------------------


def searched(*objects: Any, **keys: Any) -> npm_search.Page:
    return npm_search.read_search(json.dumps({"objects": list(objects), **keys}).encode())


def rated(name: str, *, quality: Any, popularity: Any, final: Any = 0.5) -> dict[str, Any]:
    detail = {"quality": quality, "popularity": popularity, "maintenance": 0.3}
    return {"package": {"name": name}, "score": {"final": final, "detail": detail}}


def test_a_page_of_results() -> None:
    found = searched(
        {"package": {"name": "@plone/x", "keywords": "Plone, Volto"}},
        {"package": {"name": "../evil"}},
        {"package": {"keywords": ["plone"]}},
        {"package": {"name": "y"}},
        {"package": {"name": "z", "keywords": []}},
        total=812,
    )
    assert [(hit.name, hit.keywords) for hit in found.hits] == [
        ("@plone/x", {"plone", "volto"}),
        ("y", None),
        ("z", set()),
    ]
    assert (found.count, found.total) == (5, 812)


@pytest.mark.parametrize(
    ("results", "fields"),
    [
        (
            [rated("a", quality=0.9, popularity=0.2), rated("b", quality=0.8, popularity=0.1)],
            {"a", "b"},
        ),
        ([rated("a", quality=0.9, popularity=0.2), rated("b", quality=0.9, popularity=0.2)], set()),
        ([rated("a", quality=0.3, popularity=0.3)], set()),
        ([rated("a", quality=0.9, popularity=0.2)], {"a"}),
        ([rated("a", quality=0.9, popularity=0.2, final=312.5)], set()),
        ([rated("a", quality=True, popularity=0.2)], set()),
        ([rated("a", quality="0.9", popularity=None)], set()),
        ([{"package": {"name": "a"}, "score": 7}], set()),
    ],
)
def test_scores_only_where_they_tell_packages_apart(
    results: list[dict[str, Any]], fields: set[str]
) -> None:
    hits = {hit.name: hit for hit in searched(*results).hits}
    scores = npm_search.score_fields(hits)
    assert scores.keys() == fields
    if fields:
        assert scores["a"] == {
            "npm_final_score": 0.5,
            "npm_quality_score": 0.9,
            "npm_popularity_score": 0.2,
            "npm_maintenance_score": 0.3,
        }


# --- packuments ---------------------------------------------------------------------------------


def test_what_is_listed_of_versions() -> None:
    dist = {"tarball": "https://npm.example/x/-/x-1.0.0.tgz?a", "shasum": "ab", "unpackedSize": 9}
    found = packument(
        versions={"1.0.0": {"dist": dist, "deprecated": "use 2"}, "0.9.0": {"deprecated": ""}},
        time={"1.0.0": "2024-01-02T00:00:00.000Z", "0.9.0": "2024-01-01T00:00:00Z", "0.1": "x"},
    )
    assert found.releases["1.0.0"] == {
        "is_latest": True,
        "yanked": True,
        "yanked_reason": "use 2",
        "upload_timestamp": 1704153600,
        "urls": [
            {
                "filename": "x-1.0.0.tgz",
                "url": dist["tarball"],
                "packagetype": "tarball",
                "sha1": "ab",
                "integrity": None,
                "unpacked_size": 9,
                "file_count": None,
                "upload_timestamp": 1704153600,
                "yanked": True,
            }
        ],
    }
    assert found.releases["0.9.0"]["yanked"] is False
    assert found.package == {"release_count": 2, "first_upload_timestamp": 1704067200}


@pytest.mark.parametrize(
    ("deprecated", "yanked", "reason"),
    [
        ("old", True, "old"),
        (True, True, None),
        ("", False, None),
        ("  ", False, None),
        (False, False, None),
        (None, False, None),
        ({"a": 1}, False, None),
        (7, False, None),
    ],
)
def test_deprecated(deprecated: Any, yanked: bool, reason: str | None) -> None:
    found = packument(versions={"1.0.0": {"deprecated": deprecated}}).releases["1.0.0"]
    assert (found["yanked"], found["yanked_reason"]) == (yanked, reason)


@pytest.mark.parametrize(
    ("tags", "latest", "whole"),
    [
        ({"latest": "1.0.0"}, "1.0.0", True),
        ({"latest": "2.0.0-beta"}, "2.0.0-beta", True),
        ({"latest": "7.0.0"}, "1.0.0", False),
        ({}, "1.0.0", False),
        (None, "1.0.0", False),
        ({"latest": ["1.0.0"]}, "1.0.0", False),
    ],
)
def test_latest(tags: Any, latest: str, whole: bool) -> None:
    found = packument(**{"dist-tags": tags})
    assert (found.latest, found.whole) == (latest, whole)
    assert [each for each, fields in found.releases.items() if fields["is_latest"]] == [latest]
    assert bool(found.package) is whole


def test_keywords_are_the_latest_versions() -> None:
    assert packument().keywords == {"plone"}
    assert packument(**{"dist-tags": {"latest": "2.0.0-beta"}}).keywords == set()


def test_unpublished() -> None:
    hollow = {"modified": "2024", "unpublished": {"time": "2024", "versions": ["1.0.0"]}}
    body = json.dumps({"name": "x", "time": hollow}).encode()
    assert npm.read_packument(body, "x").unpublished
    assert not packument().unpublished


def test_the_readme_of_the_packument_is_the_latest_versions() -> None:
    found = packument(readme="Hello\n=====", readmeFilename="README.RST")
    assert found.metadata("1.0.0")["description"] == "Hello\n====="
    assert found.metadata("1.0.0")["description_content_type"] == "text/x-rst"
    assert "description" not in found.metadata("2.0.0-beta")
    none = packument(readme="ERROR: No README data found!")
    assert "description" not in none.metadata("1.0.0")


def test_half_a_character_is_no_junk() -> None:
    text = rb"cut \ud83d, low \uDE00, whole \ud83d\ude00, none \\ud83d, quoted \"\ud83d"
    body = b'{"name":"x","versions":{"1.0.0":{"description":"' + text + b'"}}}'
    found = npm.read_packument(body, "x").metadata("1.0.0")["summary"]
    assert found == 'cut \ufffd, low \ufffd, whole \U0001f600, none \\ud83d, quoted "\ufffd'


def test_the_latest_version_has_what_is_said_of_the_package() -> None:
    found = packument(description="Text", homepage="https://x.example", keywords=["other"])
    latest = found.metadata("1.0.0")
    assert (latest["summary"], latest["home_page"]) == ("Text", "https://x.example")
    assert latest["keywords"] == ["Plone"]  # its own
    assert found.metadata("2.0.0-beta")["summary"] is None


def test_maintainers_of_today_stand_in() -> None:
    found = packument(maintainers=[{"name": "ada", "email": "ada@example.org"}])
    assert found.metadata("1.0.0")["maintainer"] == "ada"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"null",
        b"[]",
        b'{"name":"x"}',
        b'{"name":"x","versions":{}}',
        b'{"name":"x","versions":{"1.0.0":null}}',
        b'{"name":"x","versions":{"1.0.0":[]}}',
        b'{"name":"x","versions":[]}',
        b'{"name":"y","versions":{"1.0.0":{}}}',
        b'{"name":7,"versions":{"1.0.0":{}}}',
        b'{"name":"x","time":{"unpublished":true}}',
        b'{"name":"x","versions":{"1.0.0":{}}',
        b"<html></html>",
        b'{"error":"Not found"}',
        b'{"name":"x","versions":{"1.0.0":' + b'{"a":' * 100_000,
        b'{"name":"\xff","versions":{}}',
        b'{"name":"x","versions":{"1.0.0":{"keywords":{"plone":true}}}}',
        b'{"name":"x","keywords":7,"versions":{"1.0.0":{}}}',
        b'{"name":"x","versions":{"1.0.0":{"description":"\\ud83dand no more',
    ],
)
def test_junk_is_no_packument(body: bytes) -> None:
    with pytest.raises(SourceError):
        npm.read_packument(body, "x")


JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "x", "1.0.0", "a <b@c> (d)", "git@h.example:a/b", "MIT", "\0", "🙂"])
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["name", "email", "url", "type", "latest", "1.0.0", "tarball", "shasum"]
            )
            | st.text(max_size=4),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
ENTRY_KEYS = st.sampled_from(
    [
        *("name", "version", "keywords", "description", "license", "licenses", "author"),
        *("contributors", "maintainers", "homepage", "repository", "bugs", "funding"),
        *("dependencies", "dist", "deprecated", "readme", "readmeFilename"),
    ]
)
ENTRIES = st.dictionaries(ENTRY_KEYS, JSON_VALUES, max_size=8)
PACKUMENT_KEYS = st.sampled_from(["dist-tags", "time", "maintainers", "readme", "readmeFilename"])


@given(
    st.dictionaries(st.sampled_from(["1.0.0", "2.0.0"]) | st.text(max_size=5), ENTRIES, max_size=3),
    st.dictionaries(PACKUMENT_KEYS, JSON_VALUES, max_size=4),
)
def test_hostile_packuments_give_sound_documents_or_source_errors(
    versions: dict[str, Any], keys: dict[str, Any]
) -> None:
    body = json.dumps({"name": "x", "versions": versions, **keys}).encode()
    try:
        found = npm.read_packument(body, "x")
    except SourceError:
        return
    for version, listing in found.releases.items():
        given = listing | found.package
        document = build_document("npm", "x", version, found.metadata(version), given, None, EMPTY)
        assert problem_with(document) is None


@given(JSON_VALUES)
def test_hostile_answers_of_any_kind_give_source_errors_only(value: Any) -> None:
    for payload in (value, {"objects": value}, {"files": value}, {"objects": [{"package": value}]}):
        body = json.dumps(payload).encode()
        for read in (npm_search.read_search, jsdelivr.find_readme):
            try:
                read(body)  # type: ignore[operator]
            except SourceError:
                continue
        try:
            npm_downloads.read_point(body, ["x", "name"])
        except SourceError:
            continue


# --- metadata -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "license", "expression"),
    [
        ({"license": "MIT"}, "MIT", "MIT"),
        ({"license": "(MIT OR Apache-2.0)"}, "(MIT OR Apache-2.0)", "MIT OR Apache-2.0"),
        ({"license": {"type": "BSD-3-Clause", "url": "u"}}, "BSD-3-Clause", "BSD-3-Clause"),
        ({"license": ["MIT", {"type": "ISC"}]}, "MIT OR ISC", "MIT OR ISC"),
        ({"licenses": [{"type": "MIT"}]}, "MIT", "MIT"),
        ({"license": "UNLICENSED"}, "UNLICENSED", None),
        ({"license": "SEE LICENSE IN LICENSE.md"}, "SEE LICENSE IN LICENSE.md", None),
        ({"license": {"type": {"a": 1}}}, None, None),
        ({}, None, None),
    ],
)
def test_licenses(entry: dict[str, Any], license: str | None, expression: str | None) -> None:
    document = build_document("npm", "x", "1.0.0", metadata(**entry), {}, None, EMPTY)
    assert (document["license"], document["license_expression"]) == (license, expression)


@pytest.mark.parametrize(
    ("author", "name", "mail"),
    [
        ("Ada <ada@example.org> (https://ada.example)", "Ada", "ada@example.org"),
        ("Ada", "Ada", None),
        ("Ada (https://ada.example)", "Ada", None),
        ("<ada@example.org>", None, "ada@example.org"),
        ("ada@example.org", None, "ada@example.org"),
        ({"name": "Ada", "email": "ada@example.org"}, "Ada", "ada@example.org"),
        ({"name": "Ada <ada@example.org>"}, "Ada", "ada@example.org"),
        ({"name": "Ada", "email": "x@y>, z"}, "Ada", None),
        ({"email": ["a"]}, None, None),
        (["Ada <a@b.c>", "Grace <g@b.c>", 7], "Ada, Grace", "a@b.c, g@b.c"),
        ("", None, None),
        (7, None, None),
    ],
)
def test_people(author: Any, name: str | None, mail: str | None) -> None:
    found = metadata(author=author)
    assert (found["author"], found["author_email"]) == (name, mail)
    found = metadata(maintainers=author)
    assert (found["maintainer"], found["maintainer_email"]) == (name, mail)


def test_contributors_stand_in_for_an_author() -> None:
    assert metadata(contributors=[{"name": "Grace"}])["author"] == "Grace"
    assert metadata(author="Ada", contributors=[{"name": "Grace"}])["author"] == "Ada"


def test_dependencies() -> None:
    found = metadata(dependencies={"a": "^1", "@b/c": "", "d": {"x": 1}, "e": "npm:f@2"})
    assert found["requires_dist"] == ["a@^1", "@b/c@*", "e@npm:f@2"]
    assert metadata(dependencies=["a"])["requires_dist"] == []
    assert metadata(peerDependencies={"react": "*"})["requires_dist"] == []


def test_pages_of_the_registry() -> None:
    found = metadata()
    assert found["project_url"] == found["package_url"]
    assert found["project_url"].endswith("/package/@plone/x")
    assert found["release_url"].endswith("/package/@plone/x/v/1.0.0")


@pytest.mark.parametrize(
    "declared",
    [
        "git+https://github.com/plone/volto.git",
        "git://github.com/plone/volto.git",
        "git+ssh://git@github.com/plone/volto.git",
        "ssh://git@github.com/plone/volto.git#main",
        "git@github.com:plone/volto.git",
        "github:plone/volto",
        "plone/volto",
        "http://www.github.com/plone/volto/",
        "https://github.com/plone/volto/tree/main/packages/volto",
        "git+https://SECRET@github.com/plone/volto.git",
        {"type": "git", "url": "https://github.com/plone/volto.git", "directory": "packages/x"},
        [{"url": "github:plone/volto"}],
    ],
)
def test_a_repository_becomes_a_page(declared: Any) -> None:
    assert repository_page(declared) == "https://github.com/plone/volto"
    found = metadata(repository=declared)
    assert found["home_page"] == found["repository_url"] == "https://github.com/plone/volto"


@pytest.mark.parametrize(
    ("declared", "wanted"),
    [
        ("gitlab:a/b", "https://gitlab.com/a/b"),
        ("bitbucket:a/b", "https://bitbucket.org/a/b"),
        ("gist:11081aaa281", "https://gist.github.com/11081aaa281"),
        ("https://user:pw@git.example.org/a/b.git", "https://git.example.org/a/b"),
        ("git@git.example.org:a/b.git", "https://git.example.org/a/b"),
        ("ssh://git@git.example.org:2222/a/b.git", "https://git.example.org/a/b"),
        ("git+http://git.example.org:3000/a/b", "http://git.example.org:3000/a/b"),
        ("svn://svn.example.org/x", None),
        ("file:../x", None),
        ("javascript:alert(1)", None),
        ("", None),
        ({"url": ["x"]}, None),
        (7, None),
        ("x" * 5_000, None),
    ],
)
def test_repositories_elsewhere(declared: Any, wanted: str | None) -> None:
    assert repository_page(declared) == wanted


@pytest.mark.parametrize(
    ("declared", "wanted"),
    [
        ("https://volto.example.org/docs", "https://volto.example.org/docs"),
        ("https://me:secret@volto.example.org/", "https://volto.example.org/"),
        ("https://github.com/plone/volto#readme", "https://github.com/plone/volto#readme"),
        ("git+https://github.com/plone/volto.git", "https://github.com/plone/volto"),
        ({"url": "https://volto.example.org", "email": "x@y"}, "https://volto.example.org"),
        ("javascript:alert(1)", None),
        (True, None),
    ],
)
def test_pages(declared: Any, wanted: str | None) -> None:
    assert page(declared) == wanted


def test_labelled_links() -> None:
    found = metadata(
        homepage="https://volto.example.org",
        bugs={"url": "https://github.com/plone/volto/issues"},
        repository="plone/volto",
    )
    assert found["project_urls"] == {
        "Homepage": "https://volto.example.org",
        "Repository": "https://github.com/plone/volto",
        "Issues": "https://github.com/plone/volto/issues",
    }
    assert found["home_page"] == "https://volto.example.org"


# --- READMEs and counts -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        (["/index.js", "/readme.md"], "readme.md"),
        (["/README.rst", "/Readme.markdown"], "Readme.markdown"),
        (["/README.de.md", "/README"], "README"),
        (["/README.txt", "/README.zh-CN.md"], "README.txt"),
        (["/README.zh-CN.md"], "README.zh-CN.md"),
        (["/docs/README.md", "/readme.js", "/readme.png"], None),
        (["/../README.md", 7, None], None),
        ([], None),
    ],
)
def test_the_readme_among_files(files: list[Any], wanted: str | None) -> None:
    body = json.dumps({"files": [{"name": name} for name in files]}).encode()
    assert jsdelivr.find_readme(body) == wanted


def test_groups_of_names() -> None:
    names = [f"p{number}" for number in range(300)] + ["@a/b", "@a/c", "p1"]
    groups = list(npm_downloads.groups(names))
    assert [len(each) for each in groups] == [128, 128, 44, 1, 1]
    assert sorted(name for group in groups for name in group) == sorted(set(names))


def read(answer: Any, *names: str) -> dict[str, int | None]:
    return npm_downloads.read_point(json.dumps(answer).encode(), names)


def test_download_counts() -> None:
    assert read({"a": {"downloads": 3}, "b": None}, "a", "b") == {"a": 3, "b": None}
    assert read({"downloads": 0, "package": "a", "start": "x"}, "a") == {"a": 0}
    assert read({"downloads": 5, "package": "downloads"}, "downloads") == {"downloads": 5}
    assert read({"a": {"downloads": -1}, "b": {"downloads": 2}}, "a", "b") == {"b": 2}
    assert read({"a": 7, "b": {"downloads": True}}, "a", "b") == {}
    assert read({"a": {"downloads": 1}}, "a", "c") == {"a": 1, "c": None}


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"error": "x"}, {"downloads": "3"}, {"downloads": 3, "package": "b"}]
)
def test_no_download_counts(answer: Any) -> None:
    with pytest.raises(SourceError):
        read(answer, "a")


# --- visits -------------------------------------------------------------------------------------


def test_a_new_package_is_fetched_whole() -> None:
    changes = npm_visit.compare(packument(), {"plone": {}}, "0:0:x", {"npm_final_score": 0.5})
    assert changes.items == []
    assert sorted(each.version for each in changes.fetch) == ["1.0.0", "2.0.0-beta"]
    for item in changes.fetch:
        assert (item.registry, item.name, item.visit) == ("npm", "x", "0:0:x")
        assert item.metadata["platform"] == ["node"]
        assert item.listing["npm_final_score"] == 0.5
        assert item.listing["release_count"] == 2


def test_indexed_versions_are_only_listed_and_vanished_ones_go() -> None:
    known: dict[str, Any] = {"1.0.0": {"github_stars": 7}, "0.1.0": {}}
    listing, gone = (changes := npm_visit.compare(packument(), {"plone": known}, "v", {})).items
    assert listing.releases.keys() == {"1.0.0"}  # type: ignore[union-attr]
    assert (gone.registry, gone.versions) == ("npm", ["0.1.0"])  # type: ignore[union-attr]
    assert [each.version for each in changes.fetch] == ["2.0.0-beta"]
    assert changes.fetch[0].facts == {"github_stars": 7}


def test_nothing_vanishes_from_a_packument_that_is_not_whole() -> None:
    found = packument(**{"dist-tags": {"latest": "3.0.0"}})
    changes = npm_visit.compare(found, {"plone": {"0.1.0": {}}}, "v", {})
    assert changes.items == []
    assert npm_visit.gone("x", [], "why", "v") == []
