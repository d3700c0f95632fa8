"""How much a client may ask for, and who the client is behind proxies."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from pyfcrawl.web.middleware import Proxy
from pyfcrawl.web.rate_limit import RateLimit, client_of


def test_a_minute_of_requests() -> None:
    limit = RateLimit(2)
    first = limit.take("a", 100.5)
    assert (first.limit, first.remaining, first.reset, first.wait) == (2, 1, 161, 0)
    assert limit.take("a", 101).remaining == 0
    third = limit.take("a", 130.5)
    assert (third.remaining, third.wait) == (0, 30)
    assert third.headers() == {
        "X-RateLimit-Limit": "2",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": "161",
        "Retry-After": "30",
    }
    assert limit.take("b", 130.5).wait == 0
    assert limit.take("a", 160.5).wait == 0


def test_a_clock_that_goes_back_locks_nobody_out() -> None:
    limit = RateLimit(1)
    limit.take("a", 10_000)
    assert limit.take("a", 100).wait == 0


def test_only_so_many_clients_are_remembered() -> None:
    limit = RateLimit(1, clients=100)
    for number in range(1000):
        limit.take(str(number), 10.0)
    assert len(limit) == 100
    assert limit.take("999", 10.0).wait > 0


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("1.1.1.1", "1.1.1.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:1.1.1.1", "1.1.1.1"),
        ("", ""),
    ],
)
def test_who_asks(address: str, client: str) -> None:
    assert client_of(address) == client


async def _seen(proxies: int, headers: list[tuple[str, str]]) -> tuple[str, str]:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        assert request.client
        await PlainTextResponse(f"{request.client.host} {scope['scheme']}")(scope, receive, send)

    transport = httpx.ASGITransport(Proxy(app, proxies), client=("10.0.0.1", 5))
    async with httpx.AsyncClient(transport=transport) as client:
        host, scheme = (await client.get("http://x/", headers=headers)).text.split()
    return host, scheme


@pytest.mark.parametrize(
    ("forwarded", "proxies", "expected"),
    [
        ([], 1, "10.0.0.1"),
        (["1.1.1.1"], 1, "1.1.1.1"),
        (["6.6.6.6, 1.1.1.1"], 1, "1.1.1.1"),
        (["6.6.6.6, 1.1.1.1", "2.2.2.2"], 2, "1.1.1.1"),
        (["1.1.1.1"], 2, "10.0.0.1"),
        (["junk"], 1, "10.0.0.1"),
        ([""], 1, "10.0.0.1"),
        (["[2001:db8::9]"], 1, "2001:db8::9"),
    ],
)
def test_only_our_proxies_are_believed(forwarded: list[str], proxies: int, expected: str) -> None:
    headers = [("x-forwarded-for", each) for each in forwarded]
    assert asyncio.run(_seen(proxies, headers)) == (expected, "http")


def test_a_proxy_tells_the_scheme() -> None:
    assert asyncio.run(_seen(1, [("x-forwarded-proto", "https")]))[1] == "https"
    assert asyncio.run(_seen(1, [("x-forwarded-proto", "gopher")]))[1] == "http"


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        (["https"], "https"),
        (["https, http"], "https"),
        (["http, https, http"], "https"),
        (["http", "https", "https"], "https"),
        (["http"], "http"),
        ([""], "http"),
        ([], "http"),
    ],
)
def test_two_proxies_of_which_one_may_set_the_scheme(forwarded: list[str], expected: str) -> None:
    headers = [("x-forwarded-proto", each) for each in forwarded]
    assert asyncio.run(_seen(2, headers)) == ("10.0.0.1", expected)
