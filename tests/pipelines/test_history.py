"""The stage that keeps days of downloads: durable before an item goes on, lost items told."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from scrapy.exceptions import DropItem
from scrapy.utils.test import get_crawler

from pyfcrawl.items import DownloadsItem, GithubItem
from pyfcrawl.pipelines.history import HistoryPipeline
from pyfcrawl.stores.history import ImportedTotal, open_history


def item(name: str, *days: tuple[str, str, int], registry: str = "pypi") -> DownloadsItem:
    return DownloadsItem(registry, name, ["plone"], {"download_last_day": 1}, list(days), "test")


def process(url: str, *items: Any) -> list[Any]:
    """All items at once through the stage."""
    crawler = get_crawler(settings_dict={"HISTORY_URL": url})
    crawler._apply_settings()

    async def close(reason: str) -> None:
        """The engine's part in it."""

    crawler.engine = SimpleNamespace(close_spider_async=close)
    pipeline = HistoryPipeline.from_crawler(crawler)

    async def run() -> list[Any]:
        done = await asyncio.gather(
            *(pipeline.process_item(each) for each in items), return_exceptions=True
        )
        await pipeline.close_spider()
        return done

    return asyncio.run(run())


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'history.db'}"


def test_a_total_of_nothing_goes(url: str) -> None:
    process(url, item("a", ("2026-09-01", "", 5)))
    empty = item("a")
    empty.without = ["2026-09-01"]
    process(url, empty)
    assert (empty.facts["download_total"], empty.facts["download_total_since"]) == (None, None)


def test_days_are_kept_and_summed_up(url: str) -> None:
    items = [item(f"Pack_age{n}", ("2026-09-01", "", n), ("2026-09-02", "", 1)) for n in range(500)]
    assert process(url, *items) == items
    assert items[7].facts == {
        "download_last_day": 1,
        "download_total": 8,
        "download_total_since": "2026-09-01",
    }
    store = open_history(url, readonly=True)
    assert len(store.totals(f"pkg:pypi/pack-age{n}" for n in range(500))) == 500
    assert [each.source for each in store.series("pkg:pypi/pack-age7")] == ["test", "test"]
    store.close()


def test_an_item_without_days_gets_what_is_known(url: str) -> None:
    store = open_history(url)
    store.import_totals([ImportedTotal(2, "pkg:npm/%40plone/volto", "2026-09-01", 77)], "import")
    store.close()
    known, unknown = item("@plone/volto", registry="npm"), item("volto", registry="npm")
    process(url, known, unknown)
    assert known.facts["download_total"] == 77
    assert known.facts["download_total_since"] is None
    assert unknown.facts == {"download_last_day": 1}


def test_other_items_pass(url: str) -> None:
    other = GithubItem("pypi", "a", ["plone"], {})
    assert process(url, other) == [other]
    assert not Path(url.removeprefix("sqlite:///")).exists()


def test_items_that_cannot_be_kept_are_lost_together(tmp_path: Path) -> None:
    (tmp_path / "history.db").write_text("no database" * 1000)
    items = [item("a", ("2026-09-01", "", 1)), item("b", ("2026-09-01", "", 1))]
    found = process(f"sqlite:///{tmp_path / 'history.db'}", *items)
    assert [type(each) for each in found] == [DropItem, DropItem]
    assert "download_total" not in items[0].facts
