"""The stand-in's repository hosts: GitHub (GraphQL and REST), GitLab and Codeberg.

Queries are carried out by graphql-core against a part of GitHub's schema, so any query that
GitHub would understand is answered, and one that it wouldn't is an error here too.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any
from urllib.parse import unquote

from graphql import build_schema, graphql_sync, parse

from tests.standin.faults import Answer

SCHEMA = build_schema(
    """
    scalar URI
    scalar DateTime
    enum IssueState { OPEN CLOSED }
    type Counted { totalCount: Int! }
    type License { spdxId: String name: String! }
    type RateLimit { cost: Int! remaining: Int! resetAt: DateTime! limit: Int! }
    type Repository {
      name: String!  nameWithOwner: String!  url: URI!  stargazerCount: Int!  forkCount: Int!
      pushedAt: DateTime  updatedAt: DateTime!  isArchived: Boolean!
      watchers(first: Int): Counted!
      issues(states: [IssueState!], first: Int): Counted!
      licenseInfo: License
    }
    type Query {
      rateLimit(dryRun: Boolean): RateLimit
      repository(owner: String!, name: String!, followRenames: Boolean = true): Repository
    }
    """
)

_HOSTS = {"github": "github.com", "gitlab": "gitlab.com", "codeberg": "codeberg.org"}


class Forges:
    """Repositories by host and path; every public method is an operation for tests."""

    def __init__(self) -> None:
        self.mount = "github"
        self._repos: dict[tuple[str, str], dict[str, Any]] = {}
        self._renamed: dict[tuple[str, str], str] = {}
        self._token = ""
        self._most = 1000
        self._too_much = "502"
        self._left: dict[str, int] = {}
        self._reset_at = 0.0
        self._secondary: list[dict[str, Any]] = []
        self._forbidden: set[str] = set()
        self._silent: set[str] = set()
        self._failing: dict[str, int] = {}
        self._counts: Counter[str] = Counter()
        self._sizes: list[int] = []

    # --- operations ---------------------------------------------------------------------------

    def add(self, path: str, host: str = "github", **fields: Any) -> None:
        """A repository; fields stars, watchers, forks, issues, pulls, pushed (Unix seconds),
        archived, license (SPDX), contributors (number of them)."""
        number = len(self._repos) + 1
        self._repos[host, path.lower()] = {
            "number": number,
            "path": path,
            "stars": 10 * number,
            "watchers": number,
            "forks": 3 * number,
            "issues": number % 7,
            "pulls": 2,
            "closed": 50,
            "pushed": 1_780_000_000 - 86_400 * number,
            "archived": False,
            "license": "GPL-2.0-only",
            "contributors": 7,
        } | fields

    def add_many(self, paths: list[str], **fields: Any) -> None:
        """`add` each at GitHub."""
        for path in paths:
            self.add(path, **fields)

    def change(self, path: str, host: str = "github", **fields: Any) -> None:
        """Other values for some fields."""
        self._repos[host, path.lower()].update(fields)

    def remove(self, path: str, host: str = "github") -> None:
        """404 from now on."""
        del self._repos[host, path.lower()]

    def rename(self, old: str, new: str, host: str = "github") -> None:
        """Move a repository; the old path leads to the new one."""
        repo = self._repos.pop((host, old.lower()))
        self._repos[host, new.lower()] = repo | {"path": new}
        self._renamed[host, old.lower()] = new.lower()

    def require_token(self, token: str) -> None:
        """Refuse any other token with 401."""
        self._token = token

    def too_much_from(self, size: int, how: str = "502") -> None:
        """Queries for more than `size` repositories fail: `502`, `timeout` (200, data null) or
        `partial` (200, what is too much is null)."""
        self._most, self._too_much = size, how

    def limit(self, left: int, reset_in: float = 3600, of: str = "core") -> None:
        """`left` requests until the limit (`core` or `graphql`), which ends `reset_in` s from now;
        then there are 5000."""
        self._left[of] = left
        self._reset_at = time.time() + reset_in

    def secondary(
        self, times: int, status: int = 403, retry_after: int | None = None, words: bool = True
    ) -> None:
        """The next requests meet the secondary limit; without retry_after only the body says so,
        and without words nothing does."""
        how = {"status": status, "retry_after": retry_after, "words": words}
        self._secondary += [how] * times

    def limited_query(self, times: int) -> None:
        """The next queries are answered 200 with RATE_LIMITED, the limit ending in a second."""
        self._secondary += [{"status": 200}] * times

    def forbid(self, path: str) -> None:
        """GraphQL answers FORBIDDEN for it."""
        self._forbidden.add(path.lower())

    def silence(self, path: str) -> None:
        """GraphQL answers null for it, without an error."""
        self._silent.add(path.lower())

    def fail_contributors(self, path: str, status: int) -> None:
        """Contributors of this repository are answered so."""
        self._failing[path.lower()] = status

    def counts(self) -> dict[str, int]:
        """graphql, asked (repositories in queries), repository, contributors, unchanged (304)."""
        return dict(self._counts)

    def sizes(self) -> list[int]:
        """How many repositories each query asked for, in order."""
        return self._sizes

    def forget(self) -> None:
        """Begin counting anew."""
        self._counts.clear()
        self._sizes.clear()

    def facts(self, path: str, host: str = "github") -> dict[str, Any]:
        """The truth, as document fields."""
        repo = self._find(host, path)
        if repo is None:
            return {}
        facts = {
            "github_stars": repo["stars"],
            "github_forks": repo["forks"],
            "github_open_issues": repo["issues"],
            "github_updated": repo["pushed"],
            "github_archived": repo["archived"],
            "github_url": self._url(host, repo),
        }
        if host != "github":
            return facts
        return facts | {
            "github_watchers": repo["watchers"],
            "github_license": repo["license"],
            "contributors": [
                {key: each[key] for key in ("avatar_url", "contributions")}
                | {"username": each["login"]}
                for each in self._people(repo)[:5]
            ],
        }

    # --- answers ------------------------------------------------------------------------------

    def answer(self, method: str, path: str, head: bytes, body: bytes) -> Answer:
        """The answer to a request under the present mount."""
        bare, _, query = path.partition("?")
        parts = [unquote(part) for part in bare.strip("/").split("/")]
        if self.mount != "github":
            return self._other(parts)
        bearer = f"\r\nauthorization: bearer {self._token}".lower().encode()
        if self._token and b"\r\nauthorization:" in head and bearer not in head:
            return _json({"message": "Bad credentials"}, 401)
        if self._secondary:
            return self._refuse(self._secondary.pop(0))
        if parts == ["graphql"]:
            return self._graphql(method, head, body)
        return self._rest(parts, query, head)

    def _refuse(self, how: Mapping[str, Any]) -> Answer:
        if how["status"] == 200:
            error = {"type": "RATE_LIMITED", "message": "API rate limit exceeded"}
            headers = self._limit_headers(0, time.time() + 1)
            return _json({"data": None, "errors": [error]}, 200, headers)
        after = how["retry_after"]
        headers = () if after is None else (("Retry-After", str(after)),)
        message = "You have exceeded a secondary rate limit. Please wait a few minutes."
        return _json({"message": message} if how["words"] else {}, how["status"], headers)

    def _spend(self, of: str, units: int = 1) -> int | None:
        """What is left after this request, None when nothing was."""
        if self._reset_at and time.time() >= self._reset_at:
            self._left.clear()
            self._reset_at = 0.0
        left = self._left.get(of, 5000)
        if left <= 0:
            return None
        self._left[of] = left - units
        return left - units

    def _limit_headers(self, left: int, until: float | None = None) -> tuple[tuple[str, str], ...]:
        reset = int(until or self._reset_at or time.time() + 3600)
        return (("X-RateLimit-Remaining", str(left)), ("X-RateLimit-Reset", str(reset)))

    # --- GraphQL ------------------------------------------------------------------------------

    def _graphql(self, method: str, head: bytes, body: bytes) -> Answer:
        if method != "POST" or b"\r\nauthorization: bearer" not in head:
            return _json({"message": "This endpoint requires you to be authenticated."}, 401)
        query = json.loads(body)["query"]
        asked = sum(
            getattr(field, "name", None) is not None and field.name.value == "repository"
            for field in parse(query).definitions[0].selection_set.selections
        )
        left = self._spend("graphql")
        if left is None:
            error = {"type": "RATE_LIMITED", "message": "API rate limit exceeded"}
            return _json({"errors": [error]}, 200, self._limit_headers(0))
        self._counts["graphql"] += 1
        self._counts["asked"] += asked
        self._sizes.append(asked)
        if asked > self._most and self._too_much != "partial":
            return self._gave_up()
        payload = self._execute(query, left)
        return _json(payload, 200, self._limit_headers(left))

    def _gave_up(self) -> Answer:
        if self._too_much == "502":
            return Answer(502, b"<html><h1>502 Bad Gateway</h1></html>", "text/html")
        message = "Something went wrong while executing your query. This may be a timeout."
        return _json({"data": None, "errors": [{"message": message}]})

    def _execute(self, query: str, left: int) -> dict[str, Any]:
        errors: list[dict[str, Any]] = []
        done = [0]

        def resolve(source: Any, info: Any, **given: Any) -> Any:
            if info.parent_type.name == "Query" and info.field_name == "repository":
                done[0] += 1
                return self._node(info.path.key, given, done[0], errors)
            if info.parent_type.name == "Query":
                reset = datetime.fromtimestamp(self._reset_at or time.time() + 3600, UTC)
                at = reset.strftime("%Y-%m-%dT%H:%M:%SZ")
                return {"cost": 1, "remaining": left, "limit": 5000, "resetAt": at}
            value = source[info.field_name]
            return value(**given) if callable(value) else value

        result = graphql_sync(SCHEMA, query, field_resolver=resolve)
        errors += [{"message": error.message} for error in result.errors or ()]
        return {"data": result.data} | ({"errors": errors} if errors else {})

    def _node(
        self, alias: Any, given: Mapping[str, Any], nth: int, errors: list[dict[str, Any]]
    ) -> dict[str, Any] | None:
        path = f"{given['owner']}/{given['name']}"
        if nth > self._most:
            error = {"type": "RESOURCE_LIMITS_EXCEEDED", "message": "Resource limits exceeded"}
            errors.append(error | {"path": [alias]})
            return None
        if path.lower() in self._forbidden:
            errors.append({"type": "FORBIDDEN", "path": [alias], "message": "IP allow list"})
            return None
        if path.lower() in self._silent:
            return None
        repo = self._find("github", path)
        if repo is None:
            message = f"Could not resolve to a Repository with the name '{path}'."
            errors.append({"type": "NOT_FOUND", "path": [alias], "message": message})
            return None
        return self._fields(repo)

    def _fields(self, repo: Mapping[str, Any]) -> dict[str, Any]:
        def issues(states: list[str] | None = None, first: int | None = None) -> dict[str, int]:
            counted = {"OPEN": repo["issues"], "CLOSED": repo["closed"]}
            return {"totalCount": sum(counted[each] for each in states or counted)}

        return {
            "name": repo["path"].partition("/")[2],
            "nameWithOwner": repo["path"],
            "url": self._url("github", repo),
            "stargazerCount": repo["stars"],
            "forkCount": repo["forks"],
            "pushedAt": _iso(repo["pushed"]),
            "updatedAt": _iso(repo["pushed"] + 1000),
            "isArchived": repo["archived"],
            "watchers": {"totalCount": repo["watchers"]},
            "issues": issues,
            "licenseInfo": repo["license"] and {"spdxId": repo["license"], "name": "License"},
        }

    # --- REST ---------------------------------------------------------------------------------

    def _rest(self, parts: list[str], query: str, head: bytes) -> Answer:
        if parts[:1] == ["repositories"]:
            repo = next((r for r in self._repos.values() if str(r["number"]) == parts[1]), None)
        elif parts[:1] == ["repos"] and len(parts) >= 3:
            repo = self._find("github", "/".join(parts[1:3]), follow=False)
        else:
            return _json({"message": "Not Found"}, 404)
        wants_people = parts[-1] == "contributors" and len(parts) > 2
        self._counts["contributors" if wants_people else "repository"] += 1
        if repo is None:
            answer = self._moved("/".join(parts[1:3]), wants_people)
        else:
            answer = self._contributors(repo, query) if wants_people else self._repository(repo)
        if answer.etag and f"\r\nif-none-match: {answer.etag}".lower().encode() in head:
            self._counts["unchanged"] += 1
            return Answer(304, etag=answer.etag, headers=self._limit_headers(self._now("core")))
        left = self._spend("core")
        if left is None:
            message = "API rate limit exceeded for 127.0.0.1."
            return _json({"message": message}, 403, self._limit_headers(0))
        headers = (*answer.headers, *self._limit_headers(left))
        return Answer(answer.status, answer.body, answer.type, headers, answer.etag)

    def _now(self, of: str) -> int:
        return self._left.get(of, 5000)

    def _moved(self, path: str, wants_people: bool) -> Answer:
        repo = self._find("github", path)
        if repo is None:
            return _json({"message": "Not Found"}, 404)
        tail = "/contributors?per_page=5" if wants_people else ""
        where = f"/github/repositories/{repo['number']}{tail}"
        return Answer(301, b"{}", headers=(("Location", where),))

    def _repository(self, repo: Mapping[str, Any]) -> Answer:
        return _validated(
            {
                "id": repo["number"],
                "full_name": repo["path"],
                "html_url": self._url("github", repo),
                "stargazers_count": repo["stars"],
                "watchers_count": repo["stars"],
                "subscribers_count": repo["watchers"],
                "forks_count": repo["forks"],
                "open_issues_count": repo["issues"] + repo["pulls"],
                "pushed_at": _iso(repo["pushed"]),
                "updated_at": _iso(repo["pushed"] + 1000),
                "archived": repo["archived"],
                "license": repo["license"] and {"spdx_id": repo["license"]},
            }
        )

    def _contributors(self, repo: Mapping[str, Any], query: str) -> Answer:
        status = self._failing.get(repo["path"].lower())
        if status:
            return _json({"message": "The history or contributor list is too large"}, status)
        size = int(dict(pair.split("=") for pair in query.split("&") if pair).get("per_page", 30))
        people = self._people(repo)[:size]
        return _validated(people) if people else Answer(204)

    def _people(self, repo: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [
            {
                "login": f"dev{number}-of-{repo['number']}",
                "avatar_url": f"https://avatars.example/{repo['number']}/{number}",
                "contributions": 100 - number,
                "type": "User",
            }
            for number in range(repo["contributors"])
        ]

    # --- the others ---------------------------------------------------------------------------

    def _other(self, parts: list[str]) -> Answer:
        self._counts[self.mount] += 1
        at = {"gitlab": "projects", "codeberg": "repos"}[self.mount]
        repo = self._find(self.mount, "/".join(parts[1:])) if parts[0] == at else None
        if repo is None:
            return _json({"message": "404 Project Not Found"}, 404)
        url, activity = self._url(self.mount, repo), _iso(repo["pushed"])
        common = {
            "id": repo["number"],
            "forks_count": repo["forks"],
            "open_issues_count": repo["issues"],
            "archived": repo["archived"],
        }
        if self.mount == "gitlab":
            own = {"star_count": repo["stars"], "web_url": url, "last_activity_at": activity}
        else:
            own = {"stars_count": repo["stars"], "html_url": url, "updated_at": activity}
        return _validated(common | own)

    def _find(self, host: str, path: str, follow: bool = True) -> dict[str, Any] | None:
        key = (host, path.lower())
        while follow and key in self._renamed and key not in self._repos:
            key = (host, self._renamed[key])
        return self._repos.get(key)

    @staticmethod
    def _url(host: str, repo: Mapping[str, Any]) -> str:
        return f"https://{_HOSTS[host]}/{repo['path']}"


def _iso(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(payload: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    return Answer(status, json.dumps(payload).encode(), headers=headers)


def _validated(payload: Any) -> Answer:
    body = json.dumps(payload).encode()
    return Answer(200, body, etag=f'W/"{blake2b(body, digest_size=12).hexdigest()}"')
