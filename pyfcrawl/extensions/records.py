"""Keeps the record of a run: signs of life while it goes on, and how it ended.

Comes last of the extensions, when the account is closed and judged.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import MISSING, fields, replace
from typing import Any
from uuid import uuid4

from scrapy import Spider
from scrapy import signals as scrapy_signals
from scrapy.crawler import Crawler
from scrapy.utils.asyncio import create_looping_call

from pyfcrawl import signals
from pyfcrawl.core.ledger import Plan
from pyfcrawl.errors import PyfcrawlError
from pyfcrawl.extensions.counts import counts, errors
from pyfcrawl.stores.runs import ended, sign_of_life, sources
from pyfcrawl.stores.state import Run, StateStore, open_state

logger = logging.getLogger(__name__)

#: Arguments with which a run brings only a part of its collections in step.
_PARTIAL = frozenset({"names", "match", "limit", "discovery"})

#: Characters of an error that a record keeps.
_LONGEST = 1000


class RunRecord:
    """Writes what stores.runs reads; `every` seconds pass between two signs of life."""

    def __init__(self, crawler: Crawler, state_url: str, every: float, by: str) -> None:
        self._crawler = crawler
        self._state_url = state_url
        self._every = every
        self._state: StateStore | None = None
        self._keys: list[str] = []
        self._loop: Any = None
        self._run = Run("", "", int(time.time()), 0, "", id=uuid4().hex[:12], by=by)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> RunRecord:
        """STATE_URL says where; HEARTBEAT how often; RUN_BY what started the run."""
        settings = crawler.settings
        every = settings.getfloat("HEARTBEAT")
        record = cls(crawler, settings["STATE_URL"], every, settings["RUN_BY"])
        record.take_id()
        crawler.signals.connect(record.run_planned, signals.run_planned)
        crawler.signals.connect(record.run_planned, signals.run_joined)
        crawler.signals.connect(record.spider_opened, scrapy_signals.spider_opened)
        crawler.signals.connect(record.spider_closed, scrapy_signals.spider_closed)
        return record

    def take_id(self) -> None:
        """By this others know the run, unless it is a worker's share of one that has an id."""
        self._stats.set_value("pyfcrawl/run", self._stats.get_value("pyfcrawl/run", self._run.id))

    def run_planned(self, plan: Plan) -> None:
        """Under which keys the state knows what the run works on."""
        self._keys = list(plan.final.values() or plan.scopes)
        self._beat()  # profiles may have become others by now

    def spider_opened(self, spider: Spider) -> None:
        """The run is under way."""
        self._open(spider)
        self._beat()
        self._loop = create_looping_call(self._beat)
        self._loop.start(self._every, now=False)

    def _open(self, spider: Spider) -> None:
        self._run = _begun(self._run, spider)
        try:
            # A sign of life is worth no waiting, and this is the crawl's own thread.
            self._state = open_state(self._state_url, wait=0)
            known = sorted(sources(self._state), key=lambda each: each.ended)
            last = {each.collection: each.documents for each in known}
            self._stats.set_value("pyfcrawl/documents_last", last)
        except PyfcrawlError as error:  # the keeper of the account ends the run for it
            logger.warning("No record is kept: %s", error)

    def _beat(self) -> None:
        if self._state is None:
            return
        run = replace(self._run, counts=counts(self._stats), errors=errors(self._stats))
        try:
            sign_of_life(self._state, run, int(time.time()), self._every)
        except PyfcrawlError as error:
            logger.warning("No sign of life was left: %s", error)

    def spider_closed(self, spider: Spider, reason: str) -> None:
        """The run is over: leave its record."""
        if self._loop is not None and self._loop.running:
            self._loop.stop()
        if self._state is None:  # ended before it began
            self._open(spider)
        if self._state is None:
            return
        self._state.close()
        run = self._ended(reason)
        try:
            with closing(open_state(self._state_url)) as state:
                documents = self._stats.get_value("pyfcrawl/documents", {})
                ended(state, run, self._by_collection(), documents, self._is_well(run))
        except PyfcrawlError as error:
            # What the crawl did is safe; whoever keeps its account tells of a state that is not.
            logger.warning("The record of this run is not kept: %s", error)

    def _ended(self, reason: str) -> Run:
        return replace(
            self._run,
            ended=int(time.time()),
            reason=reason,
            counts=counts(self._stats),
            error=str(self._stats.get_value("pyfcrawl/error") or "")[:_LONGEST],
            errors=errors(self._stats),
            monitors=self._stats.get_value("pyfcrawl/monitors") or [],
        )

    @staticmethod
    def _is_well(run: Run) -> bool:
        polls = run.reason == "shutdown" and bool(run.arguments.get("poll"))
        whole = not _PARTIAL & run.arguments.keys()
        return (run.reason == "finished" or polls) and not run.error and whole

    def _by_collection(self) -> dict[str, list[str]]:
        """Collection -> its keys in the state."""
        names = [name for name in self._run.collections.split(",") if name]
        return {
            name: [key for key in self._keys if key.partition("/")[2] == name] for name in names
        }

    @property
    def _stats(self) -> Any:
        return self._crawler.stats


def _begun(run: Run, spider: Spider) -> Run:
    arguments = getattr(spider, "arguments", None)
    profiles = arguments.profiles if arguments else ()
    return replace(
        run,
        spider=spider.name,
        collections=",".join(each.collection for each in profiles),
        profiles=",".join(each.name for each in profiles),
        arguments=dict(_unusual(arguments)) if arguments else {},
        host=socket.gethostname(),
        pid=os.getpid(),
    )


def _unusual(arguments: Any) -> Iterable[tuple[str, Any]]:
    """Arguments with another value than their default, as JSON values."""
    for each in fields(arguments):
        value = getattr(arguments, each.name)
        usual = each.default if each.default is not MISSING else None
        if each.name != "profiles" and value != usual:
            yield each.name, list(value) if isinstance(value, tuple) else value
