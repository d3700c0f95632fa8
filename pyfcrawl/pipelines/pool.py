"""READMEs rendered on the machine's other cores, each text once, none able to hang the crawl."""

from __future__ import annotations

import asyncio
import ctypes
import hashlib
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from pebble import ProcessExpired, ProcessPool

from pyfcrawl.core.readme import EMPTY, Readme, as_plain, digest

logger = logging.getLogger(__name__)

#: Characters of rendered READMEs kept for texts that come again.
_KEPT = 16_000_000

#: READMEs that one worker gets at once at most.
_GROUP = 16

#: See prctl(2).
_PR_SET_PDEATHSIG = 1


@dataclass(slots=True, eq=False)
class _Job:
    """A text to render, and who waits for it."""

    key: bytes
    text: str
    kind: str | None
    done: asyncio.Future[Readme]


class RenderPool:
    """Worker processes for `core.readme.digest`.

    A worker that takes longer than `timeout` seconds over a text, or dies of it, is replaced and
    the text is shown as it is. Equal texts (most releases of a package) are rendered once. What
    gathers while the workers are busy goes to them together, as talking costs what rendering does.
    """

    def __init__(self, workers: int, timeout: float) -> None:
        self._workers = workers
        self._timeout = timeout
        self._pool: ProcessPool | None = None
        self._done: OrderedDict[bytes, Readme] = OrderedDict()
        self._size = 0
        self._underway: dict[bytes, asyncio.Future[Readme]] = {}
        self._waiting: deque[_Job] = deque()
        self._groups: set[asyncio.Task[None]] = set()

    async def digest(self, text: str, content_type: str | None) -> Readme:
        """The README rendered and split; never raises because of the text."""
        if not text.strip():
            return EMPTY
        key = _key(text, content_type)
        if key in self._done:
            self._done.move_to_end(key)
            return self._done[key]
        if key not in self._underway:
            done: asyncio.Future[Readme] = asyncio.get_running_loop().create_future()
            self._underway[key] = done
            self._waiting.append(_Job(key, text, content_type, done))
            self._hand_out()
        return await asyncio.shield(self._underway[key])

    def _hand_out(self) -> None:
        # One group in each worker's hands and one that is ready when it is done.
        while self._waiting and len(self._groups) < 2 * self._workers:
            count = min(len(self._waiting), _GROUP)
            group = [self._waiting.popleft() for _ in range(count)]
            task = asyncio.ensure_future(self._carry_out(group))
            self._groups.add(task)
            task.add_done_callback(self._handed_in)

    def _handed_in(self, task: asyncio.Task[None]) -> None:
        self._groups.discard(task)
        self._hand_out()

    async def _carry_out(self, group: list[_Job]) -> None:
        try:
            texts = [(job.text, job.kind) for job in group]
            work = self._started().schedule(_each, args=(digest, texts), timeout=self._timeout)
        except Exception as error:  # the pool's fault and no text's: nothing may be kept of it
            for job in group:
                del self._underway[job.key]
                job.done.set_exception(error)
            return
        try:
            readmes: list[Readme] = await asyncio.wrap_future(work)
        except Exception as error:  # also what a worker had no memory or stack for
            if len(group) > 1:  # one of them spoils it for all
                await asyncio.gather(*(self._carry_out([job]) for job in group))
                return
            logger.warning("A README can't be rendered (%s), it is kept as text", _why(error))
            readmes = [as_plain(group[0].text)]
        for job, readme in zip(group, readmes, strict=True):
            del self._underway[job.key]
            self._keep(job.key, readme)
            job.done.set_result(readme)

    def _started(self) -> ProcessPool:
        if self._pool is None:
            # Not forked: a copy of a process with threads may hold their locks for ever.
            self._pool = ProcessPool(
                max_workers=self._workers,
                initializer=_prepare_worker,
                context=multiprocessing.get_context("spawn"),
            )
        return self._pool

    def _keep(self, key: bytes, readme: Readme) -> None:
        self._done[key] = readme
        self._size += _weight(readme)
        while self._size > _KEPT:
            _, oldest = self._done.popitem(last=False)
            self._size -= _weight(oldest)

    async def close(self) -> None:
        """End the workers."""
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]
            await asyncio.to_thread(self._pool.join)


def _each(
    function: Callable[[str, str | None], Readme], texts: list[tuple[str, str | None]]
) -> list[Readme]:
    return [function(text, kind) for text, kind in texts]


def _prepare_worker() -> None:
    """Ctrl-C reaches the whole process group: the crawl decides when workers end, or its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        # The kernel's help, because a regular expression that hangs lets no thread run.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _key(text: str, content_type: str | None) -> bytes:
    content = f"{content_type}\n{text}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=16).digest()


def _weight(readme: Readme) -> int:
    return 2 * len(readme.html) + 200


def _why(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "it takes too long"
    return "the renderer died of it" if isinstance(error, ProcessExpired) else repr(error)[:200]
