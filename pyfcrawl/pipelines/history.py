"""Stage before the index: days of downloads into the history, and what they sum up to.

An item goes on only when its days are durable, so a package never counts as read whose days are
lost. Items that come while a group is being written wait and go together: a commit costs as much
for a hundred packages as for one.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem

from pyfcrawl.core.names import package_id
from pyfcrawl.errors import PyfcrawlError
from pyfcrawl.items import DownloadsItem
from pyfcrawl.stores.history import HistoryStore, PackageDays, Total, open_history

logger = logging.getLogger(__name__)

#: Packages written in one go at most.
_GROUP = 200


class HistoryPipeline:
    """Writes `DownloadsItem.days`, adds download_total and download_total_since to its facts."""

    def __init__(self, crawler: Crawler, url: str) -> None:
        self._crawler = crawler
        self._url = url
        self._store: HistoryStore | None = None
        # One thread: the crawl's own never waits for the disk.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="history")
        self._gathered: list[tuple[DownloadsItem, asyncio.Future[Total | None]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._closing: asyncio.Future[None] | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> HistoryPipeline:
        """HISTORY_URL says where the history is."""
        return cls(crawler, crawler.settings["HISTORY_URL"])

    async def process_item(self, item: Any) -> Any:
        """Write one item's days; other items pass. An item that can't be written is lost."""
        if not isinstance(item, DownloadsItem):
            return item
        try:
            total = await self._write(item)
        except PyfcrawlError as error:
            self._stop(error)
            raise DropItem("the history can't be written", log_level="DEBUG") from None
        if total is not None:
            item.facts["download_total"] = total.downloads
            item.facts["download_total_since"] = total.since
        elif item.without:  # all that was known
            item.facts |= {"download_total": None, "download_total_since": None}
        return item

    def _stop(self, error: PyfcrawlError) -> None:
        """Without its history a crawl for downloads would do half its work: end it."""
        stats, engine = self._crawler.stats, self._crawler.engine
        assert stats is not None
        if engine is None or self._closing is not None:
            return
        logger.error("%s", error)
        if not stats.get_value("pyfcrawl/error"):  # what it said it lacks, and went on, stands
            stats.set_value("pyfcrawl/error", str(error))
        self._closing = asyncio.ensure_future(engine.close_spider_async(reason="error"))

    async def _write(self, item: DownloadsItem) -> Total | None:
        answer: asyncio.Future[Total | None] = asyncio.get_running_loop().create_future()
        self._gathered.append((item, answer))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write_gathered())
        return await answer

    async def _write_gathered(self) -> None:
        loop = asyncio.get_running_loop()
        while self._gathered:
            group = self._gathered[:_GROUP]
            del self._gathered[:_GROUP]
            try:
                items = [item for item, _ in group]
                totals = await loop.run_in_executor(self._thread, self._apply, items)
            except Exception as error:
                for _, answer in group:
                    answer.set_exception(error)
                continue
            for (_, answer), total in zip(group, totals, strict=True):
                answer.set_result(total)

    def _apply(self, items: list[DownloadsItem]) -> list[Total | None]:
        """Write a group, in the pipeline's thread; the total of each afterwards."""
        if self._store is None:
            self._store = open_history(self._url)
        packages = [package_id(item.registry, item.name) for item in items]
        if any(item.days or item.without for item in items):
            self._store.write(
                PackageDays(package, item.days, item.source, item.without)
                for package, item in zip(packages, items, strict=True)
            )
        totals = self._store.totals(packages)
        return [totals.get(package) for package in packages]

    async def close_spider(self) -> None:
        """Close the history; every item has been answered by now."""
        if self._store is not None:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._thread, self._store.close)
        self._thread.shutdown()
