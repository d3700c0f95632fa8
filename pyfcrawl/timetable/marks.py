"""Which slot of each job was taken last, remembered across restarts."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable

from pyfcrawl.errors import StoreError
from pyfcrawl.stores.state import StateStore

logger = logging.getLogger(__name__)

_KIND = "timetable"
_INSTALLATION = "installation"


class Marks:
    """The marks of the timetable called `name`, in the state store.

    Several timetables may share a store, so each has a name. A store that is away for a while
    holds up no job: the marks are kept here and stored when it is back.
    """

    def __init__(self, state: StateStore, name: str) -> None:
        """Raises StoreError when the store can't be read."""
        self._state = state
        self._prefix = f"{name}/"
        self._unsaved = False
        self._away = False
        self._slots = {
            key.removeprefix(self._prefix): int(value)
            for key, value in state.recall(_KIND).items()
            if key.startswith(self._prefix)
        }

    def installation(self) -> str:
        """A text that no other installation has; made once. Raises StoreError."""
        known = self._state.recall(_KIND, [_INSTALLATION])
        if _INSTALLATION not in known:
            known = {_INSTALLATION: uuid.uuid4().hex}
            self._state.remember(_KIND, known)
        return str(known[_INSTALLATION])

    def get(self, job: str) -> int | None:
        """The last slot of a job that was taken, or when the job was first looked at."""
        return self._slots.get(job)

    def set(self, job: str, slot: int) -> None:
        """Remember it; never raises. Of a store that was away just now nobody asks again here."""
        self._slots[job] = slot
        self._unsaved = True
        if not self._away:
            self.save()

    def save(self) -> None:
        """Store what could not be stored before."""
        if not self._unsaved:
            return
        try:
            self._state.remember(
                _KIND, {self._prefix + job: slot for job, slot in self._slots.items()}
            )
            self._unsaved = self._away = False
        except StoreError as error:
            self._away = True
            logger.warning("Marks of the timetable are kept in memory for now: %s", error)

    def keep_only(self, jobs: Iterable[str]) -> None:
        """Forget jobs that are turned off, or they would be overdue when turned on again.

        Raises StoreError.
        """
        gone = self._slots.keys() - set(jobs)
        for job in gone:
            del self._slots[job]
        self._state.forget(_KIND, [self._prefix + job for job in gone])
