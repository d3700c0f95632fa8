"""Runs commands on a data directory of their own."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from scrapy.cmdline import execute

from pyfcrawl.core import health
from pyfcrawl.core.build import build_document
from pyfcrawl.core.readme import Readme
from pyfcrawl.stores.index import IndexWriter, open_writer
from pyfcrawl.stores.state import SqliteState, open_state

PROJECT = Path(__file__).resolve().parents[2]

#: 2026-11-01 and a day, in Unix seconds.
NOW, DAY = 1_793_491_200, 86_400

Result = subprocess.CompletedProcess[str]


def here(command: str, settings: Mapping[str, str], *args: str, columns: int = 80) -> Result:
    """`scrapy COMMAND ...` in this process, twenty times as fast as in one of its own."""
    options = [part for each in settings.items() for part in ("-s", "=".join(each))]
    argv = ["scrapy", command, *options, *args]
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
    with (
        contextlib.chdir(PROJECT),
        mock.patch.dict(os.environ, {"COLUMNS": str(columns)}),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        execute(argv)
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())  # type: ignore[attr-defined]
    return subprocess.CompletedProcess(argv, int(ended.value.code or 0), *texts)


@dataclass(frozen=True)
class Shell:
    """`shell("search", "api")` runs `scrapy search api` with this data directory."""

    data: Path

    def __call__(self, *args: str, columns: int = 80, **settings: str) -> Result:
        """The command in this process."""
        return here(args[0], {"DATA_DIR": str(self.data), **settings}, *args[1:], columns=columns)

    def process(self, *args: str, **env: str) -> Result:
        """The command in a process of its own, as people run it; settings from the environment."""
        return subprocess.run(
            self.command(*args),
            cwd=PROJECT,
            env=self.env(**env),
            capture_output=True,
            encoding="utf-8",
            timeout=120,
        )

    def pipe(self, script: str, **env: str) -> Result:
        """A shell's script, in which $scrapy is the command."""
        return subprocess.run(
            ["bash", "-c", script],
            cwd=PROJECT,
            env=self.env(scrapy=f"{sys.executable} -m scrapy", **env),
            capture_output=True,
            encoding="utf-8",
            timeout=120,
        )

    def start(self, *args: str) -> subprocess.Popen[str]:
        """The command, running, for one who wants to interrupt it."""
        return subprocess.Popen(
            self.command(*args),
            cwd=PROJECT,
            env=self.env(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            # A shell that starts tests in the background has them ignore Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    @staticmethod
    def command(*args: str) -> list[str]:
        return [sys.executable, "-m", "scrapy", *args]

    def env(self, **more: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {**kept, "COLUMNS": "80", "DATA_DIR": str(self.data), **more}

    def index(self) -> closing[IndexWriter]:
        return closing(open_writer(f"sqlite:///{self.data / 'index.db'}"))

    def state(self) -> closing[SqliteState]:
        return closing(open_state(f"sqlite:///{self.data / 'state.db'}"))

    def fill(self, documents: Iterable[dict[str, Any]], collection: str = "plone") -> None:
        """Make the collection and write documents to it."""
        with self.index() as writer:
            writer.create(collection)
            assert not writer.upsert(collection, documents).refused


def document(
    name: str,
    version: str = "1.0",
    latest: bool = True,
    uploaded: int = NOW,
    registry: str = "pypi",
    **fields: Any,
) -> dict[str, Any]:
    """A document as the crawl makes it; `fields` are set in the end."""
    metadata = {
        "version": version,
        "summary": f"All about {name}",
        "classifiers": ["Framework :: Plone :: 6.1", "Programming Language :: Python :: 3.12"],
        "author": "Ada",
    }
    listing = {"is_latest": latest, "yanked": False, "upload_timestamp": uploaded}
    made = build_document(registry, name, version, metadata, listing, None, Readme())
    made |= fields
    return made | health.score(made, NOW)


def error_of(result: Result, status: int = 1) -> str:
    """The one line of an error; nothing else may have been printed."""
    assert result.returncode == status, result.stderr
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr.strip()
