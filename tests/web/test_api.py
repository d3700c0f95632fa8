"""The JSON API: what it answers, how it refuses, and what it says of itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from starlette.datastructures import QueryParams

from pyfcrawl.core.document import FIELDS
from pyfcrawl.stores.index import IndexAddress
from pyfcrawl.web.asked import FIELD_OF, SORTS, Search
from pyfcrawl.web.endpoints import Endpoint
from pyfcrawl.web.options import SiteOptions
from pyfcrawl.web.parameters import ParameterError, read
from pyfcrawl.web.programs import ENDPOINTS
from tests.commands.shell import NOW
from tests.web.api_site import ApiSite

PACKAGE = "/api/v1/plone/packages/pypi/plone.api"


def names(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["name"] for each in answer.json()["hits"]]


def error(answer: httpx.Response, status: int) -> str:
    """The message of an error, which has to be whole."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["access-control-allow-origin"] == "*"
    body = answer.json()
    assert body.keys() == {"error", "message"}
    assert body["error"] == status
    return str(body["message"])


# --- search -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=api", ["plone.api"]),
        ("q=plnoe.api", ["plone.api"]),
        ("framework=Plone+5.2", ["collective.easyform"]),
        ("framework=Plone+5.2&framework=Plone+6.0&sort=name", ["collective.easyform", "plone.api"]),
        ("registry=npm&sort=name", ["@plone/releases", "@plone/volto"]),
        ("archived=yes", ["collective.easyform"]),
        ("license=MIT", ["collective.easyform"]),
        ("python=3.12&license=GPL-2.0-only", ["plone.api"]),
        ("sort=stars&per_page=2", ["plone.api", "collective.easyform"]),
        ("sort=name&order=desc&per_page=1", ["Products.CMFPlone"]),
        ("registry=pypi&sort=name&page=2&per_page=2", ["plone.api", "Products.CMFPlone"]),
        ("released=3y&released_after=2026-10-31&sort=name", ["@plone/releases", "@plone/volto"]),
        ("min_health=60", ["plone.api"]),
        ("q=&sort=&released=&license=MIT", ["collective.easyform"]),
        ("page=1000", []),
    ],
)
def test_search(either: ApiSite, query: str, expected: list[str]) -> None:
    assert names(either.get(f"/api/v1/plone/search?{query}")) == expected


def test_archived_packages_can_be_left_out(either: ApiSite) -> None:
    found = names(either.get("/api/v1/plone/search?archived=no"))
    assert len(found) == 5
    assert "collective.easyform" not in found


def test_facets_have_the_names_of_filters(either: ApiSite) -> None:
    facets = "&".join(f"facets={name}" for name in FIELD_OF)
    found = either.get(f"/api/v1/plone/search?{facets}").json()["facets"]
    assert found.keys() == FIELD_OF.keys()
    assert found["registry"] == [{"value": "pypi", "count": 4}, {"value": "npm", "count": 2}]


def test_words_that_were_corrected(api_site: ApiSite) -> None:
    found = api_site.get("/api/v1/plone/search?q=fomrs").json()
    assert found["corrected"] == {"fomrs": ["forms"]}


def test_every_order_and_filter_is_possible() -> None:
    assert set(SORTS.values()) - {"relevance"} <= FIELDS.keys()
    assert set(FIELD_OF.values()) <= FIELDS.keys()


# --- packages ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["plone.api", "Plone_API", "plone-api", "plone%2Eapi"])
def test_a_package_by_any_spelling(either: ApiSite, name: str) -> None:
    found = either.get(f"/api/v1/plone/packages/pypi/{name}").json()
    assert found["version"] == "2.0"
    assert found.keys() == FIELDS.keys()
    assert found["download_last_week"] == 8400


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("npm/@plone/volto", "18.0.0"),
        ("npm/%40plone%2Fvolto", "18.0.0"),
        ("npm/@plone/releases", "1.0.0"),
        ("npm/@plone/releases/releases/1.0.0", "1.0.0"),
        ("pypi/plone.api/releases/1.10", "1.10"),
        ("pypi/plone.api/releases/3.0a1", "3.0a1"),
    ],
)
def test_packages_with_scopes_and_releases(either: ApiSite, path: str, version: str) -> None:
    assert either.get(f"/api/v1/plone/packages/{path}").json()["version"] == version


