"""Marks, validators and look-ups: there until their time is over, whatever the keys."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfcrawl.errors import StoreError
from pyfcrawl.stores.state import Cursor, SqliteState, open_state

NOW, DAY = int(time.time()), 86_400


@pytest.fixture
def state(tmp_path: Path) -> Iterator[SqliteState]:
    store = open_state(f"sqlite:///{tmp_path / 'state.db'}")
    yield store
    store.close()


def test_what_is_remembered_is_there_for_others(state: SqliteState, tmp_path: Path) -> None:
    state.remember("validators/npm/plone", {"@plone/volto": {"etag": 'W/"1"', "modified": None}})
    state.remember("rss/new", {"a": True, "b": [1, 2.5, "x"]})
    other = open_state(f"sqlite:///{tmp_path / 'state.db'}", readonly=True)
    assert other.recall("validators/npm/plone") == {
        "@plone/volto": {"etag": 'W/"1"', "modified": None}
    }
    assert other.recall("rss/new", ["b", "c"]) == {"b": [1, 2.5, "x"]}
    assert other.recall("rss/new", []) == {}
    assert other.recall("rss") == {}
    other.close()


def test_a_memory_ends_at_its_time(state: SqliteState) -> None:
    state.remember("k", {"short": 1}, until=NOW + 100 * DAY)
    state.remember("k", {"long": 2})
    assert state.recall("k", now=NOW + 99 * DAY) == {"short": 1, "long": 2}
    assert state.recall("k", now=NOW + 100 * DAY) == {"long": 2}
    assert state.recall("k") == {"short": 1, "long": 2}
    state.remember("k", {"over": 3}, until=NOW - 1)
    assert "over" not in state.recall("k", ["over", "long"])


def test_what_is_over_takes_no_room(state: SqliteState, tmp_path: Path) -> None:
    state.remember("k", {str(number): number for number in range(100)}, until=NOW - 1)
    state.remember("k", {"new": 1})
    with sqlite3.connect(tmp_path / "state.db") as connection:
        assert connection.execute("SELECT count(*) FROM memory").fetchone() == (1,)
    connection.close()


def test_remembering_again_replaces_value_and_time(state: SqliteState) -> None:
    state.remember("k", {"a": 1}, until=NOW + 50 * DAY)
    state.remember("k", {"a": 2})
    assert state.recall("k", now=NOW + 60 * DAY) == {"a": 2}


def test_forgetting_is_by_kind_and_key(state: SqliteState) -> None:
    state.remember("k", {"a": 1, "b": 2})
    state.remember("l", {"a": 3})
    state.forget("k", ["a", "never there"])
    assert (state.recall("k"), state.recall("l")) == ({"b": 2}, {"a": 3})


def test_thousands_of_keys_at_once(state: SqliteState) -> None:
    values = {f"package-{number}": number for number in range(40_000)}
    state.remember("k", values)
    assert state.recall("k", values) == values
    state.forget("k", list(values)[1:])
    assert state.recall("k") == {"package-0": 0}


@given(st.dictionaries(st.text(st.characters(exclude_categories=[])), st.text(), max_size=4))
def test_any_text_is_a_key(values: dict[str, str]) -> None:
    store = SqliteState(Path(":memory:"))
    store.remember("k", values)
    assert store.recall("k", values) == values
    store.close()


def test_a_state_of_before_gets_its_place_for_it(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    state = SqliteState(path)
    state.advance("pypi/plone", Cursor(5, "s"))
    state.close()
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE memory")
    connection.close()
    reading = open_state(f"sqlite:///{path}", readonly=True)
    assert reading.recall("k", ["a"]) == {}
    reading.close()
    state = SqliteState(path)
    state.remember("k", {"a": 1})
    assert state.recall("k") == {"a": 1}
    assert state.cursor("pypi/plone") == Cursor(5, "s")
    state.close()


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    SqliteState(path).close()
    state = open_state(f"sqlite:///{path}")
    state.close()
    with pytest.raises(StoreError, match="DATA_DIR"):
        state.remember("k", {"a": 1})
