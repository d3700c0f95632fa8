"""The scheduler of a crawl that has a Redis: hands out what is shared, keeps the rest to itself.

What a run is planned to visit goes to the queue in Redis, for whichever worker has time for it.
What grows out of it (releases, retries) stays with that worker, whose lease lasts until all of it
is durable: a lost worker's share is visited again as a whole, and what it had written is found
there.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import redis
from scrapy import Request, Spider
from scrapy.core.scheduler import Scheduler as LocalScheduler
from scrapy.crawler import Crawler
from scrapy.exceptions import CloseSpider
from scrapy.utils.defer import deferred_from_coro
from scrapy_redis.scheduler import Scheduler
from twisted.internet.defer import Deferred

from pyfcrawl import signals
from pyfcrawl.batch.messages import SHARED_WORK, visits_of
from pyfcrawl.core.ledger import Plan
from pyfcrawl.errors import StoreError
from pyfcrawl.scheduling import runs
from pyfcrawl.scheduling.queue import LeaseQueue, Terms
from pyfcrawl.scheduling.worker import Calls, Worker
from pyfcrawl.stores.redis_client import RedisAddress, connect, explain

logger = logging.getLogger(__name__)

#: Requests held at once, if they stand for many projects; and projects, if they don't.
_HELD, _HELD_PROJECTS = 6, 64

#: Ended runs whose given up requests are listed.
_BURIED = 100


class LeaseScheduler(Scheduler):  # type: ignore[misc]
    """scrapy-redis's scheduler, with leases; also the spider's share in its run."""

    def __init__(self, crawler: Crawler, address: RedisAddress, terms: Terms) -> None:
        super().__init__(connect(address.url, address.timeout), persist=True)
        self._crawler = crawler
        self._address = address
        self._terms = terms
        self._local = LocalScheduler.from_crawler(crawler)
        self._worker: Worker | None = None
        self._name = ""
        self._joined: Plan | None = None
        self._ready = False
        self.divided = False

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> LeaseScheduler:
        """Read the settings of Redis and of leases."""
        settings = crawler.settings
        return cls(
            crawler,
            RedisAddress.of(settings),
            Terms(
                lease=int(settings.getfloat("LEASE_SECONDS") * 1000),
                attempts=settings.getint("LEASE_ATTEMPTS"),
            ),
        )

    # --- Scrapy's scheduler interface ---------------------------------------------------------

    def open(self, spider: Spider) -> None:
        """See Scrapy; nothing is said to Redis yet."""
        self._local.open(spider)
        self._name = runs.run_name(spider.name, getattr(spider, "arguments", None))
        self.divided = bool(getattr(spider, "divisible", False))
        worker = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        key = runs.queue_key(self._address.prefix, self._name)
        self.queue = LeaseQueue(self.server, spider, key, worker, self._terms)
        size = getattr(spider, "batch_size", 1)
        self._worker = Worker(
            self.queue,
            Calls(self._take, self._settle, self._end, self._over, self._fatal),
            self._address,
            most=max(_HELD, _HELD_PROJECTS // size),
        )
        spider.share = self  # type: ignore[attr-defined]
        self._crawler.signals.connect(self.projects_closed, signals.projects_closed)
        self._crawler.signals.connect(self.index_opening, signals.index_opening)

    async def index_opening(self) -> None:
        """Before anything is made for the run. Raises CloseSpider when Redis can't be used."""
        arguments = getattr(self._crawler.spider, "arguments", None)
        try:
            await asyncio.to_thread(self.server.ping)
            if arguments is not None and arguments.recreate:
                await self._claim_alone()
        except redis.RedisError as error:
            raise self._no_way(str(explain(error, self._address))) from None

    async def _claim_alone(self) -> None:
        """A rebuild is one worker's; another one would begin a second version beside it."""
        about = await asyncio.to_thread(self.queue.about)
        answer = await asyncio.to_thread(self.queue.claim, self._about())
        if answer != "plan":
            raise self._no_way(
                f"recreate=yes is under way at {about.get('host', 'another worker')}: a collection "
                "is rebuilt by one worker; wait for it to end"
            )
        assert self._worker is not None
        self._worker.claimed = True

    def _no_way(self, line: str) -> CloseSpider:
        assert self._crawler.stats is not None
        self._crawler.stats.set_value("pyfcrawl/error", line)
        return CloseSpider("error")

    def close(self, reason: str) -> Deferred[None]:
        """See Scrapy: what is held goes back, what is done is told."""
        self._local.close(reason)
        return deferred_from_coro(self._close(reason))

    async def _close(self, reason: str) -> None:
        await self._settle()
        if self._worker is not None:
            await self._worker.leave(finished=reason == "finished" and not self.divided)
            if self._worker.closed:
                await asyncio.to_thread(self._forget_run)
        self.server.close()

    def enqueue_request(self, request: Request) -> bool:
        """See Scrapy: to the queue in Redis, if it is for any worker; else to this one's own."""
        shared = request.meta.pop(SHARED_WORK, False)
        visits = visits_of(request) if shared and self.divided else []
        if visits:
            assert self._worker is not None
            identifier = self._crawler.request_fingerprinter.fingerprint(request).hex()
            self._worker.push(identifier, self.queue.encode(request), len(visits))
            return True
        return bool(self._local.enqueue_request(request))

    def next_request(self) -> Request | None:
        """See Scrapy."""
        request = self._local.next_request()
        if request is not None and self._worker is not None:
            self._worker.resting = False
        return request

    def has_pending_requests(self) -> bool:
        """See Scrapy, which asks when nothing is under way here; the run's end is the crawl's."""
        if self._local.has_pending_requests():
            return True
        worker = self._worker
        # Scrapy asks when start() is over: who neither planned nor joined by then never will.
        if worker is None or not self._ready or worker.over:
            return False
        worker.resting = True
        return True

    def __len__(self) -> int:
        return len(self._local)

    # --- the spider's share -------------------------------------------------------------------

    async def part(self) -> str:
        """See spiders.sharing.Share."""
        assert self._worker is not None
        try:
            answer = await self._worker.claim(self._about())
            if answer != "over" and await self._enter(joining=answer == "join"):
                return answer
        except redis.RedisError as error:
            raise self._no_way(str(explain(error, self._address))) from None
        except StoreError as error:
            raise self._no_way(str(error)) from None
        logger.info("Another worker has done all of it")
        return "over"

    async def _enter(self, joining: bool) -> bool:
        """Learn what other workers of the run know of it; False when it ended this moment."""
        about = await asyncio.to_thread(self.queue.about)
        if not about or (joining and "plan" not in about):
            return False  # or was dropped, and perhaps begun anew
        key = runs.open_runs_key(self._address.prefix)
        await asyncio.to_thread(self.server.sadd, key, self._name)
        if self.divided and self._crawler.stats is not None:
            self._crawler.stats.set_value("pyfcrawl/run", about["id"])
        if joining:
            self._joined = runs.read_plan(about["plan"])
            logger.info("Joining a run that %s planned", about["host"])
        return True

    def _about(self) -> dict[str, str | int]:
        spider = self._crawler.spider
        assert spider is not None
        about: dict[str, str | int] = {
            "spider": spider.name,
            "label": runs.label(spider.name, getattr(spider, "arguments", None)),
            "host": socket.gethostname(),
            "id": uuid.uuid4().hex[:12],
        }
        return about if self.divided else about | {"alone": 1}

    def begin(self) -> None:
        """See spiders.sharing.Share."""
        assert self._worker is not None
        if self._joined is not None:
            self._crawler.signals.send_catch_log(signals.run_joined, plan=self._joined)
            self._ready = self.divided
        self._worker.working = self.divided

    async def room(self) -> None:
        """See spiders.sharing.Share."""
        assert self._worker is not None
        if self.divided:
            await self._worker.room()

    async def planned(self, plan: Plan) -> None:
        """See spiders.sharing.Share."""
        assert self._worker is not None
        if self.divided:
            await self._worker.all_planned(runs.plan_text(plan))
            self._ready = True

    def projects_closed(self, visits: list[str]) -> None:
        """The keeper of the account says that these are done or noted, durably."""
        if self._worker is not None:
            self._worker.done(visits)

    # --- what the worker asks -----------------------------------------------------------------

    def _take(self, requests: list[tuple[str, str]]) -> None:
        engine = self._crawler.engine
        assert engine is not None
        assert self._worker is not None
        for identifier, text in requests:
            try:
                request, visits = self.queue.decode(text), self.queue.visits(text)
            except StoreError as error:
                self._worker.refuse(identifier, str(error))
                continue
            self._worker.lease(identifier, visits)
            engine.crawl(request)

    async def _settle(self) -> None:
        """Have all that is done noted, and told to us."""
        await self._crawler.signals.send_catch_log_async(signals.account_due)

    async def _end(self) -> None:
        """End the run: its cursors move, whatever was given up is noted as pending."""
        about = await asyncio.to_thread(self.queue.about)
        if "plan" not in about:
            return  # it was dropped this moment
        dead = await asyncio.to_thread(self.queue.dead)
        plan, lost = runs.read_plan(about["plan"]), {}
        for text, reason in dead.values():
            try:
                lost.update(dict.fromkeys(self.queue.visits(text), f"given up: {reason}"))
            except StoreError as error:
                logger.warning("%s; cursors stay, and the next crawl finds what it was", error)
                plan = replace(plan, end=None, settled={})
        answers = await self._crawler.signals.send_catch_log_async(
            signals.run_ended, dont_log=StoreError, plan=plan, lost=lost
        )
        for _, answer in answers:
            if isinstance(answer, Exception):
                raise StoreError(str(answer))
        await asyncio.to_thread(self._bury, dead, lost)

    def _bury(self, dead: Mapping[str, tuple[str, str]], lost: Mapping[str, str]) -> None:
        """List what was given up where it can be seen when the run is gone."""
        if dead:
            entry = {"run": self._name, "requests": len(dead), "projects": dict(lost)}
            key = runs.dead_key(self._address.prefix)
            self.server.lpush(key, json.dumps(entry | {"at": int(time.time())}))
            self.server.ltrim(key, 0, _BURIED - 1)
        self._forget_run()

    def _forget_run(self) -> None:
        self.server.srem(runs.open_runs_key(self._address.prefix), self._name)

    def _over(self) -> None:
        """Nothing is left: have Scrapy look again whether the crawl is idle."""
        engine: Any = self._crawler.engine
        if engine is not None and engine._slot is not None:
            # Else it looks every 5 seconds; there is no public way to make it.
            engine._slot.nextcall.schedule()

    def _fatal(self, line: str) -> None:
        engine = self._crawler.engine
        assert self._crawler.stats is not None
        if engine is None:
            return
        if self._crawler.stats.get_value("pyfcrawl/error"):  # it said what it lacks, and went on
            logger.error("%s", line)
        else:
            self._crawler.stats.set_value("pyfcrawl/error", line)
        self._closing = asyncio.ensure_future(engine.close_spider_async(reason="error"))
