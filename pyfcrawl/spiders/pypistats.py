"""The `pypistats` spider: how often each PyPI package of a profile is downloaded.

From pypistats itself (two requests a package, at the pace it asks for), or from a warehouse of
PyPI's download log, which answers for many packages at once. Packages longest not read come first,
so a run that is stopped loses nothing: what it has read is in the index.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scrapy import Request
from scrapy import signals as scrapy_signals
from scrapy.crawler import Crawler
from scrapy.exceptions import CloseSpider
from scrapy.http import Response
from scrapy.settings import BaseSettings

from pyfcrawl import signals
from pyfcrawl.batch.fetching import Context, Fetching
from pyfcrawl.batch.gate import GateClosedError, gates_of
from pyfcrawl.batch.messages import BatchResponse, Target
from pyfcrawl.core.ledger import Part, Plan, Visit
from pyfcrawl.core.profiles import load_profiles
from pyfcrawl.errors import ConfigurationError, PyfcrawlError, SourceError
from pyfcrawl.items import DownloadsItem
from pyfcrawl.sources import pypistats
from pyfcrawl.sources.numbers import Numbers, Window
from pyfcrawl.spiders.pypistats_arguments import Arguments, parse
from pyfcrawl.spiders.pypistats_work import (
    REGISTRY,
    ROUND,
    ROUND_LASTS,
    Package,
    Work,
    plan_work,
    round_key,
    state_key,
)
from pyfcrawl.spiders.reporting import Reporting
from pyfcrawl.spiders.warehouses import Warehouse, check_warehouse, open_warehouse
from pyfcrawl.stores.index import IndexAddress, open_reader
from pyfcrawl.stores.state import open_state

_SERIES_FIRST = 10  # what was begun gets done before further packages

#: Settings that say where a source is.
_ROOTS = {"clickhouse": "CLICKHOUSE_URL", "bigquery": "BIGQUERY_PROJECT"}


class PypistatsSpider(Reporting, Fetching):
    """`scrapy crawl pypistats -a profile=plone`; docs/crawling.md explains the arguments."""

    name = "pypistats"
    root_setting = "PYPISTATS_ROOT"
    batch_size = 1  # at one request in two seconds a batch would save nothing
    #: No more at once than are needed to keep the pace, those that wait for their turn included:
    #: each package begun is lost with a kill.
    custom_settings = {"CONCURRENT_REQUESTS": 2, "HELD_REQUESTS": 0}

    def __init__(
        self, arguments: Arguments, root: str, index: IndexAddress, state_url: str
    ) -> None:
        super().__init__()
        self.arguments = arguments
        self._root = root
        self._index = index
        self._state_url = state_url
        self._work = Work([])
        self._packages: dict[str, Package] = {}
        self._warehouse: Warehouse | None = None
        self._window: Window | None = None
        self._turn = asyncio.Lock()

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **given: str) -> PypistatsSpider:
        """Read settings and arguments. Raises ConfigurationError for bad ones."""
        settings = crawler.settings
        spider = cls(
            cls.check(settings, given),
            root=settings["PYPISTATS_ROOT"].rstrip("/"),
            index=IndexAddress.of(settings),
            state_url=settings["STATE_URL"],
        )
        spider.root_setting = _ROOTS.get(spider.arguments.source, cls.root_setting)
        spider._set_crawler(crawler)
        crawler.signals.connect(spider.let_go, scrapy_signals.spider_closed)
        return spider

    @classmethod
    def check(cls, settings: BaseSettings, given: Mapping[str, str]) -> Arguments:
        """The arguments as values, so that a command can refuse bad ones before a crawl starts."""
        profiles = load_profiles(Path(settings["PROFILES_FILE"]))
        arguments = parse(given, profiles, settings["DEFAULT_PROFILE"])
        check_warehouse(arguments.source, settings)
        return arguments

    # --- what to read -------------------------------------------------------------------------

    async def start(self) -> AsyncIterator[Request]:
        """The packages in turn: a request for each, or from a warehouse one for each page."""
        if await self.share.part() == "over":
            return
        try:
            self._work = await asyncio.to_thread(self._look_up)
        except PyfcrawlError as error:
            raise self.fatal(str(error)) from None
        self._packages = {each.name: each for each in self._work.packages}
        self._say_what()
        names = [each.name for each in self._work.packages]
        if self.arguments.source == pypistats.SOURCE:
            self._begin([names])
            requests = self._requests(names)
        else:
            requests = await self._pages(names)
        for request in requests:
            yield request

    def _look_up(self) -> Work:
        reader, state = open_reader(self._index), open_state(self._state_url, readonly=True)
        try:
            return plan_work(self.arguments, reader, state, int(time.time()))
        finally:
            reader.close()
            state.close()

    def _say_what(self) -> None:
        work = self._work
        if work.unknown:
            self.logger.warning(
                "%d names are not indexed, so there is nothing to add numbers to: %s",
                len(work.unknown),
                ", ".join(work.unknown[:20]),
            )
        if work.began:
            self.logger.info(
                "Going on with a run that was stopped: %d packages were read by it", work.skipped
            )
        elif work.skipped:
            self.logger.info(
                "%d packages were read less than max_age ago, and are skipped", work.skipped
            )
        if not (work.packages or work.skipped or work.unknown):
            self.logger.warning(
                "No PyPI packages are indexed; scrapy crawl pypi finds them, and comes first"
            )

    def _begin(self, pages: Sequence[Sequence[str]]) -> None:
        """Open the account, and the round; names no longer indexed are settled by the way."""
        arguments, work = self.arguments, self._work
        key = round_key(arguments)
        self.send(
            signals.run_planned,
            plan=Plan(
                [*(Part(len(page)) for page in pages), Part(len(work.settled))],
                scopes={state_key(each.collection): "downloads" for each in arguments.profiles},
                settled={ROUND: [key]} if arguments.in_rounds else {},
            ),
        )
        if arguments.in_rounds:
            now = int(time.time())
            values = {key: work.began or now}
            self.send(signals.remember, kind=ROUND, values=values, until=now + ROUND_LASTS)
        gone = [str(Visit(len(pages), 0, name)) for name in work.settled]
        self.send(signals.work_finished, visits=gone)

    def closed(self, reason: str) -> None:
        """Say what is left."""
        assert self.crawler.stats is not None
        stats = self.crawler.stats
        done = sum(stats.get_value(f"pyfcrawl/{name}", 0) for name in ("visited", "failed"))
        left = self._work.left + max(0, len(self._packages) - done)
        if left:
            self.logger.info("%d packages are left for the next run, which begins with them", left)

    # --- pypistats ----------------------------------------------------------------------------

    def _requests(self, names: Sequence[str]) -> Iterator[Request]:
        visits = {name: str(Visit(0, 0, name)) for name in names}
        if self.arguments.day:
            yield from (self._series(visits[name], name, {}) for name in names)
            return
        targets = [Target(pypistats.recent_url(self._root, name), visits[name]) for name in names]
        yield from self.fetch(targets, "recent", "recent")

    def _series(
        self, visit: str, name: str, facts: Mapping[str, Any], priority: int = 0
    ) -> Request:
        target = Target(pypistats.overall_url(self._root, name, self.arguments.day), visit)
        (request,) = self.fetch([target], "overall", "overall", {visit: {"facts": facts}}, priority)
        return request

    async def recent(
        self, response: BatchResponse, context: Context
    ) -> AsyncIterator[Request | DownloadsItem]:
        """Last day, week and month; then the series. 404: there are no numbers."""
        now = int(time.time())
        for target in response.gone:
            facts = pypistats.NOTHING | {"download_updated": now}
            yield self._item(target.key, facts, [], pypistats.SOURCE)
        for target, body in response.documents:
            name = Visit.parse(target.key).name
            try:
                facts = pypistats.read_recent(body, name) | {"download_updated": now}
            except SourceError as error:
                if again := self._once_more(response, target, "recent", error):
                    yield again
            else:
                yield self._series(target.key, name, facts, _SERIES_FIRST)

    async def overall(
        self, response: BatchResponse, context: Context
    ) -> AsyncIterator[Request | DownloadsItem]:
        """The days; with 404 there are none to add."""
        # A day more, for a clock that is behind.
        last = datetime.fromtimestamp(time.time() + 86_400, UTC).date().isoformat()
        for target in response.gone:
            yield self._item(target.key, context[target.key]["facts"], [], pypistats.SOURCE)
        for target, body in response.documents:
            name = Visit.parse(target.key).name
            try:
                days = pypistats.read_overall(body, name, last, self.arguments.day)
            except SourceError as error:
                if again := self._once_more(response, target, "overall", error):
                    yield again
            else:
                yield self._item(target.key, context[target.key]["facts"], days, pypistats.SOURCE)

    def _once_more(
        self, response: BatchResponse, target: Target, then: str, error: SourceError
    ) -> Request | None:
        """The same request for an answer that can't be read, None when it was tried enough."""
        again = self.retry(response, "unreadable numbers")
        if again is None:
            self.give_up(target, then, {}, str(error))
        return again

    def screen(self, then: str) -> list[str] | None:
        """See Fetching: nothing is screened."""
        return None

    def give_up(self, target: Target, then: str, context: Context, reason: str) -> None:
        """See Fetching: the package stays as it is, and is pending."""
        self.logger.warning("%s: %s", target.url, reason)
        self._fail(target.key, reason)

    # --- warehouses ---------------------------------------------------------------------------

    async def _pages(self, names: list[str]) -> Iterator[Request]:
        """A request for each page; it fetches nothing, but what is read with it is one response."""
        gate = gates_of(self.crawler).of(self.settings["CLICKHOUSE_URL"])
        self._warehouse = open_warehouse(self.arguments.source, self.settings, gate)
        size = self._warehouse.page
        pages = [names[start : start + size] for start in range(0, len(names), size)]
        self._begin(pages)
        if not pages:
            return iter(())
        try:
            self._window = await self._warehouse.window(names, self.arguments.day)
        except GateClosedError:
            raise CloseSpider("shutdown") from None
        except PyfcrawlError as error:
            raise self.fatal(f"source={self.arguments.source}: {error}") from None
        return (self._page_request(number, page) for number, page in enumerate(pages))

    def _page_request(self, number: int, page: list[str]) -> Request:
        return Request(
            f"data:,page-{number}",
            callback=self.page,
            dont_filter=True,
            priority=-number,
            cb_kwargs={"number": number, "names": page},
        )

    async def page(
        self, response: Response, number: int, names: list[str]
    ) -> AsyncIterator[DownloadsItem]:
        """Items of one page, or of none of its packages; one page after the other."""
        visits = {name: str(Visit(number, 0, name)) for name in names}
        async with self._turn:
            numbers = await self._numbers(names, visits)
            now = int(time.time())
            for name, each in numbers.items():
                facts = dict(each.facts)
                if facts:
                    facts["download_updated"] = now
                item = self._item(visits[name], facts, each.days, self.arguments.source)
                item.without = each.without
                yield item

    async def _numbers(self, names: list[str], visits: Mapping[str, str]) -> dict[str, Numbers]:
        assert self._warehouse is not None
        assert self._window is not None
        source = self.arguments.source
        try:
            return await self._warehouse.read(names, self._window)
        except GateClosedError:  # the crawl is ending: what is open stays open
            return {}
        except ConfigurationError as error:
            raise self.fatal(f"source={source}: {error}") from None
        except SourceError as error:
            self.logger.warning(
                "source=%s: %s; %d packages from %s to %s are left as they were",
                *(source, error, len(names), names[0], names[-1]),
            )
            for visit in visits.values():
                self._fail(visit, f"source={source}: {error}")
            return {}

    async def let_go(self) -> None:
        """Close connections."""
        if self._warehouse is not None:
            await self._warehouse.close()

    # --- both ---------------------------------------------------------------------------------

    def _item(
        self, visit: str, facts: Mapping[str, Any], days: list[Any], source: str
    ) -> DownloadsItem:
        package = self._packages[Visit.parse(visit).name]
        self.count("visited")
        return DownloadsItem(
            registry=REGISTRY,
            name=package.name,
            collections=package.collections,
            facts=dict(facts),
            days=days,
            source=source,
            visit=visit,
        )

    def _fail(self, visit: str, reason: str) -> None:
        self.send(signals.work_failed, visit=visit, reason=reason)
        self.send(signals.work_finished, visits=[visit])
