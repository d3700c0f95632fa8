"""One budget of requests for all workers: their sum stays within what each source allows.

Rates: Redis hands out the moments at which requests may be sent, to several that wait at once in
one round trip, and never further ahead than a worker will use, as one that is killed takes those
it has with it. Concurrency: workers that ask a source are counted, and each takes its part of
the limit. Pauses: what a source told one worker, all heed.

While Redis is away each worker keeps to its part, as of when it last knew how many there are.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import uuid
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured

from pyfcrawl.batch.gate import Gate, Gates, gates_of
from pyfcrawl.scheduling.budget_scripts import BEAT, HOLD_OFF, TAKE

if TYPE_CHECKING:
    from pyfcrawl.stores.redis_client import RedisAddress

logger = logging.getLogger(__name__)

#: Seconds between beats, and how long a worker counts that gives none.
_BEAT = 1.0
_COUNTED = 10.0
#: Seconds ahead that moments are taken, or one interval where that is longer.
_HORIZON = 0.25
#: Seconds one answer may take; requests wait for it, and there is something to fall back on.
_TIMEOUT = 3.0


@dataclass(slots=True)
class _Line:
    """Those who wait for moments of one source, and the task that gets them."""

    waiting: deque[asyncio.Future[float | None]] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None


class SharedBudget:
    """A budget in Redis (see pyfcrawl.batch.pace.Budget), and the extension that keeps it."""

    def __init__(self, gates: Gates, address: RedisAddress) -> None:
        from pyfcrawl.stores.redis_client import connect_async

        self._gates = gates
        self._address = address
        self._prefix = f"{address.prefix}:budget:"
        self._worker = uuid.uuid4().hex
        self._client = connect_async(address.url, min(address.timeout, _TIMEOUT))
        self._take = self._client.register_script(TAKE)
        self._hold_off = self._client.register_script(HOLD_OFF)
        self._beat = self._client.register_script(BEAT)
        self._away = False
        self._closed = asyncio.Event()
        self._lines: dict[str, _Line] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        gates.join(self)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> SharedBudget:
        """REDIS_URL says where it is kept; without it every process has a budget of its own."""
        if not crawler.settings["REDIS_URL"]:
            raise NotConfigured
        from pyfcrawl.stores.redis_client import RedisAddress

        budget = cls(gates_of(crawler), RedisAddress.of(crawler.settings))
        crawler.signals.connect(budget.spider_opened, signals.spider_opened)
        crawler.signals.connect(budget.spider_closed, signals.spider_closed)
        return budget

    def spider_opened(self) -> None:
        """Begin to count as a worker."""
        self._start(self._keep_beating())

    async def spider_closed(self) -> None:
        """Count no longer, so that the others have more at once."""
        # The client swallows being cancelled now and then, so tasks are asked to end.
        self._closed.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_TIMEOUT)
        async with self._client:
            await self._try(self._leave())

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _sleep(self, seconds: float) -> None:
        """So long, or until it's all over."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closed.wait(), seconds)

    async def take(self, source: str, per_second: float) -> float | None:
        """See pyfcrawl.batch.pace.Budget."""
        if self._away or self._closed.is_set():
            return None
        line = self._lines.setdefault(source, _Line())
        place: asyncio.Future[float | None] = asyncio.get_running_loop().create_future()
        line.waiting.append(place)
        if line.task is None or line.task.done():
            line.task = self._start(self._serve(source, per_second, line))
        return await place

    async def _serve(self, source: str, per_second: float, line: _Line) -> None:
        """Take moments for all who wait, until nobody does."""
        interval, waited = 1 / per_second, False
        while waiting := self._still_waiting(line):
            answer = await self._try(self._moments(source, interval, len(waiting), waited))
            if answer is None or self._closed.is_set():
                for place in self._still_waiting(line):  # others may have come meanwhile
                    place.set_result(None)
                return
            given, wait, pause = answer
            if pause:
                self._gates.by_source()[source].rest(pause / 1000)
            for number, place in enumerate(waiting[:given]):
                line.waiting.popleft()
                # Who gave up while the answer was on its way leaves his moment unused.
                if not place.done():
                    place.set_result(wait / 1_000_000 + number * interval)
            waited = not given
            if waited:
                # Not all at the same time: the luck of the first would be that of one worker.
                delay = min(wait / 1_000_000, _BEAT)
                await self._sleep(delay + interval * random.uniform(0, 0.1))  # noqa: S311

    @staticmethod
    def _still_waiting(line: _Line) -> list[asyncio.Future[float | None]]:
        line.waiting = deque(each for each in line.waiting if not each.done())
        return list(line.waiting)

    async def _moments(
        self, source: str, interval: float, wanted: int, fewer: bool
    ) -> tuple[int, int, int]:
        step, ahead = int(interval * 1_000_000), int(max(_HORIZON, interval) * 1_000_000)
        keys = [f"{self._prefix}next:{source}", f"{self._prefix}pause:{source}"]
        given, wait, pause = await self._take(keys, [max(1, step), wanted, ahead, int(fewer)])
        return given, wait, pause

    def hold_off(self, source: str, seconds: float) -> None:
        """See pyfcrawl.batch.pace.Budget."""
        if seconds > 0:
            self._start(self._tell(source, seconds))

    async def _tell(self, source: str, seconds: float) -> None:
        keys = [f"{self._prefix}pause:{source}"]
        await self._try(self._hold_off(keys, [max(1, int(seconds * 1000))]))

    async def _keep_beating(self) -> None:
        while not self._closed.is_set():
            await self._try(self._share(), beat=True)
            await self._sleep(_BEAT)

    async def _share(self) -> None:
        """Say which sources are asked here; hear how many ask them, and of their pauses."""
        gates = self._gates_in_use()
        if not gates:
            await self._client.ping()
            return
        keys = [
            f"{self._prefix}{what}:{source}" for source in gates for what in ("workers", "pause")
        ]
        answer = await self._beat(keys, [self._worker, int(_COUNTED * 1000)])
        for gate, workers, pause in zip(gates.values(), answer[::2], answer[1::2], strict=True):
            gate.share(workers)
            if pause:
                gate.rest(pause / 1000)

    def _gates_in_use(self) -> dict[str, Gate]:
        every = self._gates.by_source().items()
        return {source: gate for source, gate in every if gate.idle < _COUNTED}

    async def _leave(self) -> None:
        async with self._client.pipeline(transaction=False) as pipeline:
            for source in self._gates.by_source():
                pipeline.zrem(f"{self._prefix}workers:{source}", self._worker)
            await pipeline.execute()

    async def _try(self, work: Coroutine[Any, Any, Any], beat: bool = False) -> Any:
        """The answer, None while Redis is away; only a beat finds out that it is back."""
        import redis

        from pyfcrawl.stores.redis_client import explain

        try:
            answer = await work
        except redis.RedisError as error:
            if not self._away:
                self._away = True
                reason = explain(error, self._address)
                logger.warning("%s; until then this worker keeps to its part of rates", reason)
            return None
        if beat and self._away:
            self._away = False
            logger.info("%s is back: rates are shared again", self._address)
        return answer
