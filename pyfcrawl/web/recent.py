"""Answers of a moment ago: facets of the same few searches are asked for over and over."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

from pyfcrawl.stores.index import Document

V = TypeVar("V")

_LONG = frozenset(
    ("description", "first_chapter", "main_content", "changelog", "urls", "requires_dist")
)


def without_texts(documents: Sequence[Document]) -> list[Document]:
    """The documents for what is short about them, to be kept in memory."""
    return [{k: value for k, value in each.items() if k not in _LONG} for each in documents]


class Recent(Generic[V]):
    """A bounded memory of values, each for some seconds; the least recently used go first."""

    def __init__(
        self, most: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`most` values at once."""
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._kept: OrderedDict[Hashable, tuple[float, V]] = OrderedDict()

    def get(self, key: Hashable) -> V | None:
        """The value, None when it isn't there or is too old."""
        kept = self._kept.get(key)
        if kept is None or kept[0] < self._clock():
            return None
        self._kept.move_to_end(key)
        return kept[1]

    async def kept(self, key: Hashable, make: Callable[[], Awaitable[V]]) -> V:
        """The value; made and remembered when it isn't there or is too old."""
        found = self.get(key)
        if found is None:
            found = await make()
            self.put(key, found)
        return found

    def put(self, key: Hashable, value: V) -> None:
        """Remember a value."""
        self._kept[key] = (self._clock() + self._seconds, value)
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
