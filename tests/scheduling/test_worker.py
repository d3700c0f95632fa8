"""A worker's talk with a real Redis, its crawl played by the test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pyfcrawl.scheduling.queue import LeaseQueue, Terms
from pyfcrawl.scheduling.worker import Calls, Worker
from pyfcrawl.stores.redis_client import RedisAddress
from tests.redis_server import RedisPlace

ABOUT = {"spider": "pypi", "label": "pypi profile=plone"}


class Crawl:
    """What a worker asks of its crawl, written down."""

    def __init__(self, place: RedisPlace, name: str = "a", lease: int = 2000) -> None:
        self.address = RedisAddress(place.url, place.prefix, wait=5, timeout=2)
        self.client = place.server.client()
        key = f"{place.prefix}:queue:{{r}}"
        self.queue = LeaseQueue(self.client, None, key, name, Terms(lease=lease))
        self.taken: list[str] = []
        #: Why it could not go on.
        self.told: list[str] = []
        calls = Calls(self.take, self.nothing, self.nothing, lambda: None, self.told.append)
        self.worker = Worker(self.queue, calls, self.address, most=9)

    def take(self, requests: list[tuple[str, str]]) -> None:
        for identifier, _ in requests:
            self.taken.append(identifier)
            self.worker.lease(identifier, [f"visit of {identifier}"])

    async def nothing(self) -> None:
        pass

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.02)


def run(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """With a limit, as what waits for ever is what could go wrong."""

    async def limited() -> Any:
        async with asyncio.timeout(30):
            return await main()

    return asyncio.run(limited())


@pytest.fixture
def crawl(redis_place: RedisPlace):
    made = Crawl(redis_place)
    yield made
    made.client.close()


def test_leases_are_renewed_while_all_other_threads_are_busy(crawl: Crawl) -> None:
    async def main() -> None:
        done = threading.Event()
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        assert await crawl.worker.claim(ABOUT) == "plan"
        crawl.worker.push("r0", "body", 1)
        crawl.worker.working = True
        await crawl.until(lambda: crawl.taken)
        busy = loop.run_in_executor(None, done.wait)
        try:
            await asyncio.sleep(3)  # longer than a lease and a planning last
            other = LeaseQueue(crawl.client, None, crawl.queue.key, "b", crawl.queue.terms)
            assert other.claim(ABOUT) == "wait"
        finally:
            done.set()
            await busy
        await crawl.worker.leave(finished=False)

    run(main)
    assert crawl.told == []
    assert crawl.taken == ["r0"]


def test_a_run_that_is_not_divided_ends_for_whom_another_follows(crawl: Crawl) -> None:
    async def main() -> None:
        assert await crawl.worker.claim({**ABOUT, "alone": 1}) == "plan"
        await asyncio.sleep(0.5)
        assert crawl.told == []
        # As if it had been cut off for so long.
        crawl.client.hset(crawl.queue.keys[0], "until", 0)
        other = LeaseQueue(crawl.client, None, crawl.queue.key, "b", crawl.queue.terms)
        assert other.claim(ABOUT) == "plan"
        await crawl.until(lambda: crawl.told)
        await crawl.worker.leave(finished=True)
        assert other.about()["planner"] == "b"

    run(main)
    (line,) = crawl.told
    assert "another worker took this run over" in line
