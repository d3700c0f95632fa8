"""The slots of a job: which one is due, and how far into it this installation begins.

A slot is one time of the job's crontab line, and lasts until the next. It may be taken up to its
end: by a timetable that was stopped for a while, or when the spider was busy. Of several that
were missed only the last one counts, for a crawl catches up with all there is.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from pyfcrawl.timetable.crontab import Crontab


def share_of(*parts: str) -> float:
    """A number from 0 up to 1 that is always the same for the same parts."""
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


@dataclass(frozen=True, slots=True)
class Slots:
    """The slots of a crontab line, each begun `share` of `jitter` seconds late."""

    crontab: Crontab
    share: float = 0.0
    jitter: int = 0

    def due(self, now: int, done: int) -> int | None:
        """The slot to be taken now, when `done` was the last that was; None when none is."""
        slot = self.crontab.last_until(now, done)
        if slot is None or self.begin(slot) <= now:
            return slot
        return self.crontab.last_until(slot - 1, done)

    def following(self, now: int) -> int | None:
        """When the next slot begins, after now."""
        slot = self.crontab.last_until(now, now - self.jitter) if self.jitter else None
        if slot is not None and self.begin(slot) > now:
            return self.begin(slot)
        slot = self.crontab.first_after(now)
        return None if slot is None else self.begin(slot)

    def begin(self, slot: int) -> int:
        """When a slot is begun: late by its share, but before the next one."""
        following = self.crontab.first_after(slot)
        length = self.jitter if following is None else min(self.jitter, following - slot)
        return slot + int(self.share * length)
