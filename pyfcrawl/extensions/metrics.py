"""Numbers for Prometheus: of the crawl under way, and of what the state store remembers of all.

A crawl lives for minutes or hours and then its numbers are gone, so those to alert on come from the
state store: a process that stays (`scrapy schedule`, `scrapy serve`) exposes them with
StateCollector. docs/monitoring.md lists them all.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from scrapy import Spider, signals
from scrapy.crawler import Crawler

from pyfcrawl.core.overdue import DEFAULT, Source, limits, overdue
from pyfcrawl.errors import PyfcrawlError
from pyfcrawl.extensions.counts import GROWING, counts, errors
from pyfcrawl.stores.runs import DIED, RUNNING, polling, sources, unfinished
from pyfcrawl.stores.state import Run, StateReader, open_state

logger = logging.getLogger(__name__)

_OF_SOURCE = ("spider", "collection")
_OF_KEY = ("key",)

#: Kind under which gaps of the feeds are remembered.
_GAPS = "gaps"


def serve(host: str, port: int, collector: Collector) -> Callable[[], None] | None:
    """Expose a collector at http://host:port/metrics; returns what ends it.

    A port that is taken is a warning and None: numbers are no reason to stop the work.
    """
    registry = CollectorRegistry()
    registry.register(collector)
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        logger.warning("METRICS_PORT=%d at %s can't be had (%s): no metrics", port, host, error)
        return None
    logger.info("Metrics: http://%s:%d/metrics", host, port)

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return end


class CrawlMetrics(Collector):
    """Extension: the counters of the crawl under way, when METRICS_PORT is given."""

    def __init__(self, crawler: Crawler, host: str, port: int) -> None:
        self._crawler = crawler
        self._host = host
        self._port = port
        self._started = time.time()
        self._end: Callable[[], None] | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> CrawlMetrics:
        """METRICS_PORT (0 or empty: none) and METRICS_HOST say where."""
        port = int(crawler.settings["METRICS_PORT"] or 0)
        metrics = cls(crawler, crawler.settings["METRICS_HOST"], port)
        if port:
            crawler.signals.connect(metrics.spider_opened, signals.spider_opened)
            crawler.signals.connect(metrics.spider_closed, signals.spider_closed)
        return metrics

    def spider_opened(self) -> None:
        """Begin to expose."""
        self._end = serve(self._host, self._port, self)

    def spider_closed(self) -> None:
        """Let go of the port."""
        if self._end is not None:
            self._end()

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client; called in a thread of the server's."""
        stats: Any = self._crawler.stats
        spider: Spider | None = self._crawler.spider
        name = spider.name if spider else ""
        found = counts(stats) | {"errors": errors(stats)}
        for count, value in found.items():
            growing = count in (*GROWING, "requests", "errors")
            family = CounterMetricFamily if growing else GaugeMetricFamily
            metric = family(f"pyfcrawl_crawl_{count}", f"Of this run: {count}", labels=["spider"])
            metric.add_metric([name], value)
            yield metric
        age = GaugeMetricFamily(
            "pyfcrawl_crawl_seconds", "Seconds since this run began", labels=["spider"]
        )
        age.add_metric([name], time.time() - self._started)
        yield age


