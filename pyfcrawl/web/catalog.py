"""All that the site reads: the index, the state and the download history, of any kind.

Stores block, requests must not: each reading call runs in one of a few threads, and what needs a
look at every document of a collection is gathered beside the requests (see `overview`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TypeVar

from pyfcrawl.core.names import package_id
from pyfcrawl.core.profiles import Profile
from pyfcrawl.errors import StoreError
from pyfcrawl.stores.history import CountedDay, Total, open_history
from pyfcrawl.stores.index import (
    CollectionInfo,
    Document,
    IndexAddress,
    IndexReader,
    Query,
    SearchResult,
    open_reader,
)
from pyfcrawl.stores.standing import Standing, runs_of, standing
from pyfcrawl.stores.state import Run, open_state
from pyfcrawl.web.keeper import Keeper
from pyfcrawl.web.overview import Dependent, Overview
from pyfcrawl.web.recent import Recent, without_texts

T = TypeVar("T")

REGISTRIES = ("pypi", "npm")

#: Reading calls at once; a waiting one costs nothing, a running one shares the interpreter.
_THREADS = 8
_RUNS = 100
#: Searches that are remembered, some 40 kB each at most, and for how many seconds.
_MOST_GLIMPSES, _FRESH = 1000, 60.0
#: Lists chosen out of many hits that are remembered, some 100 kB each.
_MOST_CHOICES = 100
#: Seconds that a page waits for what it can do without.
_MOMENT = 0.5

#: What is read of every release of a package; of its head all is.
RELEASE_FIELDS = (
    *("identifier", "package_id", "registry", "name", "version", "version_sortable"),
    *("version_is_prerelease", "is_latest", "yanked", "yanked_reason", "upload_timestamp"),
    *("requires_python", "python_versions", "framework_versions", "release_url", "health_score"),
)


@dataclass(frozen=True, slots=True)
class Package:
    """A package with all its releases.

    `releases` have RELEASE_FIELDS, newest version first and stable ones before pre-releases.
    `head` is the whole document of the release its registry calls latest. `stable` and
    `prerelease` are the newest of their kind that are not yanked, the latter only if it is newer.
    """

    package_id: str
    registry: str
    name: str
    releases: list[Document]
    head: Document
    stable: Document | None
    prerelease: Document | None


@dataclass(frozen=True, slots=True)
class Downloads:
    """Downloads of a package between two days.

    `days` has one entry a day for all versions, `versions` one a day and version; `changes` are
    days from which on was counted differently; `total` is all that is known, whatever the days.
    """

    days: list[CountedDay]
    versions: list[CountedDay]
    changes: list[str]
    total: Total | None


@dataclass(frozen=True, slots=True)
class Status:
    """How all profiles stand, and the last runs for any of them, newest first.

    Runs under way and runs that died are among them, see pyfcrawl.stores.runs.
    """

    standings: list[Standing]
    runs: list[Run]


class Catalog:
    """The site's view of the stores. Its methods raise StoreError, and UnknownCollectionError for
    a profile that is not crawled yet."""

    def __init__(
        self,
        profiles: Mapping[str, Profile],
        default: str,
        index: IndexAddress,
        state_url: str,
        history_url: str,
        overdue_after: Mapping[str, int],
        now: Callable[[], float] = time.time,
    ) -> None:
        """`default` names the profile to show when none is named; stores are opened when needed.

        `overdue_after` says when a source is overdue, see pyfcrawl.core.overdue, and `now` what
        time it is, in Unix seconds.
        """
        self.profiles = dict(profiles)
        self.default = self.profiles[default]
        self._index = index
        self._state_url = state_url
        self._history_url = history_url
        self._overdue_after = overdue_after
        self._now = now
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="catalog")
        self._reader: IndexReader | None = None
        self._glimpses: Recent[SearchResult] = Recent(_MOST_GLIMPSES, _FRESH)
        self._choices: Recent[list[Document]] = Recent(_MOST_CHOICES, _FRESH)
        self._keeper = Keeper(self.reader, self._last_run)

    def reader(self) -> IndexReader:
        """The index; it serves any number of threads."""
        if self._reader is None:
            self._reader = open_reader(self._index)
        return self._reader

    def close(self) -> None:
        """Wait for calls under way and release the index."""
        self._keeper.close()
        self._pool.shutdown()
        if self._reader is not None:
            self._reader.close()

    def profile(self, name: str) -> Profile | None:
        """The profile of that name, the default one for "", None when there is none."""
        return self.profiles.get(name) if name else self.default

    async def info(self, profile: Profile) -> CollectionInfo | None:
        """The profile's collection, None when it is not crawled yet."""
        return await self._in_thread(lambda: self.reader().collection(profile.collection))

    async def search(self, profile: Profile, query: Query) -> SearchResult:
        """As IndexReader.search. Raises QueryError."""
        return await self._in_thread(lambda: self.reader().search(profile.collection, query))

    async def glimpse(self, profile: Profile, query: Query) -> SearchResult:
        """As `search`, but hits lack their long texts, and it may be from up to a minute ago."""

        async def look() -> SearchResult:
            whole = await self.search(profile, query)
            return replace(whole, hits=without_texts(whole.hits))

        return await self._glimpses.kept((profile.collection, _hashable(query)), look)

    async def chosen(
        self, profile: Profile, query: Query, choose: Callable[[], Awaitable[list[Document]]]
    ) -> list[Document]:
        """What `choose` makes of the hits of a query, from up to a minute ago."""
        key = (profile.collection, _hashable(query))
        return await self._choices.kept(key, choose)

    async def package(self, profile: Profile, registry: str, name: str) -> Package | None:
        """The package of that name in any spelling its registry takes for the same."""
        return await self._in_thread(lambda: self._package(profile.collection, registry, name))

    async def known(
        self, profile: Profile, package_ids: Sequence[str], fields: Sequence[str]
    ) -> dict[str, dict[str, Document]]:
        """As IndexReader.known: package_id -> version -> these fields."""
        collection = profile.collection
        return await self._in_thread(lambda: self.reader().known(collection, package_ids, fields))

    async def release(self, profile: Profile, identifier: str) -> Document | None:
        """The whole document of one release."""
        return await self._in_thread(lambda: self.reader().get(profile.collection, identifier))

    async def downloads(self, package: str, since: str = "", until: str = "") -> Downloads:
        """Downloads of a package (its package_id) from `since` to `until`, both included."""
        return await self._in_thread(lambda: self._downloads(package, since, until))

    async def dependents(self, profile: Profile, package: str) -> list[Dependent]:
        """Packages whose latest release depends on this one, most downloaded first."""
        return (await self.overview(profile)).dependents(package)

    async def overview(self, profile: Profile) -> Overview:
        """What only a look at all documents tells; at most some minutes old."""
        return await self._keeper.overview(profile.collection)

    async def overview_now(self, profile: Profile) -> Overview | None:
        """As `overview`, None when it is not there within a moment or can't be made."""
        try:
            return await self._keeper.overview(profile.collection, _MOMENT)
        except (TimeoutError, StoreError):
            return None

    async def synced(self, profile: Profile) -> int | None:
        """When the profile's cursor moved last, Unix seconds."""
        return await self._in_thread(lambda: self._synced(profile.collection))

    def warm(self) -> None:
        """Begin to gather overviews, in the event loop that runs."""
        for each in self.profiles.values():
            self._keeper.begin(each.collection)

    async def status(self) -> Status:
        """How the profiles stand and the last runs went."""
        return await self._in_thread(self._status)

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    # --- in threads ---------------------------------------------------------------------------

    def _package(self, collection: str, registry: str, name: str) -> Package | None:
        if registry not in REGISTRIES:
            return None
        try:
            wanted = package_id(registry, name.strip())
        except ValueError:  # nothing that could be a name
            return None
        known = self.reader().known(collection, [wanted], RELEASE_FIELDS)
        releases = sorted(known.get(wanted, {}).values(), key=_rank, reverse=True)
        if not releases:
            return None
        latest = next((each for each in releases if each["is_latest"]), releases[0])
        head = self.reader().get(collection, latest["identifier"])
        if head is None:  # removed between the two questions
            return None
        return Package(wanted, registry, head["name"], releases, head, *_newest(releases))

    def _downloads(self, package: str, since: str, until: str) -> Downloads:
        with (
            closing(open_history(self._history_url, readonly=True)) as history,
            history.at_once(),
        ):
            return Downloads(
                days=history.series(package, since, until),
                versions=history.series(package, since, until, by_version=True),
                changes=history.counting_changes(package),
                total=history.totals([package]).get(package),
            )

    def _status(self) -> Status:
        with closing(open_state(self._state_url, readonly=True)) as state:
            now = int(self._now())
            found = [
                standing(each.collection, each, self.reader(), state, self._overdue_after, now)
                for each in self.profiles.values()
            ]
            return Status(found, runs_of(found, state, _RUNS, now))

    def _synced(self, collection: str) -> int | None:
        with closing(open_state(self._state_url, readonly=True)) as state:
            return standing(collection, None, self.reader(), state, {}, int(self._now())).synced

    def _last_run(self) -> int:
        """When the last run ended, Unix seconds."""
        with closing(open_state(self._state_url, readonly=True)) as state:
            return next((run.ended for run in state.runs(1)), 0)


def _hashable(query: Query) -> Query:
    return replace(
        query,
        filters=tuple(query.filters),
        facets=tuple(query.facets),
        counts=tuple(query.counts),
    )


def _rank(release: Document) -> tuple[str, str]:
    return release["version_sortable"] or "", release["version"]


def _newest(releases: list[Document]) -> tuple[Document | None, Document | None]:
    """The latest stable release and a pre-release that came after it."""
    usable = [each for each in releases if not each["yanked"]]
    stable = next((each for each in usable if not each["version_is_prerelease"]), None)
    before = next((each for each in usable if each["version_is_prerelease"]), None)
    if stable and before and _uploaded(before) <= _uploaded(stable):
        before = None
    return stable, before


def _uploaded(release: Document) -> int:
    return release["upload_timestamp"] or 0
