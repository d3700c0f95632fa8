"""Politeness to a host, in a time of its own: the loop's clock jumps wherever it would sleep."""

from __future__ import annotations

import asyncio
import gc
import random
import selectors
import weakref
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scrapy import Spider
from scrapy.utils.test import get_crawler

from pyfcrawl.batch.gate import Gate, GateClosedError, Gates, gates_of


class _Jumping(selectors.SelectSelector):
    """Waits for nothing, but lets the clock pass as if it had."""

    now = 1000.0

    def select(self, timeout=None):
        self.now += max(timeout or 0, 1e-6)  # even a busy loop takes its time
        return super().select(0)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self):
        self.jumping = _Jumping()
        super().__init__(self.jumping)

    def time(self):
        return self.jumping.now


def run(main):
    """Run a coroutine in jumping time."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(main)


def now():
    return asyncio.get_running_loop().time()


class Host:
    """Counts who is inside at once, and when each came."""

    def __init__(self):
        self.inside = self.peak = 0
        self.came = []

    async def ask(self, gate, takes=0.1, well=True):
        async with gate:
            self.inside += 1
            self.peak = max(self.peak, self.inside)
            self.came.append(now())
            assert self.inside <= gate.window or not well
            await asyncio.sleep(takes)
            if well:
                gate.good()
            self.inside -= 1


def test_concurrency_starts_low_and_grows_to_its_limit():
    async def main():
        gate, host = Gate(20), Host()
        assert gate.window == 8
        first = [asyncio.ensure_future(host.ask(gate)) for _ in range(200)]
        await asyncio.sleep(0.05)
        assert host.inside == 8
        await asyncio.gather(*first)
        return gate.window, host.peak

    assert run(main()) == (20, 20)


@pytest.mark.parametrize("limit", [1, 2, 64])
def test_a_limit_is_never_passed(limit):
    async def main():
        gate, host = Gate(limit), Host()
        await asyncio.gather(*(host.ask(gate, takes=random.Random(n).random()) for n in range(300)))
        return host.peak, host.inside

    assert run(main()) == (limit, 0)


def test_two_that_leave_at_once_let_no_more_than_two_in():
    async def main():
        gate, host = Gate(2), Host()
        # All take equally long: they leave in the same turn of the loop, before anyone woken ran.
        await asyncio.gather(*(host.ask(gate, takes=1) for _ in range(40)))
        return host.peak

    assert run(main()) == 2


@settings(max_examples=60)
@given(st.randoms(use_true_random=False), st.integers(1, 6))
def test_whatever_happens_nobody_is_forgotten(dice, limit):
    async def main():
        gate, host = Gate(limit), Host()

        async def one():
            await asyncio.sleep(dice.choice([0, 0, 0.1, 0.2]))
            async with gate:
                host.inside += 1
                assert host.inside <= limit
                try:
                    await asyncio.sleep(dice.choice([0, 0.1, 0.1, 0.3]))
                    what = dice.random()
                    if what < 0.2:
                        gate.strain()
                    elif what < 0.3:
                        gate.pause(0.2)
                    elif what < 0.4:
                        raise OSError
                    else:
                        gate.good()
                finally:
                    host.inside -= 1

        tasks = [asyncio.ensure_future(one()) for _ in range(40)]
        for task in dice.sample(tasks, 15):
            await asyncio.sleep(dice.choice([0, 0, 0.05, 0.1]))
            task.cancel()
        async with asyncio.timeout(10_000):
            await asyncio.gather(*tasks, return_exceptions=True)
        assert (gate._active, len(gate._waiting), host.inside) == (0, 0, 0)
        assert not any(
            isinstance(task.exception(), AssertionError) for task in tasks if not task.cancelled()
        )

    run(main())


def test_strain_halves_once_a_second_and_never_to_nothing():
    async def main():
        gate, windows = Gate(8), []
        for _ in range(5):
            for _ in range(10):
                gate.strain()
            windows.append(gate.window)
            await asyncio.sleep(1)
        return windows

    assert run(main()) == [4, 2, 1, 1, 1]


def test_after_strain_it_grows_by_one_a_round():
    async def main():
        gate = Gate(64)
        gate.strain()
        assert gate.window == 4
        for _ in range(4):
            gate.good()
        assert gate.window == 4
        gate.good()
        return gate.window

    assert run(main()) == 5


def test_a_narrower_window_holds_those_that_wait():
    async def main():
        gate, host = Gate(8), Host()
        tasks = [asyncio.ensure_future(host.ask(gate, takes=2, well=False)) for _ in range(24)]
        await asyncio.sleep(1)
        gate.strain()
        await asyncio.sleep(2)
        assert host.inside == 4
        await asyncio.gather(*tasks)
        return len(host.came)

    assert run(main()) == 24


@pytest.mark.parametrize("rate", [0.5, 3, 50])
def test_no_window_of_time_sees_more_than_the_rate(rate):
    async def main():
        gate, host = Gate(16, per_second=rate), Host()
        await asyncio.gather(*(host.ask(gate, takes=0.01) for _ in range(30)))
        await asyncio.sleep(100)  # idling saves up nothing
        await asyncio.gather(*(host.ask(gate, takes=0.01) for _ in range(30)))
        return host.came

    came = run(main())
    assert len(came) == 60
    for earlier, later in pairwise(came):
        assert later - earlier >= 1 / rate - 1e-3


def test_ordinary_requests_share_the_rate():
    async def main():
        gate, host = Gate(16, per_second=10), Host()

        async def single():
            await gate.turn()
            host.came.append(now())

        await asyncio.gather(*(single() if n % 2 else host.ask(gate) for n in range(20)))
        return host.came

    came = run(main())
    assert all(later - earlier >= 0.1 - 1e-3 for earlier, later in pairwise(came))


def test_a_pause_holds_everyone_even_those_waiting_for_the_rate():
    async def main():
        gate, host = Gate(16, per_second=1), Host()
        tasks = [asyncio.ensure_future(host.ask(gate)) for _ in range(6)]
        await asyncio.sleep(1.5)
        before = len(host.came)
        gate.pause(30)
        gate.pause(3)  # a shorter one takes nothing back
        until = now() + 30
        await asyncio.gather(*tasks)
        return before, until, host.came

    before, until, came = run(main())
    assert 0 < before < 6
    assert all(moment >= until for moment in came[before:])
    assert all(later - earlier >= 1 - 1e-3 for earlier, later in pairwise(came))


def test_a_pause_is_heeded_up_to_a_limit():
    async def main():
        gate = Gate(4, longest_pause=60)
        start = now()
        gate.pause(10**9)
        gate.pause(-5)
        await gate.turn()
        return now() - start

    assert run(main()) == pytest.approx(60, abs=0.01)


def test_a_crawl_that_stops_lets_nobody_wait():
    async def main():
        stopping = []
        gate = Gate(2, stopping=lambda: bool(stopping), longest_pause=1e9)
        host = Host()
        gate.pause(10_000)
        tasks = [asyncio.ensure_future(host.ask(gate)) for _ in range(10)]
        await asyncio.sleep(5)
        start = now()
        stopping.append(True)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        with pytest.raises(GateClosedError):
            await gate.turn()
        return now() - start, host.came, {type(each) for each in results}, gate._active

    took, came, results, active = run(main())
    assert took < 10
    assert (came, results, active) == ([], {GateClosedError}, 0)


def test_hosts_have_gates_of_their_own():
    gates = Gates(4, {"https://a.example": 2.0}, lambda: False, 10)
    one = gates.of("https://a.example/simple/")
    assert gates.of("https://A.EXAMPLE/pypi/x/json") is one
    assert gates.of("https://b.example/simple/") is not one
    assert gates.of("https://a.example:8443/") is not one
    assert (one.pace.interval, gates.of("https://b.example/").pace.interval) == (0.5, 0)


SETTINGS = {
    "PYPI_ROOT": "https://PyPI.example/root/",
    "PYPI_MAX_RPS": "4",
    "SOURCE_RATES": {"PYPI_ROOT": "PYPI_MAX_RPS"},
    "BATCH_CONCURRENCY": 3,
    "RETRY_AFTER_MAX": 7,
}


def test_a_crawl_has_one_set_of_gates_by_its_settings():
    crawler = get_crawler(Spider, SETTINGS)
    gates = gates_of(crawler)
    assert gates_of(crawler) is gates
    gate = gates.of("https://pypi.example/root/x")
    assert (gate.window, gate.pace.interval, gate._longest_pause) == (3, 0.25, 7)
    assert gates_of(get_crawler(Spider, SETTINGS)) is not gates


def test_gates_keep_no_crawl_alive():
    class Crawler:
        settings = get_crawler(Spider, SETTINGS).settings
        engine = None

    crawler = Crawler()
    gate = gates_of(crawler).of("https://pypi.example/")
    assert gate._stopping() is False
    gone = weakref.ref(crawler)
    del crawler
    gc.collect()
    assert gone() is None
    assert gate._stopping() is False
