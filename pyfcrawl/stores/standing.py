"""How a collection stands: how much is indexed, how far it is in step, what is still missing.

Read from the index and the state by whoever shows it, a command or a page.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pyfcrawl.core.ages import short
from pyfcrawl.core.overdue import Source, overdue
from pyfcrawl.core.profiles import Profile
from pyfcrawl.stores.index import CollectionInfo, IndexReader
from pyfcrawl.stores.runs import last_runs, polling, sources
from pyfcrawl.stores.state import Cursor, Pending, Run, StateReader

#: Kind of the state's memory under which gaps are noted.
GAPS = "gaps"

#: The registry whose listing cursors and pending names are about.
_REGISTRY = "pypi"


@dataclass(frozen=True, slots=True)
class Gap:
    """What a collection may have missed of a feed: all published between two moments.

    `since` is the newest entry of the poll before, `until` the oldest of that at `noted`; all
    Unix seconds.
    """

    collection: str
    feed: str
    since: int
    until: int
    noted: int

    @property
    def key(self) -> str:
        """Under which it is noted; another for each, so that a later one is not settled with it."""
        return f"{self.collection}/{self.feed}/{self.until}"

    @property
    def note(self) -> dict[str, Any]:
        """The gap as JSON values."""
        return asdict(self)


def gaps_of(state: StateReader, collections: Collection[str]) -> dict[str, Gap]:
    """The gaps noted for these collections by their keys, oldest first."""
    found: dict[str, Gap] = {}
    for key, value in state.recall(GAPS).items():
        try:
            gap = Gap(**value)
        except TypeError:  # noted by another version
            continue
        if gap.collection in collections:
            found[key] = gap
    return dict(sorted(found.items(), key=lambda each: (each[1].since, each[0])))


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


@dataclass(frozen=True, slots=True)
class Standing:
    """How a collection stands; `valid` tells whether its cursor still vouches for it.

    `collection` is the name it was asked for by, which may be an alias of the one in `info`.
    """

    collection: str
    profile: Profile | None
    info: CollectionInfo | None
    cursor: Cursor | None
    valid: bool
    pending: dict[str, Pending]
    gaps: list[Gap]
    sources: list[SourceStanding]

    @property
    def behind(self) -> int:
        """Serials between the cursor and the newest known."""
        return max(0, self.cursor.newest - self.cursor.serial) if self.cursor else 0

    @property
    def synced(self) -> int | None:
        """When the cursor moved last, Unix seconds."""
        return self.cursor.updated or None if self.cursor else None


def standing(
    collection: str,
    profile: Profile | None,
    reader: IndexReader,
    state: StateReader,
    after: Mapping[str, int],
    now: int,
) -> Standing:
    """How the collection (of a profile, if it has one) stands at `now`, in Unix seconds.

    `after` says when its sources are overdue, see pyfcrawl.core.overdue.
    """
    info = reader.collection(collection)
    key = f"{_REGISTRY}/{collection}"
    cursor = state.cursor(key)
    if info and cursor is None and info.name != collection:  # an alias
        cursor = state.cursor(f"{_REGISTRY}/{info.name}")
        key = f"{_REGISTRY}/{info.name}" if cursor else key
    valid = bool(info and cursor and _vouches(cursor, info, profile))
    names = {collection} | ({info.name} if info else set())
    gaps = list(gaps_of(state, names).values())
    found = source_standings(state, names, after, now)
    return Standing(collection, profile, info, cursor, valid, state.pending(key), gaps, found)


def _vouches(cursor: Cursor, info: CollectionInfo, profile: Profile | None) -> bool:
    """Whether the cursor was kept for this collection and the classifiers of today."""
    fingerprint, _, rest = cursor.scope.partition(":")
    same = profile is None or fingerprint == profile.fingerprint()
    return same and rest.partition(":")[0] == info.generation


def runs_of(standings: Iterable[Standing], state: StateReader, limit: int, now: int) -> list[Run]:
    """The last runs that any of the collections took part in, newest first."""
    names: set[str] = set()
    for each in standings:
        names |= {each.collection} | ({each.info.name} if each.info else set())
    fitting = [run for run in last_runs(state, now) if names & set(run.collections.split(","))]
    return fitting[:limit]
