"""What a package's links are: home page, documentation, repository, tracker.

Authors label links as they like, and many name their own registry page or the front page of
their repository as documentation. Here a label is looked up the way PEP 753 tells registries to
(https://peps.python.org/pep-0753/), and a link counts as documentation only when it leads to some.
Only http(s) addresses are taken as links (a repository may also be one that git reads): the values
end in `href` attributes.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import SplitResult, urlsplit

from pyfcrawl.core.people import clean_text

#: Labels after PEP 753's normalisation: its well-known ones, then spellings met in the wild.
HOMEPAGE = ("homepage", "home", "website", "web", "site", "projecthomepage", "projectpage")
DOCUMENTATION = (
    *("documentation", "docs", "doc", "onlinedocumentation", "documentationsite", "docsite"),
    *("readthedocs", "rtd", "manual", "usermanual", "userguide", "guide", "apidocs"),
    *("apidocumentation", "apireference", "reference", "tutorial"),
)
REPOSITORY = (
    *("source", "repository", "sourcecode", "github", "code", "repo", "sources"),
    *("sourcerepository", "coderepository", "gitrepository", "githubrepository", "githubrepo"),
    *("git", "gitlab", "codeberg", "bitbucket", "scm", "vcs", "development", "codebase"),
)
TRACKER = (
    *("issues", "bugs", "issue", "tracker", "issuetracker", "bugtracker", "bugreports"),
    *("bugreport", "reportissues", "reportbugs", "githubissues", "issuestracker", "ticket"),
    *("tickets", "support"),
)
_OTHERS = (
    *("download", "changelog", "changes", "whatsnew", "history", "releasenotes", "releases"),
    *("funding", "sponsor", "sponsors", "donate", "donation", "twitter", "mastodon", "chat"),
    *("discord", "slack", "ci", "license"),
)
_NOT_DOCUMENTATION = frozenset(REPOSITORY + TRACKER + _OTHERS)

_LONGEST = 2_048
_PUNCTUATION = str.maketrans("", "", string.punctuation + string.whitespace)
_WEB = re.compile(r"https?://[^\s<>\"\\]+", re.IGNORECASE)
_GIT = re.compile(
    r"(?:(?:git|ssh|git\+https?|git\+ssh)://|github:|gitlab:|[\w.-]+@[\w.-]+:)[^\s<>\"\\]+",
    re.IGNORECASE,
)

_FORGES = frozenset(
    {"github.com", "gitlab.com", "codeberg.org", "bitbucket.org", "gitea.com", "gitee.com"}
    | {"git.sr.ht", "hg.sr.ht", "sr.ht", "framagit.org", "salsa.debian.org", "sourceforge.net"}
)
_GITLABS = frozenset({"gitlab.com", "framagit.org", "salsa.debian.org"})

# Paths that show the front page of a repository (or of its owner), perhaps of one branch.
_FRONT = re.compile(r"(?:/[^/]+){0,2}(?:/tree/[^/]+|/src/[^/]+|/src/branch/[^/]+)?/?")
_INSIDE = r"(?:-|blob|tree|raw|wikis|issues|merge_requests|releases|tags|commits|pipelines)(?:/|$)"
_GITLAB_REPOSITORY = rf"(?:/(?!{_INSIDE})[^/]+)*"  # groups nest to any depth
_GITLAB_FRONT = re.compile(rf"{_GITLAB_REPOSITORY}(?:/-)?(?:/tree/[^/]+)?/?")
_SOURCEFORGE_FRONT = re.compile(r"(?:/(?:projects|p)(?:/[^/]+(?:/(?:code|git|svn|files))?)?)?/?")

# First path segments on code hosts that belong to the host, not to an owner.
_NO_OWNERS = frozenset(
    {"sponsors", "orgs", "organizations", "users", "apps", "marketplace", "topics", "search"}
    | {"features", "about", "login", "settings", "explore", "groups", "collections", "stars"}
)


def is_documentation(url: Any, label: str = "") -> bool:
    """Whether a link leads to real documentation.

    A page of the registries and the bare root of a code-hosting repository are not documentation;
    a page within a repository (wiki, a file, a folder), a project site and any other web page
    are. `label` is the link's label, if it has one: a label that names another purpose (source,
    issues, changelog ...) speaks against it.
    """
    parts = _split(web_address(url))
    if parts is None or _normal(label) in _NOT_DOCUMENTATION:
        return False
    host = _host(parts)
    return "." in host and host not in _registry_hosts() and not _is_front_page(parts, host)


def has_documentation_link(project_urls: Any) -> bool:
    """Whether a documentation or home page link among the labelled ones is real documentation."""
    wanted = {*DOCUMENTATION, *HOMEPAGE}
    return any(label in wanted and is_documentation(url) for label, url in labels_of(project_urls))


def labelled(project_urls: Any, *labels: str) -> str | None:
    """The first web link under one of `labels`, tried in order; labels as PEP 753 compares them."""
    return next(iter(_labelled(project_urls, labels, web_address)), None)


def homepage_of(metadata: Any) -> str | None:
    """Home page: the `home_page` field, else the link labelled so."""
    return _choose(metadata, "home_page", HOMEPAGE)


def documentation_of(metadata: Any) -> str | None:
    """Documentation: the `docs_url` field, else the link labelled so (real or not)."""
    return _choose(metadata, "docs_url", DOCUMENTATION)


def tracker_of(metadata: Any) -> str | None:
    """Issue tracker: the `bugtrack_url` field, else the link labelled so."""
    return _choose(metadata, "bugtrack_url", TRACKER)


def repository_of(metadata: Any) -> str | None:
    """Source repository: `repository_url`, else the link labelled so, else any code host's.

    The first two come as declared, git's own address forms included. The last is cut down to
    `https://host/owner/repository`, whatever page of it the home page, documentation, tracker
    or another link shows.
    """
    project_urls = _get(metadata, "project_urls")
    declared = _repository_address(_get(metadata, "repository_url"))
    if declared:
        return declared
    for address in _labelled(project_urls, REPOSITORY, _repository_address):
        return address
    fields = (_get(metadata, name) for name in ("home_page", "docs_url", "bugtrack_url"))
    return next(filter(None, map(_repository_root, [*fields, *_values(project_urls)])), None)


def web_address(value: Any) -> str | None:
    """The value when it is a http(s) address of usual length, else None."""
    text = clean_text(value) if isinstance(value, str) and len(value) <= _LONGEST else None
    return text if text and _WEB.fullmatch(text) and _split(text) else None


def _choose(metadata: Any, field: str, labels: tuple[str, ...]) -> str | None:
    return web_address(_get(metadata, field)) or labelled(_get(metadata, "project_urls"), *labels)


def _get(metadata: Any, field: str) -> Any:
    return metadata.get(field) if isinstance(metadata, Mapping) else None


def _values(project_urls: Any) -> Iterable[Any]:
    return project_urls.values() if isinstance(project_urls, Mapping) else ()


def labels_of(project_urls: Any) -> list[tuple[str, Any]]:
    """(label as PEP 753 compares it, value) of each labelled link, in the author's order."""
    pairs = project_urls.items() if isinstance(project_urls, Mapping) else ()
    return [(_normal(label), url) for label, url in pairs]


