"""The timetable with its clock moved: nothing twice, nothing lost, nothing at once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyfcrawl.errors import ScheduleError, StoreError
from pyfcrawl.stores.state import SqliteState, open_state
from pyfcrawl.timetable import loop
from pyfcrawl.timetable.crontab import Crontab, zone
from pyfcrawl.timetable.jobs import Job, all_jobs
from pyfcrawl.timetable.loop import Planned, Timetable
from pyfcrawl.timetable.marks import Marks
from pyfcrawl.timetable.slots import Slots

MINUTE, HOUR, DAY = 60, 3600, 86_400
#: Thursday, 2026-11-26 00:00 UTC.
START = 1_795_651_200

LINES = {
    "rss": "*/1 * * * *",
    "sync": "0 * * * *",
    "npm": "0 1 * * *",
    "refresh": "0 2 * * 0",
    "downloads": "0 4 * * 0",
    "github": "0 5 * * 0",
    "full": "0 3 1 * *",
}


class World:
    """A clock that moves when somebody sleeps, and a place where jobs run as long as they say."""

    def __init__(self, state: SqliteState) -> None:
        self.state = state
        self.now = float(START) + 1.5
        self.until = 0.0
        self.lasting: dict[str, float] = {}
        self.away: str = ""
        self.started: list[tuple[str, float, str]] = []
        self.busy: dict[str, float] = {}

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> bool:
        assert seconds >= 0
        self.now += min(max(seconds, 0.001), self.until - self.now)
        return self.now >= self.until

    def start(self, job: Job, job_id: str) -> bool:
        if self.away:
            raise ScheduleError(self.away)
        if self.busy.get(job.spider, 0) > self.now:
            return False
        self.busy[job.spider] = self.now + self.lasting.get(job.name, 1)
        self.started.append((job.name, self.now, job_id))
        return True

    def look(self) -> None:
        pass

    def live(self, seconds: float, name: str = "here", jitter: int = 0, **lines: str) -> None:
        """A timetable's life of that long, from its start to its end."""
        self.until = self.now + seconds
        planned = [
            Planned(
                all_jobs("plone")[job],
                Slots(Crontab(line, zone("UTC"), "X"), 0.5, jitter),
            )
            for job, line in (lines or LINES).items()
        ]
        Timetable(planned, self, Marks(self.state, name), self.clock, self.sleep).run()

    def times(self, job: str) -> list[float]:
        """When a job was started, in seconds from the beginning."""
        return [int(time) - START for name, time, _ in self.started if name == job]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    state = open_state(f"sqlite:///{tmp_path / 'state.db'}")
    yield World(state)
    state.close()


def test_a_month_of_all_jobs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "LONGEST_SLEEP", DAY)  # or it is 90,000 rounds
    lines = {name: line for name, line in LINES.items() if name != "rss"}
    world.live(31 * DAY, **lines)
    counts = {name: len(world.times(name)) for name in lines}
    assert counts == {
        "sync": 31 * 24,
        "npm": 31,
        "refresh": 4,  # Sundays: 29 November to 20 December
        "downloads": 4,
        "github": 4,
        "full": 1,
    }
    assert world.times("full") == [5 * DAY + 3 * HOUR]
    assert world.times("refresh")[0] == 3 * DAY + 2 * HOUR
    ids = [job_id for _, _, job_id in world.started]
    assert len(set(ids)) == len(ids)
    assert "full-20261201T030000Z" in ids


def test_every_minute_is_on_the_minute(world: World) -> None:
    world.live(10 * MINUTE, rss="*/1 * * * *")
    assert world.times("rss") == [number * MINUTE for number in range(1, 11)]


def test_a_job_of_abusy_spider_waits_and_is_not_lost(world: World) -> None:
    world.lasting["sync"] = 70 * MINUTE
    world.live(4 * HOUR, sync="0 * * * *")
    first, second, third = world.times("sync")
    assert first == HOUR
    assert HOUR + 70 * MINUTE <= second <= HOUR + 70 * MINUTE + 10
    assert second + 70 * MINUTE <= third <= second + 70 * MINUTE + 10
    slots = [job_id for _, _, job_id in world.started]
    assert slots == ["sync-20261126T010000Z", "sync-20261126T020000Z", "sync-20261126T030000Z"]


def test_a_rare_job_is_not_starved_by_a_frequent_one(world: World) -> None:
    world.lasting = {"sync": 50, "full": 30}
    world.live(20 * MINUTE, sync="*/1 * * * *", full="5 0 * * *")
    assert len(world.times("full")) == 1
    assert world.times("full")[0] <= 6 * MINUTE


