"""The `npm` spider: keeps collections in step with npm, packument by packument.

npm has no list of changes that could be followed cheaply, so it searches for a profile's keywords
and scopes, and asks for every package found or indexed whether it changed since the last time.
What an index lacks of a package is yielded; what became of it goes to the keeper of the account as
signals.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scrapy import Request
from scrapy import signals as scrapy_signals
from scrapy.crawler import Crawler
from scrapy.settings import BaseSettings

from pyfcrawl import signals
from pyfcrawl.batch.fetching import Context
from pyfcrawl.batch.messages import BatchResponse, Target
from pyfcrawl.core.ledger import Part, Plan, Visit
from pyfcrawl.core.names import package_id
from pyfcrawl.core.profiles import load_profiles
from pyfcrawl.errors import PyfcrawlError, SourceError
from pyfcrawl.items import DownloadsItem, GoneItem, ListingItem, PackageItem
from pyfcrawl.sources import npm, npm_search, npm_visit
from pyfcrawl.sources.npm import REGISTRY, Packument
from pyfcrawl.spiders.npm_arguments import Arguments, Roots, parse
from pyfcrawl.spiders.npm_downloads import Downloads
from pyfcrawl.spiders.npm_readmes import Readmes
from pyfcrawl.spiders.npm_search import Searching
from pyfcrawl.spiders.npm_selection import Selection, agreed, open_selections, worklist
from pyfcrawl.stores.index import IndexAddress, IndexReader, open_reader
from pyfcrawl.stores.state import open_state

#: Packuments of one batch at most: they are many times as large as PyPI's pages.
_PART = 50

Output = PackageItem | ListingItem | GoneItem | DownloadsItem | Request

#: collection -> package id -> version -> fields
Known = Mapping[str, Mapping[str, Mapping[str, Any]]]


class NpmSpider(Searching, Readmes, Downloads):
    """`scrapy crawl npm -a profile=plone`; docs/crawling.md explains the arguments."""

    name = REGISTRY
    root_setting = "NPM_ROOT"

    def __init__(
        self,
        arguments: Arguments,
        roots: Roots,
        index: IndexAddress,
        state_url: str,
        batch_size: int,
    ) -> None:
        super().__init__()
        self.arguments = arguments
        self.batch_size = batch_size
        self.npm_root, self.downloads_root = roots.npm, roots.downloads
        self.cdn_root, self.data_root = roots.cdn, roots.data
        self._index = index
        self._state_url = state_url
        self._selections: list[Selection] = []
        self._reader: IndexReader | None = None
        self._serving: dict[str, str] = {}
        self._scores: dict[str, dict[str, float]] = {}
        self._names: list[str] | None = None

    @property
    def divisible(self) -> bool:
        """See Reporting."""
        return True

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **given: str) -> NpmSpider:
        """Read settings and arguments. Raises ConfigurationError for bad ones."""
        settings = crawler.settings
        spider = cls(
            cls.check(settings, given),
            Roots.of(settings),
            index=IndexAddress.of(settings),
            state_url=settings["STATE_URL"],
            batch_size=settings.getint("BATCH_SIZE"),
        )
        spider._set_crawler(crawler)
        crawler.signals.connect(spider.index_opened, signals.index_opened)
        crawler.signals.connect(spider.idle, scrapy_signals.spider_idle)
        return spider

    @classmethod
    def check(cls, settings: BaseSettings, given: Mapping[str, str]) -> Arguments:
        """The arguments as values, so that a command can refuse bad ones before a crawl starts."""
        profiles = load_profiles(Path(settings["PROFILES_FILE"]))
        return parse(given, profiles, settings["DEFAULT_PROFILE"])

    def index_opened(self, serving: dict[str, str]) -> None:
        """By which names this run reads and writes its collections."""
        self._serving = serving

    def _look_up(self) -> None:
        self._reader = open_reader(self._index)
        state = open_state(self._state_url, readonly=True)
        try:
            profiles = self.arguments.profiles
            self._selections = open_selections(profiles, self._serving, self._reader, state)
        finally:
            state.close()

    def closed(self, reason: str) -> None:
        """Let go of the index."""
        if self._reader is not None:
            self._reader.close()

    # --- what to visit ------------------------------------------------------------------------

    async def start(self) -> AsyncIterator[Request]:
        """The searches first, unless packages are asked for by name; then the visits."""
        part = await self.share.part()
        if part == "over":
            return
        try:
            await asyncio.to_thread(self._look_up)
        except PyfcrawlError as error:
            raise self.fatal(str(error)) from None
        if part == "join":
            self.share.begin()
            return
        discovered: list[str] = []
        if self._discovers:
            profiles = [each.profile for each in self._selections]
            texts = npm_search.search_texts(
                [each for profile in profiles for each in profile.npm_keywords],
                [each for profile in profiles for each in profile.npm_scopes],
            )
            for request in self.search(texts):
                yield request
            discovered = await self._discovered(texts)
        self._names = worklist(self.arguments, self._selections, discovered, self._discovers)
        async for request in self._visits(self._names):
            yield request

    @property
    def _discovers(self) -> bool:
        return not self.arguments.names and self.arguments.mode != "refresh"

    async def _discovered(self, texts: Sequence[str]) -> list[str]:
        """Names found that may belong somewhere; a gap in the search makes the run a failure."""
        found = await self.found()
        if found.failed:
            text, reason = next(iter(found.failed.items()))
            line = f"{len(found.failed)} of {len(texts)} searches at {self.npm_root} failed, the "
            line += f"first being {text!r}: {reason}; check NPM_ROOT and the network"
            failure = self.fatal(line)
            if len(found.failed) == len(texts):
                raise failure
        self._scores = npm_search.score_fields(found.hits)
        return [
            name
            for name, hit in found.hits.items()
            if hit.keywords is None
            or any(each.wants(name, hit.keywords) for each in self._selections)
        ]

    async def _visits(self, names: Sequence[str]) -> AsyncIterator[Request]:
        """Requests for all packages, a part at a time."""
        size = min(self.batch_size, _PART) if self.batch_size > 1 else _PART
        parts = [names[start : start + size] for start in range(0, len(names), size)]
        scopes = {each.key: each.scope for each in self._selections}
        plan = Plan([Part(len(each)) for each in parts], scopes=scopes)
        self.send(signals.run_planned, plan=plan)
        self.share.begin()
        for number, part in enumerate(parts):
            await self.room()
            visits = [Visit(number, 0, name) for name in part]
            scores = {
                str(visit): found for visit in visits if (found := self._scores.get(visit.name))
            }
            targets = [self._target(visit) for visit in visits]
            label = f"packuments-{number}"
            for request in self.fetch(targets, "packuments", label, scores, shared=True):
                yield request
        await self.share.planned(plan)

    def _target(self, visit: Visit) -> Target:
        etag, _ = self._in_step(visit.name)
        return Target(npm.packument_url(self.npm_root, visit.name), str(visit), etag=etag)

    def _in_step(self, name: str) -> tuple[str, str]:
        """ETag and time of change with which there is nothing to do; "" where there is."""
        trusted = self.arguments.mode == "sync" and not self.arguments.names
        if not trusted or any(name in each.pending for each in self._selections):
            return "", ""
        return agreed(self._selections, name)

    # --- visiting -----------------------------------------------------------------------------

    def screen(self, then: str) -> list[str] | None:
        """See Fetching: nothing is screened."""
        return None

    async def packuments(self, response: BatchResponse, context: Context) -> AsyncIterator[Output]:
        """Packuments: items for what the index lacks, requests for the READMEs of new versions.

        `context` has what the search scored each package by.
        """
        self.count("visited", len(response.unchanged))
        self.send(signals.work_finished, visits=[each.key for each in response.unchanged])
        for target in response.gone:
            for item in self._gone(target, "gone from the registry"):
                yield item
        changed: list[tuple[Target, Packument]] = []
        for target, body in response.documents:
            name = Visit.parse(target.key).name
            try:
                packument = npm.read_packument(body, name)
            except SourceError as error:
                again = self.again(response, target, "packuments", context, str(error))
                if again:
                    yield again
                continue
            etag = response.etags.get(target.key, "")
            self._note(target, packument, etag)
            if packument.unpublished:
                for item in self._gone(target, "unpublished"):
                    yield item
            elif not etag and packument.modified and packument.modified == self._in_step(name)[1]:
                self._visited(target, [])
            else:
                changed.append((target, packument))
        async for output in self._changed(changed, context):
            yield output

    async def _changed(
        self, changed: list[tuple[Target, Packument]], scores: Context
    ) -> AsyncIterator[Output]:
        try:
            known = await asyncio.to_thread(self._known, [each.name for _, each in changed])
        except PyfcrawlError as error:
            raise self.fatal(str(error)) from None
        new: list[PackageItem] = []
        for target, packument in changed:
            for item in self._visit(target, packument, known, scores.get(target.key, {}), new):
                yield item
        stand_ins = {target.key: each.readme for target, each in changed if each.readme}
        for request in self.with_readmes(new, stand_ins):
            yield request

    def _known(self, names: Sequence[str]) -> Known:
        assert self._reader is not None
        ids = [package_id(REGISTRY, name) for name in names]
        return {
            each.collection: self._reader.known(each.collection, ids, npm_visit.KNOWN_FIELDS)
            for each in (self._selections if ids else ())
        }

    def _note(self, target: Target, packument: Packument, etag: str) -> None:
        """Have remembered, when all of this package is done, what a change can be told by."""
        name = Visit.parse(target.key).name
        for each in self._selections:
            belongs = self._belongs(each, name, packument)
            value = each.validator(name, etag, packument.modified, belongs)
            what = {"kind": each.kind, "values": {name: value}, "until": None}
            self.send(signals.note_when_done, visit=target.key, **what)

    @staticmethod
    def _belongs(selection: Selection, name: str, packument: Packument) -> bool:
        return not packument.unpublished and selection.wants(name, packument.keywords)

    def _visit(
        self,
        target: Target,
        packument: Packument,
        known: Known,
        scores: Mapping[str, float],
        new: list[PackageItem],
    ) -> Iterator[Output]:
        """Items for one package; versions that need their README first go to `new`."""
        name = packument.name
        matching = [each for each in self._selections if self._belongs(each, name, packument)]
        lost = [each for each in self._selections if each not in matching]
        items = self._gone_items(target, lost, "no keyword or scope of the profile any more")
        if not matching:
            yield from self._visited(target, items)
            return
        self.count("matched")
        package = package_id(REGISTRY, name)
        changes = npm_visit.compare(
            packument,
            {each.collection: known[each.collection].get(package, {}) for each in matching},
            target.key,
            dict(scores),
        )
        new += changes.fetch
        yield from self._visited(target, changes.items + items, len(changes.fetch))

    def _gone(self, target: Target, reason: str) -> Sequence[GoneItem]:
        return self._visited(target, self._gone_items(target, self._selections, reason))

    def _gone_items(
        self, target: Target, selections: Sequence[Selection], reason: str
    ) -> list[Any]:
        name = Visit.parse(target.key).name
        where = [each.collection for each in selections if each.holds(name)]
        return npm_visit.gone(name, where, reason, target.key)

    def _visited(self, target: Target, items: Sequence[Any], further: int = 0) -> Sequence[Any]:
        """Account for a packument read: what is still to come of it, then the packument itself."""
        self.count("visited")
        if items or further:
            self.send(signals.work_expected, visit=target.key, units=len(items) + further)
        self.send(signals.work_finished, visits=[target.key])
        return items

    def give_up(self, target: Target, then: str, context: Context, reason: str) -> None:
        """See Fetching: the package stays pending, whatever of it failed; counts can wait."""
        if then == "downloads":
            self.downloads_failed(target, reason)
            return
        visit = target.key if then == "packuments" else context[target.key]["visit"]
        self.logger.warning("%s: %s", target.url, reason)
        self.send(signals.work_failed, visit=visit, reason=reason)
        self.send(signals.work_finished, visits=[visit])

    # --- downloads ----------------------------------------------------------------------------

    def idle(self) -> None:
        """All packages are done: time for their download counts, once."""
        names, self._names = self._names, None
        engine, reader = self.crawler.engine, self._reader
        if not names or engine is None or reader is None:
            return
        collections = [each.collection for each in self._selections]
        for request in self.ask_downloads(reader, collections, names):
            engine.crawl(request)
