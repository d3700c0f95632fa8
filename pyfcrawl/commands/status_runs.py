"""The part of `scrapy status` that tells of runs."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from pyfcrawl.commands import output
from pyfcrawl.stores.runs import DIED, RUNNING
from pyfcrawl.stores.state import Run

#: Counters of a run worth a column.
_COUNTS = ("visited", "written", "removed", "failed")


def run_table(runs: Sequence[Run]) -> list[RenderableType]:
    """The last runs as a table, and below it what went wrong with them."""
    if not runs:
        return ["No runs yet."]
    headings = ("Last runs", "Spider", "Took", *(each.title() for each in _COUNTS), "Ended")
    rows: list[list[str | Text]] = [
        [
            _began(run),
            output.plain(run.spider),
            output.span(run.ended - run.started),
            *(f"{run.counts.get(name, 0):,}" for name in _COUNTS),
            Text(output.plain(run.reason), _STYLES.get(run.reason, "yellow")),
        ]
        for run in runs
    ]
    table = output.table(headings, rows, right=headings[2:-1])
    return [table, *(f"{_began(run)} {output.plain(line)}" for run in runs for line in _wrong(run))]


_STYLES = {"finished": "", RUNNING: "green", DIED: "red"}


def _wrong(run: Run) -> list[str]:
    """What to tell of a run beside its numbers."""
    found = [f"{run.spider}: {run.error}"] if run.error else []
    if run.reason == DIED:
        last = output.moment(run.ended)
        found.append(f"{run.spider}: process {run.pid} on {run.host}, last seen {last}")
    # What the error says needs no monitor.
    more = [each for each in run.monitors if not (run.error and each.startswith("EndedClean"))]
    return found + [f"{run.spider}: monitor {each}" for each in more]


def _began(run: Run) -> str:
    return output.moment(run.started).removesuffix(" UTC")