class StateCollector(Collector):
    """What the state store knows of all runs and collections; `after` as in OVERDUE_AFTER.

    `due` names the spiders that a timetable starts, overdue even if they don't look regular.
    """

    def __init__(
        self, state_url: str, after: str = DEFAULT, due: Iterable[str] = (), clock: Any = time.time
    ) -> None:
        self._state_url = state_url
        self._after = limits(after)
        self._due = frozenset(due)
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client; the store is opened for each look, so it may come and go."""
        up = GaugeMetricFamily("pyfcrawl_state_up", "Whether the state store can be read")
        found: list[Metric] = []
        try:
            state = open_state(self._state_url, readonly=True)
            try:
                found = list(self._read(state, int(self._clock())))
            finally:
                state.close()
        except PyfcrawlError as error:
            logger.warning("Metrics: %s", error)
        up.add_metric([], int(bool(found)))
        yield up
        yield from found

    def _read(self, state: StateReader, now: int) -> Iterator[Metric]:
        known = sources(state)
        yield from _last_runs(known)
        yield from self._standing(state, known, now)
        yield from _of_cursors(state, {key for each in known for key in each.keys})
        yield from _of_gaps(state, known)

    def _standing(self, state: StateReader, known: list[Source], now: int) -> Iterator[Metric]:
        live = polling(state, now)
        metric = _gauge("pyfcrawl_overdue", "1 when OVERDUE_AFTER has passed", _OF_SOURCE)
        for each in known:
            labels = [each.spider, each.collection]
            late = overdue(each, self._after, now, tuple(labels) in live, each.spider in self._due)
            metric.add_metric(labels, int(late))
        yield metric
        runs = _gauge("pyfcrawl_runs", "Runs under way, and died with none since", ("state",))
        found = [each.reason for each in unfinished(state, now) if not _followed(each, known)]
        for reason in (RUNNING, DIED):
            runs.add_metric([reason], found.count(reason))
        yield runs


def _followed(run: Run, known: list[Source]) -> bool:
    """Whether a run that died was followed by another of the same, so that nobody need look."""
    if run.reason != DIED:
        return False
    later = {
        each.collection
        for each in known
        if each.spider == run.spider and each.started >= run.started
    }
    return set(run.collections.split(",")) <= later


def _gauge(name: str, text: str, labels: Iterable[str]) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=list(labels))


#: Metric -> what it says, and its value for a source.
_LAST: Mapping[str, tuple[str, Callable[[Source], float]]] = {
    "pyfcrawl_last_run_timestamp_seconds": ("End of the last run", lambda each: each.ended),
    "pyfcrawl_last_run_seconds": ("How long it took", lambda each: each.ended - each.started),
    "pyfcrawl_last_run_ok": (
        "1 when it ended without an error",
        lambda each: int(not each.error and each.reason in ("finished", "shutdown")),
    ),
    "pyfcrawl_documents": ("Documents of the collection after it", lambda each: each.documents),
    "pyfcrawl_last_good_run_timestamp_seconds": (
        "End of the last run that brought all in step",
        lambda each: each.good,
    ),
}


def _last_runs(known: list[Source]) -> Iterator[Metric]:
    for name, (text, value) in _LAST.items():
        metric = _gauge(name, text, _OF_SOURCE)
        for each in known:
            metric.add_metric([each.spider, each.collection], value(each))
        yield metric
    reasons = _gauge("pyfcrawl_last_run_info", "How it ended", (*_OF_SOURCE, "reason"))
    numbers = _gauge("pyfcrawl_last_run_count", "What it counted", (*_OF_SOURCE, "count"))
    for each in known:
        reasons.add_metric([each.spider, each.collection, each.reason], 1)
        for count, number in each.counts.items():
            numbers.add_metric([each.spider, each.collection, count], number)
    yield from (reasons, numbers)


def _of_cursors(state: StateReader, keys: Iterable[str]) -> Iterator[Metric]:
    serial = _gauge("pyfcrawl_cursor_serial", "Serial up to which all is done", _OF_KEY)
    newest = _gauge("pyfcrawl_newest_serial", "Newest serial when last looked", _OF_KEY)
    pending = _gauge("pyfcrawl_pending_names", "Names to be tried again", _OF_KEY)
    for key in sorted(keys):
        cursor = state.cursor(key)
        if cursor is not None:
            serial.add_metric([key], cursor.serial)
            newest.add_metric([key], cursor.newest)
        pending.add_metric([key], len(state.pending(key)))
    yield from (serial, newest, pending)


def _of_gaps(state: StateReader, known: list[Source]) -> Iterator[Metric]:
    noted = [each.get("collection") for each in state.recall(_GAPS).values()]
    metric = _gauge("pyfcrawl_gaps", "Gaps in the feeds, open until pypi ran", ("collection",))
    for collection in sorted({each.collection for each in known}):
        metric.add_metric([collection], noted.count(collection))
    yield metric
