"""The arguments of `scrapy crawl pypi`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from packaging.utils import InvalidName, canonicalize_name

from pyfcrawl.core.profiles import Profile
from pyfcrawl.errors import ConfigurationError
from pyfcrawl.spiders.arguments import (
    check_known,
    choice,
    chosen_profiles,
    limit,
    listed,
    target_collection,
    yes,
)

MODES = ("sync", "full", "refresh")
RELEASES = ("all", "latest")
#: Who may be asked for names in the place of the registry.
DISCOVERIES = ("clickhouse", "bigquery")
_NAMES = (
    "profile",
    "mode",
    "names",
    "quickstart",
    "match",
    "classifiers",
    "target",
    "filter",
    "limit",
    "releases",
    "recreate",
    "discovery",
    "confirm_removals",
)

#: Arguments with which a run doesn't see the whole registry.
_PARTIAL = ("mode", "names", "quickstart", "match", "limit", "filter", "discovery")


@dataclass(frozen=True, slots=True)
class Arguments:
    """What `scrapy crawl pypi` was asked to do; names are normalised.

    `recreate` builds a new version of each collection beside the one that serves. `discovery`
    names who else than the registry is asked which projects there are. `confirm_removals` lets
    any number of packages go. `on_the_spot` tells that the profile is none of PROFILES_FILE.
    """

    profiles: tuple[Profile, ...]
    mode: str = "sync"
    names: tuple[str, ...] = ()
    match: str = ""
    filter: bool = True
    limit: int | None = None
    latest_only: bool = False
    recreate: bool = False
    discovery: str = ""
    confirm_removals: bool = False
    on_the_spot: bool = False


def parse(
    given: Mapping[str, str], profiles: Mapping[str, Profile], default_profile: str
) -> Arguments:
    """Check and read spider arguments.

    Raises ConfigurationError naming the argument, its value and what it may be.
    """
    check_known(given, _NAMES)
    chosen = _profiles(given, profiles, default_profile)
    recreate = yes(given, "recreate")
    partial = [name for name in _PARTIAL if name in given]
    if recreate and partial:
        raise ConfigurationError(
            f"recreate=yes builds a whole collection, so it goes without {partial[0]}="
        )
    return Arguments(
        recreate=recreate,
        profiles=chosen,
        mode=choice(given, "mode", MODES),
        names=_project_names(given, chosen),
        match=given.get("match", "").strip(),
        filter=yes(given, "filter", "yes"),
        limit=limit(given),
        latest_only=choice(given, "releases", RELEASES) == "latest",
        discovery=_discovery(given),
        confirm_removals=yes(given, "confirm_removals"),
        on_the_spot="classifiers" in given,
    )


def _discovery(given: Mapping[str, str]) -> str:
    if "discovery" not in given:
        return ""
    for name in ("mode", "names", "quickstart"):
        if name in given:
            raise ConfigurationError(
                f"discovery={given['discovery']} finds the names to visit, "
                f"so it goes without {name}="
            )
    return choice(given, "discovery", DISCOVERIES)


def _profiles(
    given: Mapping[str, str], profiles: Mapping[str, Profile], default: str
) -> tuple[Profile, ...]:
    """As `chosen_profiles`; `classifiers=` with `target=` stand for a profile made on the spot."""
    if "classifiers" not in given:
        return chosen_profiles(given, profiles, default)
    target = target_collection(given)
    classifiers = tuple(listed(given["classifiers"]))
    if not classifiers or not target or "profile" in given:
        raise ConfigurationError(
            f"classifiers={given['classifiers']} needs at least one classifier and "
            "target=COLLECTION, and goes without profile="
        )
    return (Profile(name=target, classifiers=classifiers, collection=target),)


def _project_names(given: Mapping[str, str], profiles: Iterable[Profile]) -> tuple[str, ...]:
    """The projects asked for by name, normalised; `quickstart=yes` adds the profiles' own."""
    asked = listed(given.get("names", ""))
    if "names" in given and not asked:
        raise ConfigurationError("names= names no project; give names=a,b,c or leave it out")
    if yes(given, "quickstart"):
        for profile in profiles:
            if not profile.quickstart:
                raise ConfigurationError(
                    f"quickstart=yes: profile {profile.name} lists no quickstart names"
                )
            asked += profile.quickstart
    try:
        return tuple(dict.fromkeys(canonicalize_name(name, validate=True) for name in asked))
    except InvalidName as error:
        raise ConfigurationError(f"names={given.get('names')}: {error}") from None
