"""The way from a project's name to its documents, for every spider that visits projects on PyPI.

A visit reads the project's page, compares it with what the collections hold, and fetches the
releases that are missing. What sends a spider to a project (the Simple index, a list of names, a
feed) is its own affair. Callbacks have to be methods of the spider, so this is a mixin.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from scrapy import Request
from scrapy.crawler import Crawler

from pyfcrawl import signals
from pyfcrawl.batch.fetching import Context, Fetching
from pyfcrawl.batch.messages import BatchResponse, Target
from pyfcrawl.core.names import package_id
from pyfcrawl.core.profiles import Profile
from pyfcrawl.errors import PyfcrawlError, SourceError
from pyfcrawl.items import GoneItem, ListingItem, PackageItem
from pyfcrawl.sources import pypi, pypi_visit
from pyfcrawl.spiders.reporting import Reporting
from pyfcrawl.spiders.selection import REGISTRY, Selection, all_classifiers, open_selections
from pyfcrawl.stores.index import IndexAddress, IndexReader, open_reader
from pyfcrawl.stores.state import StateReader, open_state

_RELEASES_FIRST = 10  # what was begun gets done before further projects

Output = PackageItem | ListingItem | GoneItem | Request


class VisitArguments(Protocol):
    """The arguments that decide about a visit."""

    @property
    def profiles(self) -> tuple[Profile, ...]:
        """What is collected, and where."""

    @property
    def latest_only(self) -> bool:
        """Whether only each project's latest release is indexed."""


class Visiting(Reporting, Fetching):
    """Mixin: `projects` takes the answers for project pages, `releases` those for releases."""

    arguments: VisitArguments

    #: Whether projects are taken in that no profile's classifiers ask for.
    unfiltered = False

    #: Whether releases are asked for again that were indexed without metadata.
    again = False

    def __init__(self, root: str, index: IndexAddress, state_url: str, batch_size: int) -> None:
        super().__init__()
        self.batch_size = batch_size
        self._root = root
        self._index = index
        self._state_url = state_url
        self._selections: list[Selection] = []
        self._classifiers: list[str] = []
        self._reader: IndexReader | None = None
        self._serving: dict[str, str] = {}

    def attach(self, crawler: Crawler) -> None:
        """Become the spider of this crawl."""
        self._set_crawler(crawler)
        crawler.signals.connect(self.index_opened, signals.index_opened)

    def index_opened(self, serving: dict[str, str]) -> None:
        """By which names this run reads and writes its collections."""
        self._serving = serving

    def look_up(self) -> None:
        """Read how the collections stand, from the index and the state; blocks."""
        if self._reader is None:
            self._reader = open_reader(self._index)
        state = open_state(self._state_url, readonly=True)
        try:
            self._selections = open_selections(
                self.arguments.profiles,
                self.arguments.latest_only,
                self._serving,
                self._reader,
                state,
            )
            self.recall(state)
        finally:
            state.close()
        self._classifiers = all_classifiers(self._selections)

    def recall(self, state: StateReader) -> None:
        """Read what else the spider wants to know of the state; nothing here."""

    def closed(self, reason: str) -> None:
        """Let go of the index."""
        if self._reader is not None:
            self._reader.close()

    # --- project pages ------------------------------------------------------------------------

    def screen(self, then: str) -> list[str] | None:
        """See Fetching: project pages are screened, releases are wanted anyway."""
        return self._classifiers if then == "projects" else None

    async def projects(self, response: BatchResponse, context: Context) -> AsyncIterator[Output]:
        """Project pages: items for what the index lacks, requests for its missing releases."""
        self.count("visited", len(response.unmatched))
        self.send(signals.work_finished, visits=[each.key for each in response.unmatched])
        for target in response.gone:
            left = self._gone_items(target, self._selections, "gone from the registry")
            for gone in self._visited(target, left):
                yield gone
        pages = [page for each in response.documents if (page := self._page(*each))]
        try:
            known = await asyncio.to_thread(self._known, [target for target, _ in pages])
        except PyfcrawlError as error:
            raise self.fatal(str(error)) from None
        missing: list[Target] = []
        wanted: dict[str, Any] = {}
        for target, project in pages:
            for item in self._visit(target, project, known, missing, wanted):
                yield item
        for request in self.fetch(missing, "releases", "releases", wanted, _RELEASES_FIRST):
            yield request

    def _page(self, target: Target, body: bytes) -> tuple[Target, pypi.Project] | None:
        try:
            project = pypi.read_project(body)
            self.take_page(target, project)
        except SourceError as error:
            self.give_up(target, "projects", {}, str(error))
            return None
        return target, project

    def take_page(self, target: Target, project: pypi.Project) -> None:
        """Look at a sound page before it counts. Raises SourceError for one that must not."""

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
            if self.unfiltered or each.wanted.match(project.classifiers)
        ]
        lost = [each for each in self._selections if each not in matching]
        left = self._gone_items(target, lost, "no classifier of the profile any more")
        if not matching:
            yield from self._visited(target, left)
            return
        self.count("matched")
        package = package_id(REGISTRY, target.name)
        changes = pypi_visit.compare(
            project,
            {each.collection: known[each.collection].get(package, {}) for each in matching},
            target.key,
            latest_only=self.arguments.latest_only,
            again=self.again,
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
        self.count("visited")
        if items or further:
            self.send(signals.work_expected, visit=target.key, units=len(items) + further)
        self.send(signals.work_finished, visits=[target.key])
        return items

    # --- releases -----------------------------------------------------------------------------

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

    def give_up(self, target: Target, then: str, context: Context, reason: str) -> None:
        """See Fetching: the project stays pending, whatever of it failed."""
        visit = target.key if then == "projects" else context[target.key]["visit"]
        self.logger.warning("%s: %s", target.url, reason)
        self.send(signals.work_failed, visit=visit, reason=reason)
        self.send(signals.work_finished, visits=[visit])
