"""What the feeds name and this run has still to visit.

A project is visited once at a time, and again only when it failed, with longer and longer waits
between, as long as a feed names it. The account holds what stands in the feeds and nothing else,
so it doesn't grow however long a run goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pyfcrawl.sources.rss import Entry
from pyfcrawl.spiders.selection import Selection
from pyfcrawl.stores.state import StateReader

#: Kinds of the marks: one for a new project, one for each release.
NEW, UPDATE = "rss/new", "rss/update"

#: Polls between two tries of one project, at most.
_LONGEST_WAIT = 1024

_Key = tuple[str, str | None]


def kind_of(entry: Entry) -> str:
    """The kind of mark that keeps an entry from being visited again."""
    return NEW if entry.version is None else UPDATE


def mark(selection: Selection, entry: Entry) -> str:
    """The key of an entry's mark: worth something for this collection as it is, and no other."""
    release = f"=={entry.version}" if entry.version is not None else ""
    return f"{selection.collection}|{selection.scope}|{entry.name}{release}"


def marked(
    state: StateReader,
    selections: Iterable[Selection],
    entries: Iterable[Entry],
    lifetimes: Mapping[str, int],
) -> set[Entry]:
    """The entries that are marked as done for all selections.

    `lifetimes` are those of the kinds in seconds; kinds with none are not looked up.
    """
    wanted = {
        entry: [mark(each, entry) for each in selections]
        for entry in entries
        if lifetimes[kind_of(entry)] > 0
    }
    found: set[tuple[str, str]] = set()
    for kind in (NEW, UPDATE):
        keys = [key for entry, keys in wanted.items() if kind_of(entry) == kind for key in keys]
        if keys:
            found |= {(kind, key) for key in state.recall(kind, keys)}
    return {
        entry
        for entry, keys in wanted.items()
        if all((kind_of(entry), key) in found for key in keys)
    }


@dataclass(slots=True)
class _Standing:
    """How it went with an entry: tries that failed, the poll from which on to try again."""

    tries: int = 0
    turn: int = 0
    done: float | None = None


class News:
    """The entries of the feeds, and how it stands with each.

    `lifetimes` says for how many seconds each kind needs no second visit; 0: as long as the feed
    stays as it is.
    """

    def __init__(self, lifetimes: Mapping[str, int]) -> None:
        self._lifetimes = lifetimes
        self._feeds: dict[str, tuple[Entry, ...]] = {}
        self._standings: dict[_Key, _Standing] = {}
        self._open: dict[str, list[Entry]] = {}
        self._poll = 0

    @property
    def open(self) -> bool:
        """Whether any visit is under way."""
        return bool(self._open)

    def take(self, feed: str, entries: tuple[Entry, ...]) -> None:
        """What a feed holds now, in the place of what it held before."""
        self._feeds[feed] = entries
        for entry in entries:
            if self._lifetimes[kind_of(entry)] <= 0:
                self._standing(entry).done = None
        named = {_key(each) for every in self._feeds.values() for each in every}
        named |= {_key(each) for every in self._open.values() for each in every}
        self._standings = {key: it for key, it in self._standings.items() if key in named}

    def next_poll(self) -> None:
        """Count a poll: waits are counted in these."""
        self._poll += 1

    def forget(self) -> None:
        """Take nothing for done any more."""
        self._standings.clear()

    def due(self, now: float) -> list[Entry]:
        """Entries to be visited now, oldest first."""
        found = {
            _key(entry): entry
            for entries in self._feeds.values()
            for entry in entries
            if entry.name not in self._open and self._is_due(entry, now)
        }
        return sorted(found.values(), key=lambda each: (each.published or 0, each.name))

    def _is_due(self, entry: Entry, now: float) -> bool:
        standing = self._standing(entry)
        if standing.done is None:
            return standing.turn <= self._poll
        lifetime = self._lifetimes[kind_of(entry)]
        return 0 < lifetime <= now - standing.done

    def settle(self, entries: Iterable[Entry], now: float) -> None:
        """These need no visit."""
        for entry in entries:
            standing = self._standing(entry)
            standing.done, standing.tries = now, 0

    def begin(self, entry: Entry) -> None:
        """The visit to this entry's project begins."""
        self._open.setdefault(entry.name, []).append(entry)

    def visited_for(self, name: str) -> list[Entry]:
        """The entries that the visit under way was begun for."""
        return self._open.get(name, [])

    def end(self, name: str, done: bool, now: float) -> None:
        """The visit ended; what is not done is tried again at a later poll."""
        entries = self._open.pop(name, [])
        if done:
            self.settle(entries, now)
            return
        for entry in entries:
            standing = self._standing(entry)
            standing.turn = self._poll + min(2**standing.tries, _LONGEST_WAIT)
            standing.tries += 1

    def _standing(self, entry: Entry) -> _Standing:
        return self._standings.setdefault(_key(entry), _Standing())


def _key(entry: Entry) -> _Key:
    return entry.name, entry.version
