"""The account of removals on a real index and a real state: who shares it, what it adds up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pyfcrawl.core.build import build_document
from pyfcrawl.core.readme import EMPTY
from pyfcrawl.items import GoneItem
from pyfcrawl.pipelines import removals
from pyfcrawl.pipelines.removals import Limit, Removals, lost
from pyfcrawl.stores.index import IndexWriter, open_writer
from pyfcrawl.stores.state import open_state

Account = Callable[..., Removals]


@pytest.fixture
def index(tmp_path: Path) -> Iterator[IndexWriter]:
    """Fifty packages, p0 to p49, in "c"; the first ten in "d", too."""
    writer = open_writer(f"sqlite:///{tmp_path / 'index.db'}")
    for collection, count in (("c", 50), ("d", 10)):
        writer.create(collection)
        listing = {"is_latest": True}
        writer.upsert(
            collection,
            [
                build_document("pypi", f"p{number}", "1.0", {}, listing, None, EMPTY)
                for number in range(count)
            ],
        )
    yield writer
    writer.close()


@pytest.fixture
def account(tmp_path: Path, index: IndexWriter) -> Iterator[Account]:
    """Makes accounts as workers do, each with a connection of its own to the state."""
    made: list[Removals] = []

    def make(run: str = "run", limit: Limit | None = None) -> Removals:
        state = open_state(f"sqlite:///{tmp_path / 'state.db'}")
        made.append(Removals(state, index, run, limit or Limit()))
        return made[-1]

    yield make
    for each in made:
        each.close()


def gone(first: int, count: int, *collections: str) -> list[GoneItem]:
    where = list(collections) or ["c"]
    return [GoneItem("pypi", f"p{n}", where, "gone") for n in range(first, first + count)]


def packages(index: IndexWriter, collection: str = "c") -> int:
    info = index.collection(collection)
    assert info is not None
    return info.packages


def test_nothing_goes_before_it_is_judged(index: IndexWriter, account: Account):
    account().hold(gone(0, 3))
    assert packages(index) == 50


def test_workers_of_one_run_share_an_account(index: IndexWriter, account: Account):
    one, other = account(), account()
    one.hold(gone(0, 6))
    other.hold(gone(4, 4))  # two of them found gone by both
    verdict = account().carry_out(["c"])
    assert verdict.removed == {f"p{number}" for number in range(8)}
    assert (verdict.documents, verdict.refused, packages(index)) == (8, {}, 42)
    assert one.carry_out(["c"]).removed == set()  # once is enough


def test_together_they_may_be_too_many(index: IndexWriter, account: Account):
    one, other = account(), account()
    one.hold(gone(0, 6))
    other.hold(gone(6, 6))
    verdict = one.carry_out(["c"])
    assert verdict.left == {"c": {f"p{number}" for number in range(12)}}
    assert verdict.refused == {"c": "12 of 50 packages of c would be removed (REMOVE_LIMIT=20%)"}
    assert (verdict.documents, packages(index)) == (0, 50)


def test_another_run_has_another_account(index: IndexWriter, account: Account):
    account("killed").hold(gone(0, 40))
    mine = account("mine")
    mine.hold(gone(0, 2))
    assert mine.carry_out(["c"]).removed == {"p0", "p1"}
    assert packages(index) == 48


def test_collections_are_judged_by_themselves(index: IndexWriter, account: Account):
    mine = account()
    mine.hold(gone(0, 7, "c", "d"))
    verdict = mine.carry_out(["c", "d"])
    assert verdict.removed == {f"p{number}" for number in range(7)}
    assert set(verdict.left) == {"d"}
    assert (packages(index), packages(index, "d")) == (43, 10)


def test_a_run_that_goes_on_adds_up_for_a_day(
    index: IndexWriter, account: Account, monkeypatch: pytest.MonkeyPatch
):
    now = [1000.0]
    monkeypatch.setattr(removals.time, "monotonic", lambda: now[0])
    mine = account()
    for first in (0, 4):
        mine.hold(gone(first, 4))
        assert mine.carry_out(["c"]).documents == 4
    mine.hold(gone(8, 3))
    assert mine.carry_out(["c"]).refused == {
        "c": "11 of 50 packages of c would be removed (REMOVE_LIMIT=20%)"
    }
    now[0] += 86_401
    mine.hold(gone(8, 3))
    assert mine.carry_out(["c"]).documents == 3


def test_confirmed_all_may_go(index: IndexWriter, account: Account):
    mine = account(limit=Limit(20, confirmed=True))
    mine.hold(gone(0, 50))
    assert mine.carry_out(["c"]).documents == 50


def test_what_a_new_version_loses():
    before = [f"p{number}" for number in range(100)]
    assert lost(before, before[20:], Limit()) == 0
    assert lost(before, before[21:], Limit()) == 21
    assert lost(before, [f"q{number}" for number in range(200)], Limit()) == 100
    assert lost(before, [], Limit(100)) == 0
    assert lost(before, [], Limit(20, confirmed=True)) == 0