def test_releases_come_in_pages(either: ApiSite) -> None:
    first = either.get(f"{PACKAGE}/releases?per_page=3").json()
    second = either.get(f"{PACKAGE}/releases?per_page=3&page=2").json()
    assert [each["version"] for each in first["releases"]] == ["2.0", "1.10", "1.9"]
    assert [each["version"] for each in second["releases"]] == ["3.0a1"]
    assert first["found"] == second["found"] == 4
    assert [each["yanked"] for each in first["releases"]] == [False, False, True]


def test_health(either: ApiSite) -> None:
    found = either.get(f"{PACKAGE}/health").json()
    assert found["health_score"] == 60
    assert "Add a README" in found["health_score_breakdown"]["documentation"]["problems"][0]


def test_dependents(either: ApiSite) -> None:
    found = either.get(f"{PACKAGE}/dependents?per_page=1&page=2").json()
    assert found["found"] == 2
    assert found["dependents"][0]["requirement"] == "Plone_API"
    assert found["dependents"][0]["package"]["name"] == "Products.CMFPlone"


def test_downloads(tmp_path_factory: pytest.TempPathFactory, api_site: ApiSite) -> None:
    site = replace(api_site, data=tmp_path_factory.mktemp("history"))
    site.count("plone.api", [("2026-08-23", "1.9", 5), ("2026-10-30", "1.9", 3)])
    site.count("plone.api", [("2026-10-30", "2.0", 4), ("2026-10-30", "", 9)])
    found = site.get(f"{PACKAGE}/downloads").json()
    assert (found["first"], found["last"]) == ("2026-08-03", "2026-11-01")
    assert [(each["day"], each["downloads"]) for each in found["days"]] == [
        ("2026-08-23", 5),
        ("2026-10-30", 9),
    ]
    assert found["counting_changes"] == ["2026-08-24"]
    assert found["days"][0]["counting"] == "with-metadata"
    assert found["download_total"] == 3_450_000
    by_version = site.get(f"{PACKAGE}/downloads?by_version=true&from=2026-10-01").json()["days"]
    assert [(each["version"], each["downloads"]) for each in by_version] == [("2.0", 4)]


# --- the site ---------------------------------------------------------------------------------


def test_profiles_and_status(either: ApiSite) -> None:
    found = {each["name"]: each for each in either.get("/api/v1/profiles").json()["profiles"]}
    assert found["plone"]["default"]
    assert found["plone"]["packages"] == 6
    assert not found["flask"]["crawled"]
    status = either.get("/api/v1/status").json()
    assert status["profiles"][0]["serial"] == 90
    assert status["runs"][0]["counts"] == {"visited": 7}
    assert status["profiles"][0]["sources"] == [
        {
            **{"spider": "pypi", "ended": NOW, "reason": "finished", "good": NOW},
            **{"polls": False, "overdue": False, "overdue_after": None},
        }
    ]


