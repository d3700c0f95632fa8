"""Which runs there are and were: records of those that ended, signs of life of those that didn't.

A process that is killed can't say so. So a run tells every now and then that it lives, and one that
has not done so for a while, and has left no record, died. What a source's last run was is kept
apart, as the records of a source that runs every minute push out those of one that runs weekly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from pyfcrawl.core.overdue import Source
from pyfcrawl.stores.state import Run, StateReader, StateStore

#: Kinds of the state's memory: runs under way, and the last run of each spider and collection.
_ALIVE = "runs/alive"
_SOURCES = "runs/sources"

#: Seconds for which a run that died is told of.
_REMEMBERED = 7 * 86_400

#: Missed signs of life after which a run has died.
_MISSED = 3

RUNNING = "running"
DIED = "died"


def sign_of_life(state: StateStore, run: Run, now: int, every: float) -> None:
    """Say that a run is under way, to be said again after `every` seconds. Raises StoreError."""
    value = {"run": asdict(run), "beat": now, "every": every}
    state.remember(_ALIVE, {run.id: value}, now + _REMEMBERED)


def ended(
    state: StateStore,
    run: Run,
    keys: Mapping[str, list[str]],
    documents: Mapping[str, int],
    well: bool,
) -> None:
    """Record how a run ended; `keys` maps its collections to their keys in the state.

    `documents` says how many each has, `well` that the run brought them in step as a whole. Raises
    StoreError.
    """
    state.record(run)
    before = {(each.spider, each.collection): each for each in sources(state)}
    values = {}
    for collection, own in keys.items():
        source = _after(before.get((run.spider, collection)), run, collection, own, well)
        source = replace(source, documents=documents.get(collection, 0))
        values[f"{run.spider}/{collection}"] = asdict(source)
    state.remember(_SOURCES, values)
    state.forget(_ALIVE, [run.id])


def _after(last: Source | None, run: Run, collection: str, keys: list[str], well: bool) -> Source:
    return Source(
        spider=run.spider,
        collection=collection,
        started=run.started,
        ended=run.ended,
        reason=run.reason,
        error=run.error,
        counts=run.counts,
        good=run.ended if well else (last.good if last else 0),
        first=last.first if last else run.started,
        regular=_is_regular(run) or bool(last and last.regular),
        keys=tuple(keys) or (last.keys if last else ()),
    )


def _is_regular(run: Run) -> bool:
    return run.by == "schedule" or bool(run.arguments.get("poll"))


def sources(state: StateReader) -> list[Source]:
    """What each spider did for each collection so far, by name."""
    found = []
    for _, value in sorted(state.recall(_SOURCES).items()):
        try:
            found.append(Source(**value | {"keys": tuple(value["keys"])}))
        except (TypeError, KeyError):  # kept by another version
            continue
    return found


def unfinished(state: StateReader, now: int) -> list[Run]:
    """Runs without a record: under way, or died; `reason` says which, `ended` the last sign."""
    found = []
    for value in state.recall(_ALIVE).values():
        try:
            run = _run(value["run"])
            lives = now - value["beat"] <= _MISSED * value["every"]
            found.append(replace(run, ended=value["beat"], reason=RUNNING if lives else DIED))
        except (TypeError, KeyError):
            continue
    return found


def last_runs(state: StateReader, now: int, limit: int = 100) -> list[Run]:
    """The last runs, ended or not, newest first."""
    ended = state.runs(limit)
    known = {each.id for each in ended if each.id}
    runs = ended + [each for each in unfinished(state, now) if each.id not in known]
    return sorted(runs, key=lambda each: each.started, reverse=True)[:limit]


def polling(state: StateReader, now: int) -> set[tuple[str, str]]:
    """(spider, collection) of runs under way that go on and on."""
    return {
        (run.spider, collection)
        for run in unfinished(state, now)
        if run.reason == RUNNING and run.arguments.get("poll")
        for collection in run.collections.split(",")
    }


def _run(value: Mapping[str, Any]) -> Run:
    names = {each.name for each in fields(Run)}
    return Run(**{name: given for name, given in value.items() if name in names})
