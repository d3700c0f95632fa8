"""The `pypi` spider: keeps collections in step with PyPI, serial by serial.

It reads the Simple index once, visits the projects changed since the cursor in batches, and yields
what an index lacks of those that match. It only reads the index and the state; what became of a
project goes to the keeper of the account as signals.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from scrapy import Request
from scrapy import signals as scrapy_signals
from scrapy.crawler import Crawler
from scrapy.exceptions import CloseSpider
from scrapy.http import Response
from scrapy.settings import BaseSettings
from twisted.python.failure import Failure

from pyfcrawl import signals
from pyfcrawl.batch.fetching import Context, Fetching, reason_of
from pyfcrawl.batch.gate import GateClosedError
from pyfcrawl.batch.messages import BatchResponse, Target
from pyfcrawl.core.ledger import Plan, Visit
from pyfcrawl.core.names import normalized, package_id
from pyfcrawl.core.profiles import load_profiles
from pyfcrawl.errors import PyfcrawlError, SourceError
from pyfcrawl.items import GoneItem, ListingItem, PackageItem
from pyfcrawl.sources import pypi, pypi_visit
from pyfcrawl.spiders.arguments import Arguments, parse
from pyfcrawl.spiders.listing import listing_request, read_listing, unlisted
from pyfcrawl.spiders.selection import REGISTRY, Selection, all_classifiers, open_selections
from pyfcrawl.spiders.worklist import Worklist
from pyfcrawl.stores.index import IndexAddress, IndexReader, open_reader
from pyfcrawl.stores.state import open_state

_RELEASES_FIRST = 10  # what was begun gets done before further projects
_PART = 100  # projects that one part of the plan holds when batches are turned off

Output = PackageItem | ListingItem | GoneItem | Request


class PypiSpider(Fetching):
    """`scrapy crawl pypi -a profile=plone`; docs/crawling.md explains the arguments."""

    name = REGISTRY

    def __init__(
        self, arguments: Arguments, root: str, index: IndexAddress, state_url: str, batch_size: int
    ) -> None:
        super().__init__()
        self.arguments = arguments
        self.batch_size = batch_size
        self._root = root
        self._index = index
        self._state_url = state_url
        self._selections: list[Selection] = []
        self._classifiers: list[str] = []
        self._reader: IndexReader | None = None
        self._etag = ""
        self._serving: dict[str, str] = {}

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
        spider._set_crawler(crawler)
        crawler.signals.connect(spider.index_opened, signals.index_opened)
        return spider

    def index_opened(self, serving: dict[str, str]) -> None:
        """By which names this run reads and writes its collections."""
        self._serving = serving

    @classmethod
    def check(cls, settings: BaseSettings, given: Mapping[str, str]) -> Arguments:
        """The arguments as values, so that a command can refuse bad ones before a crawl starts."""
        profiles = load_profiles(Path(settings["PROFILES_FILE"]))
        return parse(given, profiles, settings["DEFAULT_PROFILE"])

    def _open(self) -> None:
        self._reader = open_reader(self._index)
        state = open_state(self._state_url, readonly=True)
        try:
            self._selections = open_selections(self.arguments, self._serving, self._reader, state)
        finally:
            state.close()
        self._classifiers = all_classifiers(self._selections)

    def closed(self, reason: str) -> None:
        """Let go of the index."""
        if self._reader is not None:
            self._reader.close()

    # --- what to visit ------------------------------------------------------------------------

    async def start(self) -> AsyncIterator[Request]:
        """The Simple index first, unless projects are asked for by name; then the visits."""
        self._listed: asyncio.Future[Worklist | None] = asyncio.get_running_loop().create_future()
        try:
            await asyncio.to_thread(self._open)
        except PyfcrawlError as error:
            raise self._fatal(str(error)) from None
        names = self._names()
        if names is None:
            known = self._selections if self._in_step else ()
            yield listing_request(self._root, known, self.parse_listing, self.listing_failed)
            worklist = await self._listed
        else:
            entries = [(name, 0) for name in names if self._named_like(name)]
            worklist = Worklist(entries, None, self._part, self.arguments.limit)
        if worklist is None:
            raise CloseSpider("error")
        async for request in self._visits(worklist):
            yield request

    def _names(self) -> Iterable[str] | None:
        """The names to visit without looking at the listing, None when it decides."""
        if self.arguments.names:
            return self.arguments.names
        if self.arguments.mode == "refresh":
            return sorted({name for each in self._selections for name in each.indexed})
        return None

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
            self._listed.set_result(Worklist([], None, self._part))
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
        self._listed.set_result(Worklist(first, listing, self._part, self.arguments.limit))
        return None

    def listing_failed(self, failure: Failure) -> None:
        """Without the listing there is nothing to do."""
        if not isinstance(failure.value, GateClosedError):
            self._no_listing(
                f"the Simple index {pypi.index_url(self._root)} can't be read "
                f"({reason_of(failure)}); check PYPI_ROOT and the network"
            )

    def _no_listing(self, line: str) -> None:
        self._fatal(line)
        self._listed.set_result(None)

    async def _visits(self, worklist: Worklist) -> AsyncIterator[Request]:
        """Requests for all parts, made as they are needed: all at once they take 200 MB."""
        self._send(signals.run_planned, plan=self._plan(worklist))
        engine = self.crawler.engine
        for number, part in enumerate(worklist):
            if engine is not None and engine.needs_backout():
                await self.crawler.signals.wait_for(scrapy_signals.scheduler_empty)
            targets = [self._target(Visit(number, serial, name)) for name, serial in part]
            for request in self.fetch(targets, "projects", label=f"projects-{number}"):
                yield request

    def _plan(self, worklist: Worklist) -> Plan:
        scopes = {each.key: each.scope for each in self._selections}
        plan = worklist.plan(self._etag if self._in_step else "", scopes)
        final = {f"{REGISTRY}/{new}": f"{REGISTRY}/{old}" for old, new in self._serving.items()}
        return replace(plan, end=None if self.arguments.match else plan.end, final=final)

    def _target(self, visit: Visit) -> Target:
        return Target(
            url=pypi.project_url(self._root, visit.name),
            key=str(visit),
            name=visit.name,
            floor=visit.serial,
            keep=not self.arguments.filter
            or any(visit.name in each.indexed for each in self._selections),
        )

    # --- visiting -----------------------------------------------------------------------------

    def screen(self, then: str) -> list[str] | None:
        """See Fetching: project pages are screened, releases are wanted anyway."""
        return self._classifiers if then == "projects" else None

    async def projects(self, response: BatchResponse, context: Context) -> AsyncIterator[Output]:
        """Project pages: items for what the index lacks, requests for its missing releases."""
        self._count("visited", len(response.unmatched))
        self._send(signals.work_finished, visits=[each.key for each in response.unmatched])
        for target in response.gone:
            left = self._gone_items(target, self._selections, "gone from the registry")
            for gone in self._visited(target, left):
                yield gone
        pages = [page for each in response.documents if (page := self._page(*each))]
        try:
            known = await asyncio.to_thread(self._known, [target for target, _ in pages])
        except PyfcrawlError as error:
            raise self._fatal(str(error)) from None
        missing: list[Target] = []
        wanted: dict[str, Any] = {}
        for target, project in pages:
            for item in self._visit(target, project, known, missing, wanted):
                yield item
        for request in self.fetch(missing, "releases", "releases", wanted, _RELEASES_FIRST):
            yield request

    def _page(self, target: Target, body: bytes) -> tuple[Target, pypi.Project] | None:
        try:
            return target, pypi.read_project(body)
        except SourceError as error:
            self.give_up(target, "projects", {}, str(error))
            return None

    def _known(self, targets: Sequence[Target]) -> dict[str, dict[str, dict[str, Any]]]:
        """collection -> package id -> version -> fields, of what is indexed of these projects."""
        assert self._reader is not None
        ids = [package_id(REGISTRY, target.name) for target in targets]
        return {
            each.collection: self._reader.known(each.collection, ids, pypi_visit.KNOWN_FIELDS)
            for each in (self._selections if ids else ())
        }

    def _visit(
        self,
        target: Target,
        project: pypi.Project,
        known: Mapping[str, Mapping[str, Mapping[str, Any]]],
        missing: list[Target],
        wanted: dict[str, Any],
    ) -> Iterator[Output]:
        """Items for one project; releases to fetch go to `missing`, what they are to `wanted`."""
        matching = [
            each
            for each in self._selections
            if not self.arguments.filter or each.wanted.match(project.classifiers)
        ]
        lost = [each for each in self._selections if each not in matching]
        left = self._gone_items(target, lost, "no classifier of the profile any more")
        if not matching:
            yield from self._visited(target, left)
            return
        self._count("matched")
        package = package_id(REGISTRY, target.name)
        changes = pypi_visit.compare(
            project,
            {each.collection: known[each.collection].get(package, {}) for each in matching},
            target.key,
            latest_only=self.arguments.latest_only,
            again=self.arguments.mode == "full",
        )
        changes.items += left
        for item in changes.fetch:
            key = f"{target.key}@{item.version}"
            url = pypi.release_url(self._root, target.name, item.version)
            missing.append(Target(url, key, target.name))
            wanted[key] = pypi_visit.as_context(item)
        yield from self._visited(target, changes.items, len(changes.fetch))

    def _gone_items(
        self, target: Target, selections: Iterable[Selection], reason: str
    ) -> list[PackageItem | ListingItem | GoneItem]:
        where = [each.collection for each in selections if target.name in each.indexed]
        return pypi_visit.gone(target.name, where, reason, target.key)

    def _visited(
        self,
        target: Target,
        items: Sequence[PackageItem | ListingItem | GoneItem],
        further: int = 0,
    ) -> Sequence[PackageItem | ListingItem | GoneItem]:
        """Account for a project page read: what is still to come of it, then the page itself."""
        self._count("visited")
        if items or further:
            self._send(signals.work_expected, visit=target.key, units=len(items) + further)
        self._send(signals.work_finished, visits=[target.key])
        return items

    async def releases(self, response: BatchResponse, context: Context) -> AsyncIterator[Output]:
        """Releases' metadata; one the registry has none of is indexed with what is listed."""
        for target in response.gone:
            yield PackageItem(**context[target.key])
        for target, body in response.documents:
            item = PackageItem(**context[target.key])
            try:
                item.metadata = pypi.read_release(body, item.name, item.version)
            except SourceError as error:
                self.give_up(target, "releases", context, str(error))
            else:
                yield item

    # --- what went wrong ----------------------------------------------------------------------

    def give_up(self, target: Target, then: str, context: Context, reason: str) -> None:
        """See Fetching: the project stays pending, whatever of it failed."""
        visit = target.key if then == "projects" else context[target.key]["visit"]
        self.logger.warning("%s: %s", target.url, reason)
        self._send(signals.work_failed, visit=visit, reason=reason)
        self._send(signals.work_finished, visits=[visit])

    def _fatal(self, line: str) -> CloseSpider:
        assert self.crawler.stats is not None
        self.crawler.stats.set_value("pyfcrawl/error", line)
        return CloseSpider("error")

    def _send(self, signal: object, **what: Any) -> None:
        self.crawler.signals.send_catch_log(signal, spider=self, **what)

    def _count(self, name: str, number: int = 1) -> None:
        assert self.crawler.stats is not None
        self.crawler.stats.inc_value(f"pyfcrawl/{name}", number)
