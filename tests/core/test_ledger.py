"""The account of a run, against a naive one that remembers every project."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfcrawl.core.ledger import Ledger, Part, Plan, Visit


def visits_of(sizes, first_loose=0):
    """Visits of a plan whose parts have these sizes; the first ones are out of serial order."""
    visits, parts, serial = [], [], 0
    for number, size in enumerate(sizes):
        loose = number < first_loose
        part = []
        for nth in range(size):
            serial += nth % 2  # neighbours share serials, within a part and across two
            part.append(Visit(number, 0 if loose else serial, f"p{number}-{nth}"))
        parts.append(Part(size, None if loose else part[0].serial))
        visits.append(part)
    return parts, visits


@dataclass
class Naive:
    """Every project's open units; the frontier by looking at all of them."""

    end: int | None
    left: dict[Visit, int] = field(default_factory=dict)
    failed: dict[Visit, str] = field(default_factory=dict)

    def safe(self, serial: int) -> bool:
        """Whether a cursor may stand at `serial`."""
        return all(units == 0 or visit.serial > serial for visit, units in self.left.items())


def test_a_visit_survives_the_way_through_text():
    for visit in (Visit(0, 0, "a"), Visit(7, 123456789, "plone-api"), Visit(1, -1, "odd:name:")):
        assert Visit.parse(str(visit)) == visit


@given(st.data())
def test_the_frontier_never_passes_an_open_project(data):
    loose = data.draw(st.integers(0, 2))
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=6))
    parts, visits = visits_of(sizes, loose)
    flat = [visit for part in visits for visit in part]
    end = max(visit.serial for visit in flat) + data.draw(st.integers(0, 3))
    ledger = Ledger(Plan(parts, end=end))
    ordered = [visit for visit in flat if visit.part >= loose]
    naive = Naive(end, dict.fromkeys(ordered, 1))
    left = dict.fromkeys(flat, 1)
    highest = -(10**9)
    done, failed = [], {}
    expected_failed = {}
    while any(left.values()):
        visit = data.draw(st.sampled_from([each for each, units in left.items() if units]))
        what = data.draw(st.sampled_from(["finish", "finish", "expect", "fail"]))
        if what == "expect":
            ledger.expect(str(visit), 2)
            left[visit] += 2
        elif what == "fail":
            ledger.fail(str(visit), f"why {visit.name}")
            expected_failed.setdefault(visit, f"why {visit.name}")
        if what != "expect":
            left[visit] -= 1
            assert ledger.finish(str(visit)) is (left[visit] == 0)
        naive.left = {each: left[each] for each in ordered}
        frontier = ledger.frontier
        assert naive.safe(frontier)
        assert highest <= frontier <= end
        highest = frontier
        outcome = ledger.take()
        done += outcome.done
        failed |= outcome.failed
        assert ledger.open == sum(1 for units in left.values() if units)
    assert failed == expected_failed
    assert sorted(done) == sorted(each.name for each in flat if each not in expected_failed)
    assert ledger.frontier == end
    assert ledger.take().done == []


@given(st.permutations(range(12)))
def test_the_frontier_is_as_far_as_whole_parts_allow(order):
    parts, visits = [], []
    for number in range(4):
        visits += [Visit(number, 10 * number + nth + 1, f"{number}{nth}") for nth in range(3)]
        parts.append(Part(3, 10 * number + 1))
    ledger = Ledger(Plan(parts, end=99))
    ended = set()
    for at in order:
        ledger.finish(str(visits[at]))
        ended.add(at)
        whole = next((n for n in range(4) if not {3 * n, 3 * n + 1, 3 * n + 2} <= ended), 4)
        assert ledger.frontier == (99 if whole == 4 else 10 * whole)


def test_nothing_to_do_is_done_at_once():
    assert Ledger(Plan([], end=5)).frontier == 5
    assert Ledger(Plan([], end=5)).open == 0


def test_a_run_that_sees_only_some_names_vouches_for_nothing():
    ledger = Ledger(Plan([Part(1)]))
    ledger.finish("0:3:a")
    assert ledger.frontier is None
    assert ledger.take().done == ["a"]


def test_parts_out_of_order_hold_nothing_up():
    ledger = Ledger(Plan([Part(2), Part(1, 8)], end=9))
    ledger.finish("1:8:b")
    assert ledger.frontier == 9
    assert ledger.open == 2


def test_a_limit_below_the_first_serial_is_not_passed():
    assert Ledger(Plan([Part(1, 50)], end=20)).frontier == 20


def test_a_run_that_goes_on_adds_to_its_one_part():
    ledger = Ledger(Plan([Part(1)]))
    for number in range(1000):
        if number:
            ledger.add(1)
        assert ledger.open == 1
        assert ledger.finish(f"0:0:n{number}")
        assert ledger.take().done == [f"n{number}"]
    assert (ledger.open, ledger.frontier) == (0, None)
    assert len(ledger._remaining) == 1


@pytest.mark.parametrize("parts", [[], [Part(1, 4)], [Part(1, 4), Part(1)]])
def test_a_part_in_serial_order_cannot_grow(parts):
    with pytest.raises(ValueError, match="serial order"):
        Ledger(Plan(parts, end=9)).add(1)


def test_the_first_reason_is_kept_and_told_once():
    ledger = Ledger(Plan([Part(1, 4)], end=4))
    ledger.expect("0:4:a", 2)
    ledger.fail("0:4:a", "first")
    ledger.fail("0:4:a", "second")
    assert [ledger.finish("0:4:a") for _ in range(3)] == [False, False, True]
    assert ledger.take().failed == {Visit(0, 4, "a"): "first"}
    assert ledger.take().failed == {}


def test_only_projects_under_way_take_memory():
    ledger = Ledger(Plan([Part(1000, 1)], end=1000))
    for serial in range(1, 1001):
        ledger.expect(f"0:{serial}:n{serial}", 3)
        for _ in range(4):
            ledger.finish(f"0:{serial}:n{serial}")
    assert ledger._entries == {}
    assert ledger.frontier == 1000


@pytest.mark.parametrize("text", ["", "1", "1:2", "a:b:c"])
def test_text_that_is_no_visit_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011
        Visit.parse(text)
