"""The table that the API, badges and feeds are made of: each endpoint once.

Routing, the check of parameters, the form of errors and the OpenAPI description all derive from a
line of it. A handler gets checked parameters and gives a value (which becomes JSON) or a response.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from pyfcrawl.errors import QueryError, StoreError, UnknownCollectionError
from pyfcrawl.web.catalog import Catalog
from pyfcrawl.web.options import SiteOptions
from pyfcrawl.web.parameters import ParameterError, Parameters, read
from pyfcrawl.web.rate_limit import RateLimit, client_of

_log = logging.getLogger(__name__)

JSON = "application/json"

#: Programs on any page may ask, and see what an answer says of itself.
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Retry-After, X-RateLimit-Limit, "
    "X-RateLimit-Remaining, X-RateLimit-Reset",
}
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "Accept, If-None-Match",
    "Access-Control-Max-Age": "86400",
    "Allow": "GET, HEAD, OPTIONS",
}


@dataclass(frozen=True, slots=True)
class Site:
    """What handlers work with."""

    catalog: Catalog
    options: SiteOptions


Handler: TypeAlias = Callable[[Site, Request, Any], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address: what it answers, to which parameters.

    `path` is a template such as `/api/v1/{profile}/search`; `{name:package}` takes a package's name
    with its npm scope. `answer` is a type that JSON is made of, None for other media. `max_age` is
    for how many seconds an answer may be kept, and `limited` tells whether it counts for the rate
    limit.
    """

    path: str
    summary: str
    parameters: type[Parameters]
    handler: Handler
    answer: Any = None
    media_type: str = JSON
    max_age: int = 60
    limited: bool = True
    group: str = "packages"

    @property
    def template(self) -> str:
        """The path as OpenAPI writes it."""
        return re.sub(r":\w+\}", "}", self.path)

    @property
    def in_path(self) -> set[str]:
        """Names of the parameters that are part of the path."""
        return set(re.findall(r"\{(\w+)", self.path))


class _PackageName(Convertor[str]):
    """A package's name, with its scope where it has one: `@scope/name`."""

    regex = "@[^/]+/[^/]+|[^@/][^/]*"

    def convert(self, value: str) -> str:
        """See Convertor."""
        return value

    def to_string(self, value: str) -> str:
        """See Convertor."""
        return value


register_url_convertor("package", _PackageName())


def made(endpoints: Iterable[Endpoint], site: Site, limit: RateLimit | None) -> list[BaseRoute]:
    """Routes for endpoints."""
    return [
        Route(
            each.path,
            _answerer(each, site, limit if each.limited else None),
            methods=["GET", "OPTIONS"],
        )
        for each in endpoints
    ]


def _answerer(
    endpoint: Endpoint, site: Site, limit: RateLimit | None
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=CORS | _PREFLIGHT)
        headers = dict(CORS)
        try:
            if limit is not None:
                headers |= _allowed(limit, request, site.options.now())
            asked = read(endpoint.parameters, request.path_params, request.query_params)
            found = await endpoint.handler(site, request, asked)
        except HTTPException as error:
            return _problem(endpoint, error.status_code, error.detail, headers | _own(error))
        except (ParameterError, QueryError) as error:
            return _problem(endpoint, 400, str(error), headers)
        except UnknownCollectionError:
            return _problem(endpoint, 404, "This profile is not crawled yet", headers)
        except StoreError as error:  # what it says is for who runs the site
            _log.error("%s %s: %s", request.method, request.url.path, error)
            told = "The index can't be read right now: try again in a minute"
            return _problem(endpoint, 503, told, headers | {"Retry-After": "60"})
        headers["Cache-Control"] = f"public, max-age={endpoint.max_age}"
        if not isinstance(found, Response):
            return Response(msgspec.json.encode(found), 200, headers, JSON)
        for name, value in headers.items():
            found.headers.setdefault(name, value)
        return found

    return answer


def _own(error: HTTPException) -> dict[str, str]:
    return dict(error.headers or {})


def _allowed(limit: RateLimit, request: Request, now: float) -> dict[str, str]:
    """Headers on what the client has left. Raises HTTPException when it is nothing."""
    client = client_of(request.client.host if request.client else "")
    allowance = limit.take(client, now)
    if allowance.wait:
        raise HTTPException(
            429,
            f"{allowance.limit} requests a minute are enough; go on in {allowance.wait} seconds",
            allowance.headers(),
        )
    return allowance.headers()


def _problem(endpoint: Endpoint, status: int, message: str, headers: dict[str, str]) -> Response:
    """What went wrong: as JSON where answers are JSON, else as plain text."""
    headers = headers | {"Cache-Control": "no-store"}
    if endpoint.media_type != JSON:
        return PlainTextResponse(message + "\n", status, headers)
    return problem(status, message, headers)


def problem(status: int, message: str, headers: dict[str, str]) -> Response:
    """An error as JSON."""
    body = msgspec.json.encode({"error": status, "message": message})
    return Response(body, status, headers, JSON)
