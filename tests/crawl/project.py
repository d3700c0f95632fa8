"""Runs the real command line in a subprocess, as a user would, against a stand-in registry."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.commands.shell import here

ROOT = Path(__file__).resolve().parents[2]


#: Where each root of the settings is at a stand-in.
MOUNTS = {
    "PYPI_ROOT": "",
    "NPM_ROOT": "/npm",
    "NPM_DOWNLOADS_ROOT": "/npm-downloads",
    "JSDELIVR_CDN_ROOT": "/jsdelivr",
    "JSDELIVR_DATA_ROOT": "/jsdelivr-data",
    "GITHUB_API_ROOT": "/github",
    "GITLAB_API_ROOT": "/gitlab",
    "CODEBERG_API_ROOT": "/codeberg",
    "PYPISTATS_ROOT": "/pypistats",
    "CLICKHOUSE_URL": "/clickhouse",
}

#: Rates that are for real upstreams; a test of politeness gives its own.
_UNHURRIED = ("NPM_DOWNLOADS", "GITHUB", "GITLAB", "CODEBERG", "PYPISTATS")


def roots_at(root: str) -> dict[str, str]:
    """The environment that leads every source to the stand-in at `root`, at full speed."""
    rates = {f"{name}_MAX_RPS": "0" for name in _UNHURRIED}
    return {name: root + path for name, path in MOUNTS.items()} | rates


#: What a process needs of the environment; all else there is settings.
_KEPT = ("PATH", "HOME", "LANG")


class Project:
    """A data directory of its own, and the commands to fill and read it."""

    def __init__(self, data: Path, root: str, **environment: str) -> None:
        self.data = data
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self.environment = kept | roots_at(root) | {"DATA_DIR": str(data)} | environment

    def scrapy(self, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """`scrapy ...`, to its end."""
        return subprocess.run(
            [sys.executable, "-m", "scrapy", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def crawl(self, *settings: str, spider: str = "pypi", status: int = 0, **arguments: Any) -> str:
        """`scrapy crawl SPIDER` with spider arguments; returns its log."""
        arguments = {"profile": "plone"} | arguments
        given = [f"-a{name}={value}" for name, value in arguments.items() if value is not None]
        done = self.scrapy("crawl", spider, *given, *(f"-s{each}" for each in settings))
        assert done.returncode == status, done.stderr[-6000:]
        assert "Traceback" not in done.stderr, done.stderr[-6000:]
        return done.stderr

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """`scrapy ...` in a process group of its own, left running."""
        return subprocess.Popen(
            [sys.executable, "-m", "scrapy", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def _read(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command that only reads, in this process: tests look at the index hundreds of times."""
        settings = {name: self.environment[name] for name in self.environment if name not in _KEPT}
        return here(arguments[0], settings, *arguments[1:])

    def export(self, collection: str = "plone") -> list[dict[str, Any]]:
        """All documents of a collection."""
        done = self._read("export", "-t", collection)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def releases(self, collection: str = "plone") -> set[tuple[str, str]]:
        """(name, version) of all documents of a collection."""
        return {(each["name"], each["version"]) for each in self.export(collection)}

    def status(self, collection: str = "plone") -> Any:
        """`scrapy status --json`."""
        done = self._read("status", "-t", collection, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def kill_group(process: subprocess.Popen[str]) -> None:
    """SIGKILL a process and its children, and wait."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def counted(log: str) -> dict[str, int]:
    """The counts of a crawl's summary line."""
    line = next(each for each in log.splitlines() if "Summary (" in each)
    parts = line.partition("): ")[2].split(", ")
    pairs = (part.split() for part in parts)
    return {
        pair[0]: int(pair[1].replace(",", "")) for pair in pairs if pair[1:] and pair[0].isalpha()
    }


def wait_for(condition: Any, seconds: float = 90) -> None:
    """Poll until `condition()` holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)
