"""A whole ecosystem at a glance: how large, how healthy, what is new and what needs care."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pyfcrawl.web.charts import distribution, growth, monthly
from pyfcrawl.web.overview import Overview, month_of
from pyfcrawl.web.site import Site

#: Years of months that are drawn.
_YEARS = 10


def routes(site: Site) -> list[BaseRoute]:
    """/profile"""

    async def page(request: Request) -> Response:
        profile = site.templates.profile(request)
        overview = await site.catalog.overview(profile)
        context = {"profile": profile, "overview": overview, **_drawn(overview, site)}
        return site.templates.response(request, "profile.html", context)

    return [Route("/profile", page)]


def _drawn(overview: Overview, site: Site) -> dict[str, Any]:
    now = site.options.now()
    last = month_of(int(now)) or "2000-01"
    earliest = f"{datetime.fromtimestamp(now, UTC).year - _YEARS}{last[4:]}"
    first = max(earliest, min(overview.released, default=last))
    return {
        "growth": growth(overview.added, first, last),
        "released": monthly(overview.released, first, last, "Releases"),
        "health": distribution(overview.scores),
    }
