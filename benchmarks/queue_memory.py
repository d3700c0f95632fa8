"""What a queue of all of PyPI takes in Redis: 900,000 projects, planned and not yet begun.

    python benchmarks/queue_memory.py [--quick] [--names FILE]

The plan is made by the spider itself from a Simple index, and put into a Redis of its own (with
AOF, as in production) by the queue that workers use, as many requests at once as they send. Names
are invented, of syllables and common words as real ones are, 14 characters in the mean; serials
lie as far apart as PyPI's. `--names` takes others, one a line. Aim: below 100 MB.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from common import PROJECT, table
from scrapy.utils.request import fingerprint

from pyfcrawl.batch.messages import SHARED_WORK
from pyfcrawl.core.ledger import Visit
from pyfcrawl.core.profiles import load_profiles
from pyfcrawl.scheduling.queue import Exchange, LeaseQueue, Push, Terms
from pyfcrawl.scheduling.worker import PUSHED
from pyfcrawl.sources.pypi import Listing, read_listing
from pyfcrawl.spiders.pypi import PypiSpider
from pyfcrawl.spiders.pypi_arguments import parse
from pyfcrawl.spiders.worklist import Worklist
from pyfcrawl.stores.index import IndexAddress
from tests.redis_server import RedisServer

PROJECTS = 900_000
AIM = 100.0
BATCH_SIZE = 200
#: PyPI's newest serial in November 2026, about.
SERIAL = 31_000_000

_COMMON = """
py python api cli client django flask data tools utils core lib simple test ai bot auto ml server
web http json csv image text file log config sdk aws google odoo addon plone collective
"""
_STARTS = "b br c ch cl d dr f fl g gr h j k kr l m n p pl pr qu r s sc sh sk sp st t tr v w x z"
_VOWELS, _ENDS = "a e i o u ai ea io ou y", " n r s t l m x k d ck ng nt st rd"


def names(count: int) -> list[str]:
    """So many different ones, always the same."""
    random = Random(3)
    common, starts = _COMMON.split(), _STARTS.split()
    vowels, ends = _VOWELS.split(), _ENDS.split(" ")

    def word() -> str:
        parts = (
            random.choice(starts) + random.choice(vowels) + random.choice(ends)
            for _ in range(random.choice((1, 1, 2, 2)))
        )
        return "".join(parts)

    found: dict[str, None] = {}
    while len(found) < count:
        parts = [random.choice(common) if random.random() < 0.5 else word() for _ in range(2)]
        parts += [word()] if random.random() < 0.3 else []
        found["-".join(parts)] = None
    return list(found)


def listing(known: list[str]) -> Listing:
    """The Simple index of these projects, as the spider reads it."""
    serials = sorted(Random(4).sample(range(1, SERIAL), len(known)))
    projects = [
        {"_last-serial": serial, "name": name} for serial, name in zip(serials, known, strict=True)
    ]
    body = json.dumps({"meta": {"_last-serial": SERIAL}, "projects": projects}).encode()
    return read_listing(body, -1)


def planner() -> PypiSpider:
    """The spider, without a crawl around it."""
    arguments = parse({"profile": "plone"}, load_profiles(PROJECT / "profiles.yaml"), "plone")
    index = IndexAddress("sqlite:////nowhere")
    spider = PypiSpider(arguments, "https://pypi.example", index, "", BATCH_SIZE)
    spider._classifiers = list(arguments.profiles[0].classifiers)
    return spider


def requests(spider: PypiSpider, queue: LeaseQueue, found: Listing) -> Iterator[Push]:
    """The plan's requests as they go to Redis."""
    for number, part in enumerate(Worklist([], found, BATCH_SIZE)):
        targets = [spider._target(Visit(number, serial, name)) for name, serial in part]
        for request in spider.fetch(targets, "projects", f"projects-{number}", shared=True):
            del request.meta[SHARED_WORK]  # as the scheduler does
            yield fingerprint(request).hex(), queue.encode(request)


def fill(queue: LeaseQueue, plan: Iterator[Push]) -> int:
    """Plan a run; how many requests it has."""
    queue.claim({"spider": "pypi", "label": "pypi profile=plone", "host": "here"})
    count = 0
    while some := list(islice(plan, PUSHED)):
        count += len(some)
        queue.exchange(Exchange(pushes=some))
    queue.exchange(Exchange(plan="{}"))
    return count


def measured(found: Listing) -> dict[str, Any]:
    """Megabytes in Redis, at rest and at the peak, and seconds."""
    with tempfile.TemporaryDirectory() as directory:
        server = RedisServer(Path(directory))
        try:
            client = server.client()
            before = client.info("memory")["used_memory"]
            spider = planner()
            queue = LeaseQueue(client, spider, "pyfcrawl:queue:{all}", "here:1:a", Terms())
            start = time.monotonic()
            count = fill(queue, requests(spider, queue, found))
            seconds = time.monotonic() - start
            after = client.info("memory")
            aof = client.info("persistence")["aof_current_size"]
        finally:
            server.kill()
    return {
        "projects": len(found.names),
        "requests": count,
        "MB": (after["used_memory"] - before) / 1e6,
        "MB at the peak": (after["used_memory_peak"] - before) / 1e6,
        "bytes a project": (after["used_memory"] - before) / len(found.names),
        "MB on disk": aof / 1e6,
        "seconds": seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the projects")
    parser.add_argument("--names", type=Path, help="a file with names of projects, one a line")
    given = parser.parse_args()
    count = PROJECTS // 10 if given.quick else PROJECTS
    known = given.names.read_text().split() if given.names else names(count)
    mean = sum(map(len, known)) / len(known)
    row = measured(listing(known))
    print(f"names of {mean:.1f} characters in the mean, such as {', '.join(known[:5])}\n")
    table([["", *row], ["the queue of all", *row.values()]])
    aim = AIM * row["projects"] / PROJECTS
    print(f"aim: {aim:.0f} MB")
    sys.exit(0 if row["MB at the peak"] < aim else 1)


if __name__ == "__main__":
    main()
