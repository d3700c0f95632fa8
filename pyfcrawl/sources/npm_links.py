"""Links of npm packages as addresses that a browser opens.

npm keeps `repository`, `bugs` and `homepage` the way git or a person writes them: a text or an
object, a clone address, a shortcut such as `github:owner/name`. What comes out is http(s), without
user names and passwords: people do publish tokens that way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pyfcrawl.core import repos
from pyfcrawl.core.links import web_address
from pyfcrawl.core.people import clean_text

_LONGEST = 2_048
_SHORTCUT = re.compile(r"(bitbucket|gist):(?!//)(?:[^/@\s]*@)?([\w.~/-]+)", re.IGNORECASE)
_SHORTCUTS = {"bitbucket": "bitbucket.org", "gist": "gist.github.com"}
_CLONED = re.compile(
    r"(?:(?P<scheme>(?:git\+)?(?:https?|ssh|git)|git)://(?:[^/?#\s]*@)?"
    r"|[\w.-]+@(?=[\w.-]+:[^/\d]))"
    r"(?P<host>[\w.-]+\.[\w.-]+)(?P<port>:\d+)?[:/]+(?P<path>[^?#\s]+)",
    re.IGNORECASE,
)
_GIT_PATH = re.compile(r"\.git/?(?:[?#]|$)", re.IGNORECASE)
_CREDENTIALS = re.compile(r"(https?://)[^/?#\s]*@", re.IGNORECASE)


def project_links(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The link fields of a version's metadata: home page, repository, tracker, labelled links.

    A package without a home page has its repository as one.
    """
    homepage = page(entry.get("homepage"))
    repository = repository_page(entry.get("repository"))
    tracker = page(entry.get("bugs"))
    labelled = {
        "Homepage": homepage,
        "Repository": repository,
        "Issues": tracker,
        "Funding": page(entry.get("funding")),
    }
    return {
        "home_page": homepage or repository,
        "repository_url": repository,
        "bugtrack_url": tracker,
        "project_urls": {label: url for label, url in labelled.items() if url},
    }


def page(value: Any) -> str | None:
    """A web page as declared; one that stands as a repository does is made an address of it."""
    text = _text(value)
    if text is None:
        return None
    declared = None if _GIT_PATH.search(text) else web_address(_CREDENTIALS.sub(r"\1", text))
    return declared or repository_page(text)


def repository_page(value: Any) -> str | None:
    """The web page of a repository given as text or as `{type, url}`; None when it has none."""
    text = _text(value)
    if text is None:
        return None
    known = repos.parse(text)
    if isinstance(known, repos.Repository):
        return web_address(known.url)
    shortcut = _SHORTCUT.fullmatch(text)
    if shortcut:
        return web_address(f"https://{_SHORTCUTS[shortcut[1].lower()]}/{shortcut[2]}")
    cloned = _CLONED.fullmatch(text.partition("#")[0])
    return _of_clone(cloned) if cloned else None


def _of_clone(cloned: re.Match[str]) -> str | None:
    """Only http tells which port the pages are at."""
    scheme = (cloned["scheme"] or "").lower().removeprefix("git+")
    web = scheme if scheme in ("http", "https") else "https"
    port = (cloned["port"] or "") if web == scheme else ""
    path = cloned["path"].rstrip("/").removesuffix(".git")
    return web_address(f"{web}://{cloned['host'].lower()}{port}/{path}")


def _text(value: Any) -> str | None:
    """The address in a text, in an object with `url`, or in the first of a list of these."""
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, Mapping):
        value = value.get("url")
    return clean_text(value) if isinstance(value, str) and len(value) <= _LONGEST else None
