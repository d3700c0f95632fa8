"""What the other sources cost: queries to GitHub, requests to npm, the speed of a first npm run.

    python benchmarks/sources.py [--quick]

GitHub: 1,000 packages in 600 repositories, all never looked up; the usual way is one request a
package or more. npm: 420 packages with 4 versions each, READMEs of every version. The peer is what
one would write first: 16 threads with `requests`, the search, every packument, every version's
README rendered, a row into SQLite. The second run follows at once, nothing having changed.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import tempfile
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from common import Cost, environment, run, table

from pyfcrawl.core.build import build_document
from pyfcrawl.core.readme import EMPTY
from pyfcrawl.stores.index import open_writer
from tests.crawl.project import MOUNTS, roots_at
from tests.upstream import Upstream

PACKAGES, REPOSITORIES = 1_000, 600
NPM_PACKAGES = 420
VERSIONS = ("1.0.0", "1.1.0", "2.0.0", "2.1.0-alpha.1")
THREADS = 16
README = "# {name} {version}\n\n" + "\n\n".join(
    f"## Part {number}\n\nHow to *use* the `{{name}}` add-on, with [links](https://docs.example)."
    for number in range(12)
)
AIMS = {"queries": 12, "speed": 3}
#: Without a token what follows would be the anonymous limit's pace; the stand-in takes any.
#: Seconds before each answer, as from a registry on another continent.
LATENCY = 0.1
TOKEN = {"GITHUB_TOKEN": "benchmark"}


def crawl(up: Upstream, data: Path, spider: str, **more: str) -> tuple[Cost, dict[str, int]]:
    """A crawl for the plone profile: its cost, and the counts of the run's record."""
    env = environment(up.root, data) | roots_at(up.root) | more
    command = [sys.executable, "-m", "scrapy", "crawl", spider, "-a", "profile=plone"]
    cost, said = run([*command, "-L", "WARNING"], env)
    if said.strip():
        print(said, file=sys.stderr)
    with closing(sqlite3.connect(data / "state.db")) as state:
        (value,) = state.execute("SELECT value FROM runs ORDER BY id DESC LIMIT 1").fetchone()
    return cost, json.loads(value)["counts"]


def by_source(up: Upstream) -> Counter[str]:
    """Requests since the last reset by what was asked for."""
    found: Counter[str] = Counter()
    prefixes = {path.strip("/"): setting for setting, path in MOUNTS.items() if path}
    for each in up.log:
        first, _, rest = each.path.strip("/").partition("/")
        kind = prefixes.get(first, "PYPI_ROOT")
        if kind == "NPM_ROOT":
            kind = "search" if rest.startswith("-/v1/search") else "packument"
            if each.header("If-None-Match"):
                kind = "conditional packument"
        found[kind] += 1
    return found


# --- GitHub -------------------------------------------------------------------------------------


def fill(data: Path, packages: int, repositories: int) -> None:
    """An index of packages that name a repository, several of them one and the same."""
    data.mkdir(parents=True)
    with closing(open_writer(f"sqlite:///{data / 'index.db'}")) as writer:
        writer.create("plone")
        writer.upsert("plone", (_package(number, repositories) for number in range(packages)))


def _package(number: int, repositories: int) -> dict[str, Any]:
    metadata = {
        "version": "1.0",
        "summary": "A package",
        "classifiers": ["Framework :: Plone"],
        "project_urls": {"Source": f"https://github.com/plone/repo{number % repositories}"},
    }
    listing = {"is_latest": True, "yanked": False, "upload_timestamp": 1_700_000_000}
    return build_document("pypi", f"package-{number}", "1.0", metadata, listing, None, EMPTY)


def github(up: Upstream, work: Path, packages: int, repositories: int) -> None:
    """Queries that a run over all packages takes."""
    fill(work / "github", packages, repositories)
    up.github.add_many([f"plone/repo{number}" for number in range(repositories)])
    up.github.forget()
    cost, counts = crawl(up, work / "github", "github", **TOKEN)
    asked = up.github.counts()
    up.github.forget()
    crawl(up, work / "github", "github", **TOKEN)
    again = up.github.counts()
    table(
        [
            (f"GitHub: {packages:,} packages, {repositories} repositories", "first run", "second"),
            ("one request a package", packages, packages),
            (
                f"GraphQL queries (aim: {AIMS['queries']} at most)",
                asked.get("graphql", 0),
                again.get("graphql", 0),
            ),
            (
                "requests for contributors (weekly)",
                asked.get("contributors", 0),
                again.get("contributors", 0),
            ),
        ]
    )
    print(f"{counts.get('updated', 0):,} packages updated in {cost.seconds:.1f} s.\n")


