"""Answers of a moment ago: facets of the same few searches are asked for over and over."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


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

    def put(self, key: Hashable, value: V) -> None:
        """Remember a value."""
        self._kept[key] = (self._clock() + self._seconds, value)
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
