"""Every state store: what belongs together changes together, whoever is killed when.

What only the one or the other has to do is in test_sqlite_state.py and test_redis_state.py.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfcrawl.errors import ConfigurationError, StoreError
from pyfcrawl.stores.state import Cursor, Pending, Run, open_state

KEY = "pypi/plone"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def state(state_url):
    store = open_state(state_url)
    yield store
    store.close()


def test_before_the_first_run_nothing_is_known(state):
    assert state.cursor(KEY) is None
    assert state.pending(KEY) == {}
    assert state.runs() == []


def test_what_was_advanced_is_there_for_the_next_run(state, state_url):
    cursor = Cursor(5, "scope", '"etag"', 100, 6, 1234)
    state.advance(KEY, cursor, {"b": Pending(4, "junk", 10), "a": Pending(3, "429", 10)})
    state.close()
    again = open_state(state_url, readonly=True)
    assert again.cursor(KEY) == cursor
    assert list(again.pending(KEY)) == ["a", "b"]
    assert again.pending(KEY)["a"] == Pending(3, "429", 10, 1)
    assert again.cursor("pypi/django") is None
    again.close()


def test_a_cursor_of_the_same_scope_never_goes_back(state):
    state.advance(KEY, Cursor(9, "s", "e"))
    state.advance(KEY, Cursor(4, "s"))
    assert state.cursor(KEY) == Cursor(9, "s", "e")
    state.advance(KEY, Cursor(9, "s", "f"))
    assert state.cursor(KEY).etag == "f"
    state.advance(KEY, Cursor(2, "other"))
    assert state.cursor(KEY) == Cursor(2, "other")
    state.advance(KEY, None, {"a": Pending(1, "x", 1)})
    assert state.cursor(KEY) == Cursor(2, "other")


def test_pending_names_keep_when_they_began_and_count(state):
    state.advance(KEY, None, {"a": Pending(5, "first", 100)})
    state.advance(KEY, None, {"a": Pending(3, "second", 200)})
    assert state.pending(KEY)["a"] == Pending(5, "second", 100, 2)
    state.advance(KEY, None, {"a": Pending(8, "third", 300)})
    assert state.pending(KEY)["a"] == Pending(8, "third", 100, 3)
    state.advance(KEY, None, settled=["a", "never-there"])
    assert state.pending(KEY) == {}


def test_settled_and_failed_at_once_is_pending(state):
    state.advance(KEY, None, {"a": Pending(5, "x", 1)}, settled=["a"])
    assert list(state.pending(KEY)) == ["a"]


def test_half_a_surrogate_pair_in_a_reason_loses_no_name(state):
    state.advance(KEY, Cursor(3, "s"), {"a": Pending(2, "bad \ud800 address", 1)})
    assert state.pending(KEY)["a"].reason.startswith("bad ")
    assert state.cursor(KEY).serial == 3


def test_a_name_that_cannot_be_kept_moves_no_cursor(state):
    with pytest.raises(UnicodeEncodeError):
        state.advance(KEY, Cursor(3, "s"), {"a\ud800": Pending(2, "x", 1)})
    assert state.cursor(KEY) is None
    state.advance(KEY, Cursor(4, "s"))  # and the store is not locked by it
    assert state.cursor(KEY).serial == 4


@given(st.lists(st.tuples(st.integers(0, 20), st.sampled_from(["s", "t"])), max_size=12))
def test_any_order_of_advances(new_state_url, moves):
    store = open_state(new_state_url())
    expected = None
    for serial, scope in moves:
        store.advance(KEY, Cursor(serial, scope))
        if expected is None or expected.scope != scope or serial >= expected.serial:
            expected = Cursor(serial, scope)
        assert store.cursor(KEY) == expected
    store.close()


def test_the_last_hundred_runs_are_kept_newest_first(state):
    for n in range(130):
        state.record(Run("pypi", "plone", n, n + 1, "finished", {"written": n}))
    runs = state.runs(limit=1000)
    assert [run.started for run in runs] == list(range(129, 29, -1))
    assert runs[0].counts == {"written": 129}
    assert len(state.runs()) == 10


def test_a_reader_sees_what_a_writer_does(state, state_url):
    reader = open_state(state_url, readonly=True)
    state.advance(KEY, Cursor(1, "s"))
    assert reader.cursor(KEY) == Cursor(1, "s")
    reader.close()


@pytest.mark.parametrize("url", ["", "sqlite:", "sqlite:///", "/tmp/x", "SQLITE:///x"])
def test_an_unknown_store_is_named(url):
    with pytest.raises(ConfigurationError, match="DATA_DIR"):
        open_state(url)


def test_a_closed_store_says_so(state):
    state.close()
    state.close()
    with pytest.raises(StoreError):
        state.advance(KEY, Cursor(1, "s"))
    with pytest.raises(StoreError):
        state.cursor(KEY)
    with pytest.raises(StoreError):  # not a deadlock
        state.record(Run("pypi", "plone", 0, 1, "finished"))


def test_many_threads_and_stores_at_once(state, state_url):
    other = open_state(state_url)

    def work(store, number):
        for nth in range(20):
            store.advance(KEY, Cursor(nth, "s"), {f"{number}-{nth}": Pending(nth, "x", 0)})

    threads = [
        threading.Thread(target=work, args=(store, n)) for n, store in enumerate([state, other] * 2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state.cursor(KEY).serial == 19
    assert len(other.pending(KEY)) == 80
    other.close()


_LOOP = """
import sys
from pyfcrawl.stores.state import Cursor, Pending, open_state
store = open_state(sys.argv[1])
cursor = store.cursor("k")
for n in range(cursor.serial + 1 if cursor else 0, 10**9):
    # Every third name fails, every third is settled again: the cursor vouches for both.
    failed = {f"n{n}": Pending(n, "x", 0)} if n % 3 == 0 else {}
    store.advance("k", Cursor(n, "s"), failed, [f"n{n - 2}"] if n % 6 == 2 else [])
    print(n, flush=True)
"""


def test_killed_at_any_moment_cursor_and_pending_agree(state_url):
    dice, before = random.Random(7), -1
    for _ in range(5):
        child = subprocess.Popen(
            [sys.executable, "-c", _LOOP, state_url], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        child.stdout.readline()
        time.sleep(dice.random() / 10)
        os.kill(child.pid, signal.SIGKILL)
        told = [int(line) for line in child.stdout.read().splitlines() if line]
        child.wait()
        store = open_state(state_url)
        at = store.cursor("k").serial
        assert at >= max(told, default=before)
        assert at > before
        left = {f"n{n}" for n in range(0, at + 1, 3)}
        left -= {f"n{n - 2}" for n in range(2, at + 1, 6)}
        assert set(store.pending("k")) == left
        before = at
        store.close()
