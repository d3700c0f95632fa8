"""Ports for the servers that tests start."""

from __future__ import annotations

import contextlib
import random
import socket


def free_port() -> int:
    """A port of loopback that nobody listens on.

    Below those that the system gives to outgoing connections: one of these would else take it
    while a server that was killed is on its way up again.
    """
    while True:
        port = random.randrange(10_000, 32_768)
        with socket.socket() as found, contextlib.suppress(OSError):
            found.bind(("127.0.0.1", port))
            return port
