"""The account of a run: which projects are done, and up to which serial all of them are.

A run visits projects in parts (a batch each) in serial order, but parts end in any order. The
ledger counts what is still outstanding for each project, and moves the frontier only past parts
in which every project is either done or failed for good (and so noted as pending). It holds an
entry only for projects under way, so its size doesn't depend on the registry's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pyfcrawl.core.removals import is_held


@dataclass(frozen=True, slots=True)
class Part:
    """Some projects visited together: how many, and the lowest serial among them.

    `first` is None for parts outside the serial order (names pending from before, names that left
    the listing); the frontier does not wait for those.
    """

    count: int
    first: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run sets out to do.

    `end` is the serial reached when all parts are done; None when the run sees only some names
    and so must not move a cursor. `etag`, `listed` and `newest` describe the listing it came from.
    `scopes` names the cursors concerned (state key -> scope), `final` the keys that take their
    place when the run was clean and its collections were put to serve. `settled` (kind -> keys) is
    what of the state's memory is no longer true once all of it is done or failed for good.
    """

    parts: Sequence[Part]
    end: int | None = None
    etag: str = ""
    listed: int = 0
    newest: int = 0
    scopes: Mapping[str, str] = field(default_factory=dict)
    final: Mapping[str, str] = field(default_factory=dict)
    settled: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Visit:
    """A project's place in a run; travels as text so that queues and items can carry it."""

    part: int
    serial: int
    name: str

    def __str__(self) -> str:
        return f"{self.part}:{self.serial}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> Visit:
        """The visit that `str()` wrote."""
        part, serial, name = text.split(":", 2)
        return cls(int(part), int(serial), name)


@dataclass(slots=True)
class _Entry:
    units: int = 1  # the project page itself
    reason: str = ""


@dataclass(slots=True)
class Outcome:
    """What has ended since the last look: names done, and visits failed with their reasons."""

    done: list[str] = field(default_factory=list)
    failed: dict[Visit, str] = field(default_factory=dict)


class Ledger:
    """Account of one run; see the module's docstring."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._remaining = [part.count for part in plan.parts]
        self._entries: dict[str, _Entry] = {}
        self._outcome = Outcome()
        self._at = 0

    def add(self, count: int) -> None:
        """`count` further projects belong to part 0, which is outside the serial order.

        A run that goes on and on has that one part, so that its account doesn't grow with time.
        """
        if not self._plan.parts or self._plan.parts[0].first is not None:
            raise ValueError("only a part outside the serial order can grow")
        self._remaining[0] += count

    def expect(self, visit: str, units: int) -> None:
        """`units` more pieces of work belong to this project (its page counts as one already)."""
        self._entries.setdefault(visit, _Entry()).units += units

    def fail(self, visit: str, reason: str) -> None:
        """Something of this project failed for good; the first reason is kept.

        A removal that is held back is no reason beside another: it must not hide a failure.
        """
        entry = self._entries.setdefault(visit, _Entry())
        if not entry.reason or is_held(entry.reason):
            entry.reason = reason

    def finish(self, visit: str) -> bool:
        """One piece of this project's work ended; True when the project is closed by it."""
        entry = self._entries.setdefault(visit, _Entry())
        entry.units -= 1
        if entry.units > 0:
            return False
        del self._entries[visit]
        place = Visit.parse(visit)
        if entry.reason:
            self._outcome.failed[place] = entry.reason
        else:
            self._outcome.done.append(place.name)
        if place.part < len(self._remaining):
            self._remaining[place.part] -= 1
        return True

    @property
    def open(self) -> int:
        """Projects that are neither done nor failed; without parts, those of them begun."""
        return sum(self._remaining) if self._plan.parts else len(self._entries)

    @property
    def frontier(self) -> int | None:
        """The serial up to which every project is done or failed; None: can't be vouched for."""
        if self._plan.end is None:
            return None
        parts = self._plan.parts
        while self._at < len(parts) and self._passable(self._at):
            self._at += 1
        if self._at == len(parts):
            return self._plan.end
        first = parts[self._at].first
        assert first is not None
        # Projects may share a serial across two parts, so stop just below the next one.
        return min(first - 1, self._plan.end)

    def _passable(self, at: int) -> bool:
        return self._plan.parts[at].first is None or self._remaining[at] <= 0

    def take(self) -> Outcome:
        """What ended since the last call."""
        outcome, self._outcome = self._outcome, Outcome()
        return outcome
