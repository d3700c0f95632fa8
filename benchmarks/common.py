"""What the benchmarks share: running a command and measuring it, the crawl's commands, tables.

Only ratios between things measured in one run on one machine mean anything; the absolute numbers
say what that machine was doing.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
if str(PROJECT) not in sys.path:  # for tests.upstream, whichever way a benchmark is started
    sys.path.insert(0, str(PROJECT))

_SAMPLE_SECONDS = 0.2
_TAIL = 2000


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took: seconds by the clock, CPU seconds of it and its children, memory in MB.

    `largest` is the peak of its largest process, `memory` the peak of all its processes together
    (shared pages counted once), sampled five times a second.
    """

    seconds: float
    cpu: float
    largest: float
    memory: float


class _Watch(threading.Thread):
    """Samples the memory of a process and its descendants until told to stop."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.ended = threading.Event()
        self.largest = self.memory = 0.0

    def run(self) -> None:
        while not self.ended.wait(_SAMPLE_SECONDS):
            pids = _family(self.pid)
            self.largest = max([self.largest, *(_kilobytes(p, "status", "VmHWM:") for p in pids)])
            together = sum(_kilobytes(pid, "smaps_rollup", "Pss:") for pid in pids)
            self.memory = max(self.memory, together)


def _family(pid: int) -> list[int]:
    """The process and all its descendants."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(path.parent.name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


def _kilobytes(pid: int, file: str, key: str) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
            if line.startswith(key):
                return float(line.split()[1])
    return 0.0


def run(command: Sequence[str], env: Mapping[str, str] | None = None) -> tuple[Cost, str]:
    """Run a command in the project's root: what it cost, and the tail of what it wrote to stderr.

    Exits with that tail when the command fails. Linux only (/proc).
    """
    start = time.monotonic()
    child = subprocess.Popen(
        command,
        cwd=PROJECT,
        env={**os.environ, **(env or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    watch = _Watch(child.pid)
    watch.start()
    assert child.stderr is not None
    said = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)  # counts the child's own waited-for children too
    child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - start
    watch.ended.set()
    watch.join()
    if child.returncode:
        sys.exit(f"{' '.join(command)} ended with {child.returncode}:\n{said[-_TAIL:]}")
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(seconds, cpu, watch.largest / 1024, watch.memory / 1024), said[-_TAIL:]


def environment(root: str, data: str | Path) -> dict[str, str]:
    """The environment that points pyfcrawl at a stand-in and a directory of its own."""
    return {"PYPI_ROOT": root, "DATA_DIR": str(data)}


def crawl(root: str, data: str | Path, *arguments: str) -> Cost:
    """`scrapy crawl pypi` for the plone profile; warnings go to this process's stderr."""
    command = [sys.executable, "-m", "scrapy", "crawl", "pypi", "-a", "profile=plone"]
    cost, said = run([*command, "-L", "WARNING", *arguments], environment(root, data))
    if said.strip():
        print(said, file=sys.stderr)
    return cost


def exported(root: str, data: str | Path) -> set[tuple[str, str]]:
    """(name, version) of every document `scrapy export` prints."""
    command = [sys.executable, "-m", "scrapy", "export", "-p", "plone", "--nolog"]
    env = {**os.environ, **environment(root, data)}
    done = subprocess.run(command, cwd=PROJECT, env=env, check=True, capture_output=True, text=True)
    documents = map(json.loads, done.stdout.splitlines())
    return {(document["name"], document["version"]) for document in documents}


def table(rows: Sequence[Sequence[object]]) -> None:
    """Print rows under the first one as heading, numbers to the right."""
    texts = [[_text(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for number, row in enumerate(texts):
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join([row[0].ljust(widths[0]), *cells[1:]]).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))
    print()


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:,.1f}" if abs(cell) >= 10 else f"{cell:,.2f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
