"""Writing to Typesense, beside a bare import of the same lines; and what the schema costs.

    python benchmarks/typesense_import.py [--quick]

50,000 documents: 12,500 packages with 4 releases each, with files, links, dependencies, READMEs
and enrichment. Speed: our writer against a loop that only posts the lines which our writer sends,
500 at a time, in turns, each into a collection of its own on one server. Memory: a server with
our schema against one whose schema indexes every field, both filled with the same documents.
Rebuild: searches that fail while the collection is built anew and switched.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from random import Random
from statistics import quantiles
from typing import Any

import msgspec
import typesense
from common import table
from search import Text, documents
from typesense_documents import facts, full

from pyfcrawl.core.document import FIELDS, Type
from pyfcrawl.stores.index import Patch, Query, WriteReport
from pyfcrawl.stores.rebuild import recreate, serve
from pyfcrawl.stores.typesense import TypesenseAddress, TypesenseReader, TypesenseWriter
from pyfcrawl.stores.typesense_schema import SYMBOLS, TOKEN_SEPARATORS, schema
from pyfcrawl.stores.typesense_server import BATCH
from pyfcrawl.stores.typesense_write import prepared, with_place
from tests.stores.typesense_server import TypesenseServer

PACKAGES = 12_500
TURNS = 4
#: A server is at rest when its memory stays within so many MB over so many seconds: it gives back
#: what it took for answers and imports only after a while.
REST_MB, REST_SECONDS, REST_MOST = 1.0, 12.0, 90.0
AIMS = {"speed": 85, "memory": 70}


def every_field(name: str) -> dict[str, Any]:
    """The schema that comes first to mind: every field of the documents indexed as it is."""
    kinds = {Type.JSON: "auto"}
    fields: list[dict[str, Any]] = [
        {
            "name": field.name,
            "type": kinds.get(field.type, field.type.value),
            "facet": bool(field.uses & {"facet"}) or field.name == "name_sortable",
            "optional": True,
            **({"sort": True} if "sort" in field.uses else {}),
        }
        for field in FIELDS.values()
    ]
    return {
        "name": name,
        "fields": fields,
        "enable_nested_fields": True,
        "token_separators": list(TOKEN_SEPARATORS),
        "symbols_to_index": list(SYMBOLS),
    }


@contextmanager
def server() -> Iterator[TypesenseServer]:
    """A server without data."""
    with tempfile.TemporaryDirectory(prefix="typesense-") as directory:
        started = TypesenseServer(Path(directory))
        try:
            yield started
        finally:
            started.kill()


def sent(batch: Sequence[dict[str, Any]]) -> list[bytes]:
    """The lines our writer sends for new documents."""
    return [
        with_place(each, each.listed, each.own["is_latest"] is True)
        for each in prepared(batch, WriteReport())
    ]


def bare(client: typesense.Client, collection: str, lines: Sequence[bytes]) -> None:
    """The loop to compare with: the official client and nothing around it."""
    documents = client.collections[collection].documents
    for start in range(0, len(lines), BATCH):
        batch = b"\n".join(lines[start : start + BATCH]).decode()
        answers = documents.import_(batch, {"action": "emplace"})
        if answers.count('"success":true') != answers.count("\n") + 1:
            sys.exit(f"refused: {answers[:300]}")


def official(address: TypesenseAddress) -> typesense.Client:
    """The official client for a server."""
    return typesense.Client(
        {
            "api_key": address.api_key,
            "nodes": [{"host": address.host, "port": address.port, "protocol": address.protocol}],
            "connection_timeout_seconds": 60,
        }
    )


def timed(action: Callable[[], object]) -> float:
    """Seconds an action takes."""
    start = time.monotonic()
    action()
    return time.monotonic() - start


class Stall:
    """The longest time that an event loop, as a crawl runs on, could not do anything else."""

    def __init__(self) -> None:
        self.longest = 0.0

    def during(self, action: Callable[[], object]) -> None:
        """Carry out an action in another thread, as the index pipeline does, and watch the loop."""
        asyncio.run(self._watched(action))

    async def _watched(self, action: Callable[[], object]) -> None:
        ended = asyncio.ensure_future(asyncio.to_thread(action))
        step = 0.001
        while not ended.done():
            start = time.monotonic()
            await asyncio.sleep(step)
            self.longest = max(self.longest, time.monotonic() - start - step)
        await ended


def speed(given: list[dict[str, Any]]) -> None:
    """Our writer and the bare loop in turns."""
    ours = loop = 0.0
    share = len(given) // TURNS
    with server() as started:
        writer = TypesenseWriter(started.address())
        client = official(writer.address)
        writer.create("ours")
        client.collections.create(schema("bare"))  # type: ignore[arg-type]
        stall = Stall()
        for turn in range(TURNS):
            part = given[turn * share : (turn + 1) * share]
            lines = [line for n in range(0, share, BATCH) for line in sent(part[n : n + BATCH])]
            pair = [
                lambda lines=lines: bare(client, "bare", lines),
                lambda part=part: stall.during(lambda: writer.upsert("ours", part)),
            ]
            if turn % 2:
                ours += timed(pair[1])
                loop += timed(pair[0])
            else:
                loop += timed(pair[0])
                ours += timed(pair[1])
        again = timed(lambda: writer.upsert("ours", given[:share]))
        counts = [found.documents for found in map(writer.collection, ("ours", "bare")) if found]
        writer.close()
    if counts != [share * TURNS] * 2:
        sys.exit(f"{counts} documents written of {share * TURNS}")
    done = share * TURNS
    table(
        [
            ("", "documents/s", "% of the bare loop"),
            ("bare import loop", done / loop, 100),
            (f"our writer (aim: {AIMS['speed']})", done / ours, round(100 * loop / ours)),
            ("our writer, nothing changed", share / again, ""),
        ]
    )
    print(
        f"The event loop stood still for {stall.longest * 1000:.0f} ms at most (aim: below 50).\n"
    )


def loaded(fill: Callable[[TypesenseWriter], object]) -> float:
    """MB of a server's memory once it is filled."""
    with server() as started:
        writer = TypesenseWriter(started.address())
        fill(writer)
        writer.close()
        return at_rest(started.pid)


