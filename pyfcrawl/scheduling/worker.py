"""One worker's part in a run: what it holds leases on, and its talk with Redis.

Everything is gathered and told in one exchange, a few times a second and in a thread, so that
neither a distant Redis nor one that is away holds up the crawl: what is held is worked on, what is
to be told is kept until it can be.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import redis

from pyfcrawl.errors import StoreError
from pyfcrawl.scheduling.queue import Exchange, LeaseQueue, Push, Standing
from pyfcrawl.stores.redis_client import RedisAddress, explain, is_passing

logger = logging.getLogger(__name__)

#: Seconds between exchanges: at least, and at most while nothing happens here.
_SOON, _SELDOM = 0.02, 0.5

#: Seconds between tries while Redis is away: at first, and at most.
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 5.0

#: Requests that wait to be told before a planner is made to wait, and how many go at once.
_OUTBOX, PUSHED = 200, 50

#: Seconds that an exchange under way is waited for in the end.
_LAST_WORD = 10.0


@dataclass(slots=True)
class Lease:
    """A request that is worked on, how many projects it is for, and those not done yet."""

    id: str
    visits: set[str]
    size: int


@dataclass(slots=True)
class Outbox:
    """What is to be told at the next exchange."""

    pushes: list[Push] = field(default_factory=list)
    acks: list[str] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)
    returns: list[str] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.pushes or self.acks or self.failures or self.returns)


@dataclass(frozen=True, slots=True)
class Calls:
    """What a worker asks of its crawl.

    `take` is given the requests leased (id and text). `settle` is awaited before what is held is
    given back, so that what is done is known. `end` is awaited when this worker is the one to end
    the run. `over` says that there is nothing left to do, `fatal` in one line why there is no
    going on.
    """

    take: Callable[[list[tuple[str, str]]], None]
    settle: Callable[[], Awaitable[None]]
    end: Callable[[], Awaitable[None]]
    over: Callable[[], None]
    fatal: Callable[[str], None]


class Worker:
    """Talks for one crawl with the queue of its run.

    `address` says how long a Redis that is away is waited for; `most` is how many requests are held
    at once, those worked on and some ahead.
    """

    def __init__(self, queue: LeaseQueue, calls: Calls, address: RedisAddress, most: int) -> None:
        self._queue = queue
        self._calls = calls
        self._address = address
        self._most = most
        self._outbox = Outbox()
        self._leases: dict[str, Lease] = {}
        self._lease_of: dict[str, Lease] = {}
        self._plan = ""
        self._alone = False
        self._wake = asyncio.Event()
        self._told = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._leaving = False
        #: Whether the run was claimed for this worker before its crawl began.
        self.claimed = False
        # Of its own: those that all share may be busy for minutes, and leases be lost meanwhile.
        # Two, as the last word may have to be said while a call still hangs.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="queue")
        #: Whether to take requests.
        self.working = False
        #: Whether nothing is under way in this crawl.
        self.resting = False
        self.planned = False
        self.over = False
        #: Whether this worker, alone at it, ended the run.
        self.closed = False

    # --- the run ------------------------------------------------------------------------------

    async def claim(self, about: Mapping[str, str | int]) -> str:
        """Wait until it is clear what there is to do in the run: "plan", "join" or "over".

        "over": another worker did all of it while this one stood by. Raises StoreError.
        """
        answer = await self._patiently(self._queue.claim, about)
        if answer == "wait":
            logger.info("Another worker has this run; standing by, should it be lost")
        while answer == "wait":
            await asyncio.sleep(_SELDOM)
            answer = await self._patiently(self._queue.claim, about, False)
        self.planned = answer == "join"
        self.over = answer == "over"
        self._alone = "alone" in about
        if not self.over:
            self._task = asyncio.create_task(self._run())
        return str(answer)

    # --- what the scheduler says --------------------------------------------------------------

    def push(self, identifier: str, text: str, size: int) -> None:
        """A request, for so many projects, for whichever worker has time for it."""
        self._outbox.pushes.append((identifier, text))
        self._outbox.sizes[identifier] = size
        self._wake.set()

    async def room(self) -> None:
        """Wait until little is left to be told."""
        while len(self._outbox.pushes) > _OUTBOX and not self.over:
            await self._after_exchange()

    async def all_planned(self, plan: str) -> None:
        """Tell that nothing will be added, once all is pushed; returns when that is known."""
        self._plan = plan
        self._wake.set()
        while not (self.planned or self.over):
            await self._after_exchange()

    async def _after_exchange(self) -> None:
        self._told.clear()
        await self._told.wait()

    def lease(self, identifier: str, visits: Iterable[str]) -> None:
        """Work begins on a request, for these projects."""
        open_ = set(visits)
        lease = Lease(identifier, open_, len(open_))
        self._leases[identifier] = lease
        self._lease_of.update(dict.fromkeys(lease.visits, lease))

    def done(self, visits: Iterable[str]) -> None:
        """These projects are done or noted as pending, durably; leases with no others end."""
        for visit in visits:
            lease = self._lease_of.pop(visit, None)
            if lease is None:
                continue
            lease.visits.discard(visit)
            if not lease.visits:
                del self._leases[lease.id]
                self._outbox.acks.append(lease.id)
                self._outbox.sizes[lease.id] = lease.size
                self._wake.set()

    def refuse(self, identifier: str, reason: str) -> None:
        """A request leased can't be worked on."""
        self._outbox.failures.append((identifier, reason))
        self._wake.set()

    # --- exchanges ----------------------------------------------------------------------------

    async def _run(self) -> None:
        """Exchange until the run is over, or this worker leaves it."""
        try:
            while not (self.over or self._leaving):
                await self._turn()
                self._told.set()
                await self._pause()
        except StoreError as error:
            self._calls.fatal(str(error))
        except Exception as error:
            logger.exception("The talk with Redis ended")
            self._calls.fatal(f"an error of the queue's, which the log tells: {error}")
        finally:
            self.over = self.over or not self._leaving
            self._told.set()
        if self.over:
            self._calls.over()

    async def _turn(self) -> None:
        if self.resting and self._leases:
            await self._give_back()
        standing = await self._exchange()
        if standing is None:
            self.over = True
        elif self._alone and not standing.planner:
            raise StoreError(
                f"another worker took this run over, as {self._address} had not heard of this one "
                "for longer than LEASE_SECONDS; what was done is kept"
            )
        elif standing.drained and not (self._leases or self._outbox):
            await self._end()

    async def _pause(self) -> None:
        await asyncio.sleep(_SOON)
        try:
            await asyncio.wait_for(self._wake.wait(), _SELDOM)
        except TimeoutError:
            return
        self._wake.clear()

    async def _give_back(self) -> None:
        """Nothing is under way, so what is still held won't get any further here."""
        await self._calls.settle()
        for lease in list(self._leases.values()) if self.resting else ():
            reason = f"{len(lease.visits)} of its projects were left undone by an error"
            self._drop(lease)
            self._outbox.failures.append((lease.id, reason))

    async def _exchange(self) -> Standing | None:
        box, self._outbox = self._outbox, Outbox()
        self._outbox.pushes = box.pushes[PUSHED:]
        self._outbox.sizes = {each: box.sizes.pop(each) for each, _ in self._outbox.pushes}
        what = Exchange(
            pushes=box.pushes[:PUSHED],
            acks=box.acks,
            failures=box.failures,
            returns=box.returns,
            holds=list(self._leases),
            want=self._most - len(self._leases) if self.working and not self._leaving else 0,
            plan="" if self._outbox.pushes else self._plan,
            sizes=box.sizes,
        )
        standing: Standing | None = await self._patiently(self._queue.exchange, what)
        if standing is None:
            return None
        if self._outbox.pushes:
            self._wake.set()
        self.planned = standing.planned
        for identifier in standing.lost:
            if lease := self._leases.get(identifier):
                logger.warning("A lease ran out: its projects may be visited twice")
                self._drop(lease)
        if standing.taken:
            self.resting = False
            self._calls.take([(each, str(text or "")) for each, text in standing.taken])
        return standing

    def _drop(self, lease: Lease) -> None:
        del self._leases[lease.id]
        for visit in lease.visits:
            self._lease_of.pop(visit, None)

    async def _end(self) -> None:
        """End the run, if no other worker does."""
        if not await self._patiently(self._queue.finish):
            return
        try:
            await self._calls.end()
        except redis.RedisError as error:
            if is_passing(error):
                return  # the next turn waits for it, and ends the run then
            raise explain(error, self._address) from error
        await self._patiently(self._queue.close)
        self.over = True

    async def _patiently(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """Make a call of the queue in a thread, again and again while Redis is away.

        Raises StoreError when it stays away, or refuses for a reason that won't pass.
        """
        away, pause = 0.0, _FIRST_WAIT
        while True:
            try:
                answer = await self._in_thread(call, *arguments)
            except redis.RedisError as error:
                fault = explain(error, self._address)
                gone = time.monotonic() - away if away else 0.0
                if not is_passing(error) or gone > self._address.wait or self._leaving:
                    raise fault from error
                if not away:
                    away = time.monotonic()
                    logger.warning("%s; holding what there is, and trying again", fault)
            else:
                if away:
                    logger.info("Redis is back after %.1f s", time.monotonic() - away)
                return answer
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_WAIT)

    async def _in_thread(self, call: Callable[..., Any], *arguments: Any) -> Any:
        work = partial(call, *arguments)
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    # --- the end ------------------------------------------------------------------------------

    async def leave(self, finished: bool) -> None:
        """Stop. What is held goes back to the queue at once, for others.

        `finished` ends a run that this worker did alone; so does not having begun one claimed.
        """
        try:
            await self._leave(finished)
        finally:
            self._threads.shutdown(wait=False)

    async def _leave(self, finished: bool) -> None:
        self._leaving = True
        self._wake.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=_LAST_WORD)
            self._task.cancel()
        begun = self._task is not None
        if self.over or not (begun or self.claimed):
            return
        self._outbox.returns += list(self._leases)
        try:
            await self._in_thread(self._say_goodbye, finished or not begun)
        except redis.RedisError as error:
            fault = explain(error, self._address)
            logger.warning("%s; what was held goes to others when its leases end", fault)

    def _say_goodbye(self, finished: bool) -> None:
        box = self._outbox
        what = Exchange(box.pushes, box.acks, box.failures, box.returns, sizes=box.sizes)
        self._queue.exchange(what)
        self.closed = finished and self._queue.close()
        if not self.closed:
            self._queue.step_back()
