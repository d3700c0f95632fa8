"""Which repository a link leads to, in every form people write it.

The same repository stands in metadata as a web page of any depth, a clone address, what pip or npm
install from, or a line copied out of a README. Here each becomes host, owner and name, or the
reason why it is none. Nothing here raises, whatever it is given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from pyfcrawl.core.links import DOCUMENTATION, HOMEPAGE, REPOSITORY, TRACKER, labels_of

Kind = Literal["github", "gitlab", "codeberg"]

#: Why a text names no repository that could be looked up.
Reason = Literal["no_repo_url", "malformed_identifier"]

NO_REPO_URL: Reason = "no_repo_url"
MALFORMED: Reason = "malformed_identifier"

#: Where repositories of each kind are, unless settings name further hosts.
HOSTS: Mapping[str, Kind] = MappingProxyType(
    {"github.com": "github", "gitlab.com": "gitlab", "codeberg.org": "codeberg"}
)

#: The document fields that may hold a link to the repository, apart from `project_urls`.
FIELDS = ("repository_url", "home_page", "docs_url", "bugtrack_url", "download_url")

#: Repositories of one package that are worth a look.
_MOST = 20
_LONGEST = 2_048

# Hosts that serve parts of repositories, with the path segments before the owner.
_GITHUB_PARTS = {
    "api.github.com": ("repos",),
    "codeload.github.com": (),
    "raw.github.com": (),
    "raw.githubusercontent.com": (),
    "ssh.github.com": (),
}
_SHORTCUTS: dict[str, str] = {
    "github": "github.com",
    "gitlab": "gitlab.com",
    "codeberg": "codeberg.org",
}

# First path segments that belong to the host and not to an owner.
_COMMON = frozenset(
    {"about", "admin", "api", "assets", "dashboard", "explore", "help", "login", "logout", "search"}
    | {"settings", "users", "-"}
)
_RESERVED: dict[Kind, frozenset[str]] = {
    "github": _COMMON
    | {"account", "apps", "blog", "codespaces", "collections", "contact", "copilot"}
    | {"customer-stories", "enterprise", "enterprises", "events", "features", "gist", "gists"}
    | {"issues", "join", "marketplace", "models", "new", "notifications", "organizations", "orgs"}
    | {"pages", "pricing", "pulls", "readme", "repositories", "security", "sessions", "signup"}
    | {"site", "sponsors", "stars", "team", "topics", "trending", "user-attachments", "watching"},
    "gitlab": _COMMON
    | {"groups", "import", "jwt", "oauth", "profile", "projects", "public", "snippets"}
    | {"unsubscribes", "uploads"},
    "codeberg": _COMMON | {"attachments", "avatars", "org", "repo", "user"},
}

# What follows a project's path at GitLab in addresses without `/-/`.
_GITLAB_PAGES = frozenset(
    {"activity", "archive", "blob", "blame", "boards", "branches", "builds", "commit", "commits"}
    | {"compare", "edit", "find_file", "forks", "graphs", "issues", "jobs", "labels"}
    | {"merge_requests", "milestones", "network", "pipelines", "project_members", "raw", "releases"}
    | {"snippets", "tags", "tree", "wikis"}
)

_WORDS = re.compile(r"[\s<>()\[\]{}\"'`|,;]+")
_SCHEMES = re.compile(r"(?:[a-z][a-z0-9+-]*:)*[/\\]*", re.IGNORECASE)
_ADDRESS = re.compile(r"(?:[^/\\?#@]*@)?([^/\\:?#@]+)(.*)", re.DOTALL)
_PORT = re.compile(r":\d+(?=[/\\:][^/\\]+[/\\].)")  # `:123/name` is an owner of that name
_SHORTCUT = re.compile(r"(?:git\+)?(github|gitlab|codeberg):(?!//)(.+)", re.IGNORECASE)
_BARE = re.compile(r"[a-z0-9][a-z0-9-]*/[\w.-]+", re.IGNORECASE | re.ASCII)
_BEHIND_NAME = re.compile(r"[@:!*&=\\].*", re.DOTALL)
_OWNER = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}", re.IGNORECASE)
_GROUP = re.compile(r"\w[\w.+ -]{0,254}")
_NAME = re.compile(r"(?!\.+$)[\w.-]{1,100}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at a host of some kind; at GitLab `owner` may be groups in groups, `a/b`."""

    kind: Kind
    host: str
    owner: str
    name: str

    @property
    def path(self) -> str:
        """`owner/name` as written."""
        return f"{self.owner}/{self.name}"

    @property
    def key(self) -> str:
        """The same for all spellings of one repository: hosts compare them without case."""
        return f"{self.host}/{self.path}".lower()

    @property
    def url(self) -> str:
        """Its web page."""
        return f"https://{self.host}/{self.path}"


def hosts_of(roots: Mapping[Kind, str]) -> Mapping[str, Kind]:
    """HOSTS and the hosts of these API roots, as those of a self-hosted GitLab.

    A host that several roots share says nothing about the kind of a link to it, so it is left out.
    """
    named: dict[str, set[Kind]] = {}
    for kind, root in roots.items():
        try:
            host = (urlsplit(root).hostname or "").removeprefix("www.")
        except ValueError:
            continue
        named.setdefault(host, set()).add(kind)
    own = {host: kinds.pop() for host, kinds in named.items() if host and len(kinds) == 1}
    return {**own, **HOSTS}


