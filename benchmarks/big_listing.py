"""The daily run: 900,000 projects listed, 2,000 of them changed since the cursor; then none.

    python benchmarks/big_listing.py [--quick]

The state that a full crawl would have left is made by a crawl of a hundred projects whose cursor
is then put at the serial of the big registry. 10 of the changed projects match; they are new to
the index, so each costs its page and one request for every release but the latest.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from common import Cost, crawl, exported, table

from pyfcrawl.stores.state import open_state
from tests.upstream import Generated, Registry, Upstream

RELEASES = 10
SMALL = Registry(Generated(100, 1, RELEASES))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the projects")
    projects, changed = (90_000, 200) if parser.parse_args().quick else (900_000, 2_000)
    matching = changed // 200
    with tempfile.TemporaryDirectory() as data, Upstream(SMALL) as up:
        crawl(up.root, data)
        up.load(Registry(Generated(projects, projects // 200, RELEASES)))
        put_cursor(Path(data), projects)
        change(up, changed, matching)
        rows: list[list[object]] = [
            ["", "seconds", "CPU seconds", "MB largest process", "MB all", "requests", "written"],
            measured(f"{changed:,} changed", up, data),
            measured("nothing changed", up, data),
        ]
        up.configure(validators=False)  # the whole listing again, instead of a 304
        rows.append(measured("the same without ETag", up, data))
        found = exported(up.root, data)
    print(f"{projects:,} listed, {changed:,} changed, {matching} of them matching and new\n")
    table(rows)
    print(f"requests to expect: {1 + changed + matching * RELEASES:,}, then 1 twice")
    expected = RELEASES + matching * (RELEASES + 1)
    print(f"documents: {len(found):,} of {expected:,}")
    sys.exit(0 if len(found) == expected else 1)


def put_cursor(data: Path, serial: int) -> None:
    """Move the cursor to `serial`, as if everything up to it had been visited."""
    path = state_file(data)
    with closing(sqlite3.connect(path)) as file:
        keys = [key for (key,) in file.execute("SELECT key FROM cursors")]
    with closing(open_state(f"sqlite:///{path}")) as state:
        for key in keys:
            cursor = state.cursor(key)
            assert cursor is not None
            new = replace(cursor, serial=serial, etag="", listed=serial, newest=serial)
            state.advance(key, new)


def state_file(data: Path) -> Path:
    """The file under DATA_DIR that holds the cursors."""
    for path in filter(Path.is_file, data.rglob("*")):
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as file:
            try:
                file.execute("SELECT 1 FROM cursors")
            except sqlite3.DatabaseError:
                continue
            return path
    sys.exit(f"no state with cursors under {data}")


def change(up: Upstream, changed: int, matching: int) -> None:
    """A new release for `matching` matching projects (not the indexed one), a touch for the rest.

    Matching projects are every two-hundredth (see `Generated`).
    """
    names = SMALL.generated
    assert names is not None
    new = [names.name(200 * number) for number in range(1, matching + 1)]
    touched = [names.name(40 * number + 1) for number in range(changed - matching)]
    up.registry.release_many(new, "9.0.0")
    up.registry.touch_many(touched)


def measured(label: str, up: Upstream, data: str) -> list[object]:
    """One crawl as a row of the table."""
    up.reset()
    cost: Cost = crawl(up.root, data)
    with closing(open_state(f"sqlite:///{state_file(Path(data))}", readonly=True)) as state:
        counts = state.runs(1)[0].counts
    return [
        label,
        cost.seconds,
        cost.cpu,
        cost.largest,
        cost.memory,
        up.counters["requests"],
        counts.get("written", str(counts)),
    ]


if __name__ == "__main__":
    main()
