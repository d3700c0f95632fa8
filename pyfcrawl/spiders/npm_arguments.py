"""What `scrapy crawl npm` is told: its arguments, and the roots it reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scrapy.settings import BaseSettings

from pyfcrawl.core.profiles import Profile
from pyfcrawl.errors import ConfigurationError
from pyfcrawl.sources.npm import is_name
from pyfcrawl.spiders.arguments import check_known, choice, chosen_profiles, limit, listed, yes

MODES = ("sync", "full", "refresh")
_NAMES = ("profile", "mode", "names", "match", "target", "limit", "confirm_removals")


@dataclass(frozen=True, slots=True)
class Arguments:
    """What `scrapy crawl npm` was asked to do.

    `profiles` are those with keywords or scopes on npm, `names` as npm writes them;
    `confirm_removals` lets any number of packages go.
    """

    profiles: tuple[Profile, ...]
    mode: str = "sync"
    names: tuple[str, ...] = ()
    match: str = ""
    limit: int | None = None
    recreate: bool = False
    confirm_removals: bool = False


@dataclass(frozen=True, slots=True)
class Roots:
    """Where everything is: registry, download counts, files of packages and lists of them."""

    npm: str
    downloads: str
    cdn: str
    data: str

    @classmethod
    def of(cls, settings: BaseSettings) -> Roots:
        """As the settings say."""
        names = ("NPM_ROOT", "NPM_DOWNLOADS_ROOT", "JSDELIVR_CDN_ROOT", "JSDELIVR_DATA_ROOT")
        return cls(*(settings[name].rstrip("/") for name in names))


def parse(
    given: Mapping[str, str], profiles: Mapping[str, Profile], default_profile: str
) -> Arguments:
    """Check and read spider arguments.

    Raises ConfigurationError naming the argument, its value and what it may be.
    """
    check_known(given, _NAMES)
    return Arguments(
        profiles=_with_npm(chosen_profiles(given, profiles, default_profile)),
        mode=choice(given, "mode", MODES),
        names=_package_names(given),
        match=given.get("match", "").strip().lower(),
        limit=limit(given),
        confirm_removals=yes(given, "confirm_removals"),
    )


def _with_npm(chosen: tuple[Profile, ...]) -> tuple[Profile, ...]:
    kept = tuple(each for each in chosen if each.npm_keywords or each.npm_scopes)
    if not kept:
        names = ",".join(each.name for each in chosen)
        raise ConfigurationError(
            f"profile={names} has neither keywords nor scopes for npm; "
            "give it an npm: block in PROFILES_FILE"
        )
    return kept


def _package_names(given: Mapping[str, str]) -> tuple[str, ...]:
    asked = listed(given.get("names", ""))
    if "names" in given and not asked:
        raise ConfigurationError("names= names no package; give names=a,@b/c or leave it out")
    for name in asked:
        if not is_name(name):
            raise ConfigurationError(
                f"names={given['names'][:200]}: {name[:80]!r} can't be the name of a package on npm"
            )
    return tuple(dict.fromkeys(asked))
