"""The site over 100,000 release documents, beside datasette serving the same data.

    python benchmarks/site.py [--quick] [--seconds N]

Search-as-you-type and package pages, each asked by wrk over 16 connections of one worker; and the
whole search page over one connection, no search twice, beside a bare Starlette that says hello,
asked one by one from here: wrk adds to long times what it thinks it missed. The documents are those
of benchmarks/search.py. datasette gets them in one table with a full-text index,
as an immutable file and without suggesting facets, and is asked for the cheapest of its pages that
show the same: rows that a prefix finds, and one row. It is installed into a directory of its own
when it isn't there; wrk has to be.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import importlib.util
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from statistics import quantiles
from urllib.parse import quote, urlencode

from common import PROJECT, table
from search import BATCH, RELEASES, Text, documents

from pyfcrawl.stores.index import open_writer

CONNECTIONS = 16
_PATIENCE = 60
_FIELDS = ("identifier", "name", "version", "title", "summary", "frameworks", "license", "health")
_TEXTS = ("text", "html")

#: Asks for the paths of a file in turn, and for all of them before any comes again.
_SCRIPT = """
local paths = {}
for line in io.lines(os.getenv("PATHS")) do paths[#paths + 1] = line end
local at = 0
function request() at = at % #paths + 1; return wrk.format("GET", paths[at]) end
function done(summary, latency)
  local e = summary.errors
  print(string.format('{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "errors": %d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, e.connect + e.read + e.write + e.status + e.timeout))
end
"""

_HELLO = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
app = Starlette(routes=[Route("/", lambda request: PlainTextResponse("hello"))])
uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk measured: requests a second, milliseconds of an answer."""

    rate: float
    p50: float
    p99: float


# --- the data ---------------------------------------------------------------------------------


class Rows:
    """The same documents for datasette: a table with a full-text index."""

    def __init__(self, path: Path) -> None:
        self.file = sqlite3.connect(path)
        columns = ", ".join((*_FIELDS[1:], *_TEXTS, "latest"))
        self.file.execute(f"CREATE TABLE release (identifier PRIMARY KEY, {columns})")

    def write(self, some: list[dict[str, object]]) -> None:
        """Add documents."""
        rows = [
            (
                *(each[name] for name in ("identifier", "name", "version", "title", "summary")),
                json.dumps(each["framework_versions"]),
                *(each[name] for name in ("license_expression", "health_score")),
                f"{each['first_chapter']} {each['main_content']} {each['changelog']}",
                each["description"],
                each["is_latest"],
            )
            for each in some
        ]
        with self.file:
            self.file.executemany(f"INSERT INTO release VALUES ({', '.join('?' * 11)})", rows)

    def finish(self) -> None:
        """Index them as sqlite-utils does, with prefixes, which favours the search."""
        names = "name, title, summary, text"
        self.file.executescript(
            f"CREATE VIRTUAL TABLE release_fts USING fts5({names}, content=release, prefix='2 3');"
            f"INSERT INTO release_fts (rowid, {names}) SELECT rowid, {names} FROM release;"
            "CREATE INDEX by_name ON release (name);"
        )
        self.file.close()


def fill(work: Path, packages: int, text: Text) -> list[dict[str, object]]:
    """Write the documents for both; returns the latest release of some packages."""
    rows = Rows(work / "rows.db")
    writer = open_writer(f"sqlite:///{work / 'index.db'}")
    writer.create("plone")
    some: list[dict[str, object]] = []
    source = documents(packages, text)
    while batch := list(islice(source, BATCH)):
        assert not writer.upsert("plone", batch).refused
        rows.write(batch)
        some += [each for each in batch if each["is_latest"]][:20]
    writer.close()
    rows.finish()
    return some


# --- servers ----------------------------------------------------------------------------------


@contextlib.contextmanager
def serving(command: Sequence[str], env: Mapping[str, str], path: str, port: int) -> Iterator[str]:
    """A server while it is needed; gives its root once it answers."""
    child = subprocess.Popen(
        command,
        cwd=PROJECT,
        env={**os.environ, **env},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    root = f"http://127.0.0.1:{port}"
    try:
        wait_for(root + path, child)
        yield root
    finally:
        child.terminate()
        child.wait()


def wait_for(url: str, child: subprocess.Popen[bytes]) -> None:
    """Until there is a good answer."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and child.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=_PATIENCE):
            return
        time.sleep(0.1)
    sys.exit(f"nothing answers at {url}")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def site(work: Path) -> contextlib.AbstractContextManager[str]:
    """`scrapy serve`, one worker."""
    port = free_port()
    command = [sys.executable, "-m", "scrapy", "serve", "-p", "plone", "--port", str(port)]
    # Not before its first look at all documents is over, which that page waits for.
    return serving(command, {"DATA_DIR": str(work)}, "/profile", port)


def datasette(work: Path) -> contextlib.AbstractContextManager[str]:
    """datasette without its suggestions of facets, which cost it most of its time."""
    port = free_port()
    command = [sys.executable, "-m", "datasette", "serve", "-i", str(work / "rows.db")]
    command += ["-p", str(port), "--setting", "suggest_facets", "off"]
    env = {} if importlib.util.find_spec("datasette") else {"PYTHONPATH": installed(work)}
    return serving(command, env, "/-/versions.json", port)


def installed(work: Path) -> str:
    """A directory that has datasette."""
    target = str(work / "datasette")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", target, "datasette"]
    subprocess.run(command, check=True, capture_output=True)
    return target


def hello() -> contextlib.AbstractContextManager[str]:
    """A bare Starlette."""
    port = free_port()
    return serving([sys.executable, "-c", _HELLO, str(port)], {}, "/", port)


# --- measuring --------------------------------------------------------------------------------


def load(work: Path, root: str, paths: list[str], connections: int, seconds: int) -> Load:
    """Ask for the paths as fast as answers come. Exits when an answer is an error."""
    script, list_ = work / "wrk.lua", work / "paths"
    script.write_text(_SCRIPT)
    list_.write_text("\n".join(paths))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s"]
    done = subprocess.run(
        [*command, "-s", str(script), root],
        env={**os.environ, "PATHS": str(list_)},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(re.findall(r"^\{.*\}$", done.stdout, re.MULTILINE)[-1])
    if not found["requests"]:
        sys.exit(f"not one answer in {seconds} seconds, try more with --seconds: {paths[0]} ...")
    if found["errors"]:
        sys.exit(f"{found['errors']} of {found['requests']} answers were errors: {paths[0]} ...")
    return Load(found["requests"] / found["seconds"], found["p50"], found["p99"])


def one_by_one(root: str, paths: list[str]) -> Load:
    """Ask for each path once, over one connection. Exits when an answer is an error."""
    took = []
    with contextlib.closing(http.client.HTTPConnection(root.removeprefix("http://"))) as connection:
        for path in paths:
            start = time.perf_counter()
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            took.append(time.perf_counter() - start)
            if answer.status != 200:
                sys.exit(f"{path} answered {answer.status}")
    percent = [1000 * each for each in quantiles(took, n=100)]
    return Load(len(took) / sum(took), percent[49], percent[98])


def typed(text: Text, count: int) -> list[str]:
    """What stands in the box while somebody types words: their first letters, more and more."""
    words = [text.random.choice(text.words[:3000]) for _ in range(count)]
    return [word[:end] for word in words for end in range(3, min(len(word), 7) + 1)]


def of_site(
    work: Path, seconds: int, begun: list[str], some: list[dict[str, object]]
) -> list[Load]:
    """Search as you type, package pages, and the whole search page over one connection."""
    results = ["/results?" + urlencode({"q": each}) for each in begun]
    packages = [f"/package/pypi/{quote(str(each['name']))}" for each in some]
    whole = ["/?" + urlencode({"q": each}) for each in begun]
    with site(work) as root:
        page = one_by_one(root, whole)
        return [
            load(work, root, results, CONNECTIONS, seconds),
            load(work, root, packages, CONNECTIONS, seconds),
            page,
        ]


def of_datasette(
    work: Path, seconds: int, begun: list[str], some: list[dict[str, object]]
) -> list[Load]:
    """The rows that a prefix finds, and the row of a release, as HTML."""
    search = [
        "/rows/release?"
        + urlencode({"_search": f"{each}*", "_searchmode": "raw", "latest": 1, "_size": 20})
        for each in begun
    ]
    rows = [f"/rows/release/{tilde(str(each['identifier']))}" for each in some]
    with datasette(work) as root:
        return [load(work, root, paths, CONNECTIONS, seconds) for paths in (search, rows)]


def tilde(text: str) -> str:
    """A key as datasette writes it in addresses."""
    return re.sub(r"[^A-Za-z0-9_-]", lambda found: f"~{ord(found[0]):02X}", text)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the documents")
    parser.add_argument("--seconds", type=int, default=10, help="for each load (default: 10)")
    given = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("wrk is not installed: apt install wrk")
    text = Text(Random(1))
    packages = 2_500 if given.quick else 25_000
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        some = fill(work, packages, text)
        begun = typed(text, 200)
        ours = of_site(work, given.seconds, begun, some)
        theirs = of_datasette(work, given.seconds, begun, some)
        with hello() as root:
            bare = one_by_one(root, ["/"] * len(begun))
    print(f"{packages * RELEASES:,} documents, {CONNECTIONS} connections, one worker\n")
    heading = ["", "requests/s", "p99 ms", "datasette/s", "p99 ms", "ratio"]
    rows: list[list[object]] = [heading]
    for name, mine, peer in zip(("as you type", "package pages"), ours, theirs, strict=False):
        rows.append([name, mine.rate, mine.p99, peer.rate, peer.p99, mine.rate / peer.rate])
    table(rows)
    table(
        [
            ["one connection", "p50 ms", "p99 ms"],
            ["search page", ours[2].p50, ours[2].p99],
            ["bare hello", bare.p50, bare.p99],
        ]
    )


if __name__ == "__main__":
    main()
