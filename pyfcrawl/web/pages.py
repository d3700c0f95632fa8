"""The pages for people: which address shows what."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from pyfcrawl.web import page_compare, page_package, page_people, page_profile, page_search
from pyfcrawl.web import page_status as status
from pyfcrawl.web.catalog import Catalog
from pyfcrawl.web.options import SiteOptions
from pyfcrawl.web.site import Site
from pyfcrawl.web.templating import STATIC, Templates

_FOR_EVER = "public, max-age=31536000, immutable"


class _Files(StaticFiles):
    """Our own files; those asked for by their content's tag may be kept for ever."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code == 200 and scope["query_string"].startswith(b"v="):
            response.headers["Cache-Control"] = _FOR_EVER
        return response


def routes(catalog: Catalog, options: SiteOptions, templates: Templates) -> list[BaseRoute]:
    """Where pages are, and the files they need."""
    site = Site(catalog, options, templates)

    async def health_check(request: Request) -> Response:
        """Whether the index can be read: for load balancers."""
        await catalog.info(catalog.default)
        return PlainTextResponse("ok\n", headers={"Cache-Control": "no-store"})

    return [
        *page_search.routes(site),
        *page_package.routes(site),
        *page_compare.routes(site),
        *page_people.routes(site),
        *page_profile.routes(site),
        *status.routes(site),
        Route("/health-check", health_check),
        Mount("/static", _Files(directory=STATIC), name="static"),
    ]
