"""What the benchmark of faults lets loose on a crawl: kills, outages, an index that has them."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import IO, Protocol

from tests.crawl.project import ROOT, Project, kill_group
from tests.redis_server import RedisServer
from tests.stores import typesense_server
from tests.upstream import Upstream

CRAWL = ("crawl", "pypi", "-a", "profile=plone", "-s", "BATCH_SIZE=50")
WORKERS = 2
AWAY = 4.0
#: Seconds until a worker that ended with an error is started again; until a trial is given up.
AGAIN, PATIENCE = 1.0, 600.0
#: Requests answered between two kills, at least.
PROGRESS = 60


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is to crawl, how slowly (seconds an answer), seconds between two kills.

    `most` kills are done, and none before the registry answered some requests since the last one:
    on a busy machine workers would be killed for ever before they begin.
    """

    projects: int
    matching: int
    latency: float = 0.15
    kills: tuple[float, float] = (2.0, 6.0)
    most: int = 15


class Index(Protocol):
    """An index that can be away."""

    def settings(self) -> dict[str, str]:
        """What leads a crawl there."""

    def stop(self) -> None:
        """Be away."""

    def resume(self) -> None:
        """Be back."""


class Embedded:
    """A file; it is away while somebody else holds its lock."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "data" / "index.db"
        self._holder: sqlite3.Connection | None = None

    def settings(self) -> dict[str, str]:
        return {}

    def stop(self) -> None:
        self._holder = sqlite3.connect(self._path, timeout=60, isolation_level=None)
        self._holder.execute("BEGIN EXCLUSIVE")

    def resume(self) -> None:
        assert self._holder is not None
        self._holder.close()


class Typesense:
    """A server of its own; it is away while it is dead."""

    def __init__(self, directory: Path) -> None:
        place = directory / "typesense"
        place.mkdir()
        self.server = typesense_server.TypesenseServer(place)

    def settings(self) -> dict[str, str]:
        return {
            "TYPESENSE_HOST": "127.0.0.1",
            "TYPESENSE_PORT": str(self.server.port),
            "TYPESENSE_API_KEY": typesense_server.KEY,
        }

    def stop(self) -> None:
        self.server.kill()

    def resume(self) -> None:
        self.server.start(wait=False)


INDEXES: dict[str, Callable[[Path], Embedded | Typesense]] = {
    "embedded": Embedded,
    "typesense": Typesense,
}


@contextmanager
def index_in(kind: str, directory: Path) -> Iterator[Embedded | Typesense]:
    """An index that is empty, and gone in the end."""
    made = INDEXES[kind](directory)
    try:
        yield made
    finally:
        if isinstance(made, Typesense):
            made.server.kill()


@dataclass(slots=True)
class Worker:
    """One of the workers: its process, and when to start it again, 0 when it runs or is done."""

    process: subprocess.Popen[bytes]
    again: float = 0.0
    done: bool = False


class Crew:
    """Workers, each started again until it ends well."""

    def __init__(self, project: Project, log: IO[bytes]) -> None:
        self._project = project
        self._log = log
        self.workers = [Worker(self._start()) for _ in range(WORKERS)]
        self.errors = 0

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "scrapy", *CRAWL],
            cwd=ROOT,
            env=self._project.environment,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
            start_new_session=True,
        )

    def look(self) -> bool:
        """Start again who has to be; whether all have ended well."""
        now = time.monotonic()
        for worker in self.workers:
            status = worker.process.poll()
            if worker.done or (status is None and not worker.again):
                continue
            if not worker.again:
                worker.done = status == 0
                worker.again = 0.0 if worker.done else now + AGAIN
                self.errors += status not in (0, -9)
            elif worker.again <= now:
                worker.process, worker.again = self._start(), 0.0
        return all(worker.done for worker in self.workers)

    def kill_one(self, chance: Random) -> bool:
        """Kill one that runs; False when none does."""
        running = [each for each in self.workers if each.process.poll() is None]
        if running:
            kill_group(chance.choice(running).process)
        return bool(running)

    def kill_all(self) -> None:
        """The trial is over."""
        for worker in self.workers:
            kill_group(worker.process)


#: How to stop something, and how to have it back (False: it doesn't come).
Outage = tuple[Callable[[], object], Callable[[], object]]


@dataclass(slots=True)
class Storm:
    """What strikes when: kills at random, Redis and the index away once each."""

    up: Upstream
    crew: Crew
    redis: RedisServer
    index: Index
    chance: Random
    size: Size
    kills: int = 0
    outages: int = 0
    over: bool = False
    _seen: int = 0
    _due: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def begin(self) -> None:
        """From the moment that work is under way."""
        self._at(self.chance.uniform(*self.size.kills), self._kill)
        outages = [(self.redis.kill, self.redis.start), (self.index.stop, self.index.resume)]
        self.chance.shuffle(outages)
        self._soon_away(outages)

    def _at(self, seconds: float, action: Callable[[], None]) -> None:
        self._due.append((time.monotonic() + seconds, action))

    def _kill(self) -> None:
        requests = self.up.counters["requests"]
        if requests - self._seen >= PROGRESS and self.kills < self.size.most and not self.over:
            self._seen = requests
            self.kills += self.crew.kill_one(self.chance)
        if not self.over:
            self._at(self.chance.uniform(*self.size.kills), self._kill)

    def _soon_away(self, outages: list[Outage]) -> None:
        if outages:
            self._at(self.chance.uniform(0.5, 2), lambda: self._away(*outages))

    def _away(self, outage: Outage, *others: Outage) -> None:
        stop, resume = outage
        if not self.over:
            self.outages += 1
            stop()
            self._at(AWAY, lambda: self._back(resume, others))

    def _back(self, resume: Callable[[], object], others: Sequence[Outage]) -> None:
        if resume() is False:
            sys.exit("a server doesn't start any more")
        self._soon_away(list(others))

    def strike(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        due = [each for each in self._due if each[0] <= now]
        self._due = [each for each in self._due if each[0] > now]
        for _, action in due:
            action()

    def pass_over(self) -> None:
        """Wait until what is away is back."""
        self.over = True
        while self._due:
            self.strike()
            time.sleep(0.05)


def suffer(
    up: Upstream, crew: Crew, redis: RedisServer, index: Index, size: Size, seed: int
) -> Storm:
    """Let the storm go over the workers until all have ended well."""
    storm = Storm(up, crew, redis, index, Random(seed), size)
    begun = time.monotonic()
    started = False
    try:
        while not crew.look():
            if not started and up.counters["requests"] > 50:
                started = True
                storm.begin()
            storm.strike()
            if time.monotonic() - begun > PATIENCE:
                sys.exit("the workers never came to an end")
            time.sleep(0.05)
    finally:
        crew.kill_all()
    storm.pass_over()
    if storm.outages < 2:
        print("The crawl ended before everything had been away", file=sys.stderr)
    return storm
