"""GitHub's GraphQL: many repositories in one query, and what its answers mean, half ones too.

An answer may hold errors beside data: a repository that isn't there is one error with its path,
and the rest of the answer stands. Limits are told in several ways, in headers and bodies.

https://docs.github.com/en/graphql,
https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyfcrawl.core import retry_after
from pyfcrawl.core.repos import Repository
from pyfcrawl.errors import SourceError
from pyfcrawl.sources.forges import (
    NOTHING,
    address,
    count,
    decode,
    flag,
    license_id,
    moment,
    required,
    sound,
    within,
)

#: Repositories of one query: more of them run into GitHub's limits for a single one.
MOST = 50

#: What GitHub's documentation asks to wait when a limit is told without a time.
_MINUTE = 60.0

_FRAGMENT = """
fragment facts on Repository {
  nameWithOwner url stargazerCount forkCount pushedAt isArchived
  watchers { totalCount }
  issues(states: OPEN) { totalCount }
  licenseInfo { spdxId }
}
"""

_LIMITED = ("RATE_LIMITED", "RATE_LIMIT")
_MISSING = frozenset({"NOT_FOUND"})
_REFUSED = frozenset({"FORBIDDEN"})
_LIMIT_WORDS = ("rate limit", "abuse detection")


def graphql_url(root: str) -> str:
    """Where queries go."""
    return f"{root}/graphql"


def query(repositories: Sequence[Repository]) -> bytes:
    """The body of the POST that asks about these; the answer names them r0, r1 ..."""
    asked = "\n".join(
        f"  r{place}: repository(owner: {json.dumps(each.owner)}, name: {json.dumps(each.name)})"
        " { ...facts }"
        for place, each in enumerate(repositories)
    )
    limit = "  rateLimit { cost remaining resetAt }"
    return json.dumps({"query": f"query {{\n{limit}\n{asked}\n}}{_FRAGMENT}"}).encode()


@dataclass(slots=True)
class Answers:
    """What a query's answer says of the repositories asked about, by their keys.

    `found` holds their facts, `missing` those that are not there, `refused` those that may not be
    read, `silent` those that an answer without any error has nothing about. `undecided` are all
    others, to be asked again in smaller queries, `reason` saying why.
    `limited`: the query was refused because of a limit, which ends at `reset` (Unix seconds) if
    that is known.
    """

    found: dict[str, dict[str, Any]] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    undecided: list[Repository] = field(default_factory=list)
    reason: str = ""
    limited: bool = False
    reset: int | None = None


def read_answers(body: bytes, repositories: Sequence[Repository]) -> Answers:
    """Sort an answer to `query(repositories)`. Raises SourceError when it is no GraphQL answer."""
    payload = decode(body)
    if not isinstance(payload, dict) or not ("data" in payload or "errors" in payload):
        raise SourceError("junk instead of a GraphQL answer")
    data = payload.get("data")
    nodes = data if isinstance(data, dict) else {}
    errors = _errors(payload.get("errors"))
    answers = Answers(reset=_reset(nodes.get("rateLimit")))
    answers.limited = any(_is_limit(error) for error in errors)
    missing, refused = _places(errors, _MISSING), _places(errors, _REFUSED)
    for place, repository in enumerate(repositories):
        alias = f"r{place}"
        node = nodes.get(alias)
        facts = _facts(node) if isinstance(node, dict) else None
        if facts is not None:
            answers.found[repository.key] = facts
        elif node is None and alias in missing:
            answers.missing.add(repository.key)
        elif node is None and alias in refused:
            answers.refused.add(repository.key)
        elif node is None and alias in nodes and not errors:
            answers.silent.add(repository.key)
        else:
            answers.undecided.append(repository)
    if answers.undecided:
        answers.reason = _first_message(errors) or "an answer without the repository"
    return answers


def _errors(value: Any) -> list[dict[str, Any]]:
    entries = value if isinstance(value, list) else []
    return [each for each in entries if isinstance(each, dict)]


def _places(errors: Sequence[Mapping[str, Any]], types: frozenset[str]) -> set[str]:
    """The names of the repositories that errors of these types are about."""
    paths = [error.get("path") for error in errors if _type(error) in types]
    return {str(path[0]) for path in paths if isinstance(path, list) and path}


def _type(error: Mapping[str, Any]) -> str:
    """What kind of error it is; proxies keep it where the specification has it, in extensions."""
    return str(error.get("type") or within(error, "extensions", "type"))


def _is_limit(error: Mapping[str, Any]) -> bool:
    words = str(error.get("message")).lower()
    return _type(error) in _LIMITED or any(each in words for each in _LIMIT_WORDS)


def _first_message(errors: Sequence[Mapping[str, Any]]) -> str:
    others = (error for error in errors if _type(error) not in _MISSING)
    messages = (error.get("message") for error in others)
    text = next((each for each in messages if isinstance(each, str) and each), "")
    return " ".join(text.split())[:200]


def _reset(limit: Any) -> int | None:
    return moment(limit.get("resetAt")) if isinstance(limit, dict) else None


def _facts(node: Mapping[str, Any]) -> dict[str, Any] | None:
    """A repository's facts, None when the node can't be one."""
    try:
        facts = {
            **NOTHING,
            "github_stars": required(count, node.get("stargazerCount")),
            "github_watchers": sound(count, within(node, "watchers", "totalCount")),
            "github_forks": sound(count, node.get("forkCount")),
            "github_open_issues": sound(count, within(node, "issues", "totalCount")),
            "github_updated": sound(moment, node.get("pushedAt")),
            "github_archived": sound(flag, node.get("isArchived")),
            "github_license": license_id(within(node, "licenseInfo", "spdxId")),
            "github_url": required(address, node.get("url")),
        }
    except SourceError:
        return None
    return facts


def limit_wait(
    status: int, headers: Mapping[str, str], body: bytes, now: float, reset: int | None = None
) -> float | None:
    """Seconds to wait when an answer says that a limit is reached; None when it says nothing so.

    `headers` with names in lower case. `reset`: what a GraphQL answer itself says; with a status
    of 200 only such an answer is asked about. A 403 may mean anything: it counts only with a
    Retry-After, nothing remaining, or words that say so. Codeberg and GitLab answer 429, GitLab
    with the same headers under shorter names.
    """
    if status not in (200, 403, 429):
        return None
    asked = retry_after.seconds(headers.get("retry-after"), now)
    if asked is not None:
        return max(asked, 1.0)
    left = _header(headers, "remaining")
    until = _header(headers, "reset")
    until = reset if until is None else until
    used_up = left == 0 or (left is None and status == 200)
    if used_up and until is not None:
        return max(until - now, 0.0) + 1
    words = body[:10_000].decode("utf-8", "replace").lower()
    if used_up or status in (200, 429) or any(each in words for each in _LIMIT_WORDS):
        return _MINUTE
    return None


def remaining(headers: Mapping[str, str]) -> int | None:
    """Requests left before the limit, where an answer's headers say it."""
    return _header(headers, "remaining")


def _header(headers: Mapping[str, str], name: str) -> int | None:
    for prefix in ("x-ratelimit-", "ratelimit-"):
        text = headers.get(prefix + name, "").strip()
        if text.isascii() and text.isdigit() and len(text) < 16:
            return int(text)
    return None
