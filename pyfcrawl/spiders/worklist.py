"""The order of a run's visits, cut into parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pyfcrawl.core.ledger import Part, Plan
from pyfcrawl.sources.pypi import Listing

#: A project to visit: normalised name, and the serial its page must have reached (0: any).
Entry = tuple[str, int]


class Worklist:
    """Names out of the serial order first (pending, left the listing), then the listing's.

    `limit` cuts the whole to that many visits, at a place where a cursor can stand.
    """

    def __init__(
        self,
        first: Sequence[Entry],
        listing: Listing | None,
        size: int,
        limit: int | None = None,
    ) -> None:
        self._first = list(first[:limit])
        self._listing = listing
        self._size = size
        listed = len(listing.names) if listing else 0
        self._listed = listed if limit is None else min(listed, limit - len(self._first))
        self._whole = len(self._first) == len(first) and self._listed == listed

    @property
    def whole(self) -> bool:
        """Whether no limit cut anything off."""
        return self._whole

    def plan(self, etag: str, scopes: dict[str, str]) -> Plan:
        """The plan to keep account by; without a listing, or of part of it, it moves no cursor."""
        listing = self._listing
        parts = [Part(len(part)) for part in self._cut(self._first)]
        if listing is None:
            return Plan(parts, scopes=scopes)
        for start in range(0, self._listed, self._size):
            count = min(self._size, self._listed - start)
            parts.append(Part(count, listing.serials[start]))
        end = listing.serial
        if self._listed < len(listing.names):
            end = min(end, listing.serials[self._listed] - 1)
        return Plan(
            parts,
            end=end,
            etag=etag if self._whole else "",
            listed=listing.count,
            newest=listing.serial,
            scopes=scopes,
        )

    def __iter__(self) -> Iterator[Sequence[Entry]]:
        """The parts in the plan's order."""
        yield from self._cut(self._first)
        if self._listing is not None:
            for start in range(0, self._listed, self._size):
                yield self._listing.entries(start, min(start + self._size, self._listed))

    def _cut(self, entries: list[Entry]) -> Iterator[list[Entry]]:
        for start in range(0, len(entries), self._size):
            yield entries[start : start + self._size]
