"""Limits are waited out or left alone, and never taken for failures."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from scrapy import Request
from scrapy.http import Response

from pyfcrawl.batch.gate import GateClosedError
from pyfcrawl.spiders.github_asking import (
    Asker,
    LimitReachedError,
    TokenRefusedError,
    UnansweredError,
)
from pyfcrawl.spiders.merging import merged

URL = "https://api.example/x"
LIMITED = (403, {"Retry-After": "7"})


class Host:
    """Gives these answers one after another, the last one for ever."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.pauses: list[float] = []

    async def download(self, request: Request) -> Response:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        return Response(request.url, status=status, headers=headers)

    def asker(self, longest: float = 600, tries: int = 3) -> Asker:
        return Asker(self.download, lambda _, wait: self.pauses.append(wait), longest, tries)


def ask(asker: Asker, limit: str = "core") -> Response:
    return asyncio.run(asker.ask(Request(URL), limit))


def insist(asker: Asker) -> Response:
    return asyncio.run(asker.insist(Request(URL), "core"))


def test_a_limit_is_waited_out_and_the_same_asked_again():
    host = Host(LIMITED, LIMITED, 200)
    assert ask(host.asker()).status == 200
    assert host.pauses == [7, 7]


def test_a_limit_too_long_closes_what_is_counted_with_it_and_nothing_else():
    host = Host(LIMITED, 200)
    asker = host.asker(longest=5)
    with pytest.raises(LimitReachedError) as reached:
        ask(asker)
    assert 0 < reached.value.until - time.time() <= 7
    with pytest.raises(LimitReachedError):
        ask(asker)
    assert host.asked == 1
    assert ask(asker, "another").status == 200


def test_a_host_that_is_always_limited_is_left_alone_in_the_end():
    host = Host(LIMITED)
    with pytest.raises(LimitReachedError):
        ask(host.asker())
    assert host.asked == 10


@pytest.mark.parametrize(("reset_in", "longest", "pauses"), [(3, 600, 1), (3000, 600, 0)])
def test_the_last_free_request_is_noticed(reset_in: int, longest: float, pauses: int):
    reset = str(int(time.time()) + reset_in)
    host = Host((200, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}), 200)
    asker = host.asker(longest)
    assert ask(asker).status == 200
    assert len(host.pauses) == pauses
    if not pauses:
        with pytest.raises(LimitReachedError):
            ask(asker)
        assert host.asked == 1


def test_statuses_that_mean_something_are_answers():
    for status in (200, 304, 404, 403, 451, 500):
        assert ask(Host(status).asker()).status == status


def test_insisting_asks_again_after_errors():
    host = Host(503, OSError("reset"), 200)
    assert insist(host.asker()).status == 200
    with pytest.raises(UnansweredError, match="answered 502"):
        insist(Host(502).asker())
    failing = Host(OSError("no\n route."))
    with pytest.raises(UnansweredError, match=r"no route$"):
        insist(failing.asker())
    assert failing.asked == 3


def test_a_refused_token_and_the_end_of_the_crawl_are_not_retried():
    for answer, error in ((401, TokenRefusedError), (GateClosedError(), GateClosedError)):
        host = Host(answer)
        with pytest.raises(error):
            insist(host.asker())
        assert host.asked == 1


# --- streams ------------------------------------------------------------------------------------


async def _numbers(*numbers: Any):
    for each in numbers:
        await asyncio.sleep(0)
        if isinstance(each, Exception):
            raise each
        yield each


async def _all(*streams: Any) -> list[int]:
    return [each async for each in merged(streams)]


def test_streams_are_read_side_by_side():
    assert asyncio.run(_all()) == []
    assert sorted(asyncio.run(_all(_numbers(1, 2), _numbers(), _numbers(3)))) == [1, 2, 3]


def test_one_that_waits_holds_up_no_other():
    async def scenario() -> int:
        never = asyncio.get_running_loop().create_future()

        async def stuck():
            yield await never

        async for each in merged([stuck(), _numbers(5)]):
            return each
        return 0

    assert asyncio.run(scenario()) == 5


def test_an_error_ends_all():
    with pytest.raises(ValueError, match="bad"):
        asyncio.run(_all(_numbers(*range(500)), _numbers(1, ValueError("bad"))))
