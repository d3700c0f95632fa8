"""What Prometheus sees, and that the example alerts ask for nothing else."""

from __future__ import annotations

import logging
import re
import socket
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from scrapy import Spider
from scrapy.utils.test import get_crawler

from pyfcrawl.extensions.metrics import CrawlMetrics, StateCollector, serve
from pyfcrawl.stores.runs import ended, sign_of_life
from pyfcrawl.stores.state import Cursor, Pending, Run, StateStore, open_state

DOCS = Path(__file__).resolve().parents[2] / "docs"
NOW = 1_793_491_200
RUN = Run(
    "pypi", "plone", NOW - 60, NOW, "finished", {"visited": 5, "failed": 1}, id="a", pid=1, host="h"
)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'state.db'}"


@pytest.fixture
def state(url: str) -> Iterator[StateStore]:
    """A store that knows of a run, what it left pending, and a gap."""
    store = open_state(url)
    ended(store, RUN, {"plone": ["pypi/plone"]}, {"plone": 36}, well=True)
    store.advance("pypi/plone", Cursor(90, "s", "", 10, 100, NOW), {"x": Pending(1, "503", NOW)})
    store.remember("gaps", {"g": {"collection": "plone"}})
    yield store
    store.close()


def exposed(collector: Any) -> str:
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry).decode()


def samples(text: str) -> dict[tuple[str, ...], float]:
    """(metric, its label values sorted by label) -> value."""
    return {
        (each.name, *(value for _, value in sorted(each.labels.items()))): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }


def crawl_metrics(port: int = 0) -> CrawlMetrics:
    crawler = get_crawler(Spider, {"METRICS_PORT": str(port), "METRICS_HOST": "127.0.0.1"})
    crawler.spider = Spider("pypi")
    assert crawler.stats is not None
    crawler.stats.set_value("pyfcrawl/visited", 12)
    crawler.stats.set_value("downloader/request_count", 3)
    crawler.stats.set_value("pyfcrawl/batch/batches", 2)
    crawler.stats.set_value("pyfcrawl/batch/requests", 84)
    return CrawlMetrics.from_crawler(crawler)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_the_state_of_all_sources(state: StateStore, url: str):
    found = samples(exposed(StateCollector(url, clock=lambda: NOW + 60)))
    assert found[("pyfcrawl_state_up",)] == 1
    assert found[("pyfcrawl_last_run_timestamp_seconds", "plone", "pypi")] == NOW
    assert found[("pyfcrawl_last_run_seconds", "plone", "pypi")] == 60
    assert found[("pyfcrawl_last_run_ok", "plone", "pypi")] == 1
    assert found[("pyfcrawl_last_run_info", "plone", "finished", "pypi")] == 1
    assert found[("pyfcrawl_last_run_count", "plone", "visited", "pypi")] == 5
    assert found[("pyfcrawl_documents", "plone", "pypi")] == 36
    assert found[("pyfcrawl_cursor_serial", "pypi/plone")] == 90
    assert found[("pyfcrawl_newest_serial", "pypi/plone")] == 100
    assert found[("pyfcrawl_pending_names", "pypi/plone")] == 1
    assert found[("pyfcrawl_gaps", "plone")] == 1
    assert found[("pyfcrawl_overdue", "plone", "pypi")] == 0


def test_overdue_by_the_clock_and_the_setting(state: StateStore, url: str):
    def late(**given: Any) -> float:
        found = samples(exposed(StateCollector(url, **given)))
        return found[("pyfcrawl_overdue", "plone", "pypi")]

    assert late(clock=lambda: NOW + 3 * 3600 + 1) == 1
    assert late(clock=lambda: NOW + 3 * 3600 + 1, after="pypi=1d") == 0


def test_a_run_that_died_counts_until_another_follows(state: StateStore, url: str, monkeypatch):
    monkeypatch.setattr("pyfcrawl.stores.state.time.time", lambda: NOW)
    sign_of_life(state, replace(RUN, id="b", started=NOW + 1), NOW + 1, every=30)
    collector = StateCollector(url, clock=lambda: NOW + 60)
    assert samples(exposed(collector))[("pyfcrawl_runs", "running")] == 1
    collector = StateCollector(url, clock=lambda: NOW + 600)
    found = samples(exposed(collector))
    assert (found[("pyfcrawl_runs", "running")], found[("pyfcrawl_runs", "died")]) == (0, 1)
    later = replace(RUN, id="c", started=NOW + 200, ended=NOW + 300)
    ended(state, later, {"plone": []}, {}, well=True)
    assert samples(exposed(collector))[("pyfcrawl_runs", "died")] == 0


def test_a_store_that_cannot_be_read_is_told_and_hides_nothing_else(tmp_path: Path):
    (tmp_path / "state.db").write_bytes(b"no database " * 1000)
    text = exposed(StateCollector(f"sqlite:///{tmp_path / 'state.db'}"))
    assert samples(text) == {("pyfcrawl_state_up",): 0}


def test_before_the_first_run(url: str):
    assert samples(exposed(StateCollector(url)))[("pyfcrawl_state_up",)] == 1


def test_the_counts_of_a_crawl():
    found = samples(exposed(crawl_metrics()))
    assert found[("pyfcrawl_crawl_visited_total", "pypi")] == 12
    assert found[("pyfcrawl_crawl_requests_total", "pypi")] == 3 - 2 + 84
    assert found[("pyfcrawl_crawl_seconds", "pypi")] >= 0


def test_served_until_it_ends():
    metrics = crawl_metrics(free_port())
    metrics.spider_opened()
    address = f"http://127.0.0.1:{metrics._port}/metrics"
    text = urllib.request.urlopen(address, timeout=10).read().decode()
    assert 'pyfcrawl_crawl_visited_total{spider="pypi"} 12.0' in text
    metrics.spider_closed()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(address, timeout=10)


def test_a_port_that_is_taken_is_one_warning(caplog: pytest.LogCaptureFixture, url: str):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with caplog.at_level(logging.WARNING):
            assert serve("127.0.0.1", taken.getsockname()[1], StateCollector(url)) is None
    (record,) = caplog.records
    assert "METRICS_PORT" in record.getMessage()


def test_the_alerts_ask_for_what_there_is(state: StateStore, url: str):
    text = exposed(StateCollector(url))
    there = {name for name, *_ in samples(text)}
    rules = [
        rule
        for group in yaml.safe_load((DOCS / "alerts.yml").read_text())["groups"]
        for rule in group["rules"]
    ]
    assert len({rule["alert"] for rule in rules}) == len(rules) >= 8
    for rule in rules:
        asked = set(re.findall(r"pyfcrawl_\w+", rule["expr"]))
        assert asked, rule
        assert asked <= there, rule["alert"]
        assert rule["annotations"]["summary"]
        labels = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
        for name in asked:
            assert labels <= _labels(text, name), rule["alert"]


def _labels(text: str, name: str) -> set[str]:
    return {
        label
        for family in text_string_to_metric_families(text)
        for each in family.samples
        if each.name == name
        for label in each.labels
    }


def test_the_page_names_every_metric(state: StateStore, url: str):
    page = (DOCS / "monitoring.md").read_text()
    for name, *_ in samples(exposed(StateCollector(url)) + exposed(crawl_metrics())):
        short = name.replace("pyfcrawl_crawl", "", 1)
        assert f"`{name}`" in page or f"`{short}`" in page, name
