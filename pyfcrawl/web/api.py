"""The JSON API: search, packages and what is known of them, profiles, and how fresh it all is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

from msgspec import UNSET, Meta, field
from starlette.exceptions import HTTPException
from starlette.requests import Request

from pyfcrawl.stores.history import CountedDay
from pyfcrawl.stores.standing import SourceStanding, Standing
from pyfcrawl.web import models
from pyfcrawl.web.asked import (
    FIELD_OF,
    FirstDay,
    LastDay,
    Nothing,
    OfPackage,
    OfRelease,
    PagedOfPackage,
    Search,
    query_of,
    today,
    window,
)
from pyfcrawl.web.catalog import Package
from pyfcrawl.web.endpoints import Endpoint, Site
from pyfcrawl.web.lookup import package_of, profile_of

T = TypeVar("T")

_AT = "/api/v1/{profile}/packages/{registry}/{name:package}"


class DownloadsAsked(OfPackage, kw_only=True):
    """Days of downloads of a package."""

    first: FirstDay = field(name="from", default=UNSET)
    last: LastDay = field(name="to", default=UNSET)
    by_version: Annotated[bool, Meta(description="A number for each version of a day")] = False


async def _package(site: Site, asked: OfPackage) -> Package:
    return await package_of(site, profile_of(site, asked.profile), asked.registry, asked.name)


def _page(values: Sequence[T], asked: PagedOfPackage) -> Sequence[T]:
    start = (asked.page - 1) * asked.per_page
    return values[start : start + asked.per_page]


def _some(document: Mapping[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    return {each: document.get(each) for each in fields}


async def search(site: Site, request: Request, asked: Search) -> models.Found:
    """Packages that fit, each by its latest release, or the newest that fits the conditions."""
    query = query_of(asked, site.options.now())
    result = await site.catalog.glimpse(profile_of(site, asked.profile), query)
    called = {field: name for name, field in FIELD_OF.items()}
    return models.Found(
        found=result.found,
        page=asked.page,
        per_page=asked.per_page,
        hits=[_some(each, models.SUMMARY_FIELDS) for each in result.hits],
        facets={
            called[field]: [models.FacetValue(str(value), count) for value, count in values]
            for field, values in result.facets.items()
        },
        corrected={word: list(instead) for word, instead in result.corrected.items()},
    )


async def package(site: Site, request: Request, asked: OfPackage) -> models.Release:
    """The whole document of a package's latest release."""
    return (await _package(site, asked)).head


async def releases(site: Site, request: Request, asked: PagedOfPackage) -> models.Releases:
    """A package's releases."""
    found = (await _package(site, asked)).releases
    some = [_some(each, models.RELEASE_LIST_FIELDS) for each in _page(found, asked)]
    return models.Releases(len(found), asked.page, asked.per_page, some)


async def release(site: Site, request: Request, asked: OfRelease) -> models.Release:
    """The whole document of one release."""
    of = await _package(site, asked)
    listed = next((each for each in of.releases if each["version"] == asked.version), None)
    profile = profile_of(site, asked.profile)
    found = listed and await site.catalog.release(profile, listed["identifier"])
    if not found:
        raise HTTPException(404, f"{of.name} has no release {asked.version!a}")
    return found


async def health(site: Site, request: Request, asked: OfPackage) -> models.Health:
    """The health score of a package's latest release, and why."""
    return _some((await _package(site, asked)).head, models.HEALTH_FIELDS)


async def downloads(site: Site, request: Request, asked: DownloadsAsked) -> models.Downloads:
    """How often a package was downloaded."""
    first, last = window(asked.first, asked.last, today(site.options.now()))
    of = await _package(site, asked)
    found = await site.catalog.downloads(of.package_id, first, last)
    return models.Downloads(
        package_id=of.package_id,
        registry=of.registry,
        name=of.name,
        **_some(of.head, models.DOWNLOAD_FIELDS),
        first=first,
        last=last,
        counting_changes=found.changes,
        days=[_count(each) for each in (found.versions if asked.by_version else found.days)],
    )