def test_nothing_is_lost_across_a_restart_shorter_than_the_slot(world: World) -> None:
    world.live(55 * MINUTE, sync="0 * * * *")
    world.now += 20 * MINUTE  # nobody is there at one o'clock
    world.live(2 * HOUR, sync="0 * * * *")
    assert world.times("sync") == [75 * MINUTE + 1, 2 * HOUR, 3 * HOUR]


def test_a_restart_in_the_slot_starts_it_no_second_time(world: World) -> None:
    for _ in range(12):
        world.live(10 * MINUTE, sync="0 * * * *")
    assert world.times("sync") == [HOUR, 2 * HOUR]


def test_after_a_long_absence_each_job_is_made_up_for_once(world: World) -> None:
    world.live(HOUR / 2, **LINES)
    world.now += 10 * DAY
    before = len(world.started)
    world.live(30, **LINES)
    late = [name for name, _, _ in world.started[before:]]
    # One spider at a time: of the three for pypi the rarest goes first.
    assert {"rss", "npm", "downloads", "github", "full"} <= set(late)
    assert len(late) == len(set(late)) + (late.count("rss") - 1)


def test_the_first_start_makes_up_for_nothing(world: World) -> None:
    world.live(MINUTE / 2, full="0 3 1 * *", sync="0 * * * *")
    assert world.started == []


def test_a_target_that_is_away_costs_one_line_and_no_slot(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    world.away = "SCRAPYD_URL=http://x doesn't answer"
    world.live(90 * MINUTE, sync="0 * * * *", npm="0 1 * * *")
    assert world.started == []
    assert sum("doesn't answer" in each.message for each in caplog.records) == 1
    world.away = ""
    world.live(MINUTE, sync="0 * * * *", npm="0 1 * * *")
    assert len(world.times("sync")) == len(world.times("npm")) == 1
    assert world.times("sync")[0] <= 90 * MINUTE + 12


def test_a_job_turned_off_for_long_isnt_overdue_when_it_is_turned_on(world: World) -> None:
    world.live(2 * HOUR, sync="0 * * * *", npm="0 1 * * *")
    Marks(world.state, "here").keep_only(["sync"])
    world.live(3 * DAY, sync="0 * * * *")
    world.live(MINUTE, sync="0 * * * *", npm="0 1 * * *")
    assert world.times("npm") == [HOUR]


def test_timetables_that_share_a_store_have_marks_of_their_own(world: World) -> None:
    world.live(HOUR, "one", sync="0 * * * *")
    world.live(MINUTE, "two", sync="0 * * * *")
    world.live(HOUR, "two", sync="0 * * * *")
    assert world.times("sync") == [HOUR, 2 * HOUR]
    one, two = Marks(world.state, "one"), Marks(world.state, "two")
    assert one.installation() == two.installation()


def test_jitter_is_the_same_after_a_restart(world: World) -> None:
    world.live(2.5 * HOUR, jitter=600, sync="0 * * * *")
    world.live(2 * HOUR, jitter=600, sync="0 * * * *")
    assert world.times("sync") == [number * HOUR + 300 for number in (1, 2, 3, 4)]


def test_a_clock_set_back_holds_up_nothing(world: World) -> None:
    world.now += 300 * DAY  # the clock is wrong
    world.live(2 * HOUR, sync="0 * * * *")
    world.now -= 300 * DAY + 2 * HOUR
    world.started.clear()
    world.busy.clear()
    world.live(2 * HOUR + 5, sync="0 * * * *")
    assert world.times("sync") == [HOUR, 2 * HOUR]
    world.now -= 10 * MINUTE  # put right by a little: two o'clock comes a second time
    world.live(HOUR, sync="0 * * * *")
    assert world.times("sync") == [HOUR, 2 * HOUR]


def test_a_state_store_that_is_away_holds_up_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(world.state, "remember", refuse)
        world.live(3 * HOUR, sync="0 * * * *")
    assert world.times("sync") == [HOUR, 2 * HOUR, 3 * HOUR]
    assert any("kept in memory" in each.message for each in caplog.records)


def test_a_store_that_is_away_is_waited_for_once_a_round(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[float] = []

    def refuse(*_: object) -> None:
        tries.append(world.now)
        raise StoreError("nobody answers")

    world.live(MINUTE / 2, **LINES)
    world.now += 10 * DAY  # so that all of them are due at once
    monkeypatch.setattr(world.state, "remember", refuse)
    world.live(1, **LINES)
    assert len({name for name, _, _ in world.started}) >= 4
    assert len(tries) == len(set(tries)) > 0
    # It is written as soon as it can be.
    monkeypatch.undo()
    world.live(MINUTE, sync="0 * * * *")