def parse(text: Any, hosts: Mapping[str, Kind] = HOSTS) -> Repository | Reason:
    """The repository that a link, a clone address or a line with one in it leads to.

    `no_repo_url`: it is no link to one of `hosts`, or one to a page that is not about a
    repository (sponsors, organisations, topics ...). `malformed_identifier`: it is meant to be
    one, but owner or name are missing or can't be.
    """
    if not isinstance(text, str) or len(text) > _LONGEST:
        return NO_REPO_URL
    words = [word for word in _WORDS.split(text) if word]
    reason: Reason = NO_REPO_URL
    for word in words:
        found = _parse_word(word, hosts, alone=len(words) == 1)
        if isinstance(found, Repository):
            return found
        if found == MALFORMED:
            reason = MALFORMED
    return reason


def candidates(release: Mapping[str, Any]) -> list[str]:
    """The texts of a release's document that may name its repository, best first.

    Its repository_url, then links labelled as source, tracker, home page, documentation or
    otherwise, then home page, documentation, tracker and download URL.
    """
    order = (*REPOSITORY, *TRACKER, *HOMEPAGE, *DOCUMENTATION)
    rank = {label: place for place, label in enumerate(order)}
    labelled = labels_of(release.get("project_urls"))
    labelled.sort(key=lambda each: rank.get(each[0], len(order)))
    texts = [release.get(FIELDS[0]), *(url for _, url in labelled)]
    texts += [release.get(field) for field in FIELDS[1:]]
    found = (text for text in texts if isinstance(text, str) and text.strip())
    return list(dict.fromkeys(found))


def url_in(release: Mapping[str, Any]) -> str | None:
    """Web page of the first repository that a release's links name, clone addresses included."""
    found = (parse(text) for text in candidates(release))
    return next((each.url for each in found if not isinstance(each, str)), None)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Where a package's repository may be: `repositories` to try in order.

    Without any, `reason` says why and `urls` which links were looked at.
    """

    repositories: tuple[Repository, ...]
    reason: Reason = NO_REPO_URL
    urls: tuple[str, ...] = ()


def of_package(
    releases: Iterable[Mapping[str, Any]], hosts: Mapping[str, Kind] = HOSTS
) -> Candidates:
    """The repositories that a package's releases (documents, newest first) name."""
    found: dict[str, Repository] = {}
    texts: dict[str, None] = {}
    reason: Reason = NO_REPO_URL
    for release in releases:
        for text in candidates(release):
            if text in texts:
                continue
            if len(texts) < _MOST * 10:
                texts[text] = None
            answer = parse(text, hosts)
            if not isinstance(answer, str):
                found.setdefault(answer.key, answer)
            elif answer == MALFORMED:
                reason = MALFORMED
    if found:
        return Candidates(tuple(found.values())[:_MOST])
    return Candidates((), reason, tuple(texts)[:_MOST])


def _parse_word(word: str, hosts: Mapping[str, Kind], alone: bool) -> Repository | Reason:
    shortcut = _SHORTCUT.fullmatch(word)
    if shortcut:
        host = _SHORTCUTS[shortcut[1].lower()]
        return _identify(HOSTS[host], host, _segments(shortcut[2]))
    if alone and _BARE.fullmatch(word) and word.lower() != "n/a":
        return _identify("github", "github.com", _segments(word))  # npm's short form
    address = _ADDRESS.fullmatch(_SCHEMES.sub("", word, count=1))
    if address is None:
        return NO_REPO_URL
    host = address[1].lower().strip(".").removeprefix("www.")
    segments = _segments(_PORT.sub("", address[2], count=1))
    if host in _GITHUB_PARTS and "github.com" in hosts:
        before = _GITHUB_PARTS[host]
        if tuple(segments[: len(before)]) != before:
            return NO_REPO_URL
        return _identify("github", "github.com", segments[len(before) :])
    kind = hosts.get(host)
    return _identify(kind, host, segments) if kind else NO_REPO_URL


def _segments(path: str) -> list[str]:
    """The path's segments, decoded, without query, fragment and empty ones."""
    bare = re.split(r"[?#]", path, maxsplit=1)[0].replace("\\", "/")
    decoded = unquote(bare, errors="replace").lstrip(":")
    return [part for each in decoded.split("/") if (part := each.strip()) not in ("", ".", "..")]


def _identify(kind: Kind, host: str, segments: list[str]) -> Repository | Reason:
    if segments and segments[0].lower().lstrip("@") in _RESERVED[kind]:
        return _identify_api(kind, host, segments)
    if kind == "gitlab":
        segments = _project_path(segments)
        owners, valid = segments[:-1], _GROUP
    else:
        owners, valid, segments = segments[:1], _OWNER, segments[:2]
    name = _clean_name(segments[-1]) if len(segments) > 1 else ""
    if not owners or not _NAME.fullmatch(name) or not all(map(valid.fullmatch, owners)):
        return MALFORMED
    return Repository(kind, host, "/".join(owners), name)


def _identify_api(kind: Kind, host: str, segments: list[str]) -> Repository | Reason:
    """Addresses of the host's own; Codeberg's API has its repositories there."""
    if kind == "codeberg" and [each.lower() for each in segments[:3]] == ["api", "v1", "repos"]:
        return _identify(kind, host, segments[3:])
    return NO_REPO_URL


def _project_path(segments: list[str]) -> list[str]:
    """The part of a GitLab address that names the project: groups nest to any depth."""
    for place, segment in enumerate(segments):
        if segment == "-" or (place >= 2 and segment.lower() in _GITLAB_PAGES):
            return segments[:place]
        if place and segment.lower().endswith(".git"):
            return segments[: place + 1]
    return segments


def _clean_name(name: str) -> str:
    """The name without what pip, git and sentences put behind it."""
    text = _BEHIND_NAME.sub("", name).rstrip(".")
    for ending in (".git", ".wiki") if text.lower().endswith(".wiki.git") else (".git",):
        if text.lower().endswith(ending):
            text = text[: -len(ending)].rstrip(".")
    return text
