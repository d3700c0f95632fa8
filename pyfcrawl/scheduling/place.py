"""The runs in a Redis, to be looked at and tidied by who asks now and then."""

from __future__ import annotations

from functools import partial
from typing import Any

from pyfcrawl.scheduling import overview
from pyfcrawl.scheduling.overview import EndedRun, RunStanding
from pyfcrawl.stores.redis_client import Patience, RedisAddress, connect


class Place:
    """Where the runs are. Every call raises StoreError when Redis is away or refuses."""

    def __init__(self, address: RedisAddress) -> None:
        self._prefix = address.prefix
        self._server = connect(address.url, address.timeout)
        self._patience = Patience(address.for_reading())

    def _ask(self, question: Any, *arguments: Any) -> Any:
        return self._patience.call(partial(question, self._server, self._prefix, *arguments))

    def runs(self) -> list[RunStanding]:
        """Those under way."""
        found: list[RunStanding] = self._ask(overview.open_runs)
        return found

    def ended(self) -> list[EndedRun]:
        """Those that ended with requests given up."""
        found: list[EndedRun] = self._ask(overview.ended_runs)
        return found

    def forget_ended(self) -> list[EndedRun]:
        """Clear the list of them."""
        found: list[EndedRun] = self._ask(overview.forget_ended)
        return found

    def revive(self, run: str) -> int:
        """Have what was given up of a run tried again."""
        queue = overview.queue_of(self._server, self._prefix, run)
        count: int = self._patience.call(queue.revive)
        return count

    def drop(self, run: str) -> bool:
        """Remove a run."""
        return bool(self._ask(overview.drop, run))

    def close(self) -> None:
        """Hang up."""
        self._server.close()
