"""Stage 5: documents, changes and removals into the index, in groups and off the crawl's thread.

`process_item` returns only when what the item stands for is durable: that is what makes it safe
to move cursors and end leases behind it. While one group is being written the next one gathers,
so groups are as large as the index is slow.

A package that is gone altogether is only held back here (see pipelines.removals): its visit counts
as not done until the keeper says that nothing is under way any more, and then all of them go, or
none when they are too many.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from scrapy.crawler import Crawler
from scrapy.exceptions import CloseSpider, DropItem

from pyfcrawl import signals
from pyfcrawl.core.names import package_id, release_id
from pyfcrawl.core.removals import held
from pyfcrawl.errors import PyfcrawlError
from pyfcrawl.items import DownloadsItem, GithubItem, GoneItem, ListingItem, PackageItem
from pyfcrawl.pipelines.facts import FactsItem, write_facts
from pyfcrawl.pipelines.held import Held
from pyfcrawl.pipelines.removals import Limit
from pyfcrawl.pipelines.serving import Serving
from pyfcrawl.stores.index import IndexAddress, IndexWriter, Patch, WriteReport, open_writer

logger = logging.getLogger(__name__)

Item = PackageItem | ListingItem | GoneItem | GithubItem | DownloadsItem

#: Items written in one go at most.
_GROUP = 500

#: Refused documents that the summary names; the log names all.
_NAMED = 20


@dataclass(slots=True)
class _Report:
    """What became of a group: counts, and id -> reason of what the index refused."""

    counts: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    refused: dict[str, str] = field(default_factory=dict)

    def add(self, report: WriteReport, written: str) -> None:
        self.counts[written] += report.written
        self.counts["unchanged"] += report.unchanged
        self.refused |= {each.identifier: each.reason for each in report.refused}


class IndexPipeline:
    """Writes items and answers for them to the keeper of the account."""

    def __init__(
        self, crawler: Crawler, address: IndexAddress, state_url: str, remove_limit: float
    ) -> None:
        self._crawler = crawler
        self._address = address
        self._state_url = state_url
        self._remove_limit = remove_limit
        self._writer: IndexWriter | None = None
        # One thread: the index has one writer, and the crawl's own thread never waits for it.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="index")
        self._gathered: list[tuple[Item, asyncio.Future[bool]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._closing: asyncio.Future[None] | None = None
        self._clean = False
        self._take_on(None)

    def _take_on(self, arguments: Any) -> None:
        """Work for a spider with these arguments."""
        limit = Limit(self._remove_limit, bool(getattr(arguments, "confirm_removals", False)))
        self._serving = Serving(self._address, arguments, limit)
        self._held = Held(
            self._crawler, self._state_url, self._serving, limit, self._in_thread, self._stop
        )

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> IndexPipeline:
        """INDEX_URL and the TYPESENSE settings say which index, REMOVE_LIMIT what may go."""
        settings = crawler.settings
        pipeline = cls(
            crawler,
            IndexAddress.of(settings),
            settings["STATE_URL"],
            settings.getfloat("REMOVE_LIMIT"),
        )
        crawler.signals.connect(pipeline.run_clean, signals.run_clean)
        crawler.signals.connect(pipeline.removals_due, signals.removals_due)
        return pipeline

    def run_clean(self) -> None:
        """All that was planned is done and nothing failed."""
        self._clean = True

    def removals_due(self, shared: bool = False) -> None:
        """All that was begun is done: what is held can be judged."""
        if self._writer is not None:
            self._held.due(self._writer, shared)

    async def open_spider(self) -> None:
        """Open the index and make the collections of the run. Raises CloseSpider."""
        asked = self._crawler.signals.send_catch_log_async(
            signals.index_opening, dont_log=CloseSpider
        )
        for _, answer in await asked:
            if isinstance(answer, CloseSpider):
                raise answer
        self._take_on(getattr(self._crawler.spider, "arguments", None))
        try:
            await self._in_thread(self._open)
        except PyfcrawlError as error:
            self._stats.set_value("pyfcrawl/error", str(error))
            raise CloseSpider("error") from None
        self._crawler.signals.send_catch_log(signals.index_opened, serving=self._serving.rebuilt)

    def _open(self) -> None:
        self._writer = open_writer(self._address)
        self._serving.open(self._writer)
        self._stats.set_value("pyfcrawl/documents_before", self._serving.documents(self._writer))

    async def close_spider(self) -> None:
        """Close the index; every item has been answered by now."""
        try:
            self._tell(await self._held.settled())
            if self._writer is not None:
                await self._in_thread(self._put_to_serve)
        except PyfcrawlError as error:
            self._stats.set_value("pyfcrawl/error", str(error))
        finally:
            await self._in_thread(self._close)
            self._thread.shutdown()

    def _put_to_serve(self) -> None:
        assert self._writer is not None
        written = bool(self._stats.get_value("pyfcrawl/written"))
        obstacle = self._serving.finish(self._writer, self._clean, written)
        self._tell(obstacle)
        if self._serving.rebuilt and not obstacle:
            self._stats.set_value("pyfcrawl/switched", True)
        self._stats.set_value("pyfcrawl/documents", self._serving.documents(self._writer))

    def _tell(self, line: str) -> None:
        """Make the run a failure, unless it is one already."""
        if line and not self._stats.get_value("pyfcrawl/error"):
            self._stats.set_value("pyfcrawl/error", line)

    def _close(self) -> None:
        self._held.close()
        if self._writer is not None:
            self._writer.close()

    async def process_item(self, item: Any) -> Any:
        """Write one item; returns the document of a release, drops the rest when it is done."""
        if not isinstance(item, Item):
            return item
        try:
            refused = await self._write(item)
        except PyfcrawlError as error:
            # Not answered for: the project stays open, and no cursor moves past it.
            item.visit = ""
            self._stop(error)
            raise DropItem("the index can't be written", log_level="DEBUG") from None
        if isinstance(item, PackageItem) and not refused:
            return item.document
        raise DropItem(f"{type(item).__name__} of {item.name}", log_level="DEBUG")

    def _stop(self, error: PyfcrawlError) -> None:
        """Without an index there is nothing to crawl for."""
        engine = self._crawler.engine
        if engine is None or self._closing is not None:
            return
        if self._stats.get_value("pyfcrawl/error"):  # it said what it lacks, and went on
            logger.error("%s", error)
        self._tell(str(error))
        self._closing = asyncio.ensure_future(engine.close_spider_async(reason="error"))

    async def _write(self, item: Item) -> bool:
        """Whether the index refused something of the item."""
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._gathered.append((item, answer))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write_gathered())
        return await answer

    async def _write_gathered(self) -> None:
        while self._gathered:
            group = self._gathered[:_GROUP]
            del self._gathered[:_GROUP]
            try:
                report = await self._in_thread(self._apply, [item for item, _ in group])
            except Exception as error:
                for _, answer in group:
                    answer.set_exception(error)
                continue
            self._count(report)
            refused = self._settle([item for item, _ in group], report)
            for (_, answer), each in zip(group, refused, strict=True):
                answer.set_result(each)

    def _settle(self, items: list[Item], report: _Report) -> list[bool]:
        """Answer for a group at once; for each item whether the index refused something of it."""
        send = self._crawler.signals.send_catch_log
        refused = []
        visits = []
        for item in items:
            reasons = _reasons(item, report) if report.refused else []
            refused.append(bool(reasons))
            if item.visit:
                visits.append(item.visit)
                if reasons:
                    reason = f"the index refused a document: {reasons[0]}"
                    send(signals.work_failed, visit=item.visit, reason=reason)
                elif _is_whole(item):
                    send(signals.work_failed, visit=item.visit, reason=held(item.reason))
                item.visit = ""  # answered for
        if visits:
            send(signals.work_finished, visits=visits)
        return refused

    def _count(self, report: _Report) -> None:
        for name, number in report.counts.items():
            self._stats.inc_value(f"pyfcrawl/{name}", number)
        for identifier, reason in report.refused.items():
            self._stats.inc_value("pyfcrawl/refused")
            named = self._stats.get_value("pyfcrawl/refused_documents") or []
            if len(named) < _NAMED:
                named = [*named, f"{identifier}: {reason}"]
                self._stats.set_value("pyfcrawl/refused_documents", named)
            logger.error("The index refused %s: %s", identifier, reason)

    def _apply(self, items: list[Item]) -> _Report:
        """Write a group, in the writer's thread."""
        assert self._writer is not None
        report = _Report()
        for collection, documents in _by_collection(items, PackageItem, _documents):
            report.add(self._writer.upsert(collection, documents), "written")
        for collection, patches in _by_collection(items, ListingItem, _patches):
            report.add(self._writer.patch(collection, patches), "updated")
        for collection, facts in _by_collection(items, FactsItem, _itself):
            report.add(write_facts(self._writer, collection, facts, int(time.time())), "updated")
        for item in items:
            if isinstance(item, GoneItem) and not _is_whole(item):
                report.counts["removed"] += self._remove(self._writer, item)
        self._held.hold(self._writer, [item for item in items if _is_whole(item)])
        return report

    @staticmethod
    def _remove(writer: IndexWriter, item: GoneItem) -> int:
        removed = sum(writer.delete(each, _targets(item)) for each in item.collections)
        if removed:
            logger.info("Removed %s (%d documents): %s", item.name, removed, item.reason)
        return removed

    async def _in_thread(self, function: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    @property
    def _stats(self) -> Any:
        return self._crawler.stats


def _is_whole(item: Item) -> TypeGuard[GoneItem]:
    return isinstance(item, GoneItem) and item.versions is None


def _by_collection(items: Iterable[Item], kind: Any, parts: Any) -> Iterator[tuple[str, list[Any]]]:
    found: dict[str, list[Any]] = {}
    for item in items:
        if isinstance(item, kind):
            for collection in item.collections:
                found.setdefault(collection, []).extend(parts(item))
    yield from found.items()


def _documents(item: PackageItem) -> list[dict[str, Any]]:
    return [item.document]


def _patches(item: ListingItem) -> list[Patch]:
    package = Patch(package_id(item.registry, item.name), item.package)
    releases = [
        Patch(release_id(item.registry, item.name, version), fields)
        for version, fields in item.releases.items()
    ]
    return [package, *releases]


def _itself(item: FactsItem) -> list[FactsItem]:
    return [item]


def _reasons(item: Item, report: _Report) -> list[str]:
    """Why the index refused something of an item, if it did."""
    if isinstance(item, FactsItem):
        package = package_id(item.registry, item.name)
        refused = report.refused.items()
        return [why for each, why in refused if each == package or each.startswith(f"{package}@")]
    return [report.refused[each] for each in _targets(item) if each in report.refused]


def _targets(item: PackageItem | ListingItem | GoneItem) -> list[str]:
    """Ids of all that an item writes."""
    if isinstance(item, PackageItem):
        return [str(item.document.get("identifier"))]
    versions = item.releases if isinstance(item, ListingItem) else item.versions or ()
    releases = [release_id(item.registry, item.name, version) for version in versions]
    return [package_id(item.registry, item.name), *releases]
