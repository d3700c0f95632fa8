"""The subcommands of `scrapy manage` for a Typesense server: keys, synonyms and pinned packages."""

from __future__ import annotations

import argparse
import re
import time
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pyfcrawl.commands import output
from pyfcrawl.commands.frame import Target
from pyfcrawl.commands.manage_frame import Action, Manager, say
from pyfcrawl.core.profiles import Profile
from pyfcrawl.errors import ConfigurationError
from pyfcrawl.stores.server import apply_profile, is_server, open_admin

if TYPE_CHECKING:
    from pyfcrawl.stores.typesense_admin import TypesenseAdmin

_SPAN = re.compile(r"([0-9]{1,6})([hdwy])")
_HOURS = {"h": 1, "d": 24, "w": 7 * 24, "y": 365 * 24}
#: From here on Typesense says "never".
_NEVER = 64_000_000_000


def expiry(text: str, now: int) -> int:
    """The Unix time that `30d`, `12h`, `2w`, `1y` from now, or the end of a day, stands for.

    Raises ConfigurationError.
    """
    span = _SPAN.fullmatch(text.strip())
    try:
        if span:
            moment = datetime.fromtimestamp(now, UTC) + timedelta(
                hours=int(span[1]) * _HOURS[span[2]]
            )
        else:
            day = datetime.strptime(text.strip(), "%Y-%m-%d")
            moment = day.replace(tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f"--expires {text[:80]!r} is no time: give a span such as 30d, 12h, 2w, 1y or a date"
            " such as 2030-12-31"
        ) from None
    if moment.timestamp() <= now:
        raise ConfigurationError(f"--expires {text[:80]!r} is past: give a time to come")
    return int(moment.timestamp())


def _admin(command: Manager, what: str) -> closing[TypesenseAdmin]:
    return closing(open_admin(command.address, what))


# --- keys --------------------------------------------------------------------------------------


def _keys_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON")


def _keys(command: Manager, opts: argparse.Namespace) -> int:
    with _admin(command, "keys") as admin:
        found = admin.list_keys()
    if opts.json:
        output.show_json([asdict(each) for each in found], indent=2)
    elif found:
        rows = [
            (
                str(each.id),
                f"{output.plain(each.prefix)}...",
                output.plain(", ".join(each.actions)),
                output.plain(", ".join(each.collections)),
                _until(each.expires),
                output.plain(each.description),
            )
            for each in found
        ]
        headings = ("Id", "Key", "May", "In", "Until", "Description")
        output.show(output.table(headings, rows, right=("Id",), widest={"May": 24, "In": 24}))
    else:
        say("No keys but the one the server was started with.")
    return 0


def _until(expires: int) -> str:
    return "" if expires >= _NEVER else output.day(expires)


def _add_key_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--value", metavar="KEY", help="the key itself, 16 characters or more (default: random)"
    )
    parser.add_argument(
        "--expires",
        metavar="WHEN",
        help="after a span such as 12h, 30d, 2w or 1y, or with a day such as 2030-12-31"
        " (default: never)",
    )


def _add_key(command: Manager, opts: argparse.Namespace) -> int:
    expires = None if opts.expires is None else expiry(opts.expires, int(time.time()))
    with _admin(command, "add-key") as admin:
        target = command.target(opts)
        command.found(target)
        key, secret = admin.add_key([target.collection], value=opts.value, expires=expires)
    until = f" until {output.moment(expires)}" if expires else ""
    say(f"Key {key.id} may search {target.collection}{until}, and nothing else.")
    say("It is shown this once:")
    say(secret)
    return 0


def _delete_key_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("key", metavar="ID", type=int, help="its id, as scrapy manage keys lists")


def _delete_key(command: Manager, opts: argparse.Namespace) -> int:
    with _admin(command, "delete-key") as admin:
        if not admin.delete_key(opts.key):
            raise ConfigurationError(f"there is no key {opts.key}: see scrapy manage keys")
    say(f"Key {opts.key} is deleted")
    return 0


# --- search ------------------------------------------------------------------------------------


def furnish(command: Manager, target: Target, collection: str) -> None:
    """Give a collection the synonyms and pins of the profile it is for, if there is one."""
    if is_server(command.address):
        profile = _profile_of(command, target)
        if profile is not None:
            _apply(command, profile, collection)


def _profile_of(command: Manager, target: Target) -> Profile | None:
    """The profile whose documents are in the collection."""
    if target.profile is not None:
        return target.profile
    meant = command.found(target)
    with command.open_index() as reader:
        for each in command.profiles().values():
            if reader.collection(each.collection) == meant:
                return each
    return None


def _apply(command: Manager, profile: Profile, collection: str) -> None:
    for name in apply_profile(command.address, collection, profile):
        say(f"{name} is pinned in profile {profile.name}, but not in {collection}")


def _apply_search(command: Manager, opts: argparse.Namespace) -> int:
    with _admin(command, "apply-search"):  # tells of an index that can't
        target = command.target(opts)
    info = command.found(target)
    profile = _profile_of(command, target)
    if profile is None:
        raise ConfigurationError(f"-t {target.collection}: no profile has this collection")
    _apply(command, profile, info.name)
    say(
        f"{info.name} has {output.count(len(profile.synonyms), 'group')} of synonyms and pinned"
        f" packages for {output.count(len(profile.pinned), 'query', 'queries')}"
    )
    return 0


# --- backup ------------------------------------------------------------------------------------


def server_snapshot(command: Manager, path: str | None) -> int:
    """Have the server copy its data to a directory of its own."""
    if not path:
        raise ConfigurationError("snapshot needs a PATH: a directory on the Typesense server")
    with _admin(command, "snapshot") as admin:
        admin.snapshot(path)
    say(f"{path}, on the server, holds its data as they are now")
    return 0


ACTIONS = (
    Action(
        "keys",
        "list keys (Typesense)",
        "List the server's keys: the beginning of each, what it may do and where.",
        ("scrapy manage keys", "scrapy manage keys --json"),
        _keys,
        _keys_options,
    ),
    Action(
        "add-key",
        "make a key that may only search (Typesense)",
        "Make a key that may search one collection and nothing else, for browsers. It is shown"
        " this once.",
        (
            "scrapy manage add-key -p plone --expires 1y",
            "scrapy manage add-key -t packages",
        ),
        _add_key,
        _add_key_options,
        targeted=True,
    ),
    Action(
        "delete-key",
        "delete a key (Typesense)",
        "Delete a key: whoever uses it is refused from now on.",
        ("scrapy manage delete-key 5",),
        _delete_key,
        _delete_key_options,
    ),
    Action(
        "apply-search",
        "apply a profile's synonyms and pinned packages (Typesense)",
        "Give a profile's collection the synonyms and pinned packages of its `search:` block in"
        " profiles.yaml, in place of those it has.",
        ("scrapy manage apply-search -p plone",),
        _apply_search,
        targeted=True,
    ),
)
