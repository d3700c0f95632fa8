"""The running site asked too much, too often and in odd ways: it answers, and never with an error
of its own."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import httpx
import pytest

from tests.web.browser import serving

LONG = "x" * 10_000
#: Seconds within which even a busy machine answers.
SOON = 5


@pytest.fixture(scope="module")
def root(shown_data: Path) -> Iterator[str]:
    with serving(shown_data) as address:
        yield address


# --- much ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        *(f"/?q={LONG}", f"/results?q={LONG}", f"/facets?q={LONG}", f"/compare?p={LONG}"),
        *(f"/api/v1/plone/search?q={LONG}", f"/feeds/releases.atom?q={LONG}", f"/?{LONG}"),
        *(f"/badge/{LONG}", f"/package/pypi/{LONG}", f"/{LONG}", f"/person?name={LONG}"),
        *("/?q=" + "%F0%9F%A6%84" * 300, "/?" + "license=a&" * 400, "/?q=" + "a+" * 100),
        *("/?q=" + "(" * 190, "/?q=" + "%22" * 190, "/?page=" + "9" * 300, "/results?page=-1"),
    ],
)
def test_what_is_long_is_answered_soon(root: str, address: str) -> None:
    begun = time.monotonic()
    answer = httpx.get(root + address, timeout=30)
    assert answer.status_code in (200, 400, 404, 414), answer.text[:300]
    assert time.monotonic() - begun < SOON
    assert len(answer.content) < 200_000


def addresses(count: int) -> list[str]:
    """What a thousand visitors might look at."""
    drawn = random.Random(5)
    words = ("form", "calendar", "cache", "theme", "search", "login", "map", "volto")
    kinds = (
        lambda n: f"/results?q={drawn.choice(words)}+{n}",
        lambda n: f"/?q={drawn.choice(words)}&page={1 + n % 3}",
        lambda n: f"/package/pypi/collective.{drawn.choice(words)}",
        lambda n: f"/api/v1/plone/search?q={drawn.choice(words)}{n}",
        lambda n: f"/badge/collective.{drawn.choice(words)}/health",
        lambda n: drawn.choice(("/status", "/profile", "/people", "/static/site.css")),
    )
    return [drawn.choice(kinds)(n) for n in range(count)]


def test_a_thousand_requests_at_once(root: str) -> None:
    async def ask() -> Counter[int]:
        limit = aiohttp.TCPConnector(limit=400)  # open files a process may have are few
        wait = aiohttp.ClientTimeout(total=300)
        async with aiohttp.ClientSession(root, connector=limit, timeout=wait) as session:

            async def one(address: str) -> int:
                async with session.get(address) as answer:
                    await answer.read()
                    return answer.status

            return Counter(await asyncio.gather(*map(one, addresses(1000))))

    statuses = asyncio.run(ask())
    assert statuses.total() == 1000
    assert set(statuses) <= {200, 404}
    assert statuses[200] > 800
    assert httpx.get(f"{root}/health-check").text == "ok\n"


# --- odd ----------------------------------------------------------------------------------------

PLACES = (
    *("/", "/package/pypi/plone.api", "/status", "/static/site.css", "/badge/plone.api"),
    *("/api/v1/status", "/api/v2/projects/plone.api", "/feeds/releases.atom", "/nowhere"),
)


@pytest.mark.parametrize("place", PLACES)
def test_methods(root: str, place: str) -> None:
    shown = httpx.get(root + place)
    head = httpx.head(root + place)
    assert (head.status_code, head.content) == (shown.status_code, b"")
    assert head.headers["content-type"] == shown.headers["content-type"]
    assert httpx.options(root + place).status_code in (200, 204, 404, 405)
    for method in ("POST", "DELETE", "TRACE", "PROPFIND", "BREW"):
        answer = httpx.request(method, root + place)
        assert answer.status_code in (400, 404, 405), method
        assert "content-security-policy" in answer.headers or answer.status_code == 400


def raw(root: str, request: bytes) -> int:
    """The status of an answer to these bytes, 0 when the connection is closed while they come."""
    host, _, port = urlsplit(root).netloc.partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        try:
            connection.sendall(request)
            line = connection.makefile("rb").readline().split()
        except ConnectionError:
            return 0
    return int(line[1]) if line else 0


HOST = b"Host: site.example\r\n"


@pytest.mark.parametrize(
    "target",
    [
        *(b"//evil.example/", b"http://evil.example/", b"/%00", b"/%ff%fe", b"/\\..\\..\\x", b"*"),
        *(b"/static/..%2f..%2fapp.py", b"/static/%2e%2e/%2e%2e/app.py", b"/static//etc/passwd"),
        *(b"/package/pypi/..", b"/package/pypi/%2e%2e%2f", b"/package//", b"/?q=%ZZ", b"/?&&==&"),
        *(b"/?q=%ED%A0%80", b"/a;b=c", b"/package/npm/@/", b"/package/npm/@plone%2fvolto"),
    ],
)
def test_odd_paths(root: str, target: bytes) -> None:
    status = raw(root, b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
    assert 200 <= status < 500


@pytest.mark.parametrize(
    "headers",
    [
        *(b"", HOST + HOST, b"Host: \r\n", b'Host: "><script>\r\n', b"Host: a b:c:d\r\n"),
        *(HOST + b"X-Big: " + b"x" * 200_000 + b"\r\n", HOST + b"X: 1\r\n" * 5000),
        *(HOST + b"Range: bytes=5-2,-,x\r\n", HOST + b'If-None-Match: ,,"\r\n'),
        *(HOST + b"If-Modified-Since: soon\r\n", HOST + b"Accept-Encoding: \xff;q=x\r\n"),
        *(HOST + b"Cookie: \x01\x02\r\n", HOST + b"X-Forwarded-For: ::::\r\n"),
        *(HOST + b"Content-Length: -1\r\n", HOST + b"Transfer-Encoding: chunked\r\n"),
        *(HOST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", HOST + b"no colon\r\n"),
        *(HOST + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n",),
    ],
)
@pytest.mark.parametrize("place", [b"/", b"/static/site.css", b"/api/v1/status"])
def test_odd_headers(root: str, place: bytes, headers: bytes) -> None:
    end = b"" if b"Connection" in headers else b"Connection: close\r\n"
    status = raw(root, b"GET " + place + b" HTTP/1.1\r\n" + headers + end + b"\r\n")
    assert status < 500
    assert status or len(headers) > 50_000  # only then it may hang up


def test_it_still_serves(root: str) -> None:
    assert raw(root, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n") < 500  # HTTPS
    assert raw(root, b"GET / HTTP/9.9\r\n\r\n") < 500
    assert httpx.get(root).status_code == 200
