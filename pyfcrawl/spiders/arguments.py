"""Spider arguments (`-a name=value`): text in, checked values out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from packaging.utils import InvalidName, canonicalize_name

from pyfcrawl.core import profiles as known_profiles
from pyfcrawl.core.profiles import COLLECTION_NAME, COLLECTION_NAME_RULE, Profile
from pyfcrawl.errors import ConfigurationError

MODES = ("sync", "full", "refresh")
RELEASES = ("all", "latest")
_YES = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
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
)

#: Arguments with which a run doesn't see the whole registry.
_PARTIAL = ("mode", "names", "quickstart", "match", "limit", "filter")


@dataclass(frozen=True, slots=True)
class Arguments:
    """What `scrapy crawl pypi` was asked to do; names are normalised.

    `recreate` builds a new version of each collection beside the one that serves.
    """

    profiles: tuple[Profile, ...]
    mode: str = "sync"
    names: tuple[str, ...] = ()
    match: str = ""
    filter: bool = True
    limit: int | None = None
    latest_only: bool = False
    recreate: bool = False


def parse(
    given: Mapping[str, str], profiles: Mapping[str, Profile], default_profile: str
) -> Arguments:
    """Check and read spider arguments.

    Raises ConfigurationError naming the argument, its value and what it may be.
    """
    for name in given:
        # scrapyd gives its jobs arguments of its own, such as _job.
        if name not in _NAMES and not name.startswith("_"):
            raise ConfigurationError(
                f"argument {name}={given[name]} is not known; there are {', '.join(_NAMES)}"
            )
    chosen = _profiles(given, profiles, default_profile)
    recreate = _yes(given, "recreate", "no")
    partial = [name for name in _PARTIAL if name in given]
    if recreate and partial:
        raise ConfigurationError(
            f"recreate=yes builds a whole collection, so it goes without {partial[0]}="
        )
    return Arguments(
        recreate=recreate,
        profiles=chosen,
        mode=_choice(given, "mode", MODES),
        names=_project_names(given, chosen),
        match=given.get("match", "").strip(),
        filter=_yes(given, "filter", "yes"),
        limit=_limit(given),
        latest_only=_choice(given, "releases", RELEASES) == "latest",
    )


def _profiles(
    given: Mapping[str, str], profiles: Mapping[str, Profile], default: str
) -> tuple[Profile, ...]:
    target = given.get("target", "").strip()
    if "target" in given and not COLLECTION_NAME.fullmatch(target):
        raise ConfigurationError(f"target={target!r} is no collection name; {COLLECTION_NAME_RULE}")
    classifiers = tuple(_listed(given.get("classifiers", "")))
    if "classifiers" in given:
        if not classifiers or not target or "profile" in given:
            raise ConfigurationError(
                f"classifiers={given['classifiers']} needs at least one classifier and "
                "target=COLLECTION, and goes without profile="
            )
        return (Profile(name=target, classifiers=classifiers, collection=target),)
    chosen = known_profiles.select(profiles, given.get("profile", default))
    if not target:
        return tuple(chosen)
    if len(chosen) != 1:
        raise ConfigurationError(f"target={target} takes one profile, not {len(chosen)}")
    return (replace(chosen[0], collection=target),)


def _listed(text: str) -> Iterable[str]:
    return [part for each in text.split(",") if (part := each.strip())]


def _project_names(given: Mapping[str, str], profiles: Iterable[Profile]) -> tuple[str, ...]:
    """The projects asked for by name, normalised; `quickstart=yes` adds the profiles' own."""
    asked = list(_listed(given.get("names", "")))
    if "names" in given and not asked:
        raise ConfigurationError("names= names no project; give names=a,b,c or leave it out")
    if _yes(given, "quickstart", "no"):
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


def _choice(given: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    value = given.get(name, choices[0]).strip().lower()
    if value not in choices:
        raise ConfigurationError(f"{name}={given[name]} is not one of {', '.join(choices)}")
    return value


def _yes(given: Mapping[str, str], name: str, default: str) -> bool:
    value = given.get(name, default).strip().lower()
    if value not in _YES:
        raise ConfigurationError(f"{name}={given[name]} is neither yes nor no")
    return _YES[value]


def _limit(given: Mapping[str, str]) -> int | None:
    if "limit" not in given:
        return None
    text = given["limit"].strip()
    if not (text.isascii() and text.isdigit() and len(text) < 19 and int(text) > 0):
        raise ConfigurationError(f"limit={given['limit']} is not a whole number over 0")
    return int(text)
