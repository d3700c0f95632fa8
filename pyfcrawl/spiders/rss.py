"""The `rss` spider: what PyPI's feeds name is brought up to date minutes after it changed.

It visits projects exactly as the `pypi` spider does, and moves no cursor: the feeds are windows,
so only the listing can say that nothing is missing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.settings import BaseSettings

from pyfcrawl import signals
from pyfcrawl.batch.messages import Target
from pyfcrawl.core.ledger import Part, Plan, Visit
from pyfcrawl.core.profiles import load_profiles
from pyfcrawl.errors import ConfigurationError, PyfcrawlError, SourceError
from pyfcrawl.sources import pypi, rss
from pyfcrawl.sources.rss import Entry, Feed
from pyfcrawl.spiders.feeds import ReadingFeeds
from pyfcrawl.spiders.gaps import POLLS, Windows
from pyfcrawl.spiders.news import NEW, UPDATE, News, kind_of, mark, marked
from pyfcrawl.spiders.rss_arguments import Arguments, parse
from pyfcrawl.spiders.visiting import Visiting
from pyfcrawl.stores.index import IndexAddress
from pyfcrawl.stores.standing import GAPS, Gap, gaps_of
from pyfcrawl.stores.state import StateReader

#: Kind of mark -> the setting that says how long it lasts, in seconds.
_LIFETIMES = {NEW: "RSS_DEDUP_TTL_NEW", UPDATE: "RSS_DEDUP_TTL_UPDATE"}

#: Seconds that removals wait for the end of a poll whose visits take long.
_REMOVALS_WAIT = 60


class RssSpider(Visiting, ReadingFeeds):
    """`scrapy crawl rss -a profile=plone -a poll=60`; docs/crawling.md explains the arguments."""

    name = "rss"

    #: A registry that is away is asked again at the next poll, for as long as it takes.
    custom_settings = {"HOST_PATIENCE": "inf"}

    arguments: Arguments

    def __init__(
        self,
        arguments: Arguments,
        root: str,
        index: IndexAddress,
        state_url: str,
        batch_size: int,
        lifetimes: Mapping[str, int],
    ) -> None:
        super().__init__(root, index, state_url, batch_size)
        self.arguments = arguments
        self._lifetimes = lifetimes
        self._news = News(lifetimes)
        self._windows = Windows()
        self._candidates: list[Entry] = []
        self._marked: set[Entry] = set()
        self._gaps: dict[str, Gap] = {}
        self._sound: set[str] = set()
        self._planned = False
        self._whole = False
        self._polls = 0
        self._quiet = 0.0

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **given: str) -> RssSpider:
        """Read settings and arguments. Raises ConfigurationError for bad ones."""
        settings = crawler.settings
        spider = cls(
            cls.check(settings, given),
            root=settings["PYPI_ROOT"].rstrip("/"),
            index=IndexAddress.of(settings),
            state_url=settings["STATE_URL"],
            batch_size=settings.getint("BATCH_SIZE"),
            lifetimes=_lifetimes(settings),
        )
        spider.attach(crawler)
        crawler.signals.connect(spider.projects_closed, signals.projects_closed)
        return spider

    @classmethod
    def check(cls, settings: BaseSettings, given: Mapping[str, str]) -> Arguments:
        """The arguments as values, so that a command can refuse bad ones before a crawl starts."""
        _lifetimes(settings)
        profiles = load_profiles(Path(settings["PROFILES_FILE"]))
        return parse(given, profiles, settings["DEFAULT_PROFILE"])

    # --- polls --------------------------------------------------------------------------------

    async def start(self) -> AsyncIterator[Request]:
        """The feeds, then what they name; with `poll` again and again until the run is stopped."""
        if await self.share.part() == "over":
            return
        loop = asyncio.get_running_loop()
        while True:
            next_poll = loop.time() + self.arguments.poll
            for request in self.feed_requests(self._root):
                yield request
            for request in await self._visits(await self.feeds_read()):
                yield request
            if not self.arguments.poll:
                return
            await asyncio.sleep(next_poll - loop.time())

    def feed_unreadable(self, line: str) -> None:
        """See ReadingFeeds."""
        if self.arguments.poll:
            self.logger.warning("%s; it is tried again at the next poll", line)
        else:
            self.fatal(f"{line}; check PYPI_ROOT and the network")

    # --- what to visit ------------------------------------------------------------------------

    async def _visits(self, found: Mapping[str, Feed]) -> list[Request]:
        """Requests for the projects that the feeds name and that are not done yet."""
        now = int(time.time())
        self._polls += 1
        if not self._news.open:
            self._quiet = time.monotonic()
        elif time.monotonic() - self._quiet > _REMOVALS_WAIT:
            self._removals_due()
        self._news.next_poll()
        for name, feed in found.items():
            self._news.take(name, feed.entries)
        self._candidates = self._news.due(now)
        self._marked = set()
        if not await self._know(bool(found)):
            return []
        self._news.settle(self._marked, now)
        names = self._begin([each for each in self._candidates if each not in self._marked])
        self._plan(len(names))
        for name, feed in found.items():
            if feed.whole:
                self._note_gaps(self._windows.look(name, feed, self._selections, now))
        self._finish_poll()
        targets = [self._target(name) for name in names]
        return list(self.fetch(targets, "projects", label=f"projects-{self._polls}"))

    async def _know(self, anything: bool) -> bool:
        """Look up how the collections stand, where that matters; False when it can't be told."""
        if self._planned and not (anything or self._candidates):
            return True
        before = {each.collection: each.scope for each in self._selections}
        try:
            await asyncio.to_thread(self.look_up)
        except PyfcrawlError as error:
            if not self._planned:
                raise self.fatal(str(error)) from None
            self.logger.warning("%s; it is tried again at the next poll", error)
            self._whole = False
            return False
        if before and before != {each.collection: each.scope for each in self._selections}:
            self._news.forget()  # made anew meanwhile: nothing is done of it
        return True

    def recall(self, state: StateReader) -> None:
        """See Visiting: marks, earlier polls and gaps; without them nothing is taken for done."""
        self._marked = set()
        try:
            self._windows.load(state)
            self._gaps = gaps_of(state, [each.collection for each in self._selections])
            self._marked = marked(state, self._selections, self._candidates, self._lifetimes)
        except Exception as error:
            self.logger.warning("What was done before can't be told, so all is visited: %s", error)

    def _begin(self, due: Sequence[Entry]) -> list[str]:
        """Begin the visits to the projects of these entries, as many as `limit` allows."""
        names = list(dict.fromkeys(each.name for each in due))
        chosen = names[: self.arguments.limit]
        self._whole = len(chosen) == len(names)
        for entry in due:
            if entry.name in chosen:
                self._news.begin(entry)
        return chosen

    def _plan(self, count: int) -> None:
        if self._planned:
            if count:
                self.logger.info("The feeds name %d further projects to visit", count)
                self.send(signals.more_planned, count=count)
            return
        self._planned = True
        scopes = {each.key: each.scope for each in self._selections}
        self.send(signals.run_planned, plan=Plan([Part(count)], scopes=scopes))

    def _target(self, name: str) -> Target:
        pending = [each.pending[name] for each in self._selections if name in each.pending]
        visit = Visit(0, max((each.serial for each in pending), default=0), name)
        return Target(pypi.project_url(self._root, name), str(visit), name, visit.serial)

    def screen(self, then: str) -> list[str] | None:
        """See Fetching: whether a page is as new as its entry shows only when it is read."""
        return None

    # --- what came of it ----------------------------------------------------------------------

    def take_page(self, target: Target, project: pypi.Project) -> None:
        """See Visiting: a page from before the release in the feed is stale.

        A sound one is marked as done, if nothing else of the project fails.
        """
        entries = self._news.visited_for(target.name)
        for entry in entries:
            if not rss.shown(project, entry):
                raise SourceError(f"stale: the page has no release {entry.version} yet")
        self._sound.add(target.name)
        now = int(time.time())
        for kind, lifetime in self._lifetimes.items():
            marks = {
                mark(each, entry): True
                for entry in entries
                if kind_of(entry) == kind and lifetime > 0
                for each in self._selections
            }
            if marks:
                until = now + lifetime
                self.send(
                    signals.note_when_done, visit=target.key, kind=kind, values=marks, until=until
                )

    def projects_closed(self, visits: Sequence[str], failed: Sequence[str]) -> None:
        """Done, or to be tried again at a later poll: also when a page isn't there (yet)."""
        for visit in visits:
            name = Visit.parse(visit).name
            self._news.end(name, name in self._sound and visit not in failed, time.time())
            self._sound.discard(name)
        self._finish_poll()
        if not self._news.open:
            self._removals_due()

    def _removals_due(self) -> None:
        """A run that polls never ends: what it would remove is judged in between."""
        self._quiet = time.monotonic()
        if self.arguments.poll:
            self.send(signals.removals_due)

    def _finish_poll(self) -> None:
        """Once nothing the feeds named is left open, the next gap counts from here."""
        if self._whole and not self._news.open and self._windows.polls:
            self.send(signals.remember, kind=POLLS, values=self._windows.polls, until=None)

    def _note_gaps(self, gaps: Sequence[Gap]) -> None:
        for gap in gaps:
            since, until = (
                datetime.fromtimestamp(each, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
                for each in (gap.since, gap.until)
            )
            self.logger.warning(
                "Gap: the feed %s.xml now begins at %s, the last poll saw it up to %s; the next "
                "'scrapy crawl pypi' finds what %s missed",
                *(gap.feed, until, since, gap.collection),
            )
            self._note(gap)
        self.count("gaps", len({gap.feed for gap in gaps}))

    def _note(self, gap: Gap) -> None:
        """Note a gap, as one with those of the same feed that are not settled yet."""
        same = {
            key: each
            for key, each in self._gaps.items()
            if (each.collection, each.feed) == (gap.collection, gap.feed)
        }
        since = min((each.since for each in same.values()), default=gap.since)
        whole = Gap(gap.collection, gap.feed, min(since, gap.since), gap.until, gap.noted)
        self.send(signals.remember, kind=GAPS, values={whole.key: whole.note}, until=None)
        self.send(signals.forget, kind=GAPS, keys=[key for key in same if key != whole.key])


def _lifetimes(settings: BaseSettings) -> dict[str, int]:
    found: dict[str, int] = {}
    for kind, name in _LIFETIMES.items():
        try:
            found[kind] = int(settings[name])
        except (TypeError, ValueError):
            found[kind] = -1
        if found[kind] < 0:
            raise ConfigurationError(
                f"{name}={settings[name]} is not a whole number of seconds, 0 or more"
            )
    return found
