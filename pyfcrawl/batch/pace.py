"""How many requests a second one source gets: from this process alone, or from all workers.

Where workers share a source, a budget outside hands out the moments at which requests may be
sent. While it can't be had, a worker keeps to its part of the rate, as of when it last knew how
many there are: it neither stops nor runs free.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol


class Budget(Protocol):
    """What all workers together may ask of sources, kept outside of them."""

    async def take(self, source: str, per_second: float) -> float | None:
        """Seconds from now until one request may be sent, once its moment is near.

        Whoever waits here is served in his order. None when the budget can't be had.
        """

    def hold_off(self, source: str, seconds: float) -> None:
        """Tell the others that the source asked to be left alone this long."""


class Pace:
    """The moments at which one source may be asked; `per_second` 0: any."""

    def __init__(self, source: str, per_second: float = 0, look: float = 0.5) -> None:
        """`look`: seconds between looks whether to go on waiting."""
        self.source = source
        self.interval = 1 / per_second if per_second > 0 else 0.0
        self.budget: Budget | None = None
        #: How many workers there were, this one included, when that was last known.
        self.workers = 1
        self._per_second = per_second
        self._look = look
        #: How many wait for the budget's answer.
        self.asking = 0
        self._next = 0.0

    @property
    def ahead(self) -> float:
        """Seconds until one who comes now would have his turn, by what is known here."""
        now = asyncio.get_running_loop().time()
        return self._next - now + self.asking * self.interval

    async def wait(self, check: Callable[[], None]) -> float:
        """Take the next moment; the seconds until then. `check` raises when it's all over."""
        if not self.interval:
            return 0.0
        now = asyncio.get_running_loop().time
        granted = await self._granted(check)
        if granted is not None:
            self._next = max(self._next, now() + granted + self.interval)
            return granted
        own = self.interval * self.workers
        self._next = max(self._next, now()) + own
        return self._next - own - now()

    async def _granted(self, check: Callable[[], None]) -> float | None:
        if self.budget is None:
            return None
        asked = asyncio.ensure_future(self.budget.take(self.source, self._per_second))
        self.asking += 1
        try:
            while not asked.done():
                await asyncio.wait({asked}, timeout=self._look)
                check()
            return asked.result()
        finally:
            self.asking -= 1
            asked.cancel()
