"""Gaps: what slid out of a feed's window between two polls, and so was never seen there.

A gap is noted in the state under the kind `gaps` and stays until a run of the `pypi` spider has
looked at the whole listing, which holds what was missed. `scrapy status` shows it meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pyfcrawl.sources.rss import Feed
from pyfcrawl.spiders.selection import Selection
from pyfcrawl.stores.standing import Gap
from pyfcrawl.stores.state import StateReader

#: Kind of the state's memory: what was seen of the feeds last.
POLLS = "rss/poll"


class Windows:
    """How far each feed was seen, for each collection; what is kept of it is JSON values."""

    def __init__(self) -> None:
        self._polls: dict[str, dict[str, Any]] = {}

    @property
    def polls(self) -> dict[str, dict[str, Any]]:
        """What to remember: (collection/feed) -> scope, time of the poll, newest entry."""
        return self._polls

    def load(self, state: StateReader) -> None:
        """Take over what runs before this one saw."""
        self._polls = state.recall(POLLS) | self._polls

    def look(self, name: str, feed: Feed, selections: Iterable[Selection], now: int) -> list[Gap]:
        """Note a poll of the feed `name`: the gaps between the one before and this.

        Moments of the feed are compared with each other, so clocks need not agree; only a feed
        that was empty the last time leaves no other than the time of that poll.
        """
        gaps = []
        for each in selections:
            key = f"{each.collection}/{name}"
            last = self._polls.get(key)
            since = _seen(last, each.scope)
            if since is not None and feed.oldest is not None and feed.oldest > since:
                gaps.append(Gap(each.collection, name, since, feed.oldest, now))
            newest = max(filter(None, (feed.newest(now), _newest(last, each.scope))), default=None)
            self._polls[key] = {"scope": each.scope, "at": now, "newest": newest}
        return gaps


def _seen(poll: Any, scope: str) -> int | None:
    """Up to when a poll saw everything."""
    newest = _newest(poll, scope)
    if newest is None and _is_for(poll, scope):
        at = poll.get("at")
        return at if isinstance(at, int) else None
    return newest


def _newest(poll: Any, scope: str) -> int | None:
    newest = poll.get("newest") if _is_for(poll, scope) else None
    return newest if isinstance(newest, int) else None


def _is_for(poll: Any, scope: str) -> bool:
    """Whether it was made for the collection as it is; one made anew has nothing to miss."""
    return isinstance(poll, dict) and poll.get("scope") == scope
