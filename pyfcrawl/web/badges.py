"""Badges: small pictures with one fact about a package, for READMEs anywhere.

What they say is core.badges' business; badgepy draws them, escapes what goes into them and, as it
is given no addresses of images or links, fetches nothing.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Literal

import badgepy
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from pyfcrawl.core import badges
from pyfcrawl.core.badges import Badge, Period, Units
from pyfcrawl.core.classifiers import framework_named
from pyfcrawl.web.asked import Name, RegistryName
from pyfcrawl.web.catalog import Package
from pyfcrawl.web.endpoints import CORS, Endpoint, Handler, Site
from pyfcrawl.web.lookup import in_any_profile
from pyfcrawl.web.parameters import ParameterError, Parameters

SVG = "image/svg+xml"

#: A badge may be an hour old: its numbers change once a day.
_MAX_AGE = 3600
#: One that can't be shown yet is looked for again sooner.
_MISSING_MAX_AGE = 300

_NAMES = "|".join(
    "".join(f"[{each}{each.upper()}]" for each in name) for name in sorted(badges.COLOURS)
)
#: What the description says of it; `_colour` checks it, and refuses in better words.
_PATTERN = f"^(#?[0-9A-Fa-f]{{3}}|#?[0-9A-Fa-f]{{6}}|{_NAMES})$"
Colour = Annotated[
    str,
    Meta(
        max_length=badges.LONGEST_COLOUR,
        extra_json_schema={"pattern": _PATTERN},
        description="3 or 6 hexadecimal digits, or one of " + ", ".join(sorted(badges.COLOURS)),
    ),
]


class OfAnyProfile(Parameters, kw_only=True):
    """A package, looked for in all profiles of the site."""

    name: Name
    profile: Annotated[str, Meta(max_length=100, description="Only this profile")] = ""
    registry: Annotated[
        RegistryName | UnsetType, Meta(description="Without: npm for names with a scope, else pypi")
    ] = UNSET


class OfFramework(OfAnyProfile, kw_only=True):
    """What a package says of a framework."""

    framework: Annotated[
        str, Meta(min_length=1, max_length=60, description="e.g. `plone`, `django-cms`, `python`")
    ]


class Personalized(OfAnyProfile, kw_only=True):
    """A badge of downloads to one's liking."""

    period: Annotated[
        Literal["total", "month", "week", "TOTAL", "MONTH", "WEEK"],
        Meta(description="All downloads known, or those of 30 or 7 days"),
    ] = "total"
    units: Annotated[
        Literal[
            "international_system",
            "abbreviation",
            "none",
            "INTERNATIONAL_SYSTEM",
            "ABBREVIATION",
            "NONE",
        ],
        Meta(description="4.2k and 1G, 4.2k and 1B, or 4,200"),
    ] = "international_system"
    left_color: Colour = "grey"
    right_color: Colour = "blue"
    left_text: Annotated[
        str, Meta(max_length=badges.LONGEST_TEXT, description="Without: what is counted")
    ] = ""


async def _package(site: Site, asked: OfAnyProfile) -> Package | None:
    registry = asked.registry
    if registry is UNSET:
        registry = "npm" if asked.name.startswith("@") else "pypi"
    return await in_any_profile(site, registry, asked.name, asked.profile)


async def _downloads(site: Site, asked: OfAnyProfile, period: Period) -> Response:
    found = await _package(site, asked)
    if found is None:
        return _missing("downloads")
    return _drawn(badges.downloads(found.head, period, "international_system"))


async def total(site: Site, request: Request, asked: OfAnyProfile) -> Response:
    """All downloads known."""
    return await _downloads(site, asked, "total")


async def month(site: Site, request: Request, asked: OfAnyProfile) -> Response:
    """Downloads of the last 30 days."""
    return await _downloads(site, asked, "month")


async def week(site: Site, request: Request, asked: OfAnyProfile) -> Response:
    """Downloads of the last 7 days."""
    return await _downloads(site, asked, "week")


async def health(site: Site, request: Request, asked: OfAnyProfile) -> Response:
    """The health score."""
    found = await _package(site, asked)
    return _missing("health") if found is None else _drawn(badges.health(found.head))


async def version(site: Site, request: Request, asked: OfAnyProfile) -> Response:
    """The latest version."""
    found = await _package(site, asked)
    return _missing("version") if found is None else _drawn(badges.version(found.head))


async def framework(site: Site, request: Request, asked: OfFramework) -> Response:
    """The newest version of a framework that the package says it supports."""
    found = await _package(site, asked)
    known = framework_named(asked.framework)
    if found is None:
        return _missing(known or asked.framework)
    badge = badges.framework(found.head, asked.framework)
    if badge is not None:
        return _drawn(badge)
    return _missing(asked.framework) if known is None else _drawn(badges.undeclared(known))


async def personalized(site: Site, request: Request, asked: Personalized) -> Response:
    """Downloads, in chosen units, colours and words."""
    left_colour = _colour("left_color", asked.left_color)
    right_colour = _colour("right_color", asked.right_color)
    given = badges.shown(asked.left_text)
    if asked.left_text and not given:
        raise ParameterError("left_text has nothing to show: give at least one letter")
    period: Period = asked.period.lower()  # type: ignore[assignment]
    units: Units = asked.units.lower()  # type: ignore[assignment]
    found = await _package(site, asked)
    if found is None:
        return _missing(given or "downloads")
    badge = badges.downloads(found.head, period, units)
    if not badge.is_unknown:
        badge = replace(badge, right_colour=right_colour)
    return _drawn(replace(badge, left=given or badge.left, left_colour=left_colour))


def _colour(name: str, given: str) -> str:
    found = badges.colour(given)
    if found is None:
        raise ParameterError(f"{name}={given!a} is no colour: give one such as blue or #007ec6")
    return found


def _drawn(badge: Badge) -> Response:
    return Response(_svg(badge), media_type=SVG)


def _missing(left: str) -> Response:
    """What stands in the place of a badge that there is none for."""
    headers = {"Cache-Control": f"public, max-age={_MISSING_MAX_AGE}"}
    return Response(_svg(badges.not_found(left)), 404, headers, SVG)


@lru_cache(4096)
def _svg(badge: Badge) -> bytes:
    return badgepy.badge(
        left_text=badge.left,
        right_text=badge.right,
        left_color=badge.left_colour,
        right_color=badge.right_colour,
        whole_title=f"{badge.left}: {badge.right}",
    ).encode()


async def nowhere(request: Request) -> Response:
    """A badge for addresses that no package can have."""
    response = _missing("package")
    response.headers.update(CORS)
    return response


def _endpoint(path: str, summary: str, handler: Handler, parameters: type[Parameters]) -> Endpoint:
    return Endpoint(
        path,
        summary,
        parameters,
        handler,
        media_type=SVG,
        max_age=_MAX_AGE,
        limited=False,
        group="badges",
    )


_AT = "/badge/{name:package}"

ENDPOINTS = (
    _endpoint(_AT, "All downloads", total, OfAnyProfile),
    _endpoint(f"{_AT}/month", "Downloads of 30 days", month, OfAnyProfile),
    _endpoint(f"{_AT}/week", "Downloads of 7 days", week, OfAnyProfile),
    _endpoint(f"{_AT}/health", "Health score", health, OfAnyProfile),
    _endpoint(f"{_AT}/version", "Latest version", version, OfAnyProfile),
    _endpoint(f"{_AT}/{{framework}}", "Newest version of a framework", framework, OfFramework),
    _endpoint(
        "/personalized-badge/{name:package}", "Downloads to your liking", personalized, Personalized
    ),
)
