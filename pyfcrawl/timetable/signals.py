"""Sleep that ends when a signal comes, so that a timetable stops at once."""

from __future__ import annotations

import select
import signal
import socket
from types import FrameType
from typing import Self

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """While entered: `sleep` is cut short by a signal, and `caught` is the one to stop for."""

    def __init__(self) -> None:
        self.caught: int | None = None
        self._old: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        self._read, self._written = socket.socketpair()
        self._read.setblocking(False)
        self._written.setblocking(False)
        signal.set_wakeup_fd(self._written.fileno(), warn_on_full_buffer=False)
        for number in (*_STOPPING, signal.SIGCHLD):  # a crawl that ends makes room for the next
            self._old[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        signal.set_wakeup_fd(-1)
        self._read.close()
        self._written.close()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if number in _STOPPING:
            self.caught = number

    def sleep(self, seconds: float) -> bool:
        """Wait, or less when a signal comes; returns whether it is one to stop for."""
        if self.caught is None and select.select([self._read], [], [], max(0.0, seconds))[0]:
            self._read.recv(4096)
        return self.caught is not None
