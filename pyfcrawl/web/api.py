"""The JSON API and its description."""

from __future__ import annotations

from starlette.routing import BaseRoute

from pyfcrawl.web.catalog import Catalog
from pyfcrawl.web.options import SiteOptions


def routes(catalog: Catalog, options: SiteOptions) -> list[BaseRoute]:
    """Where these are answered."""
    return []
