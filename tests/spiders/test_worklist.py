"""The order of visits and the plan of them agree, whatever is cut off."""

from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as st

from pyfcrawl.core.ledger import Ledger, Visit
from pyfcrawl.sources.pypi import Listing
from pyfcrawl.spiders.worklist import Worklist


def listing(serials, serial=None):
    ordered = sorted(serials)
    names = [f"n{at}" for at in range(len(ordered))]
    reached = max(ordered, default=0) if serial is None else serial
    return Listing(reached, 100, set(), array("q", ordered), names)


@given(
    first=st.lists(st.integers(0, 9), max_size=7),
    serials=st.lists(st.integers(1, 12), max_size=20),
    size=st.integers(1, 6),
    limit=st.none() | st.integers(1, 30),
    ahead=st.integers(-3, 3),
)
def test_plan_and_visits_agree(first, serials, size, limit, ahead):
    known = listing(serials, max(0, max(serials, default=0) + ahead))
    pending = [(f"p{at}", serial) for at, serial in enumerate(first)]
    worklist = Worklist(pending, known, size, limit)
    plan = worklist.plan("etag", {"pypi/plone": "scope"})
    parts = [list(part) for part in worklist]
    assert [part.count for part in plan.parts] == [len(part) for part in parts]
    assert all(0 < len(part) <= size for part in parts)
    flat = [entry for part in parts for entry in part]
    everything = pending + list(zip(known.names, known.serials, strict=True))
    assert flat == everything[:limit]
    assert worklist.whole is (len(flat) == len(everything))
    assert plan.etag == ("etag" if worklist.whole else "")
    for part, planned in zip(parts, plan.parts, strict=True):
        assert planned.first == (None if part[0][0].startswith("p") else part[0][1])
    # What the cursor ends at leaves no listed project below it that was not visited.
    visited = set(flat)
    assert plan.end <= known.serial
    assert all(
        entry in visited or entry[1] > plan.end
        for entry in zip(known.names, known.serials, strict=True)
    )
    ledger = Ledger(plan)
    for number, part in enumerate(parts):
        for name, serial in part:
            ledger.finish(str(Visit(number, serial, name)))
    assert (ledger.open, ledger.frontier) == (0, plan.end)


@given(st.integers(0, 9), st.integers(1, 4), st.none() | st.integers(1, 12))
def test_without_a_listing_no_cursor_moves(count, size, limit):
    worklist = Worklist([(f"n{at}", 0) for at in range(count)], None, size, limit)
    plan = worklist.plan("etag", {"pypi/plone": "scope"})
    assert (plan.end, plan.etag) == (None, "")
    assert plan.scopes == {"pypi/plone": "scope"}
    assert sum(part.count for part in plan.parts) == min(count, limit or count)
    assert [len(part) for part in worklist] == [part.count for part in plan.parts]


def test_the_listings_facts_travel_with_the_plan():
    plan = Worklist([], listing([3, 4], serial=4), 10).plan("e", {})
    assert (plan.listed, plan.newest, plan.end) == (100, 4, 4)
