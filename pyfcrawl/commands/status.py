"""`scrapy status`: what is indexed, how far it is in step, what is pending, how runs ended."""

from __future__ import annotations

import argparse
import time
from contextlib import closing
from dataclasses import asdict
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text
from scrapy.commands import ScrapyCommand

from pyfcrawl.commands import output
from pyfcrawl.commands.frame import Frame, Target, no_words
from pyfcrawl.commands.status_runs import run_table
from pyfcrawl.core.overdue import limits
from pyfcrawl.core.profiles import select
from pyfcrawl.stores.index import IndexReader
from pyfcrawl.stores.standing import Gap, Standing, runs_of, standing
from pyfcrawl.stores.state import Run, open_state

_RUNS = 5
_PENDING = 5


class Command(Frame, ScrapyCommand):
    """Shows the state of collections and the last runs."""

    examples = ("scrapy status", "scrapy status -p plone --pending", "scrapy status --json")
    usual_target = "all"

    def syntax(self) -> str:
        """See ScrapyCommand."""
        return "[options]"

    def short_desc(self) -> str:
        """See ScrapyCommand."""
        return "Show what is indexed and how the last runs went"

    def long_desc(self) -> str:
        """See ScrapyCommand."""
        return (
            "Show for each profile how many documents and packages it has, how far it is in step "
            "with PyPI (as of the last crawl; nothing is fetched), which names are to be tried "
            "again and why, what the feeds let pass, which sources are overdue, and how the last "
            "runs went."
        )

    def add_own_options(self, parser: argparse.ArgumentParser) -> None:
        """See Frame."""
        parser.add_argument(
            "--pending",
            action="store_true",
            help=f"all names to be tried again, not the first {_PENDING}",
        )
        parser.add_argument("--json", action="store_true", help="everything, as JSON")

    def carry_out(self, words: list[str], opts: argparse.Namespace) -> int:
        """See Frame."""
        no_words(words)
        with (
            self.open_index() as reader,
            closing(open_state(self._settings["STATE_URL"], readonly=True)) as state,
        ):
            targets = self._targets(opts, reader)
            after, now = limits(self._settings["OVERDUE_AFTER"]), int(time.time())
            standings = [
                standing(each.collection, each.profile, reader, state, after, now)
                for each in targets
            ]
            runs = runs_of(standings, state, _RUNS, now)
        if opts.json:
            output.show_json(_as_json(standings, runs), indent=2)
            return 0
        most = None if opts.pending else _PENDING
        for each in standings:
            output.show(*_described(each, most), "")
        output.show(*run_table(runs))
        return 0

    def _targets(self, opts: argparse.Namespace, reader: IndexReader) -> list[Target]:
        """What was asked for; without, all profiles and then collections that have none."""
        if opts.target is not None:
            target = Target(opts.target)
            if reader.collection(target.collection) is None:
                raise target.missing(reader)
            return [target]
        known = self.profiles()
        if opts.profile_name is not None:
            return [Target(each.collection, each) for each in select(known, opts.profile_name)]
        targets = [Target(each.collection, each) for each in known.values()]
        # A version that serves under a profile's name has been told of there.
        taken = {each.collection for each in targets} | set(reader.aliases().values())
        return targets + [
            Target(each.name) for each in reader.collections() if each.name not in taken
        ]


def _as_json(standings: list[Standing], runs: list[Run]) -> dict[str, Any]:
    return {
        "collections": [
            {
                "profile": each.profile.name if each.profile else None,
                "collection": each.info.name if each.info else each.collection,
                "crawled": each.info is not None,
                "documents": each.info.documents if each.info else 0,
                "packages": each.info.packages if each.info else 0,
                "cursor": asdict(each.cursor) if each.cursor else None,
                "cursor_valid": each.valid,
                "behind": each.behind if each.valid else None,
                "pending": {name: asdict(value) for name, value in each.pending.items()},
                "gaps": [asdict(gap) for gap in each.gaps],
                "sources": [source.as_json for source in each.sources],
            }
            for each in standings
        ],
        "runs": [asdict(run) for run in runs],
    }


def _described(each: Standing, most: int | None) -> list[RenderableType]:
    profile = each.profile
    title = Text(profile.name if profile else each.collection, "bold")
    if profile and profile.title != profile.name:
        title.append(f"  {output.plain(profile.title)}", "not bold")
    if each.info is None:
        return [
            title,
            _lines(("", f"not crawled yet; run: {Target(each.collection, each.profile).remedy}")),
        ]
    size = (
        f"{output.count(each.info.packages, 'package')}, "
        f"{output.count(each.info.documents, 'document')}"
    )
    collection = [("collection", each.info.name)] if each.info.name != title.plain else []
    lines = [*collection, ("indexed", size), ("cursor", _cursor(each)), _pending(each)]
    lines += [(" " if at else "sources", it.told) for at, it in enumerate(each.sources)]
    if each.gaps:
        lines.append(("gaps", f"{len(each.gaps)}, closed by the next scrapy crawl pypi"))
    return [title, _lines(*lines), *_gap_table(each.gaps), *_pending_table(each, most)]


def _cursor(each: Standing) -> str:
    cursor = each.cursor
    if cursor is None:
        return "none yet: no crawl has seen the whole registry"
    if not each.valid:
        return "outdated by an edit or a rebuild: the next crawl visits all"
    step = f"{each.behind:,} behind {cursor.newest:,}" if each.behind else "in step"
    seen = output.moment(cursor.updated)
    return f"serial {cursor.serial:,}, {step}" + (f", as of {seen}" if seen else "")


def _pending(each: Standing) -> tuple[str, str]:
    names = output.count(len(each.pending), "name")
    return "pending", f"{names}, tried again by the next crawl" if each.pending else "none"


def _lines(*pairs: tuple[str, str]) -> Table:
    """Labels with their values, indented."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for label, text in pairs:
        table.add_row("", *(Text(each) for each in (label, text) if each))
    return table


def _gap_table(gaps: list[Gap]) -> list[RenderableType]:
    rows = [
        (output.plain(gap.feed), output.moment(gap.since), output.moment(gap.until)) for gap in gaps
    ]
    return [output.table(("Gap in feed", "From", "To"), rows)] if rows else []


def _pending_table(each: Standing, most: int | None) -> list[RenderableType]:
    if not each.pending:
        return []
    shown = list(each.pending.items())[:most]
    rows = [
        (
            output.plain(name),
            str(value.attempts),
            output.day(value.since),
            output.plain(value.reason),
        )
        for name, value in shown
    ]
    headings = ("Pending", "Tries", "Since", "Reason")
    table = output.table(headings, rows, right=("Tries",), widest={"Pending": 28})
    hidden = len(each.pending) - len(shown)
    return [table, *([f"and {hidden:,} more: --pending"] if hidden else [])]
