"""Templates: where they are, and what all of them know."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse

from pyfcrawl import __version__
from pyfcrawl.core.abandoned import abandonment
from pyfcrawl.core.profiles import Profile
from pyfcrawl.web import shown
from pyfcrawl.web.address import root_of
from pyfcrawl.web.catalog import Catalog
from pyfcrawl.web.links import Links, reference
from pyfcrawl.web.options import SiteOptions

_HERE = Path(__file__).parent
STATIC = _HERE / "static"

_LONGEST_SHOWN = 80


class Templates:
    """Renders the pages; whatever goes into one is escaped."""

    def __init__(self, catalog: Catalog, options: SiteOptions) -> None:
        self._catalog = catalog
        self._options = options
        self._environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters |= shown.FILTERS
        self._environment.filters |= {
            "ago": lambda moment: shown.ago(moment, options.now()),
            "abandonment": lambda document: abandonment(document, int(options.now())),
            "reference": reference,
        }
        self._environment.globals |= {
            "profiles": list(catalog.profiles.values()),
            "static": _static_addresses(),
            "version": __version__,
        }

    def profile(self, request: Request) -> Profile:
        """The profile that the address names. Raises HTTPException for one that isn't there."""
        name = request.query_params.get("profile", "")
        found = self._catalog.profile(name)
        if found is None:
            raise HTTPException(404, f"There is no profile “{name[:_LONGEST_SHOWN]}” here.")
        return found

    def links(self, profile: Profile) -> Links:
        """Addresses within the profile."""
        return Links(profile, profile is self._catalog.default)

    def response(
        self,
        request: Request,
        name: str,
        context: Mapping[str, Any],
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        """A page made of the template, for the profile that the address names, if there is one."""
        named = self._catalog.profile(request.query_params.get("profile", ""))
        profile = named or self._catalog.default
        values = {
            "profile": profile,
            "links": self.links(profile),
            "path": request.scope["path"],
            "origin": root_of(request, self._options),
            **context,
        }
        page = self._environment.get_template(name).render(values)
        return HTMLResponse(page.encode(errors="replace"), status, headers)


def _static_addresses() -> dict[str, str]:
    """Name -> address of our own files, another one when the content is: browsers keep them."""
    found = {}
    for path in sorted(STATIC.iterdir()):
        tag = blake2b(path.read_bytes(), digest_size=6).hexdigest()
        found[path.name] = f"/static/{path.name}?v={tag}"
    return found
