"""Politeness to one source: how many requests at once, how many a second, when to hold off.

Concurrency starts low, grows while answers are good, halves when the host shows strain and never
passes its limit: additive increase and multiplicative decrease, as TCP does it. A Retry-After
holds every request to the source, batched or not, and no other source. A source is one of the
roots in settings, or else a host.

Workers that share a budget share all three: each has its part of the concurrency, takes its turns
from the budget, and is told of pauses.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary, ref

from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest

from pyfcrawl.batch.pace import Budget, Pace
from pyfcrawl.batch.roots import Roots, by_root
from pyfcrawl.core import retry_after

#: Concurrency a host is met with first.
_START = 8.0

#: Answers that say the host has too much to do.
STRAINED = frozenset({429, 500, 502, 503, 504, 522, 524})

#: Errors that say nothing against the host or the crawl.
_NOTHING_THERE = frozenset({404, 410})

#: Of these a Retry-After is heeded; GitHub says so with 403 as well.
_HOLDING_OFF = frozenset({403, 429, 503})

#: Seconds between looks whether the crawl is being stopped, while requests are held back.
_LOOK = 0.5


class GateClosedError(IgnoreRequest):
    """The crawl is being stopped; the request was not sent."""


class PausedError(Exception):
    """The source asked to be left alone after the request was let through; it was not sent."""


class Gate:
    """Admits requests to one host. `async with gate:` around each request of a batch."""

    def __init__(
        self,
        limit: int,
        per_second: float = 0,
        stopping: Callable[[], bool] = lambda: False,
        longest_pause: float = 600,
        patience: float = 900,
        hopeless: Callable[[], None] = lambda: None,
        source: str = "",
    ) -> None:
        self._limit = limit
        self._ceiling = float(limit)
        self._window = min(_START, self._ceiling)
        self.pace = Pace(source, per_second, _LOOK)
        self._stopping = stopping
        self._longest_pause = longest_pause
        self._patience = patience
        self._hopeless = hopeless
        self._bad_since: float | None = None
        self._active = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._resume = 0.0
        self._strained = 0.0
        self._slow_start = True
        self._asked = -math.inf

    @property
    def idle(self) -> float:
        """Seconds since somebody last wanted to ask; 0 while one does."""
        if self._active or self.pace.asking:
            return 0.0
        return asyncio.get_running_loop().time() - self._asked

    @property
    def window(self) -> int:
        """How many requests may be under way now."""
        return max(1, int(self._window))

    @property
    def paused(self) -> bool:
        """Whether the source is to be left alone now."""
        return self._resume > asyncio.get_running_loop().time()

    @property
    def held(self) -> bool:
        """Whether who asks for a turn now has to wait for it, be it for a pause or for the rate."""
        now = asyncio.get_running_loop().time()
        return self._resume > now or self.pace.ahead > _LOOK

    async def __aenter__(self) -> None:
        if self._active >= self.window or self._waiting:
            await self._queue()
        else:
            self._active += 1
        try:
            await self.turn()
        except BaseException:
            self._leave()
            raise

    async def __aexit__(self, *failure: object) -> None:
        self._leave()

    async def _queue(self) -> None:
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place in self._waiting:
                self._waiting.remove(place)
            elif not place.cancelled():
                self._leave()
            raise

    def _leave(self) -> None:
        self._active -= 1
        self._admit()

    def _admit(self) -> None:
        while self._active < self.window and self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                # Taken at once: others may come or leave before the one woken runs.
                self._active += 1

    async def turn(self) -> None:
        """Wait until the host may be asked: after any pause, and within the rate.

        Raises GateClosedError when the crawl is stopped meanwhile.
        """
        now = asyncio.get_running_loop().time
        self._asked = now()
        while True:
            while (wait := self._resume - now()) > 0:
                await self._hold(wait)
            if (wait := await self.pace.wait(self._check)) > 0:
                await self._hold(wait)
            self._check()
            if self._resume <= now():  # no pause was asked for meanwhile
                return

    async def _hold(self, seconds: float) -> None:
        end = asyncio.get_running_loop().time() + seconds
        while (left := end - asyncio.get_running_loop().time()) > 0:
            self._check()
            await asyncio.sleep(min(left, _LOOK))

    def _check(self) -> None:
        if self._stopping():
            raise GateClosedError

    def good(self) -> None:
        """An answer came as it should."""
        self._bad_since = None
        if self._window < self._ceiling:
            self._window += 1 if self._slow_start else 1 / self._window
            self._window = min(self._window, self._ceiling)

    def strain(self) -> None:
        """The host answered 429 or 5xx, or not in time. One cut a second, however many say so.

        When nothing else came for as long as patience lasts, the host is given up.
        """
        now = asyncio.get_running_loop().time()
        self._slow_start = False
        if self._bad_since is None:
            self._bad_since = now
        elif now - self._bad_since > self._patience:
            self._bad_since = now
            self._hopeless()
        if now - self._strained >= 1:
            self._strained = now
            self._window = max(1.0, self._window / 2)

    def answered(self, status: int, wait: str | None, now: float) -> None:
        """An answer came; `wait` is its Retry-After, `now` the time of day as Unix seconds."""
        if status in STRAINED:
            self.strain()
        elif status < 400 or status in _NOTHING_THERE:
            self.good()
        if wait and status in _HOLDING_OFF:
            self.pause(retry_after.seconds(wait, now) or 0)

    def pause(self, seconds: float) -> None:
        """The host asked to be left alone this long (at most `longest_pause`)."""
        seconds = min(max(seconds, 0), self._longest_pause)
        if self.rest(seconds) and self.pace.budget is not None:
            self.pace.budget.hold_off(self.pace.source, seconds)

    def rest(self, seconds: float) -> bool:
        """Leave the host alone this long, as another worker was asked to; whether that is news."""
        before = self._resume
        until = asyncio.get_running_loop().time() + min(seconds, self._longest_pause)
        self._resume = max(before, until)
        return until > before

    def share(self, workers: int) -> None:
        """So many workers, this one included, have one limit and one rate between them."""
        self.pace.workers = max(1, workers)
        self._ceiling = max(1.0, self._limit / self.pace.workers)
        self._window = min(self._window, self._ceiling)
        self._admit()


class Gates:
    """The gates of one crawl. `rates` maps the roots of sources to requests a second, 0: any.

    What lies under none of them has a gate a host, made as hosts are met. `limits` says how many
    requests may be under way at once where that is not `limit`.
    """

    def __init__(
        self,
        limit: int,
        rates: Mapping[str, float],
        stopping: Callable[[], bool],
        longest_pause: float,
        patience: float = 900,
        hopeless: Callable[[str], None] = lambda source: None,
        limits: Mapping[str, int] | None = None,
    ) -> None:
        self._limit = limit
        self._limits = limits or {}
        self._stopping = stopping
        self._longest_pause = longest_pause
        self._patience = patience
        self._hopeless = hopeless
        self._budget: Budget | None = None
        self._every: dict[str, Gate] = {}
        self._sources = Roots({root: self._new(root, rate) for root, rate in rates.items()})
        self._hosts: dict[str, Gate] = {}

    def join(self, budget: Budget) -> None:
        """From now on every gate shares what it lets through."""
        self._budget = budget
        for gate in self._every.values():
            gate.pace.budget = budget

    def by_source(self) -> dict[str, Gate]:
        """The gates by the name of their source, which holds no password."""
        return dict(self._every)

    def of(self, url: str) -> Gate:
        """The gate of the source that `url` belongs to: the longest root it is under, or a host."""
        gate = self._sources.of(url)
        if gate is not None:
            return gate
        origin = "/".join(url.split("/", 3)[:3])  # a tenth of what urlsplit takes
        gate = self._hosts.get(origin)
        if gate is None:
            host = urlsplit(origin).netloc.lower()
            gate = self._hosts[origin] = self._hosts.setdefault(host, self._new(host, 0))
        return gate

    def _new(self, source: str, rate: float) -> Gate:
        shown = re.sub("(^|//)[^/]*@", r"\1", source)  # as an address may hold a password
        gate = Gate(
            self._limits.get(source, self._limit),
            rate,
            self._stopping,
            self._longest_pause,
            self._patience,
            lambda: self._hopeless(shown),
            shown,
        )
        gate.pace.budget = self._budget
        self._every[shown] = gate
        return gate


_of_crawlers: WeakKeyDictionary[Crawler, Gates] = WeakKeyDictionary()


def gates_of(crawler: Crawler) -> Gates:
    """The gates that the batch handler and the middlewares of a crawl share."""
    if crawler not in _of_crawlers:
        settings = crawler.settings
        rates = by_root(settings, settings.getdict("SOURCE_RATES"), own_root(crawler))
        limits = by_root(settings, settings.getdict("SOURCE_CONCURRENCY"), own_root(crawler))
        # What the dictionary holds must not hold its key.
        run = _Run(ref(crawler), settings.getfloat("HOST_PATIENCE"))
        _of_crawlers[crawler] = Gates(
            settings.getint("BATCH_CONCURRENCY"),
            {root: float(rate) for root, rate in rates.items()},
            run.stopping,
            settings.getfloat("RETRY_AFTER_MAX"),
            run.patience,
            run.give_up,
            {root: int(limit) for root, limit in limits.items()},
        )
    return _of_crawlers[crawler]


def own_root(crawler: Crawler) -> str:
    """The setting that says where the crawl's spider mainly reads, "" when it doesn't tell."""
    spider = getattr(crawler, "spidercls", None)
    return str(getattr(spider, "root_setting", ""))


@dataclass(slots=True)
class _Run:
    """What gates know of the crawl, and may do to it."""

    crawler: ref[Crawler]
    patience: float
    closing: asyncio.Future[None] | None = None

    def stopping(self) -> bool:
        """Whether the crawl is ending, so that nothing new should be asked for."""
        engine = getattr(self.crawler(), "engine", None)
        if engine is None:
            return False
        # A spider that is closed while the engine runs (CloseSpider) shows only here.
        slot = engine._slot
        return not engine.running or (slot is not None and slot.closing is not None)

    def give_up(self, source: str) -> None:
        """End the crawl: what is not done stays for the next run."""
        crawler = self.crawler()
        if crawler is None or crawler.engine is None or self.stopping() or self.closing:
            return
        assert crawler.stats is not None
        crawler.stats.set_value(
            "pyfcrawl/error",
            f"{source} gave no good answer for {self.patience:g} s (HOST_PATIENCE), the crawl "
            "was stopped; the next one goes on from here",
        )
        closing = crawler.engine.close_spider_async(reason="error")
        self.closing = asyncio.ensure_future(closing)