def at_rest(pid: int) -> float:
    """MB of a process once it neither grows nor shrinks."""
    last, since = _resident(pid), time.monotonic()
    end = since + REST_MOST
    while time.monotonic() < min(since + REST_SECONDS, end):
        time.sleep(1)
        if abs((found := _resident(pid)) - last) > REST_MB:
            last, since = found, time.monotonic()
    return last


def _resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def memory(given: list[dict[str, Any]]) -> None:
    """Our schema and one that indexes everything, each on a server of its own.

    Either way the documents come first and what enrichment knows of them later.
    """
    random = Random(7)
    known = {each["package_id"]: facts(random) for each in given}

    def fill_ours(writer: TypesenseWriter) -> None:
        writer.create("ours")
        writer.upsert("ours", given)
        writer.patch("ours", (Patch(package, fields) for package, fields in known.items()))

    def fill_every(writer: TypesenseWriter) -> None:
        client = official(writer.address)
        client.collections.create(every_field("every"))  # type: ignore[arg-type]
        for parts in (
            [each | {"id": each["identifier"]} for each in given],
            [known[each["package_id"]] | {"id": each["identifier"]} for each in given],
        ):
            bare(client, "every", [msgspec.json.encode(each) for each in parts])

    empty = loaded(lambda writer: writer.create("ours"))
    ours, every = loaded(fill_ours), loaded(fill_every)
    table(
        [
            ("memory of the server", "MB", "% of every field"),
            ("without documents", empty, round(100 * empty / every)),
            ("every field indexed", every, 100),
            (f"our schema (aim: {AIMS['memory']})", ours, round(100 * ours / every)),
        ]
    )
    each = (ours - empty) / len(given) * 10_000
    print(f"{each:.0f} MB for each 10,000 documents, and {empty:.0f} MB for the server itself.\n")


class Reads(threading.Thread):
    """Searches one after the other until told to end: seconds each took, and what failed."""

    def __init__(self, started: TypesenseServer, words: Sequence[str]) -> None:
        super().__init__(daemon=True)
        self._reader = TypesenseReader(started.address(wait=0.0))
        self._words = words
        self._ended = threading.Event()
        self.took: list[float] = []
        self.errors: list[str] = []

    def run(self) -> None:
        for word in cycle(self._words):
            if self._ended.is_set():
                break
            query = Query(text=word, facets=["framework_versions"])
            try:
                self.took.append(timed(lambda query=query: self._reader.search("serving", query)))
            except Exception as error:  # counted, whatever it is
                self.errors.append(str(error))
        self._reader.close()

    def end(self) -> None:
        """Stop."""
        self._ended.set()
        self.join()


def rebuild(given: list[dict[str, Any]], words: Sequence[str]) -> None:
    """A rebuild of all documents while somebody searches without a pause."""
    with server() as started:
        writer = TypesenseWriter(started.address())
        serve(writer, "serving")
        writer.upsert("serving", given)
        before = Reads(started, words)
        before.start()
        time.sleep(5)
        before.end()
        meanwhile = Reads(started, words)
        meanwhile.start()
        seconds = timed(lambda: recreate(writer, "serving"))
        meanwhile.end()
        found = writer.collection("serving")
        writer.close()
    if found is None or found.documents != len(given):
        sys.exit(f"rebuilt to {found}, not {len(given)} documents")
    table(
        [
            ("searches", "number", "errors", "p50 ms", "p99 ms"),
            ("before", *_numbers(before)),
            (f"while rebuilding ({seconds:.0f} s; aim: 0 errors)", *_numbers(meanwhile)),
        ]
    )
    for each in meanwhile.errors[:3]:
        print(each)


def _numbers(reads: Reads) -> tuple[int, int, float, float]:
    percent = quantiles(reads.took, n=100)
    return len(reads.took), len(reads.errors), percent[49] * 1000, percent[98] * 1000


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the documents")
    parser.add_argument("--only", choices=["speed", "memory", "rebuild"], help="one of the three")
    chosen = parser.parse_args()
    text = Text(Random(1))
    count = PACKAGES // 10 if chosen.quick else PACKAGES
    given = [full(each, text.random) for each in documents(count, text)]
    gc.freeze()  # or collecting garbage would look like a stall of ours
    size = sum(len(msgspec.json.encode(each)) for each in given) / len(given)
    print(f"{len(given):,} documents of {size / 1000:.1f} kB\n")
    if chosen.only in (None, "speed"):
        speed(given)
    if chosen.only in (None, "memory"):
        memory(given)
    if chosen.only in (None, "rebuild"):
        rebuild(given, [text.of(1) for _ in range(500)])


if __name__ == "__main__":
    main()
