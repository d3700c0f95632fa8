"""The last stage on a real index: what is acknowledged, what is refused, what is said of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from scrapy import Spider
from scrapy.exceptions import DropItem
from scrapy.utils.test import get_crawler

from pyfcrawl import signals
from pyfcrawl.core.build import build_document
from pyfcrawl.core.readme import EMPTY
from pyfcrawl.core.removals import held
from pyfcrawl.items import GoneItem, ListingItem, PackageItem
from pyfcrawl.pipelines.index import IndexPipeline
from pyfcrawl.stores.index import open_reader

SERVER = {
    "TYPESENSE_API_KEY": "",
    "TYPESENSE_TIMEOUT": 10,
    "INDEX_WAIT": 10,
    "REMOVE_LIMIT": 20,
}


def release(name: str, version: str = "1.0", **fields: Any) -> PackageItem:
    """A release on its way into collection "c", its document built, `fields` forced on it."""
    item = PackageItem("pypi", name, version, ["c"], {}, {"is_latest": True}, visit=f"0:0:{name}")
    item.document = build_document("pypi", name, version, {}, item.listing, None, EMPTY) | fields
    return item


def write(
    path: Path, *items: Any, error: str = ""
) -> tuple[list[Any], dict[str, str], list[str], Any]:
    """Outcome of each item, visits failed with reasons, visits finished, and the stats.

    `error` is what the crawl has said before, and goes on in spite of.
    """
    urls = {"INDEX_URL": f"sqlite:///{path}", "STATE_URL": f"sqlite:///{path}.state"}
    crawler = get_crawler(Spider, urls | SERVER)
    crawler.spider = SimpleNamespace(
        arguments=SimpleNamespace(profiles=[SimpleNamespace(collection="c")], recreate=False)
    )

    async def close(reason: str) -> None:
        """The engine's part in it."""
        crawler.stats.inc_value(f"closed/{reason}")

    crawler.engine = SimpleNamespace(close_spider_async=close)
    failed: dict[str, str] = {}
    finished: list[str] = []

    def on_failed(visit: str, reason: str) -> None:
        failed[visit] = reason

    def on_finished(visits: list[str]) -> None:
        finished.extend(visits)

    crawler.signals.connect(on_failed, signals.work_failed)
    crawler.signals.connect(on_finished, signals.work_finished)

    async def run() -> list[Any]:
        stage = IndexPipeline.from_crawler(crawler)
        await stage.open_spider()
        crawler.stats.set_value("pyfcrawl/error", error)
        outcomes = await asyncio.gather(
            *(stage.process_item(item) for item in items), return_exceptions=True
        )
        crawler.signals.send_catch_log(signals.removals_due)
        await stage.close_spider()
        return outcomes

    return asyncio.run(run()), failed, finished, crawler.stats


def indexed(path: Path) -> set[str]:
    """Identifiers of all documents."""
    reader = open_reader(f"sqlite:///{path}")
    found = {each["identifier"] for each in reader.iterate("c")}
    reader.close()
    return found


def test_a_refused_document_is_named_and_its_neighbours_are_written(tmp_path: Path):
    path = tmp_path / "index.db"
    bad = release("bad", health_score="much")
    outcomes, failed, finished, stats = write(path, release("a"), bad, release("b"))
    assert indexed(path) == {"pkg:pypi/a@1.0", "pkg:pypi/b@1.0"}
    assert isinstance(outcomes[1], DropItem)
    assert outcomes[0]["name"] == "a"
    assert list(failed) == ["0:0:bad"]
    assert "health_score" in failed["0:0:bad"]
    assert sorted(finished) == ["0:0:a", "0:0:b", "0:0:bad"]
    assert stats.get_value("pyfcrawl/refused") == 1
    assert stats.get_value("pyfcrawl/refused_documents")[0].startswith("pkg:pypi/bad@1.0: ")
    assert stats.get_value("pyfcrawl/written") == 2


def test_changes_and_removals_leave_no_line_in_feeds(tmp_path: Path):
    path = tmp_path / "index.db"
    write(path, release("a"), release("a", "2.0"), release("b"), release("c"))
    changes = ListingItem("pypi", "a", ["c"], {"release_count": 7}, {"1.0": {"yanked": True}})
    outcomes, failed, _, stats = write(
        path,
        changes,
        GoneItem("pypi", "a", ["c"], "not listed", ["2.0"]),
        GoneItem("pypi", "b", ["c"], "gone", visit="0:0:b"),
    )
    assert all(isinstance(each, DropItem) for each in outcomes)
    assert failed == {"0:0:b": held("gone")}  # until it is settled
    assert indexed(path) == {"pkg:pypi/a@1.0", "pkg:pypi/c@1.0"}
    assert stats.get_value("pyfcrawl/updated") == 2
    assert stats.get_value("pyfcrawl/removed") == 2
    reader = open_reader(f"sqlite:///{path}")
    document = reader.get("c", "pkg:pypi/a@1.0")
    reader.close()
    assert document is not None
    assert (document["yanked"], document["release_count"]) == (True, 7)


def test_an_index_that_fails_leaves_items_unanswered(tmp_path: Path):
    path = tmp_path / "index.db"
    item = release("a")
    item.collections = ["missing"]
    outcomes, failed, finished, stats = write(path, item)
    assert isinstance(outcomes[0], DropItem)
    assert (failed, finished) == ({}, [])
    assert "missing" in stats.get_value("pyfcrawl/error")
    assert stats.get_value("closed/error") == 1


def test_an_index_that_fails_ends_a_crawl_that_went_on_in_spite_of_something(tmp_path: Path):
    items = [release("a"), release("b")]
    for each in items:
        each.collections = ["missing"]
    *_, stats = write(tmp_path / "index.db", *items, error="1 of 7 searches failed")
    assert stats.get_value("pyfcrawl/error") == "1 of 7 searches failed"
    assert stats.get_value("closed/error") == 1
