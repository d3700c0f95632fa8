"""The `pypi` spider: keeps collections in step with PyPI, serial by serial.

It reads the Simple index once, visits the projects changed since the cursor in batches, and yields
what an index lacks of those that match. It only reads the index and the state; what became of a
project goes to the keeper of the account as signals.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from packaging.utils import is_normalized_name
from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import CloseSpider
from scrapy.http import Response
from scrapy.settings import BaseSettings
from twisted.python.failure import Failure

from pyfcrawl import signals
from pyfcrawl.batch.fetching import reason_of
from pyfcrawl.batch.gate import GateClosedError
from pyfcrawl.batch.messages import Target
from pyfcrawl.core.ledger import Plan, Visit
from pyfcrawl.core.names import normalized
from pyfcrawl.core.profiles import load_profiles
from pyfcrawl.errors import PyfcrawlError, SourceError
from pyfcrawl.sources import pypi
from pyfcrawl.spiders.listing import listing_request, read_listing, unlisted
from pyfcrawl.spiders.pypi_arguments import Arguments, parse
from pyfcrawl.spiders.selection import REGISTRY
from pyfcrawl.spiders.visiting import Visiting
from pyfcrawl.spiders.worklist import Worklist
from pyfcrawl.stores.index import IndexAddress
from pyfcrawl.stores.standing import GAPS, gaps_of
from pyfcrawl.stores.state import StateReader

_PART = 100  # projects that one part of the plan holds when batches are turned off


class PypiSpider(Visiting):
    """`scrapy crawl pypi -a profile=plone`; docs/crawling.md explains the arguments."""

    name = REGISTRY

    arguments: Arguments

    def __init__(
        self, arguments: Arguments, root: str, index: IndexAddress, state_url: str, batch_size: int
    ) -> None:
        super().__init__(root, index, state_url, batch_size)
        self.arguments = arguments
        self.unfiltered = not arguments.filter
        self.again = arguments.mode == "full"
        self._etag = ""
        self._gaps: list[str] = []

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **given: str) -> PypiSpider:
        """Read settings and arguments. Raises ConfigurationError for bad ones."""
        settings = crawler.settings
        spider = cls(
            cls.check(settings, given),
            root=settings["PYPI_ROOT"].rstrip("/"),
            index=IndexAddress.of(settings),
            state_url=settings["STATE_URL"],
            batch_size=settings.getint("BATCH_SIZE"),
        )
        spider.attach(crawler)
        return spider

    @classmethod
    def check(cls, settings: BaseSettings, given: Mapping[str, str]) -> Arguments:
        """The arguments as values, so that a command can refuse bad ones before a crawl starts."""
        profiles = load_profiles(Path(settings["PROFILES_FILE"]))
        return parse(given, profiles, settings["DEFAULT_PROFILE"])

    @property
    def divisible(self) -> bool:
        """See Reporting: a rebuild is one worker's, as it makes collections of its own."""
        return not self.arguments.recreate

    def recall(self, state: StateReader) -> None:
        """See Visiting: gaps in the feeds that a look at the whole listing closes."""
        try:
            self._gaps = list(gaps_of(state, [each.collection for each in self.arguments.profiles]))
        except PyfcrawlError as error:
            self.logger.warning("Gaps in the feeds can't be told: %s", error)

    # --- what to visit ------------------------------------------------------------------------

    async def start(self) -> AsyncIterator[Request]:
        """The Simple index first, unless projects are asked for by name; then the visits."""
        self._listed: asyncio.Future[Worklist | None] = asyncio.get_running_loop().create_future()
        part = await self.share.part()
        if part == "over":
            return
        try:
            await asyncio.to_thread(self.look_up)
            if part == "join":
                self.share.begin()
                return
            names = await self._names()
        except PyfcrawlError as error:
            raise self.fatal(str(error)) from None
        if names is None:
            known = self._selections if self._in_step else ()
            yield listing_request(self._root, known, self.parse_listing, self.listing_failed)
            worklist = await self._listed
        else:
            self._gaps.clear()
            entries = [(name, 0) for name in names if self._named_like(name)]
            worklist = Worklist(entries, None, self._part, self.arguments.limit)
        if worklist is None:
            raise CloseSpider("error")
        async for request in self._visits(worklist):
            yield request

    async def _names(self) -> Iterable[str] | None:
        """The names to visit without looking at the listing, None when it decides."""
        if self.arguments.discovery:
            return await self._discovered()
        if self.arguments.names:
            return self.arguments.names
        if self.arguments.mode == "refresh":
            return sorted({name for each in self._selections for name in each.indexed})
        return None

    async def _discovered(self) -> list[str]:
        # Only here, as its clients are optional.
        from pyfcrawl.spiders.discovery import discover

        found = await discover(self.settings, self.arguments.discovery, self._classifiers)
        return sorted({name for each in found if is_normalized_name(name := normalized(each))})

    def _named_like(self, name: str) -> bool:
        return normalized(self.arguments.match or "") in name

    @property
    def _part(self) -> int:
        return self.batch_size if self.batch_size > 1 else _PART

    @property
    def _in_step(self) -> bool:
        """Whether this run sees everything that changed since the cursor."""
        return self.arguments.mode == "sync" and not self.arguments.match

    def parse_listing(self, response: Response) -> Request | None:
        """Compare the listing with cursors and index: what `start` goes on to visit."""
        if response.status == 304:
            self.logger.info("Nothing has changed at the registry since the last run")
            self._begin(Worklist([], None, self._part))
            return None
        try:
            listing = read_listing(
                response.body,
                self._selections,
                everything=self.arguments.mode == "full",
                containing=self.arguments.match,
            )
        except SourceError as error:
            again = self.retry(response, "unreadable listing")
            if again is None:
                self._no_listing(
                    f"{response.url}: {error}; is PYPI_ROOT the root of a registry that serves "
                    "the Simple index as JSON?"
                )
            return again
        first = [each for each in unlisted(self._selections, listing) if self._named_like(each[0])]
        self._etag = (response.headers.get("ETag") or b"").decode("latin-1")
        self._begin(Worklist(first, listing, self._part, self.arguments.limit))
        return None

    def listing_failed(self, failure: Failure) -> None:
        """Without the listing there is nothing to do."""
        if not isinstance(failure.value, GateClosedError):
            self._no_listing(
                f"the Simple index {pypi.index_url(self._root)} can't be read "
                f"({reason_of(failure)}); check PYPI_ROOT and the network"
            )

    def _no_listing(self, line: str) -> None:
        self.fatal(line)
        self._begin(None)

    def _begin(self, worklist: Worklist | None) -> None:
        if not self._listed.done():  # given up, when the crawl is stopped meanwhile
            self._listed.set_result(worklist)

    async def _visits(self, worklist: Worklist) -> AsyncIterator[Request]:
        """Requests for all parts, made as they are needed."""
        plan = self._plan(worklist)
        self.send(signals.run_planned, plan=plan)
        self.share.begin()
        for number, part in enumerate(worklist):
            await self.room()
            targets = [self._target(Visit(number, serial, name)) for name, serial in part]
            for request in self.fetch(targets, "projects", f"projects-{number}", shared=True):
                yield request
        await self.share.planned(plan)

    def _plan(self, worklist: Worklist) -> Plan:
        scopes = {each.key: each.scope for each in self._selections}
        plan = worklist.plan(self._etag if self._in_step else "", scopes)
        final = {f"{REGISTRY}/{new}": f"{REGISTRY}/{old}" for old, new in self._serving.items()}
        if self.arguments.match:
            return replace(plan, end=None, final=final)
        settled = {GAPS: self._gaps} if worklist.whole else {}
        return replace(plan, final=final, settled=settled)

    def _target(self, visit: Visit) -> Target:
        return Target(
            url=pypi.project_url(self._root, visit.name),
            key=str(visit),
            name=visit.name,
            floor=visit.serial,
            keep=not self.arguments.filter
            or any(visit.name in each.indexed for each in self._selections),
        )
