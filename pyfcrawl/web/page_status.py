"""How fresh the index is, and what the last runs did: for those who rely on it or run it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pyfcrawl.web.site import Site

_MOST_PENDING = 50
_MOST_RUNS = 20


def routes(site: Site) -> list[BaseRoute]:
    """/status"""

    async def page(request: Request) -> Response:
        profile = site.templates.profile(request)
        status = await site.catalog.status()
        context = {
            "profile": profile,
            "status": status,
            "sources": [(each, one) for each in status.standings for one in each.sources],
            "most_pending": _MOST_PENDING,
            "most_runs": _MOST_RUNS,
        }
        return site.templates.response(request, "status.html", context)

    return [Route("/status", page)]