def _labelled(project_urls: Any, labels: Iterable[str], accept: Any) -> Iterable[str]:
    pairs = labels_of(project_urls)
    for wanted in map(_normal, labels):
        yield from filter(None, (accept(url) for label, url in pairs if label == wanted))


@lru_cache(4096)
def _normal(label: Any) -> str:
    return label.translate(_PUNCTUATION).lower() if isinstance(label, str) else ""


def _split(url: str | None) -> SplitResult | None:
    try:
        parts = urlsplit(url or "")
    except ValueError:  # e.g. a broken IPv6 address
        return None
    return parts if parts.hostname else None


def _host(parts: SplitResult) -> str:
    return (parts.hostname or "").rstrip(".").removeprefix("www.")


def _path(parts: SplitResult) -> str:
    return re.sub(r"/+", "/", parts.path)


@lru_cache(1)
def _registry_hosts() -> frozenset[str]:
    """Host names of the registries' pages, without `www.`.

    The repository names no registry: the addresses come from a library that knows them.
    """
    from packageurl.contrib.purl2url import get_download_url, get_repo_url

    page = get_repo_url("pkg:pypi/x")  # type: ignore[no-untyped-call]
    index = urlsplit(page).hostname or ""
    first, _, rest = index.partition(".")
    npm = (
        get_repo_url("pkg:npm/x"),  # type: ignore[no-untyped-call]
        get_download_url("pkg:npm/x@1"),  # type: ignore[no-untyped-call]
    )
    hosts = {index, f"test.{index}", f"{first}.python.{rest}"}  # the last is the index's old home
    hosts.update(urlsplit(url).hostname or "" for url in npm if url)
    return frozenset(host.removeprefix("www.") for host in hosts)


def _is_gitlab(host: str) -> bool:
    return host in _GITLABS or host.startswith("gitlab.")


def _is_front_page(parts: SplitResult, host: str) -> bool:
    if _is_gitlab(host):
        front = _GITLAB_FRONT
    elif host == "sourceforge.net":
        front = _SOURCEFORGE_FRONT
    else:
        front = _FRONT
    return (host in _FORGES or _is_gitlab(host)) and bool(front.fullmatch(_path(parts)))


def _repository_address(value: Any) -> str | None:
    """A declared repository: a git address, or a web page that is more than an owner's page."""
    address = web_address(value)
    if address is None:
        text = clean_text(value) if isinstance(value, str) and len(value) <= _LONGEST else None
        return text if text and _GIT.fullmatch(text) else None
    parts = urlsplit(address)
    on_forge = _host(parts) in _FORGES
    return None if on_forge and _path(parts).strip("/").count("/") == 0 else address


def _repository_root(value: Any) -> str | None:
    """`https://host/owner/repository` of a page within a code-hosting repository."""
    parts = _split(web_address(value))
    host = _host(parts) if parts else ""
    if parts is None or not (host in _FORGES or _is_gitlab(host)) or host == "sourceforge.net":
        return None
    path = _path(parts)
    if _is_gitlab(host):
        path = (re.match(_GITLAB_REPOSITORY, path) or [""])[0]
    segments = path.strip("/").split("/")
    wanted = segments if _is_gitlab(host) else segments[:2]
    if len(wanted) < 2 or wanted[0].lower() in _NO_OWNERS:
        return None
    return f"https://{host}/" + "/".join(wanted).removesuffix(".git")
