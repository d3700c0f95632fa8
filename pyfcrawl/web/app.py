"""Puts the site together: routes of all parts, what surrounds them, and answers for what fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

from pyfcrawl.errors import PyfcrawlError
from pyfcrawl.web import failures, pages, programs
from pyfcrawl.web.catalog import Catalog
from pyfcrawl.web.middleware import Bounds, Proxy, SecurityHeaders, Validators
from pyfcrawl.web.options import SiteOptions
from pyfcrawl.web.templating import Templates


def create_app(catalog: Catalog, options: SiteOptions) -> Starlette:
    """The site over a catalog, which is closed with it."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        catalog.warm()
        yield
        catalog.close()

    templates = Templates(catalog, options)
    answer = partial(failures.answer, templates)
    return Starlette(
        routes=[
            *programs.routes(catalog, options, templates),
            *pages.routes(catalog, options, templates),
        ],
        middleware=[
            *([Middleware(Proxy, proxies=options.trust_proxy)] if options.trust_proxy else []),
            Middleware(SecurityHeaders),
            Middleware(GZipMiddleware, compresslevel=5),
            Middleware(Validators),
            Middleware(Bounds, refusal=partial(failures.refusal, templates)),
        ],
        exception_handlers={HTTPException: answer, PyfcrawlError: answer, Exception: answer},
        lifespan=lifespan,
    )
