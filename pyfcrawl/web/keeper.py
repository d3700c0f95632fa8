"""Keeps overviews of collections, made beside the requests.

Looking at 100,000 documents takes seconds, so it is done again only when the collection has
changed, and never more often than its cost allows. Requests get what is there; only the very first
ones after a start wait.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pyfcrawl.stores.index import CollectionInfo, Document, IndexReader
from pyfcrawl.web.overview import FIELDS, RELEASE_FIELDS, Overview, overview

#: Documents between two short rests, in which requests get the interpreter.
_PIECE, _REST = 100, 0.001
#: Seconds between two looks whether a collection changed, and after which one is read anyway.
_LOOK, _OLD = 10.0, 3600.0
#: Times as long as reading took that are between two readings.
_PATIENCE = 10

#: What is another when a collection has changed: what it is, and when the last run ended.
Mark = tuple[CollectionInfo | None, int]


class Keeper:
    """Keeps an overview of each collection that was asked for, and renews it when it changed."""

    def __init__(self, reader: Callable[[], IndexReader], last_run: Callable[[], int]) -> None:
        self._reader = reader
        self._last_run = last_run
        # One at a time: it is work for the interpreter, which requests share.
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="overview")
        self._kept: dict[str, _Kept] = {}
        self._under_way: dict[str, asyncio.Future[None]] = {}
        #: When the making of the last one began, by the monotonic clock.
        self._begun: dict[str, float] = {}
        self._closed = threading.Event()

    async def overview(self, collection: str, patience: float | None = None) -> Overview:
        """The overview there is; the first is waited for.

        With `patience` only until it is so many seconds since its making began, however many
        ask. Raises StoreError, and TimeoutError.
        """
        kept = self._kept.get(collection)
        if kept is None or time.monotonic() >= kept.next_look:
            renewal = self._renewal(collection)
            if kept is None:
                left = None
                if patience is not None:
                    left = max(0.0, self._begun[collection] + patience - time.monotonic())
                await asyncio.wait_for(asyncio.shield(renewal), left)
        return self._kept[collection].overview

    def begin(self, collection: str) -> None:
        """Have an overview made, for later."""
        self._renewal(collection)

    def close(self) -> None:
        """Give up what is being read."""
        self._closed.set()
        self._pool.shutdown()

    def _renewal(self, collection: str) -> asyncio.Future[None]:
        """The renewal under way, started if there is none."""
        future = self._under_way.get(collection)
        if future is None:
            loop = asyncio.get_running_loop()
            future = loop.run_in_executor(self._pool, self._renew, collection)
            self._under_way[collection] = future
            self._begun[collection] = time.monotonic()
            future.add_done_callback(lambda done: self._ended(collection, done))
        return future

    def _ended(self, collection: str, done: asyncio.Future[None]) -> None:
        del self._under_way[collection]
        if not done.cancelled():
            done.exception()  # told to whoever waited; others have what was there before

    # --- in the thread ------------------------------------------------------------------------

    def _renew(self, collection: str) -> None:
        started = time.monotonic()
        kept = self._kept.get(collection)
        mark = self._mark(collection)
        if kept and kept.mark == mark and started < kept.old:
            kept.next_look = started + _LOOK
            return
        made = overview(
            self._read(collection, FIELDS, latest=True),
            self._read(collection, RELEASE_FIELDS),
            time.time(),
        )
        ended = time.monotonic()
        wait = max(_LOOK, _PATIENCE * (ended - started))
        self._kept[collection] = _Kept(made, mark, ended + wait, ended + _OLD)

    def _mark(self, collection: str) -> Mark:
        """What is another when the collection has changed."""
        info = self._reader().collection(collection)
        return (info, self._last_run())

    def _read(
        self, collection: str, fields: Sequence[str], latest: bool = False
    ) -> Iterable[Document]:
        for number, each in enumerate(self._reader().iterate(collection, fields, latest)):
            if number % _PIECE == 0:
                if self._closed.is_set():
                    return
                time.sleep(_REST)
            yield each


@dataclass(slots=True)
class _Kept:
    """An overview with the mark of what it is of, and monotonic times to look and to renew."""

    overview: Overview
    mark: Mark
    next_look: float
    old: float
