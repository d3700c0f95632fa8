"""Writing to Typesense, beside a bare import of the same lines; and what the schema costs.

    python benchmarks/typesense_import.py [--quick]

50,000 documents: 12,500 packages with 4 releases each, with files, links, dependencies, READMEs
and enrichment. Speed: our writer against a loop that only posts the lines which our writer sends,
500 at a time, in turns, each into a collection of its own on one server. Memory: a server with
our schema against one whose schema indexes every field, both filled with the same documents.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from common import table
from search import RELEASES, Text, documents

from pyfcrawl.core.document import FIELDS, Owner, Type, owned_by
from pyfcrawl.stores.index import Patch, WriteReport
from pyfcrawl.stores.typesense import TypesenseWriter
from pyfcrawl.stores.typesense_rows import FACTS, with_more
from pyfcrawl.stores.typesense_schema import IS_HEAD, SYMBOLS, TOKEN_SEPARATORS, schema
from pyfcrawl.stores.typesense_server import BATCH, Server
from pyfcrawl.stores.typesense_write import prepared
from tests.stores.typesense_server import TypesenseServer

PACKAGES = 12_500
TURNS = 4
#: A README's words, so that a document has some 4 kB.
README_WORDS = {"first_chapter": 25, "main_content": 85, "changelog": 25}
CLASSIFIERS = [
    *(f"Programming Language :: Python :: 3.{minor}" for minor in range(8, 15)),
    *(f"Framework :: Plone :: {version}" for version in ("5.1", "5.2", "6.0", "6.1")),
    *(f"Development Status :: {each}" for each in ("3 - Alpha", "4 - Beta", "5 - Mature")),
    *(f"Topic :: Internet :: WWW/HTTP :: {each}" for each in ("Browsers", "Site Management")),
    "Intended Audience :: Developers",
    "Operating System :: OS Independent",
]
AIMS = {"speed": 85, "memory": 70}


def full(document: dict[str, Any], random: Random) -> dict[str, Any]:
    """A document with the fields that the benchmark of searches has no use for."""
    name, version = document["name"], document["version"]
    digest = f"{random.getrandbits(256):064x}"
    files = [
        {
            "filename": f"{name}-{version}{suffix}",
            "size": random.randint(10_000, 900_000),
            "packagetype": kind,
            "sha256": digest,
            "url": f"https://files.example/{digest[:2]}/{name}-{version}{suffix}",
            "upload_timestamp": document["upload_timestamp"],
        }
        for suffix, kind in (("-py3-none-any.whl", "bdist_wheel"), (".tar.gz", "sdist"))
    ]
    parts = {name: _first_words(document[name], count) for name, count in README_WORDS.items()}
    wanted = document["main_content"].split()[-8:]
    links = {"Source": f"https://git.example/{name}", "Changes": f"https://docs.example/{name}"}
    return {
        **document,
        **parts,
        "description": "".join(f"<p>{part}</p>" for part in parts.values()),
        "classifiers": ["Framework :: Plone", *random.sample(CLASSIFIERS, 9)],
        "urls": files,
        "project_urls": links,
        "repository_url": links["Source"],
        "home_page": f"https://{name}.example",
        "project_url": f"https://pypi.example/project/{name}/",
        "release_url": f"https://pypi.example/project/{name}/{version}/",
        "requires_dist": [f"{word}>={random.randint(1, 9)}.0" for word in wanted],
        "requires_python": ">=3.10",
        "python_versions": ["Python 3.11", "Python 3.12", "Python 3.13"],
        "author_email": f"{document['author'].split()[0].lower()}@mail.example",
        "version_major": 1,
        "version_minor": int(version.split(".")[1]),
        "version_bugfix": 0,
        "version_is_valid": True,
        "version_is_prerelease": False,
        "health_score_breakdown": {"points": {"docs": 20, "age": 15}, "problems": ["no_tests"]},
        "health_score_last_calculated": 1_700_000_000,
        "release_count": RELEASES,
        "first_upload_timestamp": 1_600_000_000,
        "metadata_complete": True,
    }


def _first_words(text: str, count: int) -> str:
    return " ".join(text.split()[:count])


def facts(random: Random) -> dict[str, Any]:
    """What enrichment knows of a package."""
    numbers = {
        name: random.randint(0, 100_000)
        for name in owned_by(Owner.GITHUB, Owner.DOWNLOADS)
        if FIELDS[name].type is Type.INT
    }
    people = [{"login": f"person{n}", "contributions": random.randint(1, 999)} for n in range(5)]
    return numbers | {"contributors": people, "github_archived": False}


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
        with_more(each.line, {**each.listed, IS_HEAD: each.own["is_latest"] is True})
        for each in prepared(batch, WriteReport())
    ]


def bare(target: Server, collection: str, lines: Sequence[bytes]) -> None:
    """The loop to compare with."""
    for start in range(0, len(lines), BATCH):
        batch = lines[start : start + BATCH]
        answers = target.import_(collection, batch, "emplace")
        if not all(each.ok for each in answers):
            sys.exit(f"refused: {next(each.reason for each in answers if not each.ok)}")


def timed(action: Callable[[], object]) -> float:
    """Seconds an action takes."""
    start = time.monotonic()
    action()
    return time.monotonic() - start


class Stall(threading.Thread):
    """The longest time that another thread had to wait for its turn meanwhile."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.longest = 0.0
        self._ended = threading.Event()

    def run(self) -> None:
        step = 0.005
        while not self._ended.is_set():
            took = timed(lambda: time.sleep(step))
            self.longest = max(self.longest, took - step)

    def end(self) -> float:
        """Milliseconds."""
        self._ended.set()
        self.join()
        return self.longest * 1000


