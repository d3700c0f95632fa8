"""The loop: looks which slots are due, has them carried out, sleeps until the next."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from pyfcrawl.errors import ScheduleError
from pyfcrawl.timetable.jobs import Job
from pyfcrawl.timetable.marks import Marks
from pyfcrawl.timetable.slots import Slots

logger = logging.getLogger(__name__)

#: Seconds between tries of a job that could not be started.
RETRY = 10
#: Seconds that the loop sleeps at most: a clock may be set meanwhile.
LONGEST_SLEEP = 30
#: Seconds that a clock is put right by without anything being done twice for it.
_CLOCK_CHANGE = 3600


class Target(Protocol):
    """Who carries jobs out."""

    def start(self, job: Job, job_id: str) -> bool:
        """Start a job; False when its spider is under way. Raises ScheduleError."""

    def look(self) -> None:
        """Take notice of jobs that have ended."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A job with its slots."""

    job: Job
    slots: Slots


class Timetable:
    """Has `planned` jobs carried out by `target` at their times.

    `clock` gives Unix seconds; `sleep` waits that many seconds, or less, and returns whether to
    stop.
    """

    def __init__(
        self,
        planned: Sequence[Planned],
        target: Target,
        marks: Marks,
        clock: Callable[[], float],
        sleep: Callable[[float], bool],
    ) -> None:
        self._planned = planned
        self._target = target
        self._marks = marks
        self._clock = clock
        self._sleep = sleep
        self._complaints: dict[str, str] = {}

    def run(self) -> None:
        """Until `sleep` says to stop."""
        while not self._sleep(self.round()):
            pass

    def round(self) -> float:
        """Start what is due; returns the seconds until there is something to do again."""
        now = int(self._clock())
        self._target.look()
        self._marks.save()
        # The rarer ones first: an hourly job finds its spider free more often.
        started = [self._take(each, now) for each in reversed(self._planned)]
        if not all(started):
            return RETRY
        coming = [time for each in self._planned if (time := each.slots.following(now))]
        return max(0.0, min([*coming, now + LONGEST_SLEEP]) - self._clock())

    def _take(self, planned: Planned, now: int) -> bool:
        """Start the job if a slot of it is due; False when it has to be tried again."""
        name = planned.job.name
        done = self._marks.get(name)
        # Its first slot is the next one. A mark far ahead was set while the clock was wrong.
        if done is None or done > now + _CLOCK_CHANGE:
            self._marks.set(name, now)
            return True
        slot = planned.slots.due(now, done)
        if slot is None:
            return True
        if not self._start(planned.job, slot):
            return False
        self._marks.set(name, slot)
        return True

    def _start(self, job: Job, slot: int) -> bool:
        try:
            started = self._target.start(job, job.id_at(slot))
        except ScheduleError as error:
            self._complain(job.name, f"{error}; tried again every {RETRY} s", logging.WARNING)
            return False
        if not started:
            self._complain(job.name, f"{job.name} waits: {job.spider} is under way", logging.INFO)
            return False
        self._complaints.pop(job.name, None)
        logger.info("%s of %s started", job.name, moment(slot))
        return True

    def _complain(self, name: str, text: str, level: int) -> None:
        """Say what is wrong, once, however many jobs it holds up and for how long."""
        if text not in self._complaints.values():
            logger.log(level, "%s", text)
        self._complaints[name] = text


def moment(slot: int) -> str:
    """Unix seconds as people read them."""
    return datetime.fromtimestamp(slot, UTC).strftime("%Y-%m-%d %H:%M UTC")
