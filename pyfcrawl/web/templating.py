"""Templates: where they are, and what all of them know."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from pyfcrawl import __version__
from pyfcrawl.web.catalog import Catalog
from pyfcrawl.web.options import SiteOptions

_HERE = Path(__file__).parent


class Templates:
    """Renders the pages; whatever goes into one is escaped."""

    def __init__(self, catalog: Catalog, options: SiteOptions) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals |= {
            "profiles": list(catalog.profiles.values()),
            "default": catalog.default,
            "version": __version__,
        }

    def response(
        self,
        request: Request,
        name: str,
        context: Mapping[str, Any],
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        """A page made of the template."""
        values = {"request": request, **context}
        page = self._environment.get_template(name).render(values)
        return HTMLResponse(page, status, headers)