def _count(day: CountedDay) -> models.Count:
    return models.Count(day.day, day.version, day.downloads, day.source, day.counting.value)


async def dependents(site: Site, request: Request, asked: PagedOfPackage) -> models.Dependents:
    """Who depends on a package, most downloaded first."""
    of = await _package(site, asked)
    found = await site.catalog.dependents(profile_of(site, asked.profile), of.package_id)
    some = [
        models.Dependent(each.requirement, _some(each.package, models.DEPENDENT_FIELDS))
        for each in _page(found, asked)
    ]
    return models.Dependents(len(found), asked.page, asked.per_page, some)


async def profiles(site: Site, request: Request, asked: Nothing) -> models.Profiles:
    """The ecosystems that are shown here."""
    found = []
    for each in site.catalog.profiles.values():
        info = await site.catalog.info(each)
        found.append(
            models.ProfileSummary(
                name=each.name,
                title=each.title,
                default=each is site.catalog.default,
                crawled=info is not None,
                packages=info.packages if info else 0,
                documents=info.documents if info else 0,
            )
        )
    return models.Profiles(found)


async def status(site: Site, request: Request, asked: Nothing) -> models.Status:
    """How far every profile is in step, and the last crawls."""
    found = await site.catalog.status()
    runs = [
        models.CrawlRun(run.spider, run.collections, run.started, run.ended, run.reason, run.counts)
        for run in found.runs
    ]
    return models.Status([_standing(each) for each in found.standings], runs)


def _standing(each: Standing) -> models.ProfileStatus:
    cursor = each.cursor
    return models.ProfileStatus(
        name=each.profile.name if each.profile else each.collection,
        crawled=each.info is not None,
        packages=each.info.packages if each.info else 0,
        documents=each.info.documents if each.info else 0,
        serial=cursor.serial if cursor else None,
        newest=cursor.newest if cursor else None,
        behind=each.behind if each.valid else None,
        updated=cursor.updated if cursor else None,
        pending=len(each.pending),
        gaps=[models.Missed(gap.feed, gap.since, gap.until) for gap in each.gaps],
        sources=[_source(one) for one in each.sources],
    )


def _source(each: SourceStanding) -> models.SourceStatus:
    return models.SourceStatus(
        spider=each.source.spider,
        ended=each.source.ended,
        reason=each.source.reason,
        good=each.source.good or None,
        polls=each.polls,
        overdue=each.overdue,
        overdue_after=each.limit,
    )


ENDPOINTS = (
    Endpoint(
        "/api/v1/profiles",
        "The ecosystems shown here",
        Nothing,
        profiles,
        models.Profiles,
        group="site",
    ),
    Endpoint(
        "/api/v1/status",
        "How fresh everything is",
        Nothing,
        status,
        models.Status,
        max_age=15,
        group="site",
    ),
    Endpoint("/api/v1/{profile}/search", "Search for packages", Search, search, models.Found),
    Endpoint(_AT, "The latest release of a package", OfPackage, package, models.Release),
    Endpoint(
        f"{_AT}/releases",
        "All releases of a package",
        PagedOfPackage,
        releases,
        models.Releases,
    ),
    Endpoint(
        f"{_AT}/releases/{{version}}",
        "One release of a package",
        OfRelease,
        release,
        models.Release,
        max_age=300,
    ),
    Endpoint(f"{_AT}/health", "Health score, and why", OfPackage, health, models.Health),
    Endpoint(
        f"{_AT}/downloads",
        "Downloads by day",
        DownloadsAsked,
        downloads,
        models.Downloads,
        max_age=300,
    ),
    Endpoint(
        f"{_AT}/dependents",
        "Who depends on a package",
        PagedOfPackage,
        dependents,
        models.Dependents,
        max_age=300,
    ),
)