# --- how it refuses ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/api/v1/plone/search?page=0", "page"),
        ("/api/v1/plone/search?page=1001", "page"),
        ("/api/v1/plone/search?page=x", "page"),
        ("/api/v1/plone/search?page=99999999999999999999999", "page"),
        ("/api/v1/plone/search?per_page=101", "per_page"),
        ("/api/v1/plone/search?sort=no", "sort"),
        ("/api/v1/plone/search?order=up", "order"),
        ("/api/v1/plone/search?facets=summary", "facets"),
        ("/api/v1/plone/search?registry=gems", "registry"),
        ("/api/v1/plone/search?released_after=2026-02-30", "released_after"),
        ("/api/v1/plone/search?q=a&q=b", "q"),
        (f"/api/v1/plone/search?q={'a' * 201}", "q"),
        ("/api/v1/plone/search?" + "&".join(["keyword=x"] * 21), "keyword"),
        ("/api/v1/plone/search?sorted=name", "sorted"),
        ("/api/v1/plone/search?profile=django", "profile"),
        ("/api/v1/plone/packages/gems/x", "registry"),
        (f"/api/v1/plone/packages/pypi/{'x' * 215}", "name"),
        (f"{PACKAGE}/downloads?from=2026-11-02&to=2026-11-01", "from"),
        (f"{PACKAGE}/downloads?from=2020-01-01&to=2026-11-01", "from"),
        (f"{PACKAGE}/downloads?by_version=maybe", "by_version"),
        ("/api/v2/projects/plone.api?from=yesterday", "from"),
    ],
)
def test_a_wrong_parameter_is_named(api_site: ApiSite, path: str, named: str) -> None:
    message = error(api_site.get(path), 400)
    assert named in message
    assert len(message) < 500


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/api/v1/nope/search", "there are plone, django, flask"),
        ("/api/v1/flask/search", "not crawled yet"),
        ("/api/v1/plone/packages/pypi/nope", "'nope' of pypi is not in plone"),
        ("/api/v1/plone/packages/npm/plone.api", "of npm"),
        ("/api/v1/plone/packages/pypi/%00", "is not in"),
        ("/api/v1/plone/packages/pypi/-", "is not in"),
        (f"{PACKAGE}/releases/9.9", "no release '9.9'"),
        ("/api/v1", "/api/v1/openapi.json"),
        ("/api/v1/plone", "/api/v1/openapi.json"),
        ("/api/v3/projects/x", "/api/v1/openapi.json"),
    ],
)
def test_what_is_not_there(either: ApiSite, path: str, says: str) -> None:
    assert says in error(either.get(path), 404)


def test_only_reading_is_possible(api_site: ApiSite) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = api_site.get("/api/v1/profiles", method)
        assert answer.status_code == 405
        assert answer.json()["error"] == 405
        assert answer.headers["access-control-allow-origin"] == "*"


def test_an_index_that_can_not_be_read(api_site: ApiSite, tmp_path: Path) -> None:
    (tmp_path / "index.db").write_text("no database")
    site = ApiSite(tmp_path, IndexAddress(f"sqlite:///{tmp_path / 'index.db'}"), api_site.options)
    answers = site.get_all(
        ("GET", path) for path in (PACKAGE, "/badge/plone.api", "/feeds/releases.atom")
    )
    for answer in answers:
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "60"
        assert str(tmp_path) not in answer.text
    error(answers[0], 503)


# --- headers ----------------------------------------------------------------------------------


def test_an_answer_that_is_known_already(api_site: ApiSite) -> None:
    answer = api_site.get(PACKAGE)
    assert answer.headers["cache-control"] == "public, max-age=60"
    again = api_site.get(PACKAGE, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["access-control-allow-origin"] == "*"
    other = api_site.get(PACKAGE, headers={"If-None-Match": '"other"'})
    assert other.status_code == 200


def test_pages_from_anywhere_may_ask(api_site: ApiSite) -> None:
    asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "GET"}
    answer = api_site.get(PACKAGE, "OPTIONS", headers=asked)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "GET" in answer.headers["access-control-allow-methods"]
    assert "X-RateLimit-Remaining" in answer.headers["access-control-expose-headers"]


