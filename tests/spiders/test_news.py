"""What the feeds name and is still to do: once each, again when it failed, never for ever."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pyfcrawl.core.profiles import Profile
from pyfcrawl.core.screening import WantedClassifiers
from pyfcrawl.sources.rss import Entry
from pyfcrawl.spiders.news import NEW, UPDATE, News, mark, marked
from pyfcrawl.spiders.selection import Selection

DAY = {NEW: 86_400, UPDATE: 86_400}
OFF = {NEW: 0, UPDATE: 0}


def update(name, version="1.0", published=0):
    return Entry(name, version, published, "")


def new(name, published=0):
    return Entry(name, None, published, "")


def taken(lifetimes=DAY, updates=(), packages=()):
    news = News(lifetimes)
    news.take("updates", tuple(updates))
    news.take("packages", tuple(packages))
    return news


def visit(news, entry, done, now=0):
    news.begin(entry)
    news.end(entry.name, done, now)


def due_at(news, entry, polls):
    """The polls, of so many more, at which the entry is due; each time it fails again."""
    found = []
    for number in range(polls):
        news.next_poll()
        if entry in news.due(0):
            found.append(number)
            visit(news, entry, False)
    return found


def test_oldest_first_and_each_once():
    a, b, c = update("a", published=3), update("b", published=1), new("c", published=2)
    assert taken(updates=[a, a, b], packages=[c]).due(0) == [b, c, a]


def test_one_that_is_under_way_waits():
    a, later = update("a"), update("a", "2.0")
    news = taken(updates=[later, a])
    news.begin(a)
    assert news.open
    assert news.due(0) == []
    assert news.visited_for("a") == [a]
    news.end("a", True, 0)
    assert not news.open
    assert news.due(0) == [later]


def test_what_is_done_is_due_when_its_mark_wore_off():
    a = update("a")
    news = taken(updates=[a])
    visit(news, a, True, now=100)
    assert news.due(100 + 86_399) == []
    assert news.due(100 + 86_400) == [a]


def test_without_marks_a_changed_feed_is_visited_anew_an_unchanged_one_is_not():
    a = update("a")
    news = taken(OFF, updates=[a])
    visit(news, a, True)
    assert news.due(10**9) == []
    news.take("updates", (a, update("b")))
    assert news.due(0) == [a, update("b")]


def test_what_failed_waits_longer_and_longer():
    a = update("a")
    news = taken(updates=[a])
    assert due_at(news, a, 40) == [0, 1, 3, 7, 15, 31]
    visit(news, a, True)
    assert due_at(news, a, 100) == []


def test_what_left_the_feeds_is_forgotten():
    a = update("a")
    news = taken(updates=[a])
    visit(news, a, False)
    news.take("updates", ())
    assert news.due(0) == []
    assert news._standings == {}
    news.take("updates", (a,))
    assert news.due(0) == [a]


def test_what_is_settled_needs_no_visit_until_all_is_forgotten():
    a = update("a")
    news = taken(updates=[a])
    news.settle([a], 0)
    assert news.due(0) == []
    news.forget()
    assert news.due(0) == [a]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("123"), st.booleans())))
def test_it_holds_what_the_feeds_hold_and_no_more(steps):
    news = News(DAY)
    for name, version, done in steps:
        news.next_poll()
        news.take("updates", (update(name, version), new(name)))
        for entry in news.due(0):
            news.begin(entry)
        news.end(name, done, 0)
        assert len(news._standings) <= 2
        assert not news.open


# --- marks ------------------------------------------------------------------------------------


def selection(collection="plone", scope="f:1"):
    profile = Profile(name=collection, classifiers=("Framework :: Plone",), collection=collection)
    wanted = WantedClassifiers(profile.classifiers)
    return Selection(profile, scope, None, {}, frozenset(), wanted)


class Memory:
    """Marks as a state store has them, and which kinds were asked for."""

    def __init__(self, *marks):
        self.marks, self.asked = set(marks), []

    def recall(self, kind, keys):
        self.asked.append(kind)
        return {key: True for key in keys if (kind, key) in self.marks}


def test_a_mark_is_for_one_collection_as_it_is_and_one_release():
    one, other = selection(), selection("django")
    a = update("a")
    memory = Memory((UPDATE, mark(one, a)), (NEW, mark(one, new("b"))))
    every = [a, update("a", "2.0"), new("a"), new("b"), update("b")]
    assert marked(memory, [one], every, DAY) == {a, new("b")}
    assert marked(memory, [other], every, DAY) == set()
    assert marked(memory, [one, other], every, DAY) == set()
    assert marked(memory, [replace(one, scope="f:2")], every, DAY) == set()


def test_a_kind_that_is_off_is_not_asked_for():
    memory = Memory((UPDATE, mark(selection(), update("a"))))
    assert marked(memory, [selection()], [update("a"), new("b")], {NEW: 5, UPDATE: 0}) == set()
    assert memory.asked == [NEW]


def test_names_and_versions_cannot_be_mistaken_for_each_other():
    entries = [new("a"), update("a"), update("a", "1.0.0"), update("a", ""), new("a-1")]
    assert len({mark(selection(), each) for each in entries}) == len(entries)
