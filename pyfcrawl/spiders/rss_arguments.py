"""The arguments of `scrapy crawl rss`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyfcrawl.core.profiles import Profile
from pyfcrawl.errors import ConfigurationError
from pyfcrawl.spiders.arguments import age, check_known, choice, chosen_profiles, limit, yes
from pyfcrawl.spiders.pypi_arguments import RELEASES

_NAMES = ("profile", "poll", "target", "limit", "releases", "confirm_removals")


@dataclass(frozen=True, slots=True)
class Arguments:
    """What `scrapy crawl rss` was asked to do.

    `poll` is the time between two looks at the feeds in seconds, 0 for a single look; `limit` is
    how many projects are visited after a look at most; `confirm_removals` lets any number of
    packages go.
    """

    profiles: tuple[Profile, ...]
    poll: int = 0
    limit: int | None = None
    latest_only: bool = False
    recreate: bool = False
    confirm_removals: bool = False


def parse(
    given: Mapping[str, str], profiles: Mapping[str, Profile], default_profile: str
) -> Arguments:
    """Check and read spider arguments.

    Raises ConfigurationError naming the argument, its value and what it may be.
    """
    check_known(given, _NAMES)
    poll = age(given, "poll")
    if "poll" in given and poll < 1:
        raise ConfigurationError(
            f"poll={given['poll']} is no time to wait between two looks; "
            "give seconds such as 60, or leave it out for a single look"
        )
    return Arguments(
        profiles=chosen_profiles(given, profiles, default_profile),
        poll=poll,
        limit=limit(given),
        confirm_removals=yes(given, "confirm_removals"),
        latest_only=choice(given, "releases", RELEASES) == "latest",
    )
