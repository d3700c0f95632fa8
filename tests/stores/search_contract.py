"""How any index must answer a search; the other half of contract.py."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyfcrawl.errors import QueryError
from pyfcrawl.stores.index import Filter, IndexWriter, Patch, Query
from tests.stores.contract import NAME, document, names_of, search, texts_of

#: The test's method is run by the subclasses of several stores.
_SHARED_METHODS = [HealthCheck.function_scoped_fixture, HealthCheck.differing_executors]

_DAY = 86_400
_2024 = 1_704_067_200  # 2024-01-01T00:00:00Z

PACKAGES = [
    document(
        "plone.api",
        "1.0",
        is_latest=False,
        summary="A Plone API",
        framework_versions=["Plone 5.2"],
        upload_timestamp=_2024 - 400 * _DAY,
        health_score=10,
    ),
    document(
        "plone.api",
        "2.0",
        summary="A Plone API",
        keywords=["plone", "api"],
        framework_versions=["Plone 6.0", "Plone 6.1"],
        license_expression="GPL-2.0-only",
        upload_timestamp=_2024 + _DAY // 2,
        health_score=90,
        yanked=False,
        main_content="Call portal and content functions easily.",
    ),
    document(
        "plone.restapi",
        "9.0",
        summary="RESTful API for Plone",
        framework_versions=["Plone 6.1"],
        license_expression="MIT",
        upload_timestamp=_2024 + 40 * _DAY,
        health_score=70,
        description="<p>Hypermedia</p>",
        main_content="Hypermedia for the portal; see plone.api. Ünïcode Straße.",
    ),
    document(
        "collective.easyform",
        "4.1",
        summary="Forms through the web",
        keywords=["form", "plone"],
        framework_versions=["Plone 5.2", "Plone 6.0"],
        license_expression="MIT",
        upload_timestamp=_2024 - 30 * _DAY,
        yanked=True,
        main_content="Used with plone.api and C++ code by portal managers.",
    ),
    document(
        "@plone/volto",
        "17.0",
        registry="npm",
        npm_scope="@plone",
        summary="React frontend",
        main_content="A portal in the browser",
    ),
]
FACTS = {"plone.api": (100, 5000), "plone.restapi": (200, None), "collective.easyform": (None, 9)}


class SearchContract:
    """Words, filters, orders, facets, pages.

    A store that can't tell which words it took in place of typos sets TELLS_CORRECTIONS to False.
    """

    TELLS_CORRECTIONS = True

    @pytest.fixture(autouse=True)
    def collection(self, writer: IndexWriter) -> str:
        writer.create(NAME)
        assert writer.upsert(NAME, PACKAGES).written == len(PACKAGES)
        for each in PACKAGES:
            stars, downloads = FACTS.get(each["name"], (None, None))
            facts = {"github_stars": stars, "download_last_month": downloads}
            writer.patch(NAME, [Patch(each["package_id"], facts)])
        return NAME

    # words

    @pytest.mark.parametrize(
        "text", ["plone.api", "plone-api", "Plone_API", "ploneapi", "PLONE  API", " plone.api "]
    )
    def test_an_exact_name_comes_first_however_it_is_spelled(
        self, writer: IndexWriter, text: str
    ) -> None:
        assert names_of(search(writer, text))[0] == "plone.api"

    def test_names_that_begin_with_the_words_come_before_mentions(
        self, writer: IndexWriter
    ) -> None:
        mention = document("aaa", summary="plone.rest plone.rest plone.rest", title="plone.rest")
        writer.upsert(NAME, [mention])
        assert names_of(search(writer, "plone.rest"))[:2] == ["plone.restapi", "aaa"]

    @pytest.mark.parametrize("text", ["volto", "@plone/volto", "plone volto", "@PLONE/Vol"])
    def test_scoped_names(self, writer: IndexWriter, text: str) -> None:
        writer.upsert(NAME, [document("volto.addon", summary="plone volto volto")])
        assert names_of(search(writer, text))[0] == "@plone/volto"

    def test_every_letter_of_a_name_finds_it(self, writer: IndexWriter) -> None:
        for name in ("collective.easyform", "collectiveeasyform", "plone.restapi"):
            for length in range(3, len(name) + 1):
                assert any(
                    hit.replace(".", "").startswith(name[:length].replace(".", ""))
                    for hit in names_of(search(writer, name[:length]))
                ), name[:length]

    def test_only_the_last_word_may_be_unfinished(self, writer: IndexWriter) -> None:
        assert "collective.easyform" in names_of(search(writer, "plone for"))
        assert names_of(search(writer, "hyper portal")) == names_of(search(writer, "portal"))
        assert search(writer, "hypermed").found == 1

    def test_all_words_must_match_if_any_document_has_them(self, writer: IndexWriter) -> None:
        assert names_of(search(writer, "hypermedia portal")) == ["plone.restapi"]

    def test_words_too_many_fall_back_to_some_of_them(self, writer: IndexWriter) -> None:
        assert names_of(search(writer, "hypermedia zzyzx ")) == ["plone.restapi"]
        assert set(names_of(search(writer, "hypermedia browser"))) == {
            "plone.restapi",
            "@plone/volto",
        }

    def test_weights_put_a_keyword_before_a_mention(self, writer: IndexWriter) -> None:
        writer.upsert(
            NAME,
            [
                document("zebra-a", changelog="unicorn"),
                document("zebra-b", keywords=["unicorn"]),
                document("zebra-c", main_content="unicorn"),
            ],
        )
        assert names_of(search(writer, "unicorn")) == ["zebra-b", "zebra-c", "zebra-a"]

    def test_accents_case_and_symbols(self, writer: IndexWriter) -> None:
        assert names_of(search(writer, "UNICODE")) == ["plone.restapi"]
        assert names_of(search(writer, "straße")) == ["plone.restapi"]
        assert names_of(search(writer, "c++")) == ["collective.easyform"]
        assert search(writer, "c#").found == 0

    def test_a_changed_text_is_found_and_the_old_one_is_not(self, writer: IndexWriter) -> None:
        changed = PACKAGES[2] | {"main_content": "walrus"}
        writer.upsert(NAME, [changed])
        assert search(writer, "hypermedia ").found == 0
        assert search(writer, "walrus").found == 1
        writer.patch(NAME, [Patch(changed["identifier"], {"summary": "narwhal"})])
        assert search(writer, "narwhal").found == 1
        writer.delete(NAME, [changed["identifier"]])
        assert search(writer, "narwhal ").found == search(writer, "walrus ").found == 0

    # typos

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
            ("vlto", "volto", "@plone/volto"),
            ("colectiveeasyfrom", "collectiveeasyform", "collective.easyform"),
        ],
    )
    def test_typos_are_forgiven_and_told(
        self, writer: IndexWriter, typed: str, meant: str, name: str
    ) -> None:
        result = search(writer, typed)
        assert names_of(result)[0] == name
        if self.TELLS_CORRECTIONS:
            assert result.corrected[typed][0] == meant

    def test_typos_in_a_name_with_separators(self, writer: IndexWriter) -> None:
        for typed in ("plone.restapy", "plome.restapi", "colective-easyfrom", "plonerest.apii"):
            assert names_of(search(writer, typed))[0].replace(".", "")[:3] == typed[:3]

    def test_short_or_very_wrong_words_are_not_corrected(self, writer: IndexWriter) -> None:
        for typed in ("ap", "xpi", "vxltx", "reaxxt", "hxpxrmxdia"):
            result = search(writer, typed + " ")
            assert (result.found, result.corrected) == (0, {})

    def test_known_words_are_never_corrected(self, writer: IndexWriter) -> None:
        assert search(writer, "plone portal").corrected == {}

    def test_corrections_of_removed_words_are_not_offered(self, writer: IndexWriter) -> None:
        writer.delete_packages(NAME, [PACKAGES[2]["package_id"]])
        assert search(writer, "hypermeda").found == 0

    # any text at all

    @pytest.mark.parametrize(
        "text",
        [
            '"',
            '""" OR name:x',
            "name : plone",
            "plone AND",
            "NEAR(plone api)",
            "^plone - api",
            "{name} : (",
            "plone*",
            "a\0b",
            "\0",
            "🎉",
            "\ud800 plone",
            "'; DROP TABLE collections; --",
            "plone' OR 1=1 --",
            "%_\\",
            "ー",
            "x" * 10_000,
            "plone " * 2_000,
            " ".join(map(str, range(5_000))),
            "é" * 3_000,
            "\u0301",
        ],
    )
    def test_any_text_gets_an_answer(self, writer: IndexWriter, text: str) -> None:
        for grouped in (True, False):
            result = search(writer, text, grouped=grouped, facets=["registry"])
            assert result.found >= len(result.hits)
        assert search(writer).found == 4

    @settings(max_examples=150, suppress_health_check=_SHARED_METHODS)
    @given(text=st.text() | st.text("plone.api \"'*()-:^{}+\0", max_size=40))
    def test_whatever_is_typed(self, writer: IndexWriter, text: str) -> None:
        result = search(writer, text, ("registry", "!=", text))
        assert len(result.hits) <= result.found

    def test_words_are_operators_nowhere(self, writer: IndexWriter) -> None:
        assert names_of(search(writer, "hypermedia OR react", per_page=1)) != []
        assert search(writer, "NOT plone NOT api").found in range(5)
        assert names_of(search(writer, "hypermedia NOT portal "))[0] == "plone.restapi"

    # groups

    def test_a_package_is_one_hit_its_latest_release(self, writer: IndexWriter) -> None:
        assert texts_of(search(writer, sort="name")) == [
            "@plone/volto 17.0",
            "collective.easyform 4.1",
            "plone.api 2.0",
            "plone.restapi 9.0",
        ]

    def test_the_registry_says_what_is_latest(self, writer: IndexWriter) -> None:
        writer.upsert(NAME, [document("plone.api", "3.0", is_latest=False, summary="alpha")])
        assert "plone.api 2.0" in texts_of(search(writer))
        assert search(writer, "alpha").found == 0
        writer.patch(
            NAME,
            [
                Patch(document("plone.api", "2.0")["identifier"], {"is_latest": False}),
                Patch(document("plone.api", "3.0")["identifier"], {"is_latest": True}),
            ],
        )
        assert "plone.api 3.0" in texts_of(search(writer))
        assert search(writer, "alpha").found == 1

    def test_without_a_latest_the_newest_stands_for_the_package(self, writer: IndexWriter) -> None:
        releases = [document("b", version, is_latest=None) for version in ("1.9", "1.10", "1.2")]
        writer.upsert(NAME, releases)
        assert "b 1.10" in texts_of(search(writer, "b"))
        writer.delete(NAME, [releases[1]["identifier"]])
        assert "b 1.9" in texts_of(search(writer, "b"))

    def test_with_a_filter_the_newest_release_that_fits(self, writer: IndexWriter) -> None:
        fits = ("framework_versions", "=", "Plone 5.2")
        assert texts_of(search(writer, "", fits, sort="name")) == [
            "collective.easyform 4.1",
            "plone.api 1.0",
        ]
        assert texts_of(search(writer, "plone api", fits))[0] == "plone.api 1.0"

    def test_ungrouped_every_release_is_a_hit(self, writer: IndexWriter) -> None:
        assert search(writer, grouped=False).found == 5
        hits = texts_of(search(writer, "plone.api", grouped=False))
        assert hits[:2] == ["plone.api 2.0", "plone.api 1.0"]

    # filters

    @pytest.mark.parametrize(
        ("filters", "expected"),
        [
            ([("registry", "=", "npm")], ["@plone/volto"]),
            ([("registry", "!=", "npm")], ["collective.easyform", "plone.api", "plone.restapi"]),
            ([("npm_scope", "=", "@plone")], ["@plone/volto"]),
            ([("name", "=", "plone.api")], ["plone.api"]),
            ([("license_expression", "=", "MIT")], ["collective.easyform", "plone.restapi"]),
            (
                [("license_expression", "=", "MIT"), ("license_expression", "=", "GPL-2.0-only")],
                ["collective.easyform", "plone.api", "plone.restapi"],
            ),
            (
                [("license_expression", "=", "MIT"), ("framework_versions", "=", "Plone 6.1")],
                ["plone.restapi"],
            ),
            (
                [("framework_versions", "=", "Plone 6.0"), ("framework_versions", "=", "nothing")],
                ["collective.easyform", "plone.api"],
            ),
            ([("framework_versions", "=", "Plone 6")], []),
            ([("yanked", "=", "true")], ["collective.easyform"]),
            ([("yanked", "=", True)], ["collective.easyform"]),
            ([("yanked", "=", "FALSE")], ["plone.api"]),
            (
                [("yanked", "!=", "true"), ("is_latest", "=", 1)],
                ["@plone/volto", "plone.api", "plone.restapi"],
            ),
            ([("upload_timestamp", ">=", "2024-01-02")], ["plone.restapi"]),
            ([("upload_timestamp", ">=", _2024)], ["plone.api", "plone.restapi"]),
            ([("upload_timestamp", "=", "2024-01-01")], ["plone.api"]),
            (
                [("upload_timestamp", "<=", "2024-01-01"), ("is_latest", "=", "1")],
                ["collective.easyform", "plone.api"],
            ),
            ([("upload_timestamp", ">=", "2024-01-01T13:00:00+00:00")], ["plone.restapi"]),
            ([("health_score", ">=", "70")], ["plone.api", "plone.restapi"]),
            ([("health_score", ">=", 70), ("health_score", "<=", 80)], ["plone.restapi"]),
            ([("github_stars", ">=", 150)], ["plone.restapi"]),
            ([("github_stars", "<=", 150)], ["plone.api"]),
            ([("keywords", "=", "plone"), ("keywords", "!=", "api")], ["collective.easyform"]),
            ([("author", "=", "' OR 1=1 --")], []),
            ([("author", "=", "a\0b")], []),
        ],
    )
    def test_filters(self, writer: IndexWriter, filters: Any, expected: list[str]) -> None:
        assert sorted(names_of(search(writer, "", *filters, sort="name"))) == expected
        both = search(writer, "portal", *filters, sort="name")
        assert set(names_of(both)) <= set(expected)

    def test_text_and_filter_hold_together(self, writer: IndexWriter) -> None:
        mit = ("license_expression", "=", "MIT")
        assert names_of(search(writer, "portal", mit, sort="name")) == [
            "collective.easyform",
            "plone.restapi",
        ]

    @pytest.mark.parametrize(
        ("field", "operator", "value"),
        [
            ("invented", "=", "x"),
            ("summary", "=", "x"),
            ("name", "~", "x"),
            ("keywords", ">=", "x"),
            ("version", ">=", "1.0"),
            ("name", "<=", "x"),
            ("yanked", ">=", "true"),
            ("yanked", "=", "maybe"),
            ("health_score", ">=", "much"),
            ("health_score", ">=", "2024-01-31"),
            ("health_score", "=", 2**63),
            ("health_score", "=", 1.5),
            ("health_score", "=", float("nan")),
            ("health_score", "=", True),
            ("health_score", "=", "9" * 5000),
            ("upload_timestamp", ">=", "yesterday"),
            ("upload_timestamp", ">=", "2024-13-45"),
            ("name", "=", "\ud800"),
            ("name", "=", None),
            ("name", "=", ["x"]),
            (None, "=", "x"),
            (["name"], "=", "x"),
        ],
    )
    def test_wrong_filters_are_named(
        self, writer: IndexWriter, field: Any, operator: Any, value: Any
    ) -> None:
        with pytest.raises(QueryError) as caught:
            search(writer, "", (field, operator, value))
        assert str(field)[:8] in str(caught.value)
        assert "\n" not in str(caught.value)

    # orders and pages

    @pytest.mark.parametrize(
        ("sort", "descending", "expected"),
        [
            ("name", None, "volto easyform api restapi"),
            ("name", True, "restapi api easyform volto"),
            ("relevance", None, "volto easyform api restapi"),
            ("stars", None, "restapi api volto easyform"),
            ("stars", False, "api restapi volto easyform"),
            ("downloads", None, "api easyform volto restapi"),
            ("health", None, "api restapi volto easyform"),
            ("released", None, "restapi api easyform volto"),
            ("upload_timestamp", False, "easyform api restapi volto"),
            ("version", None, "volto restapi easyform api"),
        ],
    )
    def test_orders(
        self, writer: IndexWriter, sort: str, descending: bool | None, expected: str
    ) -> None:
        for text in ("", "portal") if sort != "relevance" else ("",):
            found = names_of(search(writer, text, sort=sort, descending=descending))
            assert [re.split(r"[./]", name)[1] for name in found] == expected.split()

    def test_ties_are_by_name_then_newest_version(self, writer: IndexWriter) -> None:
        twins = [
            document(name, version, summary="same words", is_latest=version == "2.0")
            for version in ("1.0", "2.0")
            for name in ("twin-c", "twin-a", "twin-b")
        ]
        writer.upsert(NAME, twins)
        assert names_of(search(writer, "same words")) == ["twin-a", "twin-b", "twin-c"]
        every = texts_of(search(writer, "", sort="stars", grouped=False, per_page=250))
        twins_only = [each for each in every if each.startswith("twin")]
        assert twins_only == [f"twin-{n} {v}" for n in "abc" for v in ("2.0", "1.0")]

    def test_pages_cover_everything_once(self, writer: IndexWriter) -> None:
        writer.upsert(NAME, [document(f"many-{number}", summary="many") for number in range(57)])
        for text, options in (("many", {}), ("", {"sort": "health"}), ("many", {"grouped": False})):
            whole = names_of(search(writer, text, per_page=250, **options))
            parts = [
                search(writer, text, page=page, per_page=10, **options) for page in range(1, 8)
            ]
            assert [name for part in parts for name in names_of(part)] == whole
            assert {part.found for part in parts} == {len(whole)}
        assert search(writer, "many", page=10**30).hits == []

    @pytest.mark.parametrize(
        "wrong",
        [
            {"page": 0},
            {"page": -1},
            {"page": "1"},
            {"page": True},
            {"per_page": -1},
            {"per_page": 251},
            {"per_page": None},
            {"facet_values": 0},
            {"sort": "invented"},
            {"sort": "summary"},
            {"sort": None},
            {"facets": ["name"]},
            {"facets": ["registry; DROP TABLE x"]},
            {"facets": "registry"},
            {"facets": [["registry"]]},
            {"facets": None},
            {"filters": None},
            {"filters": [("registry", "=", "npm")]},
            {"counts": [("registry", "=", "npm")]},
            {"counts": [Filter("invented", "=", 1)]},
            {"text": None},
        ],
    )
    def test_wrong_queries_are_named(self, writer: IndexWriter, wrong: dict[str, Any]) -> None:
        with pytest.raises(QueryError) as caught:
            writer.search(NAME, Query(**wrong))
        assert str(caught.value)
        assert "\n" not in str(caught.value)

    # facets

    def test_facets_count_packages_of_the_hits(self, writer: IndexWriter) -> None:
        fields = ["framework_versions", "license_expression", "registry"]
        assert search(writer, facets=fields).facets == {
            "framework_versions": [("Plone 6.0", 2), ("Plone 6.1", 2), ("Plone 5.2", 1)],
            "license_expression": [("MIT", 2), ("GPL-2.0-only", 1)],
            "registry": [("pypi", 3), ("npm", 1)],
        }
        assert search(writer, "hypermedia", facets=["license_expression"]).facets == {
            "license_expression": [("MIT", 1)]
        }
        fits = ("framework_versions", "=", "Plone 5.2")
        assert search(writer, "", fits, facets=["framework_versions"]).facets == {
            "framework_versions": [("Plone 5.2", 2), ("Plone 6.0", 1)]
        }

    def test_facets_count_releases_when_ungrouped(self, writer: IndexWriter) -> None:
        found = search(writer, grouped=False, facets=["framework_versions"], facet_values=1)
        assert found.facets == {"framework_versions": [("Plone 5.2", 2)]}

    def test_facets_without_hits_and_values(self, writer: IndexWriter) -> None:
        assert search(writer, "zzyzx", facets=["registry"]).facets == {"registry": []}
        npm = ("registry", "=", "npm")
        assert search(writer, "", npm, facets=["keywords"]).facets == {"keywords": []}

    def test_facets_follow_changes(self, writer: IndexWriter) -> None:
        target = PACKAGES[2]["identifier"]
        writer.patch(NAME, [Patch(target, {"license_expression": "ISC", "keywords": ["x", "x"]})])
        facets = search(writer, facets=["license_expression", "keywords"]).facets
        assert facets["license_expression"] == [("GPL-2.0-only", 1), ("ISC", 1), ("MIT", 1)]
        assert ("x", 1) in facets["keywords"]
        writer.delete(NAME, [target])
        facets = search(writer, facets=["license_expression"]).facets
        assert facets["license_expression"] == [("GPL-2.0-only", 1), ("MIT", 1)]

    @pytest.mark.parametrize("text", ["", "plone", "portal", "api", "zzyzx", "hypermedai"])
    @pytest.mark.parametrize("grouped", [True, False])
    @pytest.mark.parametrize(
        "filters", [[], [("framework_versions", "=", "Plone 6.0")], [("github_stars", ">=", 1)]]
    )
    def test_counts_are_the_hits_that_fit_one_more_filter(
        self, writer: IndexWriter, text: str, grouped: bool, filters: list[tuple[Any, ...]]
    ) -> None:
        counted = [
            Filter("upload_timestamp", ">=", _2024),
            Filter("upload_timestamp", "<=", _2024 - 100 * _DAY),
            Filter("github_stars", ">=", 150),
            Filter("github_stars", "!=", 100),
            Filter("registry", "=", "npm"),
            Filter("license_expression", "=", "MIT"),
            Filter("keywords", "=", "plone"),
        ]
        given = [Filter(*each) for each in filters]
        for _ in range(2):  # the second time from what was remembered
            found = writer.search(
                NAME, Query(text, given, grouped=grouped, per_page=0, counts=counted)
            )
            assert found.hits == []
            expected = [
                writer.search(NAME, Query(text, [*given, each], grouped=grouped)).found
                for each in counted
            ]
            if not grouped:
                assert found.counts == (expected if found.found else [0] * len(counted))
            # By a filter on releases another release of a package may be found than by none.
            pairs = list(zip(found.counts, expected, strict=True))
            assert all(count <= most for count, most in pairs)
            assert all(count == most for count, most in pairs[2:5] if found.found)

    def test_counts_are_of_hits_alone(self, writer: IndexWriter) -> None:
        near = [document(f"clone-{number}", registry="npm") for number in range(3)]
        writer.upsert(NAME, near)
        for text in ("plone", "plnoe", "clone plone"):
            counts = [Filter("registry", "=", "npm"), Filter("name", "=", "clone-1")]
            found = writer.search(NAME, Query(text, facets=["registry"], counts=counts))
            assert all(count <= found.found for count in found.counts)
            if text == "plone":
                assert found.counts == [dict(found.facets["registry"])["npm"], 0]

    def test_counts_follow_changes(self, writer: IndexWriter) -> None:
        query = Query(facets=["license_expression"], counts=[Filter("github_stars", ">=", 150)])
        assert [writer.search(NAME, query).counts for _ in range(3)] == [[1]] * 3
        writer.patch(NAME, [Patch("pkg:pypi/plone-api", {"github_stars": 200})])
        assert writer.search(NAME, query).counts == [2]
        writer.delete(NAME, [PACKAGES[2]["identifier"]])
        assert writer.search(NAME, query).counts == [1]
        writer.upsert(NAME, [document("new", license_expression="ISC")])
        assert ("ISC", 1) in writer.search(NAME, query).facets["license_expression"]

    def test_hits_are_whole_documents(self, writer: IndexWriter) -> None:
        hit = search(writer, "plone.restapi").hits[0]
        assert hit == writer.get(NAME, hit["identifier"])
        assert hit["github_stars"] == 200
        assert json.loads(json.dumps(hit)) == hit
