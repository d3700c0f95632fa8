"""When a source has gone too long without a run that ended well: OVERDUE_AFTER, and its rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyfcrawl.core.ages import seconds
from pyfcrawl.errors import ConfigurationError

#: What is named in the setting unless it is given.
DEFAULT = "pypi=3h,rss=10m,npm=2d,github=9d,pypistats=9d"

#: Spiders whose single runs promise no further ones, as they only bring the others forward.
_OPTIONAL = frozenset({"rss"})


@dataclass(frozen=True, slots=True)
class Source:
    """What one spider did for one collection so far; times are Unix seconds.

    `started`, `ended`, `reason`, `error` and `counts` are the last run's, `documents` what the
    collection had then. `good` is when the last one ended that was whole and well (0: none),
    `first` when the first began. `regular`: it polled, or the timetable started it. `keys` are
    those of its cursors and pending names in the state.
    """

    spider: str
    collection: str
    started: int
    ended: int
    reason: str
    error: str
    counts: Mapping[str, int]
    good: int
    first: int
    regular: bool
    keys: tuple[str, ...] = ()
    documents: int = 0


def limits(text: str) -> dict[str, int]:
    """Spider -> seconds, from `pypi=3h,npm=2d`; one that is not named is never overdue.

    Raises ConfigurationError for what is neither.
    """
    found: dict[str, int] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        spider, _, given = part.partition("=")
        span = seconds(given)
        if not spider.strip() or not span:
            raise ConfigurationError(
                f"OVERDUE_AFTER={text}: {part!r} is no spider with a span of time; "
                "give such as pypi=3h,npm=2d"
            )
        found[spider.strip()] = span
    return found


def overdue(
    source: Source, after: Mapping[str, int], now: int, polling: bool = False, due: bool = False
) -> bool:
    """Whether the source is overdue; `polling` says that a run of it goes on and on right now.

    `due`: the timetable has it, whatever ran so far.
    """
    limit = after.get(source.spider)
    if limit is None or polling:
        return False
    if source.spider in _OPTIONAL and not (source.regular or due):
        return False
    return now - (source.good or source.first) > limit
