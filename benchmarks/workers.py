"""What a second worker on Redis adds, and what Redis costs a first one.

    python benchmarks/workers.py [--quick] [--turns N] [--projects N]

The same crawl of a registry with 20,000 projects, 100 of them matching with 10 releases each, into
the embedded index: without Redis, by one worker on Redis, and by two, in turns. The stand-in takes
250 ms an answer and a worker keeps 32 requests under way, as one that is polite to a registry far
away: what is measured is how well workers fill their time, and not how many of them two cores can
carry beside the stand-in. What a project costs in CPU seconds says how many a core carries. Aims:
two workers do 1.7 times as many projects a second as one, and one 0.9 times as many as without
Redis, from the first page asked for to the end of the last command; how long Python takes to
start, which is much on a busy machine, is told beside it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import monotonic

from common import environment, exported, run, table

from tests.redis_server import RedisServer
from tests.upstream import Generated, Registry, Upstream

CLASSIFIER = "Framework :: Plone"
RELEASES = 10
LATENCY, CONCURRENCY = 0.25, 32
AIMS = {"two workers": ("one worker", 1.7), "one worker": ("without Redis", 0.9)}
#: Workers of each variant; 0: one crawl without Redis.
VARIANTS = {"without Redis": 0, "one worker": 1, "two workers": 2}


@dataclass(frozen=True, slots=True)
class Measured:
    """A crawl: seconds before the first page is asked for, from then on, and of these after the
    last page; CPU seconds; MB; how often pages were asked for; and whether the result is right."""

    starting: float
    seconds: float
    ending: float
    cpu: float
    memory: float
    redis: float
    redis_cpu: float
    visits: int
    right: bool


def crawls(env: Mapping[str, str], workers: int) -> tuple[float, float, float]:
    """So many at once: when the last ended, CPU seconds and memory of all."""
    command = [sys.executable, "-m", "scrapy", "crawl", "pypi", "-a", "profile=plone"]
    with ThreadPoolExecutor(workers) as pool:
        done = [pool.submit(run, [*command, "-L", "WARNING"], dict(env)) for _ in range(workers)]
        costs = [each.result() for each in done]
        ended = monotonic()
    for _, said in costs:
        print(said, file=sys.stderr, end="")
    cpu = sum(cost.cpu for cost, _ in costs)
    return ended, cpu, sum(cost.memory for cost, _ in costs)


def measured(up: Upstream, workers: int) -> Measured:
    """A crawl from nothing."""
    up.reset()
    with tempfile.TemporaryDirectory() as name:
        data = Path(name) / "data"
        # Workers on Redis share this limit, so that each has as much as the crawl without.
        concurrency = str(CONCURRENCY * max(workers, 1))
        env = environment(up.root, data) | {"BATCH_CONCURRENCY": concurrency}
        redis = redis_cpu = 0.0
        begun = monotonic()
        if workers:
            (Path(name) / "redis").mkdir()
            server = RedisServer(Path(name) / "redis")
            try:
                cost = crawls(env | {"REDIS_URL": server.url}, workers)
                info = server.client().info()
            finally:
                server.kill()
            redis = info["used_memory_peak"] / 1e6
            redis_cpu = info["used_cpu_sys"] + info["used_cpu_user"]
        else:
            cost = crawls(env, 1)
        right = exported(up.root, data) == up.registry.truth(CLASSIFIER)
    asked = [each for each in up.log if each.path.count("/") == 3 and "/pypi/" in each.path]
    ended, cpu, memory = cost
    times = (asked[0].at - begun, ended - asked[0].at, ended - asked[-1].at)
    return Measured(*times, cpu, memory, redis, redis_cpu, len(asked), right)


def report(projects: int, turns: Mapping[str, list[Measured]]) -> bool:
    """Print medians and ratios; whether the aims are reached."""

    def middle(name: str, what: str) -> float:
        return median(getattr(each, what) for each in turns[name])

    rows: list[list[object]] = [["median of the turns", *turns]]
    for label, value in (
        ("projects/s", lambda name: projects / middle(name, "seconds")),
        ("seconds", lambda name: middle(name, "seconds")),
        ("of these after the last page", lambda name: middle(name, "ending")),
        ("seconds to start, before them", lambda name: middle(name, "starting")),
        ("CPU ms a project", lambda name: 1000 * middle(name, "cpu") / projects),
        ("CPU ms a project, Redis", lambda name: 1000 * middle(name, "redis_cpu") / projects),
        ("memory, MB, all workers", lambda name: middle(name, "memory")),
        ("memory, MB, Redis at the peak", lambda name: middle(name, "redis")),
        ("pages asked for", lambda name: round(middle(name, "visits"))),
    ):
        rows.append([label, *(value(name) for name in turns)])  # type: ignore[no-untyped-call]
    table(rows)
    reached = True
    for name, (other, aim) in AIMS.items():
        ratios = [b.seconds / a.seconds for a, b in zip(turns[name], turns[other], strict=True)]
        told = ", ".join(f"{each:.2f}" for each in ratios)
        print(f"{name} / {other}: {median(ratios):.2f} (turns: {told}), aim {aim}")
        reached = reached and median(ratios) >= aim
    right = all(each.right for found in turns.values() for each in found)
    print("all found what the registry holds" if right else "SOME DIFFER FROM THE REGISTRY")
    return reached and right


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the projects, one turn")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--projects", type=int, default=20_000)
    given = parser.parse_args()
    projects, count = (2_000, 1) if given.quick else (given.projects, given.turns)
    registry = Registry(Generated(projects, projects // 200, RELEASES, CLASSIFIER))
    turns: dict[str, list[Measured]] = {name: [] for name in VARIANTS}
    with Upstream(registry, latency=LATENCY) as up:
        for _ in range(count):
            for name, workers in VARIANTS.items():
                turns[name].append(measured(up, workers))
    print(f"{projects:,} projects, {projects // 200} matching, {LATENCY * 1000:.0f} ms an answer, ")
    print(f"{CONCURRENCY} requests under way at once a worker\n")
    sys.exit(0 if report(projects, turns) else 1)


if __name__ == "__main__":
    main()
