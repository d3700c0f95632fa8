"""Whether something slid out of a feed between two polls."""

from __future__ import annotations

from pyfcrawl.sources.rss import UPDATES, Entry, Feed
from pyfcrawl.spiders.gaps import POLLS, Windows
from pyfcrawl.stores.standing import GAPS, Gap, gaps_of
from tests.spiders.test_news import selection

NOW = 1_000_000


class Memory:
    """What a state store remembers."""

    def __init__(self, **kinds):
        self.kinds = kinds

    def recall(self, kind):
        return self.kinds.get({GAPS: "gaps", POLLS: "polls"}[kind], {})


def feed(*moments):
    return Feed(tuple(Entry(f"p{at}", "1.0", at, "") for at in moments))


def look(windows, *moments, now=NOW, at=None):
    return windows.look(UPDATES, feed(*moments), [at or selection()], now)


def test_the_first_poll_has_nothing_to_miss():
    assert look(Windows(), 50, 60) == []


def test_windows_that_overlap_or_touch_leave_no_gap():
    windows = Windows()
    for moments in ((10, 20), (20, 30), (15, 40), (40,), (41, 39)):
        assert look(windows, *moments) == []


def test_a_window_that_begins_later_leaves_one():
    windows = Windows()
    look(windows, 10, 20)
    assert look(windows, 21, 30) == [Gap("plone", UPDATES, 20, 21, NOW)]
    assert look(windows, 25, 30) == []


def test_a_cached_copy_from_before_hides_no_gap_and_makes_none():
    windows = Windows()
    look(windows, 10, 20)
    assert look(windows, 5, 15) == []
    assert look(windows, 18, 30) == []
    assert look(windows, 5, 15) == []
    assert len(look(windows, 31, 40)) == 1


def test_after_an_empty_feed_the_clock_decides():
    windows = Windows()
    look(windows, now=100)
    assert look(windows, 90, 110) == []
    windows = Windows()
    look(windows, now=100)
    assert look(windows, 101) == [Gap("plone", UPDATES, 100, 101, NOW)]


def test_an_empty_feed_is_no_gap():
    windows = Windows()
    look(windows, 10)
    assert look(windows) == []
    assert len(look(windows, 11)) == 1


def test_each_collection_as_it_is_has_its_own():
    windows = Windows()
    look(windows, 10)
    assert look(windows, 50, at=selection("django")) == []
    assert look(windows, 50, at=selection(scope="made anew")) == []


def test_it_goes_on_where_another_run_was():
    before = Windows()
    look(before, 10, 20)
    windows = Windows()
    windows.load(Memory(polls=before.polls))
    assert len(look(windows, 21)) == 1
    windows.load(Memory(polls=before.polls))  # older than what this run saw itself
    assert look(windows, 21) == []


def test_what_cannot_be_understood_is_passed_over():
    windows = Windows()
    windows.load(Memory(polls={"plone/updates": 7, "x": {"scope": "f:1"}}))
    assert look(windows, 5) == []
    windows.load(Memory(polls={}))
    strange = {"a": 1, "b": {"collection": "plone"}, "c": {"x": 1}, "d": []}
    assert gaps_of(Memory(gaps=strange), ["plone"]) == {}


def test_gaps_of_a_collection_oldest_first():
    first, second = Gap("plone", UPDATES, 5, 6, 7), Gap("plone", UPDATES, 8, 9, 10)
    other = Gap("django", UPDATES, 1, 2, 3)
    notes = {each.key: each.note for each in (second, first, other)}
    assert len(notes) == 3
    assert list(gaps_of(Memory(gaps=notes), ["plone"]).items()) == [
        (first.key, first),
        (second.key, second),
    ]
