"""Whole packages that a run would remove: held back until it is known how many they are.

What is held stands in the state, so that several workers of one run add to one account, and its
names are pending there meanwhile: a run that is killed has removed nothing, and the next one finds
out again. All here blocks; the index pipeline calls it in the index's own thread.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pyfcrawl.core.names import package_id
from pyfcrawl.core.removals import allowed, refusal
from pyfcrawl.items import GoneItem
from pyfcrawl.stores.index import IndexWriter
from pyfcrawl.stores.state import StateStore

logger = logging.getLogger(__name__)

#: Seconds after which nobody asks any more what a run held that never ended.
_KEPT = 30 * 86_400

#: Seconds over which a run that goes on and on adds up what it removed.
_WINDOW = 86_400

#: Packages removed in one go.
_GROUP = 100


@dataclass(frozen=True, slots=True)
class Limit:
    """REMOVE_LIMIT: the share of a collection's packages a run may remove, in percent."""

    percent: float = 20
    confirmed: bool = False

    def allows(self, removed: int, packages: int) -> bool:
        """Whether so many of these packages may go."""
        return self.confirmed or allowed(removed, packages, self.percent)


@dataclass(slots=True)
class Verdict:
    """What became of what was held.

    `documents` counts those removed, `removed` names the packages removed from one collection at
    least; `left` (collection -> names) were too many: `refused` (collection -> text) says how many,
    `registries` (collection -> registry) where they come from.
    """

    documents: int = 0
    removed: set[str] = field(default_factory=set)
    left: dict[str, set[str]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    registries: dict[str, str] = field(default_factory=dict)


class Removals:
    """The account of one run; `run` is its id, the same for all workers that share it."""

    def __init__(self, state: StateStore, writer: IndexWriter, run: str, limit: Limit) -> None:
        self._state = state
        self._writer = writer
        self._run = run
        self._limit = limit
        self._done: list[tuple[float, str, int]] = []

    def _kind(self, collection: str) -> str:
        return f"removals/{self._run}/{collection}"

    def hold(self, items: Iterable[GoneItem]) -> None:
        """Note these packages as to be removed; durable. Raises StoreError."""
        notes: dict[str, dict[str, Any]] = {}
        for item in items:
            for collection in item.collections:
                note = {"registry": item.registry, "reason": item.reason}
                notes.setdefault(collection, {})[item.name] = note
        for collection, values in notes.items():
            self._state.remember(self._kind(collection), values, int(time.time()) + _KEPT)

    def carry_out(self, collections: Iterable[str]) -> Verdict:
        """Remove what is held of these collections, or of each nothing, when that is too much.

        For the one who ends the run, once every visit is closed: held names are pending in the
        state by then, and whoever gets the verdict settles those of `removed`. Raises StoreError.
        """
        verdict = Verdict()
        for collection in collections:
            notes = self._state.recall(self._kind(collection))
            if notes:
                self._judge(collection, notes, verdict)
                self._state.forget(self._kind(collection), list(notes))
        return verdict

    def _judge(self, collection: str, notes: Mapping[str, Any], verdict: Verdict) -> None:
        count = len(notes) + self._lately(collection)
        packages = self._packages(collection)
        if self._limit.allows(count, packages):
            verdict.documents += self._remove(collection, notes)
            verdict.removed |= notes.keys()
            return
        verdict.left[collection] = set(notes)
        verdict.refused[collection] = refusal(count, packages, collection, self._limit.percent)
        verdict.registries[collection] = next(iter(notes.values()))["registry"]

    def _packages(self, collection: str) -> int:
        """How many there are, those removed lately included."""
        info = self._writer.collection(collection)
        return (info.packages if info else 0) + self._lately(collection)

    def _lately(self, collection: str) -> int:
        since = time.monotonic() - _WINDOW
        self._done = [each for each in self._done if each[0] > since]
        return sum(count for _, name, count in self._done if name == collection)

    def _remove(self, collection: str, notes: Mapping[str, Mapping[str, str]]) -> int:
        removed = 0
        for group in _groups(notes):
            ids = [package_id(notes[name]["registry"], name) for name in group]
            removed += self._writer.delete_packages(collection, ids)
            for name in group:
                logger.info("Removed %s from %s: %s", name, collection, notes[name]["reason"])
        self._done.append((time.monotonic(), collection, len(notes)))
        return removed

    def close(self) -> None:
        """Let go of the state."""
        self._state.close()


def lost(before: Collection[str], after: Collection[str], limit: Limit) -> int:
    """How many packages a collection loses by being replaced, 0 when so many may go."""
    missing = len(set(before) - set(after))
    return 0 if limit.allows(missing, len(before)) else missing


def _groups(names: Iterable[str]) -> Iterable[list[str]]:
    every = list(names)
    return (every[start : start + _GROUP] for start in range(0, len(every), _GROUP))
