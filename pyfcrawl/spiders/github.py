"""The `github` spider: what the repositories of all indexed packages say of them.

It reads the index, looks every repository up once however many packages it has, and yields what
is to be patched. Links that lead nowhere are told in a report.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response
from scrapy.settings import BaseSettings

from pyfcrawl import signals
from pyfcrawl.batch.gate import GateClosedError, gates_of
from pyfcrawl.core.ledger import Part, Plan
from pyfcrawl.core.profiles import Profile, load_profiles
from pyfcrawl.core.repos import Kind, hosts_of
from pyfcrawl.errors import ConfigurationError, PyfcrawlError
from pyfcrawl.items import GithubItem
from pyfcrawl.sources.forges import NOTHING
from pyfcrawl.sources.github_entry import KEPT, Entry
from pyfcrawl.sources.github_problems import Problem
from pyfcrawl.spiders.arguments import age, check_known, chosen_profiles, limit, listed
from pyfcrawl.spiders.github_asking import Asker, TokenRefusedError
from pyfcrawl.spiders.github_lookups import Event, Lookups, Want
from pyfcrawl.spiders.github_packages import Package, due, named, read_packages
from pyfcrawl.spiders.github_report import ProblemReport
from pyfcrawl.spiders.reporting import Reporting
from pyfcrawl.stores.index import IndexAddress, open_reader
from pyfcrawl.stores.state import open_state

_NAMES = ("profile", "target", "names", "limit", "max_age", "report_dir")

#: Where look-ups are remembered in the state, for all profiles.
_MEMORY = "repositories"


@dataclass(frozen=True, slots=True)
class Arguments:
    """What `scrapy crawl github` was asked to do; `max_age` in seconds, 0: look all up."""

    profiles: tuple[Profile, ...]
    names: tuple[str, ...] = ()
    limit: int | None = None
    max_age: int = 0
    report_dir: str = ""
    recreate: bool = False


def parse(given: Mapping[str, str], settings: BaseSettings) -> Arguments:
    """Check and read spider arguments. Raises ConfigurationError naming what is wrong."""
    check_known(given, _NAMES)
    names = tuple(dict.fromkeys(listed(given.get("names", ""))))
    if "names" in given and not names:
        raise ConfigurationError("names= names no package; give names=a,b,c or leave it out")
    if "report_dir" in given and not given["report_dir"].strip():
        raise ConfigurationError("report_dir= is empty; give a directory or leave it out")
    profiles = load_profiles(Path(settings["PROFILES_FILE"]))
    return Arguments(
        profiles=chosen_profiles(given, profiles, settings["DEFAULT_PROFILE"]),
        names=names,
        limit=limit(given),
        max_age=age(given, "max_age"),
        report_dir=given.get("report_dir", "").strip() or str(settings["DATA_DIR"]),
    )


class GithubSpider(Reporting):
    """`scrapy crawl github -a profile=plone`; docs/crawling.md explains the arguments."""

    name = "github"
    root_setting = "GITHUB_API_ROOT"

    def __init__(
        self,
        arguments: Arguments,
        roots: Mapping[Kind, str],
        index: IndexAddress,
        state_url: str,
        with_token: bool,
    ) -> None:
        super().__init__()
        self.arguments = arguments
        self._roots = roots
        self._index = index
        self._state_url = state_url
        self._with_token = with_token
        self._report = ProblemReport(Path(arguments.report_dir).expanduser())
        self._packages: list[Package] = []
        self._entries: dict[str, Entry] = {}
        self._left: set[str] = set()

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **given: str) -> GithubSpider:
        """Read settings and arguments. Raises ConfigurationError for bad ones."""
        settings = crawler.settings
        kinds: dict[Kind, str] = {
            "github": settings["GITHUB_API_ROOT"],
            "gitlab": settings["GITLAB_API_ROOT"],
            "codeberg": settings["CODEBERG_API_ROOT"],
        }
        spider = cls(
            cls.check(settings, given),
            roots={kind: str(root).rstrip("/") for kind, root in kinds.items()},
            index=IndexAddress.of(settings),
            state_url=settings["STATE_URL"],
            with_token=bool(settings["GITHUB_TOKEN"]),
        )
        spider._set_crawler(crawler)
        return spider

    @classmethod
    def check(cls, settings: BaseSettings, given: Mapping[str, str]) -> Arguments:
        """The arguments as values, so that a command can refuse bad ones before a crawl starts."""
        return parse(given, settings)

    @property
    def _collections(self) -> list[str]:
        return [profile.collection for profile in self.arguments.profiles]

    # --- what to look up ----------------------------------------------------------------------

    async def start(self) -> AsyncIterator[Request]:
        """One request that fetches nothing: `repositories` does all the rest.

        For an item that start() itself gave Scrapy 2.19 waits for ever when the crawl is stopped
        while that is on its way (scrapy.core.scraper.Scraper._check_if_closing).
        """
        if await self.share.part() == "over":
            return
        try:
            self._packages = await asyncio.to_thread(self._open)
        except PyfcrawlError as error:
            raise self.fatal(str(error)) from None
        scopes = {f"{self.name}/{collection}": self.name for collection in self._collections}
        self.send(signals.run_planned, plan=Plan([Part(len(self._packages))], scopes=scopes))
        yield Request("data:,repositories", callback=self.repositories, dont_filter=True)

    async def repositories(self, response: Response) -> AsyncIterator[GithubItem]:
        """The items of all packages whose turn it is."""
        try:
            async for item in self._items(self._packages):
                yield item
        except TokenRefusedError:
            raise self.fatal(
                f"{self._roots['github']} refuses GITHUB_TOKEN (401); give a valid one, "
                "or none for the few look-ups that are free"
            ) from None
        except GateClosedError:
            return  # the crawl is ending: what is open stays open
        self._say_what_is_left()

    def _open(self) -> list[Package]:
        """The packages to look up, most wanted first. Raises PyfcrawlError."""
        self._report.open()
        reader = open_reader(self._index)
        try:
            every = read_packages(reader, self._collections, hosts_of(self._roots))
        finally:
            reader.close()
        self._report.keep(every.keys(), self._collections)
        chosen = list(every.values())
        if self.arguments.names:
            chosen, unknown = named(chosen, self.arguments.names)
            if unknown:
                self.logger.warning("Not in the index: %s", ", ".join(unknown))
        packages = due(chosen, self._since, self.arguments.limit)
        self._recall(packages)
        return packages

    @property
    def _since(self) -> float:
        """What was looked up then or later is known."""
        return time.time() - self.arguments.max_age if self.arguments.max_age else float("inf")

    def _recall(self, packages: Iterable[Package]) -> None:
        keys = {repo.key for package in packages for repo in package.candidates.repositories}
        state = open_state(self._state_url, readonly=True)
        try:
            found = state.recall(_MEMORY, sorted(keys))
        finally:
            state.close()
        self._entries = {key: Entry.of(value) for key, value in found.items()}

    def _lookups(self) -> Lookups:
        engine = self.crawler.engine
        assert engine is not None
        gates = gates_of(self.crawler)
        asker = Asker(
            engine.download_async,
            lambda url, seconds: gates.of(url).pause(seconds),
            longest=self.settings.getfloat("RETRY_AFTER_MAX"),
            tries=self.settings.getint("RETRY_TIMES") + 1,
        )
        return Lookups(asker, self._roots, self._with_token, self._entries, self._since)

    async def _items(self, packages: Iterable[Package]) -> AsyncIterator[GithubItem]:
        """Look up what packages link first; of those not there what they link next, and so on."""
        self._asked = self._lookups()
        open_: list[Package] = []
        for package in packages:
            if package.repository is not None:
                open_.append(package)
            elif item := self._without(package):
                yield item
        while open_:
            wants: dict[str, Want] = {}
            for package in open_:
                assert package.repository is not None
                want = wants.setdefault(package.repository.key, Want(package.repository))
                want.packages.append(package)
            open_ = []
            async for event in self._asked.look_up(wants.values()):
                for item in self._take(event, open_):
                    yield item

    # --- what became of it --------------------------------------------------------------------

    def _take(self, event: Event, again: list[Package]) -> Iterator[GithubItem]:
        """Items for an event; packages with further links to try go to `again`."""
        if event.entry is not None:
            self._remember(event.want, event.entry)
        for package in event.want.packages:
            if event.kind == "failed":
                self._give_up(package, event)
            elif event.kind == "left":
                self._leave(package, event.want)
            elif event.kind == "missing":
                package.at += 1
                if package.repository is not None:
                    again.append(package)
                else:
                    yield self._missing(package)
            elif event.entry is None:  # contributors that could not be had
                self.send(signals.work_finished, visits=[package.visit])
            else:
                yield self._found(package, event, event.entry)

    def _found(self, package: Package, event: Event, entry: Entry) -> GithubItem:
        if event.kind == "contributors":
            return self._item(package, {"contributors": entry.contributors})
        self.count("visited")
        self.count("matched")
        self._report.solve(package.package_id)
        if event.more:
            self.send(signals.work_expected, visit=package.visit, units=1)
        return self._item(package, entry.fields())

    def _missing(self, package: Package) -> GithubItem:
        """None of a package's repositories is there: no number of theirs may stay."""
        self.count("visited")
        urls = tuple(each.url for each in package.candidates.repositories)
        self._tell(package, "not_found", urls)
        return self._item(package, Entry(checked=int(time.time())).fields())

    def _without(self, package: Package) -> GithubItem | None:
        """A package that links no repository; facts of one it linked before go."""
        self.count("visited")
        self._tell(package, package.candidates.reason, package.candidates.urls)
        if package.has_facts:
            nothing = {**NOTHING, "contributors": None, "github_checked": None}
            return self._item(package, nothing)
        self.send(signals.work_finished, visits=[package.visit])
        return None

    def _item(self, package: Package, facts: dict[str, Any]) -> GithubItem:
        collections = list(package.collections)
        return GithubItem(package.registry, package.name, collections, facts, package.visit)

    def _remember(self, want: Want, entry: Entry) -> None:
        """For the next run, of whichever profile, whatever becomes of these packages."""
        values = {want.repository.key: entry.as_json()}
        until = int(time.time()) + KEPT
        self.send(signals.remember, kind=_MEMORY, values=values, until=until)

    def _tell(self, package: Package, reason: str, urls: tuple[str, ...]) -> None:
        self.count("problems")
        where = tuple(package.collections)
        problem = Problem(package.package_id, package.registry, package.name, where, reason, urls)
        self._report.add(problem)

    def _give_up(self, package: Package, event: Event) -> None:
        self.logger.warning("%s of %s: %s", event.want.repository.url, package.name, event.reason)
        self.send(signals.work_failed, visit=package.visit, reason=event.reason)
        self.send(signals.work_finished, visits=[package.visit])

    def _leave(self, package: Package, want: Want) -> None:
        self._left.add(want.repository.key)
        self.count("left")
        self.send(signals.work_finished, visits=[package.visit])

    def _say_what_is_left(self) -> None:
        packages = self.crawler.stats.get_value("pyfcrawl/left", 0) if self.crawler.stats else 0
        contributors = self._asked.contributors_left
        if not (packages or contributors):
            return
        parts = []
        if packages:
            parts.append(f"{len(self._left)} repositories of {packages} packages")
        if contributors:
            parts.append(f"the contributors of {contributors} repositories")
        self.logger.warning(
            "Left for next time, as the limit is used up until %s: %s%s",
            datetime.fromtimestamp(self._asked.until, UTC).strftime("%H:%M UTC"),
            " and ".join(parts),
            "" if self._with_token else "; with GITHUB_TOKEN set there are 5,000 an hour",
        )

    def closed(self, reason: str) -> None:
        """Write what the report lacks."""
        self._report.write()
        if self._report.failure and self.crawler.stats is not None:
            self.crawler.stats.set_value("pyfcrawl/error", self._report.failure)
