"""The arguments of `scrapy crawl pypistats`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from packaging.utils import InvalidName, canonicalize_name

from pyfcrawl.core.downloads import is_day
from pyfcrawl.core.profiles import Profile
from pyfcrawl.errors import ConfigurationError
from pyfcrawl.spiders.arguments import age, check_known, choice, chosen_profiles, limit, listed

SOURCES = ("pypistats", "clickhouse", "bigquery")
_NAMES = ("profile", "target", "names", "limit", "max_age", "source", "day")


@dataclass(frozen=True, slots=True)
class Arguments:
    """What `scrapy crawl pypistats` was asked to do; names are normalised.

    `max_age` is in seconds, None when it isn't given; `day` is YYYY-MM-DD, or "" for all of them.
    """

    profiles: tuple[Profile, ...]
    names: tuple[str, ...] = ()
    limit: int | None = None
    max_age: int | None = None
    source: str = "pypistats"
    day: str = ""
    recreate: bool = False

    @property
    def in_rounds(self) -> bool:
        """Whether this run is for all packages, so that the next one may take up what it left."""
        return not (self.names or self.limit or self.day) and self.max_age is None


def parse(
    given: Mapping[str, str], profiles: Mapping[str, Profile], default_profile: str
) -> Arguments:
    """Check and read spider arguments.

    Raises ConfigurationError naming the argument, its value and what it may be.
    """
    check_known(given, _NAMES)
    return Arguments(
        profiles=chosen_profiles(given, profiles, default_profile),
        names=_packages(given),
        limit=limit(given),
        max_age=age(given, "max_age") if "max_age" in given else None,
        source=choice(given, "source", SOURCES),
        day=_day(given),
    )


def _packages(given: Mapping[str, str]) -> tuple[str, ...]:
    asked = listed(given.get("names", ""))
    if "names" in given and not asked:
        raise ConfigurationError("names= names no package; give names=a,b,c or leave it out")
    try:
        return tuple(dict.fromkeys(canonicalize_name(name, validate=True) for name in asked))
    except InvalidName as error:
        raise ConfigurationError(f"names={given['names']}: {error}") from None


def _day(given: Mapping[str, str]) -> str:
    day = given.get("day", "").strip()
    if "day" in given and not is_day(day):
        raise ConfigurationError(f"day={given['day']} is no day such as 2026-08-24")
    return day