def speed(given: list[dict[str, Any]]) -> None:
    """Our writer and the bare loop in turns."""
    ours = loop = 0.0
    share = len(given) // TURNS
    with server() as started:
        writer = TypesenseWriter(started.address())
        target = writer._server
        writer.create("ours")
        target.make_collection(schema("bare"))
        stall = Stall()
        stall.start()
        for turn in range(TURNS):
            part = given[turn * share : (turn + 1) * share]
            lines = [line for n in range(0, share, BATCH) for line in sent(part[n : n + BATCH])]
            pair = [
                lambda lines=lines: bare(target, "bare", lines),
                lambda part=part: writer.upsert("ours", part),
            ]
            if turn % 2:
                ours += timed(pair[1])
                loop += timed(pair[0])
            else:
                loop += timed(pair[0])
                ours += timed(pair[1])
        longest = stall.end()
        again = timed(lambda: writer.upsert("ours", given[:share]))
        counts = [target.known(each)["num_documents"] for each in ("ours", "bare")]
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
    print(f"Another thread of our process waited {longest:.0f} ms at most (aim: below 50).\n")


def loaded(make: Callable[[TypesenseWriter], None], given: list[dict[str, Any]]) -> float:
    """MB of a server that holds the documents in a collection that `make` makes."""
    random = Random(7)
    with server() as started:
        writer = TypesenseWriter(started.address())
        target = writer._server
        make(writer)
        known: dict[str, dict[str, Any]] = {}
        heads = (each | known.setdefault(each["package_id"], facts(random)) for each in given)
        if target.collection("ours"):
            writer.upsert("ours", given)
            patches = (Patch(each["package_id"], facts(random)) for each in given[::RELEASES])
            writer.patch("ours", patches)
        else:
            import msgspec

            while batch := list(islice(heads, BATCH)):
                lines = [msgspec.json.encode(each | {"id": each["identifier"]}) for each in batch]
                bare(target, "every", lines)
        writer.close()
        time.sleep(2)
        return _resident(started.pid)


def _resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def memory(given: list[dict[str, Any]]) -> None:
    """Our schema and one that indexes everything, each on a server of its own."""
    empty = loaded(lambda writer: writer._server.make_collection(schema("ours")) and None, [])
    ours = loaded(lambda writer: writer.create("ours") and None, given)
    every = loaded(lambda writer: writer._server.make_collection(every_field("every")) and None, given)
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


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the documents")
    parser.add_argument("--only", choices=["speed", "memory"], help="one of the two")
    chosen = parser.parse_args()
    text = Text(Random(1))
    count = PACKAGES // 10 if chosen.quick else PACKAGES
    given = [full(each, text.random) for each in documents(count, text)]
    print(f"{len(given):,} documents\n")
    if chosen.only != "memory":
        speed(given)
    if chosen.only != "speed":
        memory(given)


if __name__ == "__main__":
    main()
