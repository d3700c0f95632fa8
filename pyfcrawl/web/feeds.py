"""Atom feeds (RFC 4287): packages that are new, and releases, of a profile or of a search."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from lxml import etree
from lxml.builder import ElementMaker
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from pyfcrawl.core.profiles import Profile
from pyfcrawl.core.versions import majors
from pyfcrawl.stores.index import Document, Filter, Query
from pyfcrawl.web.address import root_of
from pyfcrawl.web.asked import Conditions, Sort, filters_of
from pyfcrawl.web.endpoints import Endpoint, Handler, Site
from pyfcrawl.web.links import Links
from pyfcrawl.web.lookup import profile_of
from pyfcrawl.web.recent import without_texts

ATOM = "application/atom+xml"
_MAX_AGE = 900
_NAMESPACE = "http://www.w3.org/2005/Atom"
_ATOM = ElementMaker(namespace=_NAMESPACE, nsmap={None: _NAMESPACE})

_ENTRIES = 50
#: Releases looked at at a time to find major ones, and how many times.
_LOOKED_AT, _MOST_PAGES = 250, 4
#: Characters of a title or summary.
_LONGEST = 1000


class FeedOfSearch(Conditions, kw_only=True):
    """Packages that a search finds: the search page's parameters, its order aside."""

    profile: Annotated[str, Meta(max_length=100, description="Without: the default profile")] = ""
    sort: Annotated[Sort | UnsetType, Meta(description="Without effect: newest first")] = UNSET
    page: Annotated[int, Meta(ge=1, le=1000, description="Without effect")] = 1


class FeedOfReleases(FeedOfSearch, kw_only=True):
    """Releases of the packages that a search finds."""

    major: Annotated[Literal["0", "1"], Meta(description="1: major releases only")] = "0"


async def packages(site: Site, request: Request, asked: FeedOfSearch) -> Response:
    """Packages by when their first file was uploaded, newest first."""
    profile = profile_of(site, asked.profile)
    found = await site.catalog.glimpse(
        profile,
        Query(
            text=asked.q,
            filters=list(filters_of(asked, site.options.now())),
            sort="first_upload_timestamp",
            descending=True,
            per_page=_ENTRIES,
        ),
    )
    feed = _Feed(site, request, profile, f"New packages for {profile.title}", _searched(asked))
    return feed.answer(found.hits, "first_upload_timestamp", "package_id")


async def releases(site: Site, request: Request, asked: FeedOfReleases) -> Response:
    """Releases by when their first file was uploaded, newest first."""
    profile = profile_of(site, asked.profile)
    major = asked.major == "1"
    query = Query(
        text=asked.q,
        filters=list(filters_of(asked, site.options.now())),
        sort="upload_timestamp",
        descending=True,
        per_page=_ENTRIES,
        grouped=False,
    )
    if major:
        hits = await site.catalog.chosen(profile, query, lambda: _last_major(site, profile, query))
    else:
        hits = (await site.catalog.glimpse(profile, query)).hits
    kind = "Major releases" if major else "Releases"
    feed = _Feed(site, request, profile, f"{kind} for {profile.title}", _searched(asked))
    return feed.answer(hits[:_ENTRIES], "upload_timestamp", "identifier")


async def _last_major(site: Site, profile: Profile, query: Query) -> list[Document]:
    """The major releases among the last that a query finds."""
    stable = Filter("version_is_prerelease", "=", False)
    query = replace(query, filters=[*query.filters, stable], per_page=_LOOKED_AT)
    major: list[Document] = []
    for page in range(1, _MOST_PAGES + 1):
        hits = (await site.catalog.search(profile, replace(query, page=page))).hits
        major += await _major(site, profile, hits)
        if len(major) >= _ENTRIES or len(hits) < _LOOKED_AT:
            break
    return without_texts(major[:_ENTRIES])


async def _major(site: Site, profile: Profile, hits: Sequence[Document]) -> list[Document]:
    fields = ("version", "registry", "upload_timestamp")
    ids = list(dict.fromkeys(each["package_id"] for each in hits))
    known = await site.catalog.known(profile, ids, fields)
    found = {package: _majors(list(some.values())) for package, some in known.items()}
    return [each for each in hits if each["version"] in found.get(each["package_id"], ())]


def _majors(releases: Sequence[Document]) -> set[str]:
    registry = releases[0]["registry"] if releases else "pypi"
    return majors(((each["version"], each["upload_timestamp"] or 0) for each in releases), registry)


def _searched(asked: FeedOfSearch) -> str:
    return f": {asked.q}" if asked.q else ""


class _Feed:
    """A feed under its own address."""

    def __init__(
        self, site: Site, request: Request, profile: Profile, title: str, searched: str
    ) -> None:
        self._request = request
        self._root = root_of(request, site.options)
        self._links = Links(profile, profile is site.catalog.default)
        self._title = title + searched

    def answer(self, documents: Iterable[Document], moment: str, identity: str) -> Response:
        """The feed. Its tag alone says whether somebody has it already.

        No time does: a release that is indexed late may be older than the newest entry.
        """
        entries = [each for each in documents if _is_moment(each[moment])]
        updated = max((each[moment] for each in entries), default=0)
        feed = _ATOM.feed(
            *self._head(updated),
            *(self._entry(each, each[moment], each[identity]) for each in entries),
        )
        body = etree.tostring(feed, xml_declaration=True, encoding="UTF-8")
        return Response(body, media_type=ATOM)

    def _head(self, updated: int) -> list[Any]:
        url = self._request.url
        own = f"{self._root}{url.path}" + (f"?{url.query}" if url.query else "")
        home = self._root + self._links.search()
        return [
            _ATOM.id(own),
            _ATOM.title(_text(self._title)),
            _ATOM.updated(_written(updated)),
            _ATOM.link(rel="self", type=ATOM, href=own),
            _ATOM.link(rel="alternate", type="text/html", href=home),
            _ATOM.author(_ATOM.name("pyfcrawl"), _ATOM.uri(home)),
        ]

    def _entry(self, document: Mapping[str, Any], updated: int, identity: str) -> Any:
        name = f"{document['name']} {document['version']}"
        entry = _ATOM.entry(
            _ATOM.id(_text(identity)),
            _ATOM.title(_text(name)),
            _ATOM.updated(_written(updated)),
            _ATOM.published(_written(updated)),
            _ATOM.link(
                rel="alternate",
                type="text/html",
                href=self._root + self._links.package(dict(document)),
            ),
            _ATOM.summary(_text(document.get("summary") or name)),
        )
        if author := _text(document.get("author") or ""):
            entry.append(_ATOM.author(_ATOM.name(author)))
        return entry


def _is_moment(value: Any) -> bool:
    return isinstance(value, int) and 0 <= value < 253_402_300_800  # the year 10000


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _written(seconds: int) -> str:
    return _moment(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def _text(value: str) -> str:
    """As XML may hold it: no control characters, on one line, bounded."""
    spaced = " ".join(value[:_LONGEST].split())
    return "".join(each for each in spaced if unicodedata.category(each)[0] != "C")


def _endpoint(
    path: str, summary: str, parameters: type[FeedOfSearch], handler: Handler
) -> Endpoint:
    return Endpoint(
        path,
        summary,
        parameters,
        handler,
        media_type=ATOM,
        max_age=_MAX_AGE,
        group="feeds",
    )


ENDPOINTS = (
    _endpoint("/feeds/packages.atom", "New packages", FeedOfSearch, packages),
    _endpoint("/feeds/releases.atom", "New releases", FeedOfReleases, releases),
)
