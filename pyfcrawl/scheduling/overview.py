"""How the runs in a Redis stand, for people who look: read in one step each, changing nothing.

All times are Redis's own, so that they fit together whatever the clocks of workers say.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from scrapy.utils.request import request_from_dict

from pyfcrawl.batch.messages import visits_of
from pyfcrawl.core.ledger import Visit
from pyfcrawl.errors import StoreError
from pyfcrawl.scheduling import codec, runs
from pyfcrawl.scheduling.queue import LeaseQueue, Terms
from pyfcrawl.scheduling.scripts import KEYS, SPAN, SPANS

#: Failed requests of a run that are told one by one; the numbers are of all.
_TOLD = 50


@dataclass(frozen=True, slots=True)
class WorkerStanding:
    """A worker: how many requests it holds, seconds until these leases end, since it was heard."""

    worker: str
    holds: int
    until: float | None
    heard: float | None


@dataclass(frozen=True, slots=True)
class Failed:
    """A request that came back: seconds until it is due again, None when it was given up."""

    label: str
    projects: int
    tries: int
    reason: str
    due: float | None


@dataclass(frozen=True, slots=True)
class RunStanding:
    """A run under way. Counts are of requests, unless they say projects; times in Unix seconds.

    `rate` and `project_rate` are a second's, over the last minute or since the start if that is
    later. `alone`: one worker does all of it, and nothing is queued. `ending`: nothing is left but
    to move its cursors.
    """

    name: str
    spider: str
    label: str
    planner: str
    started: float
    planned: float | None
    alone: bool
    ending: bool
    requests: int
    done: int
    projects: int
    visited: int
    waiting: int
    leased: int
    delayed: int
    dead: int
    rate: float
    project_rate: float
    workers: list[WorkerStanding] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)

    @property
    def left(self) -> float | None:
        """Seconds that the rest will take at this rate; None while nobody can tell."""
        rest = self.waiting + self.leased + self.delayed
        if self.planned is None or not self.rate:
            return None
        return rest / self.rate


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run that ended with requests given up, at a Unix time; `projects`: name -> reason."""

    name: str
    at: int
    requests: int
    projects: dict[str, str]


def open_runs(server: Any, prefix: str) -> list[RunStanding]:
    """All runs under way, oldest first. `server` is a client that decodes its answers."""
    names = sorted(server.smembers(runs.open_runs_key(prefix)))
    found = [standing for name in names if (standing := _standing(server, prefix, name))]
    return sorted(found, key=lambda each: each.started)


def queue_of(server: Any, prefix: str, name: str) -> LeaseQueue:
    """The queue of a run, for one who is no worker."""
    return LeaseQueue(server, None, runs.queue_key(prefix, name), "", Terms())


def ended_runs(server: Any, prefix: str) -> list[EndedRun]:
    """Runs that ended with requests given up, newest first."""
    texts = server.lrange(runs.dead_key(prefix), 0, -1)
    return [_ended(json.loads(text)) for text in texts]


def forget_ended(server: Any, prefix: str) -> list[EndedRun]:
    """Clear the list of runs that ended with requests given up; what it held."""
    found = ended_runs(server, prefix)
    if found:
        # Entries are put before those that were read, so these are the last ones still.
        server.ltrim(runs.dead_key(prefix), 0, -1 - len(found))
    return found


def drop(server: Any, prefix: str, name: str) -> bool:
    """Remove all of a run, at once; False when there was none any more."""
    gone = server.delete(*queue_of(server, prefix, name).keys)
    server.srem(runs.open_runs_key(prefix), name)
    return bool(gone)


def _ended(entry: Mapping[str, Any]) -> EndedRun:
    projects = {Visit.parse(visit).name: reason for visit, reason in entry["projects"].items()}
    return EndedRun(entry["run"], entry["at"], entry["requests"], projects)


