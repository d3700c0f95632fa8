"""Search over 100,000 documents, beside the same questions put as plain SQL LIKE.

    python benchmarks/search.py [--quick]

25,000 packages with 4 releases each and READMEs over a vocabulary of 20,000 words, as frequent as
words are (Zipf). The peer is a plain table with the same texts: every word of the query LIKE in
name, title, summary or text of the latest releases, a count, the filters, the facets, 20 rows.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import accumulate, islice
from pathlib import Path
from random import Random
from statistics import median, quantiles
from typing import Any

from common import table

from pyfcrawl.stores.index import Filter, IndexReader, Query, open_reader, open_writer

COLLECTION = "bench"
RELEASES = 4
WORDS = 20_000
BATCH = 500
FRAMEWORKS = ["Plone 5.2", "Plone 6.0", "Plone 6.1", "Django 5.2", "Flask 3.1"]
LICENSES = ["MIT", "BSD-3-Clause", "GPL-2.0-only", "Apache-2.0"]
_ONSETS = [
    "b",
    "c",
    "d",
    "f",
    "g",
    "h",
    "k",
    "l",
    "m",
    "n",
    "p",
    "r",
    "s",
    "st",
    "t",
    "tr",
    "v",
    "pl",
]
_RIMES = ["a", "e", "i", "o", "u", "an", "er", "in", "on", "ur", "ea", "ist", "ent", "al"]

Case = tuple[Query, str]  # the query, and the order the peer uses for it


class Text:
    """Words by rank, and texts of them."""

    def __init__(self, random: Random) -> None:
        self.random = random
        words: dict[str, None] = {}
        while len(words) < WORDS:
            words["".join(self._syllable() for _ in range(random.randint(2, 4)))] = None
        self.words = list(words)
        self._weights = list(accumulate(1 / rank for rank in range(3, WORDS + 3)))

    def _syllable(self) -> str:
        return self.random.choice(_ONSETS) + self.random.choice(_RIMES)

    def of(self, count: int) -> str:
        """A text of so many words."""
        return " ".join(self.random.choices(self.words, cum_weights=self._weights, k=count))


def documents(packages: int, text: Text) -> Iterator[dict[str, Any]]:
    """Whole documents, the releases of a package together."""
    random = text.random
    for number in range(packages):
        name = f"{random.choice(text.words)}.{random.choice(text.words)}{number % 7 or ''}"
        shared = {
            "summary": text.of(9),
            "title": f"{name} {text.of(3)}",
            "first_chapter": text.of(60),
            "main_content": text.of(280),
            "changelog": text.of(60),
            "keywords": text.of(3).split(),
            "author": text.of(2).title(),
            "license_expression": random.choice(LICENSES),
            "health_score": random.randint(0, 100),
        }
        for nth in range(RELEASES):
            yield document(f"{name}-{number}", nth, shared, random)


def document(name: str, nth: int, shared: dict[str, Any], random: Random) -> dict[str, Any]:
    """One release; the last one is the latest."""
    package = f"pkg:pypi/{name.replace('.', '-')}"
    return {
        **shared,
        "identifier": f"{package}@1.{nth}.0",
        "package_id": package,
        "registry": "pypi",
        "name": name,
        "name_sortable": name.replace(".", "-"),
        "version": f"1.{nth}.0",
        "version_raw": f"1.{nth}.0",
        "version_sortable": f"1.0001.{nth:04d}.0000",
        "is_latest": nth == RELEASES - 1,
        "yanked": False,
        "upload_timestamp": 1_600_000_000 + nth * 10_000_000 + random.randint(0, 9_999_999),
        "framework_versions": random.sample(FRAMEWORKS, 2),
        "classifiers": ["Framework :: Plone", "Programming Language :: Python :: 3.12"],
        "description": f"<p>{shared['first_chapter']}</p><p>{shared['main_content']}</p>",
    }


# --- the questions ----------------------------------------------------------------------------


def typo(word: str, random: Random) -> str:
    """The word with two neighbouring letters exchanged."""
    at = random.randrange(1, len(word) - 2)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def questions(text: Text, names: list[str], each: int) -> dict[str, list[Case]]:
    """Query sets by kind, `each` of every kind."""
    random, words = text.random, text.words
    common, rare = words[5:300], words[5_000:]
    facets = ("framework_versions", "license_expression")
    made = {
        "common word": lambda: Query(random.choice(common)),
        "rare word": lambda: Query(random.choice(rare)),
        "two words": lambda: Query(f"{random.choice(common)} {random.choice(words[300:3000])}"),
        "as you type": lambda: Query(random.choice(words)[: random.randint(3, 5)]),
        "typo": lambda: Query(typo(random.choice([w for w in rare[:2000] if len(w) > 6]), random)),
        "name": lambda: Query(random.choice(names)),
        "filter and facets": lambda: Query(
            random.choice(common),
            (Filter("framework_versions", "=", random.choice(FRAMEWORKS)),),
            facets=facets,
        ),
        "newest first": lambda: Query(random.choice(common), sort="upload_timestamp"),
        "all, by health": lambda: Query(
            filters=(Filter("license_expression", "=", random.choice(LICENSES)),),
            sort="health_score",
        ),
    }
    return {
        kind: [(make(), _ORDERS.get(kind, "name")) for _ in range(each)]
        for kind, make in made.items()
    }


_ORDERS = {"newest first": "uploaded DESC", "all, by health": "health DESC"}


# --- the peer ---------------------------------------------------------------------------------


class Plain:
    """A plain table and LIKE."""

    def __init__(self, path: Path) -> None:
        self.file = sqlite3.connect(path)
        self.file.execute(
            "CREATE TABLE IF NOT EXISTS release (name, version, title, summary, text, html,"
            " frameworks, license, health, uploaded, latest)"
        )

    def write(self, documents: list[dict[str, Any]]) -> None:
        rows = [
            (
                d["name"],
                d["version"],
                d["title"],
                d["summary"],
                f"{d['first_chapter']} {d['main_content']} {d['changelog']}",
                d["description"],
                "|".join(d["framework_versions"]),
                d["license_expression"],
                d["health_score"],
                d["upload_timestamp"],
                d["is_latest"],
            )
            for d in documents
        ]
        with self.file:
            self.file.executemany(f"INSERT INTO release VALUES ({', '.join('?' * 11)})", rows)

    def search(self, case: Case) -> int:
        """Run the query; returns how many it found."""
        query, order = case
        where, values = ["latest"], []
        for word in query.text.split():
            where.append("(name LIKE ? OR title LIKE ? OR summary LIKE ? OR text LIKE ?)")
            values += [f"%{word}%"] * 4
        columns = {"framework_versions": "frameworks", "license_expression": "license"}
        for condition in query.filters:
            where.append(f"{columns[condition.field]} LIKE ?")
            values.append(f"%{condition.value}%")
        rest = f"FROM release WHERE {' AND '.join(where)}"
        self.file.execute(
            f"SELECT name, summary {rest} ORDER BY {order} LIMIT 20", values
        ).fetchall()
        for facet in query.facets:
            column = columns[facet]
            self.file.execute(f"SELECT {column}, count(*) {rest} GROUP BY 1", values).fetchall()
        return int(self.file.execute(f"SELECT count(*) {rest}", values).fetchone()[0])


# --- measuring --------------------------------------------------------------------------------


def fill(work: Path, packages: int, text: Text) -> list[str]:
    """Write the same documents to both; returns some names."""
    plain = Plain(work / "plain.db")
    writer = open_writer(index_url(work))
    writer.create(COLLECTION)
    names: list[str] = []
    spent = 0.0
    source = documents(packages, text)
    while batch := list(islice(source, BATCH)):
        start = time.perf_counter()
        report = writer.upsert(COLLECTION, batch)
        spent += time.perf_counter() - start
        assert not report.refused, report.refused[0]
        plain.write(batch)
        names += [document["name"] for document in batch[:: BATCH // 10]]
    writer.close()
    sizes = {path.name: path.stat().st_size / 2**20 for path in sorted(work.iterdir())}
    print(f"{packages * RELEASES:,} documents written in {spent:.0f} s")
    print(", ".join(f"{name} {size:,.0f} MB" for name, size in sizes.items() if size > 1), "\n")
    return names


def index_url(work: Path) -> str:
    return f"sqlite:///{work / 'index.db'}"


def timed(call: Callable[[], int]) -> tuple[float, int]:
    """Milliseconds of a call, and what it returned."""
    start = time.perf_counter()
    found = call()
    return (time.perf_counter() - start) * 1000, found


def p99(values: list[float]) -> float:
    return quantiles(values, n=100, method="inclusive")[98]


def compare(reader: IndexReader, plain: Plain, cases: dict[str, list[Case]], peers: int) -> None:
    """Run every query on the index, the first `peers` of each kind on the table; print.

    The medians of what was found tell whether both answered the same question.
    """
    rows: list[list[object]] = [
        ["milliseconds", "median", "p99", "found", "LIKE median", "LIKE found", "ratio"]
    ]
    ours: list[float] = []
    theirs: list[float] = []
    for kind, queries in cases.items():
        mine, found = measured(lambda case: reader.search(COLLECTION, case[0]).found, queries)
        peer, peer_found = measured(plain.search, queries[:peers])
        rows.append(row(kind, mine, found, peer, peer_found))
        ours += mine
        theirs += peer
    rows.append(row("all", ours, "", theirs, ""))
    table(rows)
    print(f"p99 of LIKE: {p99(theirs):,.0f} ms, {p99(theirs) / p99(ours):.1f} times ours")


def measured(search: Callable[[Case], int], cases: list[Case]) -> tuple[list[float], int]:
    """Milliseconds of each search, and the median of what they found."""
    results = [timed(partial(search, case)) for case in cases]
    return [spent for spent, _ in results], int(median(found for _, found in results))


def row(
    kind: str, ours: list[float], found: object, peer: list[float], peer_found: object
) -> list[object]:
    """A line of the table."""
    ratio = median(peer) / median(ours)
    return [kind, median(ours), p99(ours), found, median(peer), peer_found, ratio]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the documents")
    quick = parser.parse_args().quick
    text = Text(Random(1))
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        names = fill(work, 2_500 if quick else 25_000, text)
        reader = open_reader(index_url(work))
        cases = questions(text, names, 20 if quick else 60)
        compare(reader, Plain(work / "plain.db"), cases, peers=6)
        reader.close()


if __name__ == "__main__":
    main()
