"""The keeper of a crawl that may be one of several workers on a run.

Each worker accounts for the projects it visits: what failed is noted as pending, what is done is
no longer, and only then does the lease on it end. Cursors move once, when all of the run is done,
by the worker that ends it. Writing goes on in a thread, as the state may be far away.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace

from scrapy.crawler import Crawler

from pyfcrawl import signals
from pyfcrawl.core.ledger import Plan, Visit
from pyfcrawl.errors import StoreError
from pyfcrawl.extensions.keeper import Keeper
from pyfcrawl.stores.state import Cursor, Pending


class SharedKeeper(Keeper):
    """As Keeper where the run is this worker's alone."""

    def __init__(self, crawler: Crawler, state_url: str) -> None:
        super().__init__(crawler, state_url)
        self._unsaved: list[str] = []
        self._saving: asyncio.Task[None] | None = None
        self._ended = False

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> SharedKeeper:
        """As Keeper."""
        keeper = super().from_crawler(crawler)
        assert isinstance(keeper, SharedKeeper)
        crawler.signals.connect(keeper.run_joined, signals.run_joined)
        crawler.signals.connect(keeper.run_ended, signals.run_ended)
        crawler.signals.connect(keeper.account_due, signals.account_due)
        return keeper

    @property
    def _divided(self) -> bool:
        share = getattr(self._crawler.spider, "share", None)
        return share is not None and bool(share.divided)  # a scheduler has a length

    def run_planned(self, plan: Plan) -> None:
        """See Keeper; of a divided run this worker accounts for its part alone."""
        if not self._divided:
            super().run_planned(plan)
            return
        self.run_joined(plan)
        self._stats.set_value("pyfcrawl/planned", sum(part.count for part in plan.parts))

    def run_joined(self, plan: Plan) -> None:
        """Open the account of a part of the run."""
        self._loop = asyncio.get_running_loop()
        super().run_planned(replace(plan, parts=[], end=None))

    def _close(self, visits: list[str]) -> None:
        if not self._divided:
            super()._close(visits)
            return
        self._unsaved += visits
        if self._saving is None or self._saving.done():
            self._saving = asyncio.ensure_future(self._save_all())

    async def _save_all(self) -> None:
        while self._unsaved:
            visits, self._unsaved = self._unsaved, []
            closing = self._closing_of(visits)
            await asyncio.to_thread(self._save_closing, closing)
            if self._state is None:  # it could not be saved: these leases go to others
                return
            self._tell(closing)

    def _stop(self, error: Exception) -> None:
        """See Keeper; a thread that saves may say so, too."""
        self._state = None
        if self._divided:
            self._loop.call_soon_threadsafe(super()._stop, error)
        else:
            super()._stop(error)

    async def account_due(self) -> None:
        """Return when all that is done so far is saved."""
        if self._saving is not None:
            await self._saving

    def _vouch(self) -> None:
        if not self._divided:
            super()._vouch()

    def _judge_removals(self) -> None:
        """By whoever ended the run: what all its workers hold counts together."""
        if not self._divided:
            super()._judge_removals()
        elif self._ended:
            self._crawler.signals.send_catch_log(signals.removals_due, shared=True)

    async def run_ended(self, plan: Plan, lost: Mapping[str, str]) -> None:
        """All of the run is done: cursors move. Raises StoreError when they can't."""
        await self.account_due()
        await asyncio.to_thread(self._move, plan, lost)
        self._forget_settled(plan)
        self._ended = True

    def _move(self, plan: Plan, lost: Mapping[str, str]) -> None:
        if self._state is None:
            raise StoreError("the state can't be written")
        now = int(time.time())
        failed = {}
        for text, reason in lost.items():
            visit = Visit.parse(text)
            failed[visit.name] = Pending(visit.serial, reason, now)
        for key, scope in plan.scopes.items():
            cursor = None
            if plan.end is not None:
                cursor = Cursor(plan.end, scope, plan.etag, plan.listed, plan.newest, now)
            self._state.advance(key, cursor, failed, ())
