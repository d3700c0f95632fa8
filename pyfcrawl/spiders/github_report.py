"""Keeps github_problems.json and github_problems.md up to date while a crawl finds problems."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from pyfcrawl.errors import ConfigurationError
from pyfcrawl.sources import github_problems
from pyfcrawl.sources.github_problems import Problem

logger = logging.getLogger(__name__)

NAME = "github_problems"

#: Writing takes at most this share of the time.
_SHARE = 0.02

#: Seconds between two writes at least.
_PAUSE = 1.0


class ProblemReport:
    """The problems of all packages looked up, in this run or before; files in `directory`.

    A package that a run leaves out keeps what an earlier run found, as long as it is indexed.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._problems: dict[str, Problem] = {}
        self._next = 0.0
        self._later: asyncio.TimerHandle | None = None
        self._changed = False
        self.failure = ""

    def open(self) -> None:
        """Make the directory and read what is there. Raises ConfigurationError if it can't be."""
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._directory):
                pass
            earlier = self._path("json")
            text = earlier.read_bytes() if earlier.exists() else b""
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"report_dir={self._directory} can't be written ({error}); "
                "give report_dir= a directory that can"
            ) from error
        self._problems = {each.package_id: each for each in github_problems.read(text)}
        self._changed = True

    def keep(self, indexed: Collection[str], collections: Iterable[str]) -> None:
        """Drop packages of these collections that are no longer indexed."""
        ours = set(collections)
        self._problems = {
            package: each
            for package, each in self._problems.items()
            if package in indexed or ours.isdisjoint(each.collections)
        }

    def add(self, problem: Problem) -> None:
        """A package's repository wasn't found."""
        self._problems[problem.package_id] = problem
        self._save()

    def solve(self, package_id: str) -> None:
        """A package's repository was found."""
        if self._problems.pop(package_id, None):
            self._save()

    def _save(self) -> None:
        """Write now, or as soon as it may be written again: what comes next may take long."""
        self._changed = True
        wait = self._next - time.monotonic()
        if wait <= 0:
            self.write()
        elif self._later is None:
            with contextlib.suppress(RuntimeError):  # without a loop the last write does
                self._later = asyncio.get_running_loop().call_later(wait, self._save_later)

    def _save_later(self) -> None:
        self._later = None
        self.write()

    def write(self) -> None:
        """Write both files whole, if anything changed since; `failure` says if that failed."""
        if not self._changed:
            return
        began = time.monotonic()
        self.failure = ""
        listed = sorted(self._problems.values(), key=lambda each: each.package_id)
        try:
            self._replace("json", github_problems.as_json, listed)
            self._replace("md", github_problems.as_markdown, listed)
            self._changed = False
        except OSError as error:
            self.failure = f"the report in report_dir={self._directory} can't be written ({error})"
            logger.warning("%s", self.failure)
        ended = time.monotonic()
        self._next = ended + max(_PAUSE, (ended - began) / _SHARE)

    def _replace(
        self, ending: str, render: Callable[[Iterable[Problem], int], str], listed: list[Problem]
    ) -> None:
        """In one step, so that a reader never sees half a file."""
        path = self._path(ending)
        unfinished = path.with_suffix(f".{ending}.new")
        unfinished.write_text(render(listed, int(time.time())), encoding="utf-8")
        unfinished.replace(path)

    def _path(self, ending: str) -> Path:
        return self._directory / f"{NAME}.{ending}"
