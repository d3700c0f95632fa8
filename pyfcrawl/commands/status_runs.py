"""The part of `scrapy status` that tells of runs: each source's last one, and the last of all."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from pyfcrawl.commands import output
from pyfcrawl.core.ages import short
from pyfcrawl.core.overdue import Source, overdue
from pyfcrawl.stores.runs import DIED, RUNNING, last_runs, polling, sources
from pyfcrawl.stores.state import Run, StateReader

_RUNS = 5
#: Counters of a run worth a column.
_COUNTS = ("visited", "written", "removed", "failed")


@dataclass(frozen=True, slots=True)
class SourceStanding:
    """A source, whether a run of it polls right now, and whether it is overdue at `now`."""

    source: Source
    polls: bool
    overdue: bool
    limit: int | None
    now: int

    @property
    def told(self) -> str:
        """In one line, e.g. `pypi 12 min ago` or `npm overdue: no good run for 3 d (limit 2 d)`."""
        each = self.source
        if self.polls:
            return f"{each.spider} polls"
        if self.overdue and self.limit is not None:
            since = short(self.now - (each.good or each.first))
            return f"{each.spider} OVERDUE: no good run for {since} (limit {short(self.limit)})"
        how = "" if each.reason == "finished" and not each.error else ", not well"
        return f"{each.spider} {short(self.now - each.ended)} ago{how}"

    @property
    def as_json(self) -> dict[str, Any]:
        """For a program."""
        values = asdict(self.source) | {"counts": dict(self.source.counts)}
        more = {"polls": self.polls, "overdue": self.overdue, "overdue_after": self.limit}
        return values | more


def source_standings(
    state: StateReader, names: Collection[str], after: Mapping[str, int], now: int
) -> list[SourceStanding]:
    """How the sources of the collection with these names stand."""
    live = polling(state, now)
    return [
        SourceStanding(
            source=each,
            polls=(polls := (each.spider, each.collection) in live),
            overdue=overdue(each, after, now, polls),
            limit=after.get(each.spider),
            now=now,
        )
        for each in sources(state)
        if each.collection in names
    ]


def runs_of(names: Collection[str], state: StateReader, now: int) -> list[Run]:
    """The last runs that any of these collections took part in, newest first."""
    fitting = [run for run in last_runs(state, now) if set(names) & set(run.collections.split(","))]
    return fitting[:_RUNS]


def run_table(runs: Sequence[Run]) -> list[RenderableType]:
    """The last runs as a table, and below it what went wrong with them."""
    if not runs:
        return ["No runs yet."]
    headings = ("Last runs", "Spider", "Took", *(each.title() for each in _COUNTS), "Ended")
    rows: list[list[str | Text]] = [
        [
            _began(run),
            output.plain(run.spider),
            _duration(run.ended - run.started),
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


def _duration(seconds: int) -> str:
    minutes, rest = divmod(max(0, seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,}h {minutes:02}m"
    return f"{minutes}m {rest:02}s" if minutes else f"{rest}s"