def _standing(server: Any, prefix: str, name: str) -> RunStanding | None:
    """A run, None when it ended meanwhile."""
    queue = queue_of(server, prefix, name)
    key = dict(zip(KEYS, queue.keys, strict=True))
    with server.pipeline(transaction=True) as pipeline:
        pipeline.time()
        pipeline.hgetall(key["run"])
        pipeline.llen(key["waiting"])
        pipeline.zrange(key["leased"], 0, -1, withscores=True)
        pipeline.hgetall(key["owners"])
        pipeline.zrange(key["workers"], 0, -1, withscores=True)
        pipeline.zcard(key["delayed"])
        pipeline.hlen(key["dead"])
        time, run, waiting, leased, owners, heard, delayed, dead = pipeline.execute()
    if not run:
        return None
    now = time[0] * 1000 + time[1] / 1000
    rate, project_rate = rates(run, now)
    return RunStanding(
        name=name,
        spider=run.get("spider", ""),
        label=run.get("label", name),
        planner=_who(run.get("planner", "")),
        started=float(run.get("started", 0)) / 1000,
        planned=float(run["planned"]) / 1000 if "planned" in run else None,
        alone="alone" in run,
        ending="closer" in run,
        requests=int(run.get("requests", 0)),
        done=int(run.get("done", 0)),
        projects=int(run.get("projects", 0)),
        visited=int(run.get("visited", 0)),
        waiting=waiting,
        leased=len(leased),
        delayed=delayed,
        dead=dead,
        rate=rate,
        project_rate=project_rate,
        workers=_workers(leased, owners, heard, now),
        failed=_failed(server, key, now),
    )


def rates(run: Mapping[str, str], now: float) -> tuple[float, float]:
    """Requests and projects a second in the last minute; `run` as EXCHANGE keeps it, `now` in ms.

    Nothing was done between the beginning of that minute and the first span of it that has a mark.
    """
    first = now // SPAN - (SPANS - 1)
    marks = (run[f"before:{n}"].split() for n in range(SPANS) if f"before:{n}" in run)
    within = sorted([int(part) for part in mark] for mark in marks if int(mark[0]) >= first)
    if not within:
        return 0.0, 0.0
    _, done, visited = within[0]
    since = max(first * SPAN, float(run.get("started", 0)))
    seconds = max(now - since, 1.0) / 1000
    return (int(run["done"]) - done) / seconds, (int(run["visited"]) - visited) / seconds


def _workers(
    leased: Iterable[tuple[str, float]],
    owners: Mapping[str, str],
    heard: Iterable[tuple[str, float]],
    now: float,
) -> list[WorkerStanding]:
    """Workers by name; one that holds nothing is told of while its word is fresh."""
    ends: dict[str, list[float]] = {}
    for each, end in leased:
        ends.setdefault(owners.get(each, "?"), []).append(end)
    last = dict(heard)
    lively = {worker for worker, at in last.items() if now - at < SPAN}
    return [
        WorkerStanding(
            _who(worker),
            len(ends.get(worker, ())),
            (min(ends[worker]) - now) / 1000 if worker in ends else None,
            (now - last[worker]) / 1000 if worker in last else None,
        )
        for worker in sorted(ends.keys() | lively)
    ]


def _who(worker: str) -> str:
    """`host:pid` of a worker's name, which is longer only to be unique."""
    return worker.rpartition(":")[0] or worker


def _failed(server: Any, key: Mapping[str, str], now: float) -> list[Failed]:
    """The first of what was given up, then of what waits to be tried again."""
    dead = dict.fromkeys(server.hscan(key["dead"], count=_TOLD)[1])
    due = dict(server.zrange(key["delayed"], 0, _TOLD - 1, withscores=True))
    ids = list(dict.fromkeys([*dead, *due]))[:_TOLD]
    if not ids:
        return []
    with server.pipeline(transaction=False) as pipeline:
        for name in ("bodies", "tries", "reasons"):
            pipeline.hmget(key[name], ids)
        columns = pipeline.execute()
    found = []
    for each, body, tries, reason in zip(ids, *columns, strict=True):
        label, projects = _described(body or "")
        wait = None if each in dead else (due[each] - now) / 1000
        found.append(Failed(label, projects, int(tries or 0), reason or "", wait))
    return found


def _described(body: str) -> tuple[str, int]:
    """What a request in the queue is called, and for how many projects it is."""
    try:
        # Its callbacks are methods of a spider that isn't there.
        request = request_from_dict(codec.loads(body) | {"callback": None, "errback": None})
        return request.url.removeprefix("batch://"), len(visits_of(request))
    except (StoreError, ValueError, TypeError, msgspec.MsgspecError):
        return "a request that can't be read", 0