# --- npm ----------------------------------------------------------------------------------------


class Peer:
    """The plain crawler of npm."""

    def __init__(self, root: str, path: str) -> None:
        self.root = root
        self.local = threading.local()
        self.lock = threading.Lock()
        self.rows = sqlite3.connect(path, check_same_thread=False)
        self.rows.execute("CREATE TABLE release (name, version, summary, entry, html)")

    def crawl(self) -> None:
        names: list[str] = []
        for keyword in ("plone", "volto"):
            start = 0
            while True:
                path = f"/npm/-/v1/search?text=keywords:{keyword}&size=250&from={start}"
                page = self.get(path).json()["objects"]
                names += [each["package"]["name"] for each in page]
                start += 250
                if len(page) < 250:
                    break
        with ThreadPoolExecutor(THREADS) as pool:
            for _ in pool.map(self.visit, dict.fromkeys(names)):
                pass
        self.rows.commit()

    def get(self, path: str) -> Any:
        import requests

        if not hasattr(self.local, "session"):
            self.local.session = requests.Session()
        answer = self.local.session.get(self.root + path, timeout=30)
        answer.raise_for_status()
        return answer

    def visit(self, name: str) -> None:
        from readme_renderer import markdown

        packument = self.get(f"/npm/{quote(name, safe='@')}").json()
        for version, entry in packument["versions"].items():
            text = self.get(f"/jsdelivr/npm/{name}@{version}/README.md").text
            row = (name, version, entry.get("description"), json.dumps(entry))
            html = markdown.render(text)
            with self.lock:
                self.rows.execute("INSERT INTO release VALUES (?, ?, ?, ?, ?)", (*row, html))


def npm(up: Upstream, work: Path, packages: int) -> None:
    """A first run beside the peer's, and what a second run asks for."""
    up.npm.add_many("volto-addon-", packages, versions=VERSIONS, readme=README)
    path = str(work / "peer.db")
    peer, _ = run([sys.executable, str(Path(__file__).resolve()), "--peer", up.root, path])
    up.reset()
    ours, counts = crawl(up, work / "npm", "npm")
    first = by_source(up)
    up.reset()
    again, later = crawl(up, work / "npm", "npm")
    second = by_source(up)
    total = packages * len(VERSIONS)
    with closing(sqlite3.connect(path)) as rows:
        (found,) = rows.execute("SELECT count(*) FROM release").fetchone()
    if (found, counts["written"]) != (total, total):
        sys.exit(f"{found} versions found by the peer, {counts['written']} by us, of {total}")
    faster = peer.seconds / ours.seconds
    table(
        [
            (f"npm: {packages} packages, {len(VERSIONS)} versions each", "versions/s", "CPU s"),
            (f"{THREADS} threads with requests", total / peer.seconds, peer.cpu),
            ("scrapy crawl npm", total / ours.seconds, ours.cpu),
        ]
    )
    print(f"{faster:.2f} times as many versions a second (aim: {AIMS['speed']}).\n")
    kinds = sorted(first | second)
    table(
        [
            ("requests by kind", "first run", "second run"),
            *((kind, first[kind], second[kind]) for kind in kinds),
            ("documents written", counts["written"], later["written"] + later["updated"]),
        ]
    )
    print(f"The second run took {again.seconds:.1f} s.")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    parser.add_argument("--only", choices=["github", "npm"], help="one of the two")
    parser.add_argument("--peer", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.peer:
        Peer(*chosen.peer).crawl()
        return
    share = 10 if chosen.quick else 1
    with (
        tempfile.TemporaryDirectory(prefix="sources-") as directory,
        Upstream(latency=LATENCY) as up,
    ):
        if chosen.only in (None, "github"):
            github(up, Path(directory), PACKAGES // share, REPOSITORIES // share)
        if chosen.only in (None, "npm"):
            npm(up, Path(directory), NPM_PACKAGES // share)


if __name__ == "__main__":
    main()
