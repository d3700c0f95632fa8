"""All that programs ask for, put together from the table, and its description."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pyfcrawl.web import api, badges, feeds, statistics
from pyfcrawl.web.address import root_of
from pyfcrawl.web.catalog import Catalog
from pyfcrawl.web.endpoints import CORS, JSON, Endpoint, Site, made, problem
from pyfcrawl.web.openapi import GROUPS, about, description, in_words, parameters
from pyfcrawl.web.options import SiteOptions
from pyfcrawl.web.rate_limit import RateLimit
from pyfcrawl.web.templating import Templates

ENDPOINTS: tuple[Endpoint, ...] = (
    *api.ENDPOINTS,
    *statistics.ENDPOINTS,
    *badges.ENDPOINTS,
    *feeds.ENDPOINTS,
)

_MAX_AGE = {"Cache-Control": "public, max-age=300"}


def routes(catalog: Catalog, options: SiteOptions, templates: Templates) -> list[BaseRoute]:
    """Where all of it is answered."""
    limit = RateLimit(options.api_rate_limit) if options.api_rate_limit else None

    async def described(request: Request) -> Response:
        """The OpenAPI description."""
        found = description(ENDPOINTS, root_of(request, options))
        return Response(msgspec.json.encode(found), 200, CORS | _MAX_AGE, JSON)

    async def shown(request: Request) -> Response:
        """The description for people."""
        context = {"groups": _GROUPS, "limit": options.api_rate_limit}
        return templates.response(request, "api.html", context, headers=_MAX_AGE)

    return [
        Route("/api", shown, name="api"),
        Route("/api/v1/openapi.json", described),
        *made(ENDPOINTS, Site(catalog, options), limit),
        Route("/api/{rest:path}", _no_such_address),
        Route("/badge/{rest:path}", badges.nowhere),
        Route("/personalized-badge/{rest:path}", badges.nowhere),
    ]


async def _no_such_address(request: Request) -> Response:
    """What is said of addresses that aren't in the table."""
    message = "There is nothing at this address: /api/v1/openapi.json says what is where"
    return problem(404, message, CORS | {"Cache-Control": "no-store"})


def _shown(endpoint: Endpoint) -> dict[str, Any]:
    """An endpoint as the page shows it."""
    answer = endpoint.answer
    return {
        "endpoint": endpoint,
        "about": about(endpoint),
        "fields": [each.encode_name for each in msgspec.structs.fields(answer)] if answer else [],
        "parameters": [
            {**each, "value": in_words(each["schema"])} for each in parameters(endpoint)
        ],
    }


_GROUPS = [
    {
        "name": name,
        "about": text,
        "endpoints": [_shown(each) for each in ENDPOINTS if each.group == name],
    }
    for name, text in GROUPS.items()
]
