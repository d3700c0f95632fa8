"""Authors and maintainers: who they are, and what they keep."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pyfcrawl.core.abandoned import abandonment
from pyfcrawl.stores.index import Document
from pyfcrawl.web.overview import person_key
from pyfcrawl.web.site import Site

_MOST_PACKAGES = 500
_LONGEST_NAME = 200


def routes(site: Site) -> list[BaseRoute]:
    """/people for all, /person?name= for one."""

    async def everybody(request: Request) -> Response:
        profile = site.templates.profile(request)
        overview = await site.catalog.overview(profile)
        people = [(name, totals(some, now(site))) for name, some in overview.prolific]
        context = {
            "profile": profile,
            "people": people,
            "count": len(overview.people),
            "made": overview.made,
        }
        return site.templates.response(request, "people.html", context)

    async def person(request: Request) -> Response:
        profile = site.templates.profile(request)
        name = request.query_params.get("name", "")[:_LONGEST_NAME]
        overview = await site.catalog.overview(profile)
        packages = overview.by_person(name)
        if not packages:
            raise HTTPException(404, f"Nobody is called “{name[:80]}” in {profile.title}.")
        context = {
            "profile": profile,
            "name": overview.names[person_key(name)],
            "packages": packages[:_MOST_PACKAGES],
            "totals": totals(packages, now(site)),
            "made": overview.made,
        }
        return site.templates.response(request, "person.html", context)

    return [Route("/people", everybody), Route("/person", person)]


def now(site: Site) -> int:
    """Unix seconds."""
    return int(site.options.now())


def totals(packages: list[Document], now: int) -> dict[str, int | None]:
    """What a person's packages come to; `health` is their mean."""
    scores = [each["health_score"] for each in packages if each["health_score"] is not None]
    return {
        "packages": len(packages),
        "downloads": sum(each["download_last_month"] or 0 for each in packages),
        "stars": sum(each["github_stars"] or 0 for each in packages),
        "health": round(sum(scores) / len(scores)) if scores else None,
        "abandoned": sum(1 for each in packages if abandonment(each, now)),
    }
