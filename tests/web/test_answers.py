"""What is true of every answer: headers, validators, bounds, and never an error of ours."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path
from urllib.parse import quote_from_bytes

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from pyfcrawl.stores.index import IndexAddress
from pyfcrawl.web.app import create_app
from pyfcrawl.web.options import SiteOptions
from tests.stores.typesense_server import free_port
from tests.web import sample
from tests.web.conftest import catalog_of, client_of


@pytest.mark.parametrize("address", ["/", "/nowhere", "/static/site.css", "/health-check"])
def test_security_headers(client: TestClient, address: str) -> None:
    headers = client.get(address).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"  # hosts of images are told nothing
    assert "server" not in headers


@pytest.mark.parametrize("address", ["/", "/package/pypi/plone.api", "/raw/pypi/plone.api"])
def test_an_answer_is_sent_once(client: TestClient, address: str) -> None:
    first = client.get(address)
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "public, max-age=60"
    for given_tag in (tag, f'"other", {tag}', tag.removeprefix("W/"), "*"):
        second = client.get(address, headers={"If-None-Match": given_tag})
        assert (second.status_code, second.content) == (304, b"")
        assert second.headers["etag"] == tag
        assert "content-length" not in second.headers
    assert client.get(address, headers={"If-None-Match": '"x"'}).status_code == 200


def test_pages_are_compressed(client: TestClient) -> None:
    with client.stream("GET", "/", headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert "accept-encoding" in answer.headers["vary"].lower()
        assert b"</html>" in gzip.decompress(b"".join(answer.iter_raw()))
    plain = client.get("/", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers


def test_our_files_are_kept_as_long_as_they_stay_the_same(client: TestClient) -> None:
    assert "immutable" in client.get("/static/site.js?v=1").headers["cache-control"]
    assert "immutable" not in client.get("/static/site.js").headers["cache-control"]
    assert client.get("/static/../app.py").status_code == 404
    assert client.get("/static/%2e%2e/app.py").status_code == 404


def test_errors_are_not_kept(client: TestClient) -> None:
    answer = client.get("/nowhere")
    assert answer.status_code == 404
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers


def test_an_index_that_is_away(tmp_path: Path) -> None:
    address = IndexAddress(f"typesense+http://127.0.0.1:{free_port()}", "key", 1, 0)
    away = sample.Stores(address, f"sqlite:///{tmp_path}/s.db", f"sqlite:///{tmp_path}/h.db")
    with client_of(away) as opened:
        for path in ("/", "/facets", "/package/pypi/x", "/profile", "/status", "/health-check"):
            answer = opened.get(path)
            assert answer.status_code == 503, path
            assert answer.headers["retry-after"] == "60"
            assert "127.0.0.1" not in answer.text


def test_an_index_that_can_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    address = IndexAddress(f"sqlite:///{path}")
    broken = sample.Stores(address, f"sqlite:///{tmp_path}/s.db", f"sqlite:///{tmp_path}/h.db")
    with client_of(broken) as opened:
        assert opened.get("/health-check").status_code == 200  # it isn't there yet
        path.write_bytes(b"no database" * 500)
        answer = opened.get("/?q=x")
        assert answer.status_code == 503
        assert str(tmp_path) not in answer.text


def test_many_at_once(stores: sample.Stores) -> None:
    app = create_app(catalog_of(stores), SiteOptions(now=lambda: sample.NOW))
    paths = ["/?q=form", "/package/pypi/plone.api", "/profile", "/results?q=cal", "/compare?p=x"]

    async def ask() -> list[int]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://site") as asking:
            calls = (
                asking.get(f"{paths[n % 5]}&n={n}" if "?" in paths[n % 5] else paths[n % 5])
                for n in range(400)
            )
            return [each.status_code for each in await asyncio.gather(*calls)]

    assert set(asyncio.run(ask())) == {200}


def test_only_reading_is_possible(client: TestClient) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = client.request(method, "/")
        assert answer.status_code == 405
        assert "This site can only be read" in answer.text


def test_what_is_too_long_is_refused(client: TestClient) -> None:
    for address in (f"/?q={'x' * 5000}", f"/package/pypi/{'x' * 2000}"):
        answer = client.get(address)
        assert answer.status_code == 414
        assert "<h1>" in answer.text
    answer = client.get(f"/api/v1/{'x' * 2000}")
    assert answer.json()["error"] == 414
    assert answer.headers["access-control-allow-origin"] == "*"


def test_head_has_no_body(client: TestClient) -> None:
    answer = client.head("/")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    ("trusted", "headers", "scheme"),
    [
        (0, {"X-Forwarded-Proto": "https"}, "http"),
        (1, {"X-Forwarded-Proto": "https"}, "https"),
        (1, {"X-Forwarded-Proto": "http, https"}, "https"),
        (1, {"X-Forwarded-Proto": "gopher"}, "http"),
        (2, {"X-Forwarded-Proto": "https, http"}, "https"),
        (1, {}, "http"),
    ],
)
def test_a_proxy_is_believed_when_it_is_ours(
    stores: sample.Stores, trusted: int, headers: dict[str, str], scheme: str
) -> None:
    with client_of(stores, trust_proxy=trusted) as opened:
        page = opened.get("/package/pypi/plone.api", headers=headers).text
    assert f"({scheme}://testserver/badge/plone.api/health)" in page


def test_the_address_people_know_is_used(stores: sample.Stores) -> None:
    with client_of(stores, site_url="https://packages.example") as opened:
        page = opened.get("/package/pypi/plone.api").text
    assert "(https://packages.example/badge/plone.api/health)" in page


NASTY = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            *("' OR 1=1 --", '"', "a && b", "`", ":=", "NEAR(", "*", "\x00", "\ud800", "a" * 199),
            *("../../etc/passwd", "%", "{{7*7}}", "<script>", "name:x || y:=z", "-", "AND", "🦄"),
        ]
    ),
)
NAMES = st.sampled_from(
    ["q", "registry", "framework", "python", "license", "released", "archived", "sort", "page", "p"]
)
PATHS = st.sampled_from(["/", "/results", "/facets", "/compare", "/person", "/profile", "/status"])


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(path=PATHS, pairs=st.lists(st.tuples(NAMES, NASTY), max_size=4))
def test_no_parameter_breaks_a_page(
    site: TestClient, path: str, pairs: list[tuple[str, str]]
) -> None:
    query = "&".join(f"{name}={quote_from_bytes(encoded(value))}" for name, value in pairs)
    answer = site.get(f"{path}?{query}")
    assert answer.status_code < 500, answer.text


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    start=st.sampled_from(["/package/pypi/", "/package/npm/", "/package/", "/raw/pypi/"]),
    name=NASTY,
)
def test_no_path_breaks_a_page(site: TestClient, start: str, name: str) -> None:
    answer = site.get(start + quote_from_bytes(encoded(name), safe="/"))
    assert answer.status_code < 500, answer.text
