"""What spiders want remembered of a project once it is done, held back until it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Note:
    """Values of a kind to remember, `until` then (Unix seconds) or for ever."""

    kind: str
    until: int | None
    values: dict[str, Any] = field(default_factory=dict)


class Notes:
    """Notes by visit; those of a visit that failed come to nothing."""

    def __init__(self) -> None:
        self._open: dict[str, list[Note]] = {}
        self._failed: set[str] = set()

    def add(self, visit: str, note: Note) -> None:
        """Hold a note back until the visit is closed."""
        self._open.setdefault(visit, []).append(note)

    def fail(self, visit: str) -> None:
        """Something of this visit failed for good."""
        self._failed.add(visit)

    def failed(self, visit: str) -> bool:
        """Whether something of this visit, which is not closed yet, failed for good."""
        return visit in self._failed

    def close(self, visits: Iterable[str]) -> list[Note]:
        """The notes of visits that are done now, those of one kind and time put together."""
        due: dict[tuple[str, int | None], Note] = {}
        for visit in visits:
            notes = self._open.pop(visit, [])
            if visit in self._failed:
                self._failed.discard(visit)
                continue
            for note in notes:
                whole = due.setdefault((note.kind, note.until), Note(note.kind, note.until))
                whole.values |= note.values
        return list(due.values())
