"""What is remembered of a project is remembered once it is done, and only then."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from scrapy import Spider
from scrapy.utils.test import get_crawler

from pyfcrawl import signals
from pyfcrawl.core.ledger import Part, Plan
from pyfcrawl.errors import StoreError
from pyfcrawl.extensions.keeper import Keeper
from pyfcrawl.stores.state import SqliteState, open_state

A, B = "0:1:a", "0:2:b"


class Run:
    """A keeper, and a spider's signals to it."""

    def __init__(self, path: Path) -> None:
        self.url = f"sqlite:///{path}"
        self.crawler = get_crawler(Spider, {"STATE_URL": self.url})
        self.keeper = Keeper.from_crawler(self.crawler)
        self.send(signals.run_planned, plan=Plan([Part(2, 1)], end=2, scopes={"pypi/c": "s"}))

    def send(self, signal: object, **what: Any) -> None:
        for _, result in self.crawler.signals.send_catch_log(signal, spider=None, **what):
            assert result is None, result

    def note(self, visit: str, kind: str = "rss/new", until: int | None = None, **values: Any):
        self.send(signals.note_when_done, visit=visit, kind=kind, values=values, until=until)

    def remembered(self, kind: str = "rss/new") -> dict[str, Any]:
        state = open_state(self.url, readonly=True)
        found = state.recall(kind)
        state.close()
        return found


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "state.db")


def test_a_note_waits_until_all_work_of_its_project_is_done(run: Run) -> None:
    run.note(A, a=True)
    run.note(A, kind="validators/npm/c", a={"etag": "1"})
    run.send(signals.work_expected, visit=A, units=1)
    run.send(signals.work_finished, visits=[A])
    assert run.remembered() == {}
    run.send(signals.work_finished, visits=[A])
    assert run.remembered() == {"a": True}
    assert run.remembered("validators/npm/c") == {"a": {"etag": "1"}}


@pytest.mark.parametrize("first", ["note", "failure"])
def test_a_project_that_failed_leaves_no_mark(run: Run, first: str) -> None:
    if first == "note":
        run.note(A, a=True)
    run.send(signals.work_failed, visit=A, reason="answered 503")
    if first == "failure":
        run.note(A, a=True)
    run.note(B, b=True)
    run.send(signals.work_finished, visits=[A, B])
    assert run.remembered() == {"b": True}


def test_a_project_that_is_never_done_leaves_no_mark(run: Run) -> None:
    run.note(A, a=True)
    run.send(signals.work_finished, visits=[B])
    run.keeper.spider_closed(SimpleNamespace(name="rss"), "shutdown")  # type: ignore[arg-type]
    assert run.remembered() == {}


def test_one_that_failed_may_be_done_the_next_time(run: Run) -> None:
    run.note(A, a=1)
    run.send(signals.work_failed, visit=A, reason="answered 503")
    run.send(signals.work_finished, visits=[A])
    run.note(A, a=2)
    run.send(signals.work_finished, visits=[A])
    assert run.remembered() == {"a": 2}


def test_a_store_that_forgets_stops_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(SqliteState, "remember", broken)
    run.note(A, a=True)
    with caplog.at_level(logging.WARNING):
        run.send(signals.work_finished, visits=[A])
    assert "rss/new is not remembered: the disk is full" in caplog.text
    assert run.crawler.stats.get_value("pyfcrawl/error") is None  # type: ignore[union-attr]
    state = open_state(run.url, readonly=True)
    assert state.pending("pypi/c") == {}
    state.close()
