"""How the npm spider gets download counts, when everything else is done.

Only packages that are in the index by then and were not counted for a day are asked for. One
request goes ahead: when the counters don't answer it, the numbers are left for the next run.
Whatever happens here, packages are done without it. A mixin, as callbacks have to be methods.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from scrapy import Request

from pyfcrawl.batch.fetching import Context, Fetching
from pyfcrawl.batch.messages import BatchResponse, Target
from pyfcrawl.core.names import normalized, package_id
from pyfcrawl.errors import PyfcrawlError, SourceError
from pyfcrawl.items import DownloadsItem
from pyfcrawl.sources.npm import REGISTRY
from pyfcrawl.sources.npm_downloads import PERIODS, groups, point_url, read_point
from pyfcrawl.spiders.reporting import Reporting
from pyfcrawl.stores.index import IndexReader

_DAY = 86_400
_UPDATED = "download_updated"


@dataclass(slots=True)
class Numbers:
    """Counts of one package as they come in: the collections it is in, and what is known so far.

    `waiting` is the number of answers to come; `failed` says that one of them never will.
    """

    collections: list[str]
    facts: dict[str, int | None] = field(default_factory=dict)
    waiting: int = len(PERIODS)
    failed: bool = False


class Downloads(Reporting, Fetching):
    """Mixin: `ask_downloads` gives the first requests, DownloadsItems come out at the end."""

    downloads_root: str

    def ask_downloads(
        self, reader: IndexReader, collections: Iterable[str], names: Iterable[str]
    ) -> Iterator[Request]:
        """The request that goes ahead; reads what is due from the index, of these names."""
        wanted = {normalized(name, REGISTRY) for name in names}
        try:
            self._numbers = _due(reader, collections, wanted, int(time.time()))
        except PyfcrawlError as error:
            self.logger.warning("Download counts are left for the next run: %s", error)
            return
        self._targets, self._groups = _targets(self.downloads_root, self._numbers)
        yield from self._ask(1)

    def _ask(self, number: int) -> Iterator[Request]:
        targets, self._targets = self._targets[:number], self._targets[number:]
        yield from self.fetch(targets, "downloads", "downloads", self._groups)

    async def downloads(
        self, response: BatchResponse, context: Context
    ) -> AsyncIterator[DownloadsItem | Request]:
        """Counts; the rest of the requests follow the first that was answered."""
        for target in response.gone:
            names = context[target.key]["names"]
            for item in self._add(context[target.key], dict.fromkeys(names)):
                yield item
        for target, body in response.documents:
            asked = context[target.key]
            try:
                counts = read_point(body, asked["names"])
            except SourceError as error:
                self.downloads_failed(target, str(error))
                counts = {}
            for item in self._add(asked, counts):
                yield item
        if response.gone or any(each.facts for each in self._numbers.values()):
            for request in self._ask(len(self._targets)):
                yield request

    def _add(
        self, asked: Mapping[str, Any], counts: Mapping[str, int | None]
    ) -> Iterator[DownloadsItem]:
        """Take in the counts of a period; packages of which all are known come out."""
        for name in asked["names"]:
            numbers = self._numbers[name]
            numbers.waiting -= 1
            if name in counts:
                numbers.facts[PERIODS[asked["period"]]] = counts[name]
            else:
                numbers.failed = True
            if not numbers.waiting and not numbers.failed:
                facts = {**numbers.facts, _UPDATED: int(time.time())}
                yield DownloadsItem(REGISTRY, name, numbers.collections, facts, source="npm")

    def downloads_failed(self, target: Target, reason: str) -> None:
        """These numbers can't be had now; packages with any missing stay due."""
        self.count("downloads_failed")
        if self._targets:
            self._targets = []
            self.logger.warning(
                "%s: %s; download counts are left for the next run", target.url, reason
            )
        else:
            self.logger.info("%s: %s", target.url, reason)


def _due(
    reader: IndexReader, collections: Iterable[str], wanted: set[str], now: int
) -> dict[str, Numbers]:
    """Name -> Numbers of the packages whose counts are more than a day old."""
    due: dict[str, Numbers] = {}
    for collection in collections:
        names = reader.package_ids(collection, REGISTRY).values()
        ids = {
            package_id(REGISTRY, name): name
            for name in names
            if normalized(name, REGISTRY) in wanted
        }
        known = reader.known(collection, ids, (_UPDATED,)) if ids else {}
        for identifier, releases in known.items():
            updated = max((each.get(_UPDATED) or 0 for each in releases.values()), default=0)
            if now - updated >= _DAY:
                numbers = due.setdefault(ids[identifier], Numbers([]))
                numbers.collections.append(collection)
    return due


def _targets(root: str, names: Iterable[str]) -> tuple[list[Target], dict[str, Any]]:
    """What to ask, and which names and period each answer is about."""
    targets = []
    context = {}
    for number, group in enumerate(groups(names)):
        for period in PERIODS:
            key = f"{period}/{number}"
            targets.append(Target(point_url(root, period, group), key, anonymous=True))
            context[key] = {"names": group, "period": period}
    return targets, context
