"""Says how a run goes: a live line on a terminal, a log line every half minute elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from scrapy import Spider, signals
from scrapy.crawler import Crawler
from scrapy.utils.asyncio import create_looping_call
from scrapy.utils.log import get_scrapy_root_handler

from pyfcrawl.extensions.counts import requests
from pyfcrawl.signals import run_joined, run_planned

logger = logging.getLogger(__name__)

_REFRESH = 0.25


class ProgressReport:
    """Shows visited / total, matched, documents, failures, rate and time left; then a summary."""

    def __init__(self, crawler: Crawler, interval: float, console: Console) -> None:
        self._crawler = crawler
        self._interval = interval
        self._console = console
        self._started = time.monotonic()
        self._bar: Progress | None = None
        self._loop: Any = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> ProgressReport:
        """PROGRESS_INTERVAL is the time between log lines, in seconds."""
        interval = crawler.settings.getfloat("PROGRESS_INTERVAL")
        report = cls(crawler, interval, Console(file=sys.stderr))
        crawler.signals.connect(report.run_planned, run_planned)
        crawler.signals.connect(report.run_joined, run_joined)
        crawler.signals.connect(report.spider_closed, signals.spider_closed)
        return report

    def run_planned(self) -> None:
        """Begin to report."""
        all_of_us = ", by all workers of this run" if self._shared else ""
        logger.info("To visit: %d projects%s", self._value("planned"), all_of_us)
        self.run_joined()

    def run_joined(self) -> None:
        """Begin to report on a share of a run that another worker planned."""
        self._started = time.monotonic()
        if self._console.is_terminal:
            self._show_bar()
        self._loop = create_looping_call(self._tick)
        self._loop.start(_REFRESH if self._bar else self._interval, now=False)

    def _show_bar(self) -> None:
        self._bar = Progress(
            TextColumn("{task.fields[so_far]}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[rest]}"),
            TimeRemainingColumn(),
            console=self._console,
            redirect_stdout=False,
        )
        self._task = self._bar.add_task("visit", **self._state(), rest="")
        self._bar.start()
        self._log_to(sys.stderr)  # now rich's own, which prints above the line

    def _log_to(self, stream: Any) -> None:
        handler = get_scrapy_root_handler()
        if isinstance(handler, logging.StreamHandler) and not isinstance(
            handler, logging.FileHandler
        ):
            handler.setStream(stream)

    def _tick(self) -> None:
        if self._bar is not None:
            self._bar.update(self._task, **self._state(), rest=self._rest())
        else:
            logger.info("%s, %s%s", self._so_far(" of "), self._rest(), self._left())

    @property
    def _shared(self) -> bool:
        """Whether other workers may have a part in the run, so that nobody here knows it all."""
        share = getattr(self._crawler.spider, "share", None)
        return share is not None and bool(share.divided)

    def _state(self) -> dict[str, Any]:
        # A run that polls finds more and more.
        total = None if self._shared else self._value("planned")
        return {"completed": self._visited(), "total": total, "so_far": self._so_far("/")}

    def _so_far(self, of: str) -> str:
        if self._shared:
            return f"{self._visited():,} projects by this worker"
        return f"{self._visited():,}{of}{self._value('planned'):,} projects"

    def _visited(self) -> int:
        return self._value("visited") + self._value("failed")

    def _rest(self) -> str:
        return (
            f"{self._value('matched'):,} matched, {self._value('written'):,} documents written, "
            f"{self._value('failed'):,} failed, {self._rate():,.0f}/s"
        )

    def _rate(self) -> float:
        return self._visited() / max(time.monotonic() - self._started, 0.001)

    def _left(self) -> str:
        if self._shared:
            return ""
        rate = self._rate()
        left = (self._value("planned") - self._visited()) / rate if rate else 0
        return f", {left:,.0f} s left" if left > 0 else ""

    def spider_closed(self, spider: Spider, reason: str) -> None:
        """The summary, and a warning about all that is not as it should be."""
        if self._loop is not None and self._loop.running:
            self._loop.stop()
        if self._bar is not None:
            self._bar.update(self._task, **self._state(), rest=self._rest())
            self._bar.stop()
            self._log_to(sys.stderr)
        logger.info("Summary (%s): %s", reason, self._summary())
        if self._value("pending"):
            logger.warning(
                "%d projects are pending and will be tried first next time; "
                "'scrapy status' says why",
                self._value("pending"),
            )
        if self._value("refused"):
            assert self._crawler.stats is not None
            named = self._crawler.stats.get_value("pyfcrawl/refused_documents", [])
            logger.error(
                "The index refused %d documents: %s", self._value("refused"), "; ".join(named)
            )

    def _summary(self) -> str:
        size = self._stat("downloader/response_bytes") + self._stat("pyfcrawl/batch/bytes")
        names = ("visited", "matched", "written", "updated", "unchanged", "removed", "pending")
        some = tuple(name for name in ("gaps", "left") if self._value(name))
        counts = ", ".join(f"{name} {self._value(name):,}" for name in (*names, *some))
        took = time.monotonic() - self._started
        sent = f"requests {requests(self._crawler.stats):,}, {size / 1e6:,.1f} MB"
        return f"{counts}, {sent}, {took:.1f} s"

    def _value(self, name: str) -> int:
        return self._stat(f"pyfcrawl/{name}")

    def _stat(self, name: str) -> int:
        assert self._crawler.stats is not None
        value: int = self._crawler.stats.get_value(name, 0)
        return value
