"""The pages for people: which address shows what."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from pyfcrawl.web.catalog import Catalog
from pyfcrawl.web.options import SiteOptions
from pyfcrawl.web.templating import Templates

_STATIC = Path(__file__).parent / "static"


def routes(catalog: Catalog, options: SiteOptions, templates: Templates) -> list[BaseRoute]:
    """Where pages are, and the files they need."""

    async def health_check(request: Request) -> Response:
        """Whether the index can be read: for load balancers."""
        await catalog.info(catalog.default)
        return PlainTextResponse("ok\n", headers={"Cache-Control": "no-store"})

    return [
        Route("/health-check", health_check),
        Mount("/static", StaticFiles(directory=_STATIC), name="static"),
    ]
