"""The crawl's side of held removals: when they are judged, and who is told what came of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from scrapy.crawler import Crawler

from pyfcrawl import signals
from pyfcrawl.errors import PyfcrawlError
from pyfcrawl.items import GoneItem
from pyfcrawl.pipelines.removals import Limit, Removals, Verdict
from pyfcrawl.pipelines.serving import Serving
from pyfcrawl.stores.index import IndexWriter
from pyfcrawl.stores.state import open_state

logger = logging.getLogger(__name__)


class Held:
    """Holds removals, and judges them one time after the other when they are due.

    `in_thread` runs a function in the index's own thread, `stop` ends the crawl when the index or
    the state can't be written.
    """

    def __init__(
        self,
        crawler: Crawler,
        state_url: str,
        serving: Serving,
        limit: Limit,
        in_thread: Callable[..., Awaitable[Any]],
        stop: Callable[[PyfcrawlError], None],
    ) -> None:
        self._crawler = crawler
        self._state_url = state_url
        self._serving = serving
        self._limit = limit
        self._in_thread = in_thread
        self._stop = stop
        self._removals: Removals | None = None
        self._judging: asyncio.Task[None] | None = None
        self._refused: dict[str, str] = {}

    def hold(self, writer: IndexWriter, items: Sequence[GoneItem]) -> None:
        """Note packages to be removed; blocks, and is durable. Raises StoreError."""
        if items:
            self._account(writer).hold(items)

    def _account(self, writer: IndexWriter) -> Removals:
        if self._removals is None:
            assert self._crawler.stats is not None
            run = self._crawler.stats.get_value("pyfcrawl/run", "")
            self._removals = Removals(open_state(self._state_url), writer, run, self._limit)
        return self._removals

    def due(self, writer: IndexWriter, shared: bool) -> None:
        """All that was begun is done: judge what is held, by all workers if it is `shared`."""
        if self._removals is not None or shared:
            self._judging = asyncio.ensure_future(self._judge(writer, self._judging))

    async def _judge(self, writer: IndexWriter, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await before
        try:
            verdict = await self._in_thread(self._carry_out, writer)
        except PyfcrawlError as error:
            self._stop(error)  # what is held is pending, and stays so
        else:
            self._tell(verdict)

    def _tell(self, verdict: Verdict) -> None:
        assert self._crawler.stats is not None
        self._crawler.stats.inc_value("pyfcrawl/removed", verdict.documents)
        self._crawler.signals.send_catch_log(
            signals.removals_settled, removed=verdict.removed, left=verdict.left
        )
        for collection, line in verdict.refused.items():
            how = self._serving.confirmed(collection, verdict.registries[collection])
            line = f"{line}: nothing was; look at `scrapy status --pending`, and {how}"
            if self._refused.get(collection) != line:
                logger.error("%s", line)
            self._refused[collection] = line

    def _carry_out(self, writer: IndexWriter) -> Verdict:
        return self._account(writer).carry_out(list(self._serving.profiles))

    async def settled(self) -> str:
        """Wait until all is judged; what to tell of removals that were too many, "" without."""
        if self._judging is not None:
            await self._judging
        return "; ".join(self._refused.values())

    def close(self) -> None:
        """Let go of the state."""
        if self._removals is not None:
            self._removals.close()
