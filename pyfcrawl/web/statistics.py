"""Download statistics as people know them: one project, three months of days, by version.

Older days are kept, and `from` and `to` reach them. Days that are known for all versions together
only are told under the version `all`.
"""

from __future__ import annotations

from msgspec import UNSET, field
from starlette.exceptions import HTTPException
from starlette.requests import Request

from pyfcrawl.core.names import normalized, package_id
from pyfcrawl.core.versions import natural_key
from pyfcrawl.web import models
from pyfcrawl.web.asked import FirstDay, LastDay, Name, Registry, today, window
from pyfcrawl.web.catalog import Downloads
from pyfcrawl.web.endpoints import Endpoint, Site
from pyfcrawl.web.lookup import in_any_profile
from pyfcrawl.web.parameters import Parameters

ALL = "all"


class ProjectDays(Parameters, kw_only=True):
    """Days of a project, found by any spelling of its name."""

    name: Name
    registry: Registry = "pypi"
    first: FirstDay = field(name="from", default=UNSET)
    last: LastDay = field(name="to", default=UNSET)


async def project(site: Site, request: Request, asked: ProjectDays) -> models.Statistics:
    """Downloads of a project that is indexed or was counted."""
    name = asked.name.strip()
    first, last = window(asked.first, asked.last, today(site.options.now()))
    try:
        package = package_id(asked.registry, name)
    except ValueError:  # nothing that could be a name
        raise _missing(asked.name) from None
    found = await site.catalog.downloads(package, first, last)
    if found.total is None and not await in_any_profile(site, asked.registry, name):
        raise _missing(asked.name)
    days = _days(found)
    versions = {each.version for each in found.versions}
    return models.Statistics(
        id=normalized(name, asked.registry),
        total_downloads=found.total.downloads if found.total else 0,
        versions=sorted(versions, key=lambda each: (natural_key(each, asked.registry), each)),
        downloads=days,
    )


def _missing(name: str) -> HTTPException:
    return HTTPException(404, f"Project with name {name} does not exist")


def _days(found: Downloads) -> dict[str, dict[str, int]]:
    days: dict[str, dict[str, int]] = {each.day: {} for each in found.days}
    for each in found.versions:
        days.setdefault(each.day, {})[each.version] = each.downloads
    for each in found.days:
        if not days[each.day]:
            days[each.day][ALL] = each.downloads
    return days


ENDPOINTS = (
    Endpoint(
        "/api/v2/projects/{name:package}",
        "Downloads of a project by day and version",
        ProjectDays,
        project,
        models.Statistics,
        max_age=300,
        group="downloads",
    ),
)
