"""Spider arguments (`-a name=value`): text in, checked values out; the pieces that spiders share.

Every spider has a frozen dataclass of its own arguments with at least `profiles` and `recreate`,
put together from these. All raise ConfigurationError naming the argument, its value and what it
may be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pyfcrawl.core import profiles as known_profiles
from pyfcrawl.core.ages import seconds
from pyfcrawl.core.profiles import COLLECTION_NAME, COLLECTION_NAME_RULE, Profile
from pyfcrawl.errors import ConfigurationError

_YES = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


def check_known(given: Mapping[str, str], names: Sequence[str]) -> None:
    """Refuse an argument that is not one of `names`."""
    for name in given:
        # scrapyd gives its jobs arguments of its own, such as _job.
        if name not in names and not name.startswith("_"):
            raise ConfigurationError(
                f"argument {name}={given[name]} is not known; there are {', '.join(names)}"
            )


def chosen_profiles(
    given: Mapping[str, str], profiles: Mapping[str, Profile], default: str
) -> tuple[Profile, ...]:
    """The profiles of `profile=` (several with commas), else the default one.

    `target=` puts another collection in the place of the one profile's own.
    """
    target = target_collection(given)
    chosen = known_profiles.select(profiles, given.get("profile", default))
    if not target:
        return tuple(chosen)
    if len(chosen) != 1:
        raise ConfigurationError(f"target={target} takes one profile, not {len(chosen)}")
    return (replace(chosen[0], collection=target),)


def target_collection(given: Mapping[str, str]) -> str:
    """The collection named by `target=`, "" without one."""
    target = given.get("target", "").strip()
    if "target" in given and not COLLECTION_NAME.fullmatch(target):
        raise ConfigurationError(f"target={target!r} is no collection name; {COLLECTION_NAME_RULE}")
    return target


def listed(text: str) -> list[str]:
    """What stands between commas, blanks and empty parts left out."""
    return [part for each in text.split(",") if (part := each.strip())]


def choice(given: Mapping[str, str], name: str, choices: Sequence[str]) -> str:
    """One of `choices`, in any case; the first when it is not given."""
    value = given.get(name, choices[0]).strip().lower()
    if value not in choices:
        raise ConfigurationError(f"{name}={given[name]} is not one of {', '.join(choices)}")
    return value


def yes(given: Mapping[str, str], name: str, default: str = "no") -> bool:
    """Yes or no."""
    value = given.get(name, default).strip().lower()
    if value not in _YES:
        raise ConfigurationError(f"{name}={given[name]} is neither yes nor no")
    return _YES[value]


def limit(given: Mapping[str, str]) -> int | None:
    """`limit=N`, None without it."""
    if "limit" not in given:
        return None
    text = given["limit"].strip()
    if not (text.isascii() and text.isdigit() and len(text) < 19 and int(text) > 0):
        raise ConfigurationError(f"limit={given['limit']} is not a whole number over 0")
    return int(text)


def age(given: Mapping[str, str], name: str, default: str = "0") -> int:
    """A span of time such as `7d`, `12h`, `30m`, `90s` or `90`, in seconds."""
    found = seconds(given.get(name, default))
    if found is None:
        raise ConfigurationError(
            f"{name}={given[name]} is no span of time such as 7d, 12h, 30m or 90 (seconds)"
        )
    return found
