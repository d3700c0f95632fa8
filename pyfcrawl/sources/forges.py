"""Repository hosts by REST: addresses, and what GitHub, GitLab and Codeberg say of a repository.

All answer with the fields that Owner.GITHUB owns (without contributors and the time of the
look-up), None for what a host doesn't tell. A payload that can't be what it claims to be raises
SourceError.

https://docs.github.com/en/rest/repos/repos, https://docs.gitlab.com/api/projects/,
https://forgejo.org/docs/latest/user/api-usage/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from pyfcrawl.core.document import Owner, is_text, owned_by
from pyfcrawl.core.links import web_address
from pyfcrawl.core.people import clean_text
from pyfcrawl.core.repos import Kind, Repository
from pyfcrawl.core.screening import JUNK
from pyfcrawl.errors import SourceError

#: Facts about a repository, all unknown.
NOTHING: Mapping[str, Any] = dict.fromkeys(
    sorted(owned_by(Owner.GITHUB) - {"contributors", "github_checked"})
)

#: What a host says of the license when it recognised none.
_NO_LICENSE = frozenset({"NOASSERTION", "NONE"})

#: Contributors that are kept of a repository.
CONTRIBUTORS = 5

_MOST = 2**62

T = TypeVar("T")


def repository_url(root: str, repository: Repository) -> str:
    """Where a host's API answers about a repository."""
    if repository.kind == "gitlab":
        return f"{root}/projects/{quote(repository.path, safe='')}"
    return f"{root}/repos/{quote(repository.owner)}/{quote(repository.name)}"


def contributors_url(root: str, repository: Repository) -> str:
    """Where GitHub lists a repository's first contributors, most contributions first."""
    return f"{repository_url(root, repository)}/contributors?per_page={CONTRIBUTORS}"


def read_repository(kind: Kind, body: bytes) -> dict[str, Any]:
    """The facts in a host's JSON about a repository. Raises SourceError when it is none."""
    payload = decode(body)
    if not isinstance(payload, dict):
        raise SourceError("junk instead of a repository's JSON")
    return {**NOTHING, **_READERS[kind](payload)}


def _github(payload: Mapping[str, Any]) -> dict[str, Any]:
    # GitHub counts pull requests among these: only none at all says how many issues there are.
    none_open = sound(count, payload.get("open_issues_count")) == 0
    return {
        "github_stars": required(count, payload.get("stargazers_count")),
        "github_watchers": sound(count, payload.get("subscribers_count")),
        "github_forks": sound(count, payload.get("forks_count")),
        "github_open_issues": 0 if none_open else None,
        "github_updated": sound(moment, payload.get("pushed_at")),
        "github_archived": sound(flag, payload.get("archived")),
        "github_license": license_id(within(payload, "license", "spdx_id")),
        "github_url": required(address, payload.get("html_url")),
    }


def _gitlab(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "github_stars": required(count, payload.get("star_count")),
        "github_forks": sound(count, payload.get("forks_count")),
        "github_open_issues": sound(count, payload.get("open_issues_count")),
        "github_updated": sound(moment, payload.get("last_activity_at")),
        "github_archived": sound(flag, payload.get("archived")),
        "github_url": required(address, payload.get("web_url")),
    }


def _codeberg(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "github_stars": required(count, payload.get("stars_count")),
        "github_forks": sound(count, payload.get("forks_count")),
        "github_open_issues": sound(count, payload.get("open_issues_count")),
        "github_updated": sound(moment, payload.get("updated_at")),
        "github_archived": sound(flag, payload.get("archived")),
        "github_url": required(address, payload.get("html_url")),
    }


_READERS: Mapping[Kind, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "github": _github,
    "gitlab": _gitlab,
    "codeberg": _codeberg,
}


def read_contributors(body: bytes) -> list[dict[str, Any]]:
    """The first contributors as {username, avatar_url, contributions}, in GitHub's order.

    Bots stay, as GitHub ranks them; an empty repository answers with no body at all. Raises
    SourceError for anything but a list.
    """
    payload = decode(body) if body.strip() else []
    if not isinstance(payload, list):
        raise SourceError("junk instead of a list of contributors")
    found = (_contributor(each) for each in payload)
    return [each for each in found if each][:CONTRIBUTORS]


def _contributor(entry: Any) -> dict[str, Any] | None:
    if not isinstance(entry, dict):
        return None
    name, number = clean_text(entry.get("login")), count(entry.get("contributions"))
    if not name or number is None:
        return None
    picture = address(entry.get("avatar_url"))
    return {"username": name, "avatar_url": picture, "contributions": number}


# --- values -------------------------------------------------------------------------------------


def decode(body: bytes) -> Any:
    """The JSON value of a body. Raises SourceError when it is none."""
    try:
        return msgspec.json.decode(body)
    except JUNK as error:
        raise SourceError(f"junk instead of JSON ({error})") from error


def required(read: Callable[[Any], T | None], value: Any) -> T:
    """What every repository has. Raises SourceError when it can't be read."""
    found = read(value)
    if found is None:
        raise SourceError(f"a repository with {ascii(value)[:80]} where all have a {read.__name__}")
    return found


def sound(read: Callable[[Any], T | None], value: Any) -> T | None:
    """None when the host says nothing; raises SourceError when it says what can't be.

    An answer that is garbled in one place is not believed in others, so that no number that was
    right is lost to it.
    """
    return None if value is None else required(read, value)


def count(value: Any) -> int | None:
    """A count, None for anything else."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value < _MOST else None


def flag(value: Any) -> bool | None:
    """Yes or no, None for anything else."""
    return value if isinstance(value, bool) else None


def moment(value: Any) -> int | None:
    """Unix seconds of an ISO time; one without a zone is UTC."""
    try:
        time = datetime.fromisoformat(value)
        return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())
    except (TypeError, ValueError, OverflowError):
        return None


def address(value: Any) -> str | None:
    """A web address that can be stored and shown, None for anything else."""
    found = web_address(value)
    return found if found and is_text(found) else None


def license_id(value: Any) -> str | None:
    """An SPDX identifier, None when the host recognised no license."""
    found = clean_text(value) if isinstance(value, str) else None
    return None if found is None or found.upper() in _NO_LICENSE else found[:100]


def within(payload: Mapping[str, Any], outer: str, inner: str) -> Any:
    """A value of an object in an object, None when there is none."""
    value = payload.get(outer)
    return value.get(inner) if isinstance(value, dict) else None
