"""Records and signs of life: who ended, who lives, who died."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace

import pytest

from pyfcrawl.stores.runs import ended, last_runs, polling, sign_of_life, sources, unfinished
from pyfcrawl.stores.state import Run, open_state

NOW = 1_793_491_200
RUN = Run("pypi", "plone,django", NOW, 0, "", id="abc", host="here", pid=7)
KEYS = {"plone": ["pypi/plone"], "django": ["pypi/django"]}


@pytest.fixture
def state(tmp_path):
    store = open_state(f"sqlite:///{tmp_path / 'state.db'}")
    yield store
    store.close()


@pytest.fixture
def lasting(state, monkeypatch):
    """The store with its clock at NOW."""
    monkeypatch.setattr("pyfcrawl.stores.state.time.time", lambda: NOW)
    return state


def test_a_run_lives_until_it_misses_three_signs(lasting):
    sign_of_life(lasting, RUN, NOW, every=30)
    (alive,) = unfinished(lasting, NOW + 90)
    assert (alive.reason, alive.ended, alive.pid) == ("running", NOW, 7)
    (dead,) = unfinished(lasting, NOW + 91)
    assert (dead.reason, dead.host) == ("died", "here")
    assert last_runs(lasting, NOW + 91) == [dead]


def test_one_that_ended_is_not_under_way_and_there_once(lasting):
    sign_of_life(lasting, RUN, NOW, every=30)
    run = replace(RUN, ended=NOW + 9, reason="finished", counts={"visited": 3})
    ended(lasting, run, KEYS, {"plone": 5}, well=True)
    assert unfinished(lasting, NOW + 9) == []
    assert last_runs(lasting, NOW + 9) == [run]
    django, plone = sources(lasting)
    assert (plone.good, plone.documents, plone.keys) == (NOW + 9, 5, ("pypi/plone",))
    assert (django.collection, django.documents, django.counts) == ("django", 0, {"visited": 3})


def test_killed_between_record_and_goodbye_it_is_told_of_once(lasting):
    run = replace(RUN, ended=NOW + 9, reason="finished")
    lasting.record(run)
    sign_of_life(lasting, RUN, NOW, every=30)
    assert last_runs(lasting, NOW + 9) == [run]


def test_a_source_remembers_its_last_good_run_however_many_follow(lasting):
    ended(lasting, replace(RUN, ended=NOW + 1, reason="finished"), KEYS, {}, well=True)
    for nth in range(120):
        bad = replace(RUN, id=str(nth), started=NOW + 2, ended=NOW + 3, reason="error", error="x")
        ended(lasting, bad, KEYS, {}, well=False)
    assert len(lasting.runs(1000)) == 100
    (_, plone) = sources(lasting)
    assert (plone.good, plone.first, plone.error) == (NOW + 1, NOW, "x")
    assert not plone.regular


@pytest.mark.parametrize("how", [{"by": "schedule"}, {"arguments": {"poll": 60}}])
def test_polled_or_by_timetable_is_regular_for_good(lasting, how):
    ended(lasting, replace(RUN, ended=NOW, **how), KEYS, {}, well=True)
    ended(lasting, replace(RUN, id="b", ended=NOW), KEYS, {}, well=True)
    assert all(each.regular for each in sources(lasting))


def test_who_polls(lasting):
    sign_of_life(lasting, replace(RUN, spider="rss", arguments={"poll": 60}), NOW, every=30)
    sign_of_life(lasting, replace(RUN, id="b"), NOW, every=30)
    assert polling(lasting, NOW) == {("rss", "plone"), ("rss", "django")}
    assert polling(lasting, NOW + 1000) == set()


def test_records_from_before_still_load(lasting, tmp_path):
    old = {"spider": "pypi", "collections": "plone", "started": 1, "ended": 2, "reason": "finished"}
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute("INSERT INTO runs (value) VALUES (?)", (json.dumps(old),))
    (run,) = last_runs(lasting, NOW)
    assert (run.started, run.id, run.monitors, run.host) == (1, "", [], "")


def test_what_another_version_kept_is_left_out(lasting):
    lasting.remember("runs/alive", {"x": {"strange": 1}, "y": 7})
    lasting.remember("runs/sources", {"x": {"strange": 1}, "y": {"keys": [], "z": 1}})
    assert (unfinished(lasting, NOW), sources(lasting)) == ([], [])
