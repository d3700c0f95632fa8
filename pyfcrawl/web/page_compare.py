"""Two to five packages side by side."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pyfcrawl.core.profiles import Profile
from pyfcrawl.stores.index import Document
from pyfcrawl.web.catalog import REGISTRIES, Package
from pyfcrawl.web.page_package import health_parts, install_line
from pyfcrawl.web.site import Site

LEAST, MOST = 2, 5
_LONGEST = 220


def routes(site: Site) -> list[BaseRoute]:
    """/compare?p=pypi/NAME&p=npm/NAME"""

    async def page(request: Request) -> Response:
        profile = site.templates.profile(request)
        given = [each.strip() for each in request.query_params.getlist("p")]
        asked = list(dict.fromkeys(each for each in given if each))
        (packages, unknown), synced = await asyncio.gather(
            _found(site, profile, asked[:MOST]), site.catalog.synced(profile)
        )
        context = {
            "profile": profile,
            "packages": packages,
            "unknown": unknown,
            "dropped": [each[:_LONGEST] for each in asked[MOST:]],
            "least": LEAST,
            "most": MOST,
            "synced": synced,
            "columns": [_column(each) for each in packages],
        }
        return site.templates.response(request, "compare.html", context)

    return [Route("/compare", page)]


async def _found(site: Site, profile: Profile, asked: list[str]) -> tuple[list[Package], list[str]]:
    """The packages, each once, and the names that are none."""
    calls = [site.catalog.package(profile, *split_reference(each)) for each in asked]
    found = await asyncio.gather(*calls)
    packages = {each.package_id: each for each in found if each}
    unknown = [name[:_LONGEST] for name, each in zip(asked, found, strict=True) if each is None]
    return list(packages.values()), unknown


def split_reference(text: str) -> tuple[str, str]:
    """Registry and name of `pypi/NAME`; a bare name is PyPI's, one with a scope npm's."""
    registry, _, name = text.partition("/")
    if registry.lower() in REGISTRIES and name:
        return registry.lower(), name
    return ("npm" if text.startswith("@") else "pypi"), text


def _column(package: Package) -> Document:
    head = package.head
    return head | {
        "install": install_line(package),
        "parts": health_parts(head),
        "stable": package.stable,
        "frameworks": head["framework_versions"],
        "pythons": [
            each.removeprefix("Python ") for each in head["python_versions"] if "." in each
        ],
    }
