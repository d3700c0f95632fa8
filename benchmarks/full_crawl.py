"""A whole registry into the embedded index, against a plain 50-thread crawler doing the same.

    python benchmarks/full_crawl.py [--quick]

20,000 projects of about 7 kB JSON, 100 of them matching with 10 releases each. The peer is what
one would write first: requests with a session a thread, the listing, every project's JSON, the
classifier filter, each release of a match, its README rendered, a row into SQLite.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from common import Cost, crawl, exported, run, table

from tests.upstream import Generated, Registry, Upstream

CLASSIFIER = "Framework :: Plone"
THREADS = 50
RELEASES = 10


class Peer:
    """The plain crawler: `crawl()` fills a SQLite table with every release of every match."""

    def __init__(self, root: str, path: str) -> None:
        self.root = root
        self.local = threading.local()
        self.lock = threading.Lock()
        self.rows = sqlite3.connect(path, check_same_thread=False)
        self.rows.execute("CREATE TABLE release (name, version, summary, info, html)")

    def crawl(self) -> None:
        accept = {"Accept": "application/vnd.pypi.simple.v1+json"}
        listing = self.get("/simple/", headers=accept)
        names = [project["name"] for project in listing["projects"]]
        with ThreadPoolExecutor(THREADS) as pool:
            for _ in pool.map(self.visit, names):
                pass
        self.rows.commit()

    def get(self, path: str, **options: Any) -> Any:
        import requests

        if not hasattr(self.local, "session"):
            self.local.session = requests.Session()
        answer = self.local.session.get(self.root + path, timeout=30, **options)
        answer.raise_for_status()
        return answer.json()

    def visit(self, name: str) -> None:
        page = self.get(f"/pypi/{name}/json")
        if any(
            f"{each} :: ".startswith(f"{CLASSIFIER} :: ") for each in page["info"]["classifiers"]
        ):
            for version in page["releases"]:
                self.keep(self.get(f"/pypi/{name}/{version}/json")["info"])

    def keep(self, info: dict[str, Any]) -> None:
        from readme_renderer import rst

        html = rst.render(info["description"])
        row = (info["name"], info["version"], info["summary"], json.dumps(info), html)
        with self.lock:
            self.rows.execute("INSERT INTO release VALUES (?, ?, ?, ?, ?)", row)


def ours(up: Upstream, work: Path) -> tuple[Cost, set[tuple[str, str]]]:
    """Our full crawl: what it cost and what it found."""
    cost = crawl(up.root, work / "ours")
    return cost, exported(up.root, work / "ours")


def theirs(up: Upstream, work: Path) -> tuple[Cost, set[tuple[str, str]]]:
    """The plain crawler's: what it cost and what it found."""
    path = str(work / "peer.db")
    cost, _ = run([sys.executable, str(Path(__file__).resolve()), "--peer", up.root, path])
    return cost, set(sqlite3.connect(path).execute("SELECT name, version FROM release"))


def compare(projects: int, matching: int, work: Path) -> None:
    """Run both and print what they cost."""
    with Upstream(Registry(Generated(projects, matching, RELEASES, CLASSIFIER))) as up:
        truth = up.registry.truth(CLASSIFIER)
        peer, peer_found = theirs(up, work)
        peer_requests = up.counters["requests"]
        up.reset()
        mine, found = ours(up, work)
        requests = up.counters["requests"]
    print(f"{projects:,} projects, {matching} matching with {RELEASES} releases each\n")
    rows = [["", "pyfcrawl", "50 threads", "ratio"]]
    for label, a, b in (
        ("projects/s", projects / mine.seconds, projects / peer.seconds),
        ("seconds", mine.seconds, peer.seconds),
        ("CPU seconds", mine.cpu, peer.cpu),
        ("memory, MB, all processes", mine.memory, peer.memory),
        ("memory, MB, largest process", mine.largest, peer.largest),
        ("requests", requests, peer_requests),
        ("releases found", len(found), len(peer_found)),
    ):
        rows.append([label, a, b, a / b])  # type: ignore[list-item]
    table(rows)
    same = found == peer_found == truth
    print("both found what the registry holds" if same else differences(found, peer_found, truth))


def differences(found: set[Any], peer: set[Any], truth: set[Any]) -> str:
    """How the results differ from the registry's truth."""
    return "\n".join(
        f"{who}: {len(truth - got)} missing, {len(got - truth)} too many {sorted(truth ^ got)[:3]}"
        for who, got in (("pyfcrawl", found), ("50 threads", peer))
        if got != truth
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the projects")
    parser.add_argument("--peer", nargs=2, metavar=("ROOT", "DB"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peer:
        Peer(*given.peer).crawl()
        return
    with tempfile.TemporaryDirectory() as work:
        compare(*((2_000, 10) if given.quick else (20_000, 100)), Path(work))


if __name__ == "__main__":
    main()