def test_the_rate_limit(api_site: ApiSite) -> None:
    site = replace(
        api_site, options=SiteOptions(api_rate_limit=3, now=lambda: float(NOW), trust_proxy=1)
    )
    paths = ["/api/v1/profiles", "/api/v2/projects/plone.api", "/api/v1/plone/search?page=0"]
    answers = site.get_all(("GET", each) for each in [*paths, *paths, "/badge/plone.api"])
    assert [each.status_code for each in answers] == [200, 200, 400, 429, 429, 429, 200]
    assert [each.headers.get("x-ratelimit-remaining") for each in answers[:4]] == [
        "2",
        "1",
        "0",
        "0",
    ]
    assert answers[0].headers["x-ratelimit-limit"] == "3"
    assert answers[0].headers["x-ratelimit-reset"] == str(NOW + 60)
    assert "retry-after" not in answers[0].headers
    assert answers[3].headers["retry-after"] == "60"
    assert "3 requests a minute" in error(answers[3], 429)


def test_clients_behind_a_proxy_have_limits_of_their_own(api_site: ApiSite) -> None:
    asked = [
        ("GET", "/api/v1/profiles", {"X-Forwarded-For": each})
        for each in ("1.1.1.1", "2.2.2.2", "3.3.3.3, 1.1.1.1")
    ]

    def statuses(proxies: int) -> list[int]:
        options = SiteOptions("", proxies, api_rate_limit=1, now=lambda: float(NOW))
        site = replace(api_site, options=options)
        return [each.status_code for each in site.get_all(asked)]

    assert statuses(0) == [200, 429, 429]
    assert statuses(1) == [200, 200, 429]


def test_a_limit_can_be_taken_off(api_site: ApiSite) -> None:
    site = replace(api_site, options=SiteOptions(api_rate_limit=0, now=lambda: float(NOW)))
    answers = site.get_all([("GET", "/api/v1/profiles")] * 5)
    assert all(each.status_code == 200 for each in answers)
    assert "x-ratelimit-limit" not in answers[0].headers


# --- the description --------------------------------------------------------------------------


def described(site: ApiSite) -> dict[str, Any]:
    found: dict[str, Any] = site.get("/api/v1/openapi.json").json()
    return found


def test_every_endpoint_is_described(api_site: ApiSite) -> None:
    found = described(api_site)
    assert found["openapi"] == "3.1.0"
    assert found["servers"] == [{"url": "http://site.example"}]
    assert found["paths"].keys() == {each.template for each in ENDPOINTS}
    identifiers = [each["get"]["operationId"] for each in found["paths"].values()]
    assert len(set(identifiers)) == len(identifiers)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda each: each.template)
def test_parameters_are_described_as_they_are_checked(
    api_site: ApiSite, endpoint: Endpoint
) -> None:
    operation = described(api_site)["paths"][endpoint.template]["get"]
    given = {each["name"]: each for each in operation["parameters"]}
    fields = msgspec.structs.fields(endpoint.parameters)
    assert given.keys() == {each.encode_name for each in fields}
    assert {name for name, each in given.items() if each["in"] == "path"} == endpoint.in_path
    assert all(each["description"] for each in given.values()), given
    assert operation["summary"]
    assert operation["description"]


def test_documents_are_described_by_the_field_table(api_site: ApiSite) -> None:
    properties = described(api_site)["components"]["schemas"]["Release"]["properties"]
    assert properties.keys() == FIELDS.keys()
    assert properties["summary"]["description"] == FIELDS["summary"].meaning


def test_the_page_shows_every_address(api_site: ApiSite) -> None:
    page = api_site.get("/api")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    text = page.text.replace("<wbr>", "")
    for each in ENDPOINTS:
        assert each.template in text
    assert "<script>" not in page.text


def test_parameters_say_what_is_wrong() -> None:
    with pytest.raises(ParameterError, match="profile is missing"):
        read(Search, {}, QueryParams(""))
    with pytest.raises(ParameterError, match=r"^'x' is not a parameter here: there are q, "):
        read(Search, {"profile": "a"}, QueryParams("x=1"))
