"""Looks at a run when it is over: did it end clean, how much failed, is half of an index missing?

Spidermon's monitors and suites, with what they find told in our own way: one line for each that
fails, and a place in the run's record. They change nothing: what must not happen is prevented
before (REMOVE_LIMIT), this is for what nobody thought of.
"""

from __future__ import annotations

import logging
from typing import Any

from scrapy import Spider
from spidermon import Monitor, MonitorSuite
from spidermon.contrib.scrapy.extensions import Spidermon
from spidermon.runners import MonitorRunner

logger = logging.getLogger(__name__)

#: A collection smaller than this may halve without a word.
_FEW = 10


class EndedClean(Monitor):  # type: ignore[misc]
    """The run came to its end, and nothing stopped it or made it a failure."""

    def test_ended_clean(self) -> None:
        """It finished, or was asked to end."""
        stats = self.data.stats
        reason = stats.get("finish_reason", "finished")
        if reason not in ("finished", "shutdown"):
            self.fail(f"it ended with {reason}")
        if stats.get("pyfcrawl/error"):
            self.fail("it ended with an error")
        if stats.get("pyfcrawl/open"):
            self.fail(f"{stats['pyfcrawl/open']} projects were left undone")


class FailureRate(Monitor):  # type: ignore[misc]
    """No more than MONITOR_FAILURE_RATE percent of what was visited failed."""

    def test_failure_rate(self) -> None:
        """Of all visits that ended."""
        stats = self.data.stats
        most = self.data.crawler.settings.getfloat("MONITOR_FAILURE_RATE")
        failed = stats.get("pyfcrawl/failed", 0)
        visits = failed + stats.get("pyfcrawl/visited", 0)
        if failed * 100 > visits * most:
            self.fail(f"{failed} of {visits} projects failed (MONITOR_FAILURE_RATE={most:g}%)")


class NothingHalved(Monitor):  # type: ignore[misc]
    """No collection has less than half the documents it had."""

    def test_documents(self) -> None:
        """Before this run, or after the last one, whichever was more."""
        stats = self.data.stats
        last, before = (stats.get(f"pyfcrawl/documents_{each}", {}) for each in ("last", "before"))
        for collection, now in stats.get("pyfcrawl/documents", {}).items():
            had = max(last.get(collection, 0), before.get(collection, 0))
            if had >= _FEW and now * 2 < had:
                self.fail(f"{collection} has {now:,} documents, it had {had:,}")


class RunMonitors(MonitorSuite):  # type: ignore[misc]
    """What every run is looked at for."""

    monitors = [EndedClean, FailureRate, NothingHalved]


class Monitors(Spidermon):  # type: ignore[misc]
    """Spidermon's extension; SPIDERMON_SPIDER_CLOSE_MONITORS says which suites."""

    def _run_suites(self, spider: Spider, suites: list[MonitorSuite]) -> None:
        for suite in suites:
            result = MonitorRunner().run(suite, **self._generate_data_for_spider(spider))
            found = [_line(each) for each in result.monitors_failed_results]
            for line in found:
                logger.warning("Monitor: %s", line)
            stats = self.crawler.stats
            stats.set_value("pyfcrawl/monitors", stats.get_value("pyfcrawl/monitors", []) + found)


def _line(failed: Any) -> str:
    """One line on a monitor that failed, or broke."""
    said = failed.reason or (failed.error or "").strip().rpartition("\n")[2]
    return f"{failed.item.name.partition('/')[0]}: {said}"
