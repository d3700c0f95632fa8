"""Several streams read at the same time, as one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

T = TypeVar("T")

#: What a stream may be ahead of its reader.
_AHEAD = 100


async def merged(streams: Sequence[AsyncIterator[T]]) -> AsyncIterator[T]:
    """Everything from all streams, as it comes. The first error ends all and is raised."""
    queue: asyncio.Queue[tuple[T | None, BaseException | None, bool]] = asyncio.Queue(_AHEAD)

    async def drain(stream: AsyncIterator[T]) -> None:
        try:
            async for each in stream:
                await queue.put((each, None, False))
        except Exception as error:
            await queue.put((None, error, True))
        else:
            await queue.put((None, None, True))

    tasks = [asyncio.ensure_future(drain(each)) for each in streams]
    try:
        running = len(tasks)
        while running:
            each, error, ended = await queue.get()
            running -= ended
            if error is not None:
                raise error
            if not ended:
                yield each  # type: ignore[misc]
    finally:
        for task in tasks:
            task.cancel()
