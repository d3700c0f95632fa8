"""The budget of requests: what workers share in Redis, and keep to while Redis is away."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from pyfcrawl.batch.gate import Gate, GateClosedError, Gates
from pyfcrawl.scheduling import budget
from pyfcrawl.scheduling.budget import SharedBudget
from pyfcrawl.stores.redis_client import RedisAddress
from tests.redis_server import RedisPlace, RedisServer

ROOT = "https://:s3cret@a.example"
SOURCE = "https://a.example"

#: Seconds until everybody knows of everybody: two beats and a bit.
SETTLED = 2.5


class Worker:
    """The gates of one crawl, their budget, and when it was let through."""

    def __init__(self, address: RedisAddress, rate: float, limit: int) -> None:
        self.stopping = False
        self.gates = Gates(limit, {ROOT: rate}, lambda: self.stopping, 600)
        self.budget = SharedBudget(self.gates, address)
        self.came: list[float] = []

    @property
    def gate(self) -> Gate:
        return self.gates.by_source()[SOURCE]

    async def ask(self, count: int) -> None:
        """Ask so many times, all at once."""
        await asyncio.gather(*(self._one() for _ in range(count)))

    async def _one(self) -> None:
        await self.gate.turn()
        self.came.append(time.monotonic())


@asynccontextmanager
async def workers(
    place: RedisPlace | RedisServer, count: int, rate: float = 0, limit: int = 64
) -> AsyncIterator[list[Worker]]:
    """Several that run beside each other."""
    prefix = place.prefix if isinstance(place, RedisPlace) else "pyfcrawl"
    address = RedisAddress(place.url, prefix, timeout=2)
    every = [Worker(address, rate, limit) for _ in range(count)]
    for each in every:
        each.budget.spider_opened()
    try:
        yield every
    finally:
        for each in every:
            await each.budget.spider_closed()


def run(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """With a limit, as what waits for ever is what could go wrong."""

    async def limited() -> Any:
        async with asyncio.timeout(60):
            return await main()

    return asyncio.run(limited())


def most_within(moments: list[float], seconds: float) -> int:
    """The most of these that any window of time holds."""
    return max(sum(start <= each < start + seconds for each in moments) for start in moments)


@pytest.mark.parametrize(("rate", "each"), [(20, 30), (400, 400)])
def test_the_sum_over_workers_stays_within_the_rate(
    redis_place: RedisPlace, rate: float, each: int
) -> None:
    async def main() -> list[Worker]:
        async with workers(redis_place, 3, rate) as every:
            await asyncio.gather(*(worker.ask(each) for worker in every))
            return every

    every = run(main)
    moments = sorted(moment for worker in every for moment in worker.came)
    assert len(moments) == 3 * each
    # A loop that was busy sends a few late ones together, and takes longer for all.
    assert most_within(moments, 1) <= rate * 1.25 + 1
    took = moments[-1] - moments[0]
    assert (3 * each - 1) / rate * 0.98 <= took < 3 * each / rate * 2 + 5
    # Nobody is starved until the others are done.
    assert all(worker.came[0] - moments[0] < took / 2 for worker in every)


def test_high_rates_cost_few_round_trips(start_redis: Callable[..., RedisServer]) -> None:
    server = start_redis()

    async def main() -> int:
        async with workers(server, 1, rate=1000) as (one,):
            with server.client() as client:
                await one.ask(1)
                before = client.info("commandstats")["cmdstat_evalsha"]["calls"]
                await one.ask(1000)
                return client.info("commandstats")["cmdstat_evalsha"]["calls"] - before

    assert run(main) < 30


def test_a_worker_that_is_killed_takes_no_more_than_a_moment_with_it(
    redis_place: RedisPlace,
) -> None:
    async def main() -> float:
        async with workers(redis_place, 2, rate=10) as (killed, other):
            crowd = asyncio.ensure_future(killed.ask(200))
            await asyncio.sleep(0.5)
            crowd.cancel()
            began = time.monotonic()
            await other.ask(1)
            return time.monotonic() - began

    assert run(main) < 2


def test_a_pause_told_to_one_is_heeded_by_all(redis_place: RedisPlace) -> None:
    async def main() -> None:
        for rate in (0, 50):
            async with workers(redis_place, 2, rate) as (one, other):
                await asyncio.gather(one.ask(1), other.ask(1))
                one.gate.pause(3)
                began = time.monotonic()
                await asyncio.sleep(1.3)
                assert other.gate.paused or rate
                await other.ask(3)
                assert 2.7 < other.came[-1] - began < 5
                one.gate.pause(0.05)

    run(main)


def test_a_shorter_pause_takes_nothing_back(redis_place: RedisPlace) -> None:
    async def main() -> None:
        async with workers(redis_place, 3, rate=50) as (one, two, three):
            one.gate.pause(3)
            await asyncio.sleep(0.2)
            two.gate.pause(0.5)
            began = time.monotonic()
            await three.ask(1)
            assert time.monotonic() - began > 2.3

    run(main)


def test_workers_have_a_part_of_the_concurrency_each(redis_place: RedisPlace) -> None:
    async def main() -> None:
        async with workers(redis_place, 2, limit=10) as (one, other):
            for each in (one, other):
                await each.ask(1)
                for _ in range(50):
                    each.gate.good()
            assert one.gate.window == 10
            await asyncio.sleep(SETTLED)
            assert (one.gate.window, other.gate.window) == (5, 5)
            for each in (one, other):
                each.gate.good()
                assert each.gate.window == 5
            await other.budget.spider_closed()
            await asyncio.sleep(SETTLED)
            for _ in range(50):
                one.gate.good()
            assert one.gate.window == 10

    run(main)


def test_many_workers_have_one_at_a_time_each(redis_place: RedisPlace) -> None:
    async def main() -> None:
        async with workers(redis_place, 5, limit=2) as every:
            for each in every:
                await each.ask(1)
            await asyncio.sleep(SETTLED)
            assert [each.gate.window for each in every] == [1] * 5

    run(main)


def test_while_redis_is_away_each_keeps_to_its_part(
    start_redis: Callable[..., RedisServer], caplog: pytest.LogCaptureFixture
) -> None:
    server = start_redis(password="s3cret")
    caplog.set_level(logging.INFO)

    async def main() -> tuple[list[Worker], float, float]:
        async with workers(server, 2, rate=20) as every:
            await asyncio.gather(*(each.ask(5) for each in every))
            await asyncio.sleep(SETTLED)
            server.kill()
            crowds = [asyncio.ensure_future(each.ask(30)) for each in every]
            began = time.monotonic()
            await asyncio.gather(*crowds)
            ended = time.monotonic()
            server.start()
            await asyncio.sleep(SETTLED)
            await asyncio.gather(*(each.ask(5) for each in every))
            return every, began, ended

    every, began, ended = run(main)
    alone = sorted(t for each in every for t in each.came if began <= t <= ended)
    assert len(alone) == 60
    assert most_within(alone, 1) <= 20 + 3
    assert ended - began < 60 / 20 + 2
    said = [each.getMessage() for each in caplog.records if "budget" in each.name]
    assert sum("keeps to its part" in each for each in said) == 2
    assert sum("is back" in each for each in said) == 2
    assert len(said) == 4
    assert "s3cret" not in "".join(said)


def test_a_crawl_that_stops_lets_nobody_wait(redis_place: RedisPlace) -> None:
    async def main() -> None:
        async with workers(redis_place, 1, rate=0.1) as (one,):
            crowd = asyncio.ensure_future(one.ask(5))
            await asyncio.sleep(0.5)
            one.stopping = True
            began = time.monotonic()
            with pytest.raises(GateClosedError):
                await crowd
            assert time.monotonic() - began < 2

    run(main)


def test_a_worker_ends_at_whatever_moment(
    redis_place: RedisPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while an answer is on its way, which is when clients swallow being cancelled."""
    monkeypatch.setattr(budget, "_BEAT", 0.0005)
    dice = random.Random(7)

    async def main() -> None:
        for _ in range(60):
            async with workers(redis_place, 1, rate=50) as (one,):
                crowd = asyncio.ensure_future(one.ask(3))
                await asyncio.sleep(dice.random() * 0.02)
                one.gate.pause(0.01)
                crowd.cancel()

    run(main)


def test_what_is_kept_shows_no_password_and_goes_by_itself(redis_place: RedisPlace) -> None:
    async def main() -> None:
        async with workers(redis_place, 1, rate=50) as (one,):
            await one.ask(3)
            one.gate.pause(30)
            await asyncio.sleep(1.2)
            own = redis_place.all_keys()
            start = f"{redis_place.prefix}:budget:"
            assert {f"{start}workers:{SOURCE}", f"{start}pause:{SOURCE}"} <= set(own)
            with redis_place.server.client() as client:
                assert all(client.pttl(key) > 0 for key in own)

    run(main)
