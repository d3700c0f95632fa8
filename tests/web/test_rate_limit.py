from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    ("forwarded", "proxies", "expected"),
    [
        ([], 0, "10.0.0.1"),
        (["1.1.1.1"], 0, "10.0.0.1"),
        (["1.1.1.1"], 1, "1.1.1.1"),
        (["6.6.6.6, 1.1.1.1"], 1, "1.1.1.1"),
        (["6.6.6.6, 1.1.1.1", "2.2.2.2"], 2, "1.1.1.1"),
        (["1.1.1.1"], 2, "10.0.0.1"),
        (["junk"], 1, "10.0.0.1"),
        ([""], 1, "10.0.0.1"),
        (["2001:db8:1:2:3:4:5:6"], 1, "2001:db8:1:2::/64"),
        (["[2001:db8:1:2::9]"], 1, "2001:db8:1:2::/64"),
        (["::ffff:1.1.1.1"], 1, "1.1.1.1"),
    ],
)
def test_who_asks(forwarded: list[str], proxies: int, expected: str) -> None:
    assert client_of("10.0.0.1", forwarded, proxies) == expected


@given(st.lists(st.text()), st.integers(0, 5))
def test_any_header_gives_some_client(forwarded: list[str], proxies: int) -> None:
    assert client_of("10.0.0.1", forwarded, proxies)
