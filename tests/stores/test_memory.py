"""Marks, validators and look-ups, in every state store: there until their time is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfcrawl.stores.state import StateStore, open_state

NOW, DAY = int(time.time()), 86_400


@pytest.fixture
def state(state_url: str) -> Iterator[StateStore]:
    store = open_state(state_url)
    yield store
    store.close()


def test_what_is_remembered_is_there_for_others(state: StateStore, state_url: str) -> None:
    state.remember("validators/npm/plone", {"@plone/volto": {"etag": 'W/"1"', "modified": None}})
    state.remember("rss/new", {"a": True, "b": [1, 2.5, "x"]})
    other = open_state(state_url, readonly=True)
    assert other.recall("validators/npm/plone") == {
        "@plone/volto": {"etag": 'W/"1"', "modified": None}
    }
    assert other.recall("rss/new", ["b", "c"]) == {"b": [1, 2.5, "x"]}
    assert other.recall("rss/new", []) == {}
    assert other.recall("rss") == {}
    other.close()


def test_a_memory_ends_at_its_time(state: StateStore) -> None:
    state.remember("k", {"short": 1}, until=NOW + 100 * DAY)
    state.remember("k", {"long": 2})
    assert state.recall("k", now=NOW + 99 * DAY) == {"short": 1, "long": 2}
    assert state.recall("k", now=NOW + 100 * DAY) == {"long": 2}
    assert state.recall("k") == {"short": 1, "long": 2}
    state.remember("k", {"over": 3}, until=NOW - 1)
    assert "over" not in state.recall("k", ["over", "long"])


def test_remembering_again_replaces_value_and_time(state: StateStore) -> None:
    state.remember("k", {"a": 1}, until=NOW + 50 * DAY)
    state.remember("k", {"a": 2})
    assert state.recall("k", now=NOW + 60 * DAY) == {"a": 2}


def test_forgetting_is_by_kind_and_key(state: StateStore) -> None:
    state.remember("k", {"a": 1, "b": 2})
    state.remember("l", {"a": 3})
    state.forget("k", ["a", "never there"])
    assert (state.recall("k"), state.recall("l")) == ({"b": 2}, {"a": 3})


def test_thousands_of_keys_at_once(state: StateStore) -> None:
    values = {f"package-{number}": number for number in range(40_000)}
    state.remember("k", values)
    assert state.recall("k", values) == values
    state.forget("k", list(values)[1:])
    assert state.recall("k") == {"package-0": 0}


@given(st.dictionaries(st.text(st.characters(exclude_categories=[])), st.text(), max_size=4))
def test_any_text_is_a_key(new_state_url: Callable[[], str], values: dict[str, str]) -> None:
    store = open_state(new_state_url())
    store.remember("k", values)
    assert store.recall("k", values) == values
    store.close()
