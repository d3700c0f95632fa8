"""The page of a package: everything that is known of it, and where that comes from."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from pyfcrawl.core.health import DOCUMENTATION_EXTRAS
from pyfcrawl.core.names import package_id
from pyfcrawl.core.profiles import Profile
from pyfcrawl.stores.index import Document
from pyfcrawl.web.catalog import Downloads, Package
from pyfcrawl.web.charts import by_version, daily, weekly_rows
from pyfcrawl.web.compatibility import matrix
from pyfcrawl.web.markup import safe_readme
from pyfcrawl.web.overview import Overview, people_of, requirement_name
from pyfcrawl.web.shown import web_address
from pyfcrawl.web.site import Site

#: Days of downloads that are drawn.
_SHOWN_DAYS = 180
_SOURCES = {"pypistats": "pypistats", "clickhouse": "ClickPy", "bigquery": "BigQuery"}
_PARTS = (("recency", "Recency"), ("documentation", "Documentation"), ("metadata", "Metadata"))
_BONUSES = (
    ("github_stars_bonus", "Stars"),
    ("github_activity_bonus", "Recent activity"),
    ("github_issue_bonus", "Few open issues"),
)
#: What is left out of the raw metadata: it is all over the page already.
_LONG_TEXTS = ("description", "first_chapter", "main_content", "changelog")
#: Releases in the table.
_MOST_RELEASES = 300
#: A moved page may be kept for ever unless it says otherwise, and a package may come back to the
#: spelling it had.
_A_MINUTE = {"Cache-Control": "public, max-age=60"}
_LONGEST_README = 400_000


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the health score; `most` is None for what comes on top."""

    title: str
    points: int
    most: int
    problems: list[str]
    bonuses: list[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Need:
    """A dependency: the requirement, its name, and the package if it is in the index."""

    requirement: str
    name: str
    package: Document | None


def routes(site: Site) -> list[BaseRoute]:
    """/package/REGISTRY/NAME, and /raw/REGISTRY/NAME for its metadata as JSON."""

    async def page(request: Request) -> Response:
        profile = site.templates.profile(request)
        package = await wanted(site, request, profile)
        if request.path_params["name"] != package.name:
            address = site.templates.links(profile).package(package.head)
            return RedirectResponse(address, 308, _A_MINUTE)
        context = await _context(site, profile, package)
        return site.templates.response(request, "package.html", context)

    async def raw(request: Request) -> Response:
        package = await wanted(site, request, site.templates.profile(request))
        return JSONResponse(package.head)

    return [
        Route("/package/{registry}/{name:path}", page),
        Route("/raw/{registry}/{name:path}", raw),
    ]


async def wanted(site: Site, request: Request, profile: Profile) -> Package:
    """The package of the address. Raises HTTPException when there is none."""
    registry, name = (request.path_params[each] for each in ("registry", "name"))
    package = await site.catalog.package(profile, registry, name)
    if package is None:
        raise HTTPException(
            404, f"There is no package “{name[:80]}” from {registry[:20]} in {profile.title}."
        )
    return package


async def _context(site: Site, profile: Profile, package: Package) -> dict[str, Any]:
    since = datetime.fromtimestamp(site.options.now(), UTC) - timedelta(days=_SHOWN_DAYS)
    head = package.head
    downloads, overview, synced, readme = await asyncio.gather(
        site.catalog.downloads(package.package_id, since.date().isoformat()),
        site.catalog.overview_now(profile),
        site.catalog.synced(profile),
        run_in_threadpool(safe_readme, _shortened(head["description"])),
    )
    return {
        "profile": profile,
        "most_releases": _MOST_RELEASES,
        "package": package,
        "head": head,
        "install": install_line(package),
        "parts": (parts := health_parts(head)),
        "unearned": unearned(parts),
        "people": people_of(head),
        "readme": readme,
        "matrix": matrix(package.releases),
        "needs": needs(head, overview),
        "dependents": overview.dependents(package.package_id) if overview else None,
        "gathered": overview.made if overview else None,
        "raw": {key: value for key, value in head.items() if key not in _LONG_TEXTS and value},
        "synced": synced,
        "page_links": page_links(head),
        **_drawn(downloads),
    }


def _shortened(html: str | None) -> str | None:
    """What is beyond the longest README is cut off; the sanitiser closes what stays open."""
    return html[:_LONGEST_README] if html else html


def _drawn(downloads: Downloads) -> dict[str, Any]:
    days = downloads.days
    names = sorted({_SOURCES.get(each.source, each.source) for each in days})
    return {
        "downloads": downloads,
        "daily": daily(days, downloads.changes),
        "by_version": by_version(downloads.versions, downloads.changes),
        "weeks": weekly_rows(days),
        "sources": names,
    }


def install_line(package: Package) -> str:
    """The command that installs it."""
    if package.registry == "npm":
        return f"npm install {package.name}"
    return f"pip install {package.name}"


def health_parts(document: Document) -> list[Part]:
    """The score's parts, in the order they are made of; what is malformed is left out."""
    breakdown = document["health_score_breakdown"]
    if not isinstance(breakdown, Mapping):
        return []
    parts = [_part(title, breakdown[name]) for name, title in _PARTS if _is_part(breakdown, name)]
    if isinstance(breakdown.get("github_bonus_total"), int):
        bonuses = [(title, breakdown.get(name) or 0) for name, title in _BONUSES]
        parts.append(Part("Repository", breakdown["github_bonus_total"], 30, [], bonuses))
    return parts


def unearned(parts: Sequence[Part]) -> list[tuple[str, int]]:
    """What would add points to documentation and is not there, with how many."""
    earned = {reason for part in parts for reason, _ in part.bonuses}
    return [each for each in DOCUMENTATION_EXTRAS.items() if parts and each[0] not in earned]


def _is_part(breakdown: Mapping[str, Any], name: str) -> bool:
    part = breakdown.get(name)
    return isinstance(part, Mapping) and bool(part.get("max_points"))


def _part(title: str, part: Mapping[str, Any]) -> Part:
    bonuses = [(each["reason"], each["points"]) for each in part.get("bonuses") or ()]
    return Part(title, part["points"], part["max_points"], list(part["problems"]), bonuses)


def needs(document: Document, overview: Overview | None) -> list[Need]:
    """What the latest release depends on, in its own order, those needed for extras last."""
    found = []
    registry = document["registry"]
    for text in document["requires_dist"]:
        name = requirement_name(registry, text)
        known = overview.packages.get(package_id(registry, name)) if overview and name else None
        found.append(Need(text, name or text, known))
    return sorted(found, key=lambda each: "extra ==" in each.requirement)


def page_links(document: Document) -> list[tuple[str, str]]:
    """(label, address) of links the author gives, each address once."""
    labelled = document["project_urls"]
    pairs: list[tuple[str, Any]] = [
        ("Home page", document["home_page"]),
        ("Documentation", document["docs_url"]),
        ("Repository", document["github_url"] or document["repository_url"]),
        ("Issue tracker", document["bugtrack_url"]),
        *(labelled.items() if isinstance(labelled, Mapping) else ()),
        (f"On {'npm' if document['registry'] == 'npm' else 'PyPI'}", document["package_url"]),
    ]
    by_address = {
        address.rstrip("/"): (str(label), address)
        for label, address in reversed(pairs)
        if web_address(address)
    }
    return list(reversed(by_address.values()))
