"""The parameters that endpoints share, and what they mean to the index."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from pyfcrawl.core.downloads import EARLIEST, days_before
from pyfcrawl.stores.index import Filter, Query
from pyfcrawl.web.parameters import ParameterError, Parameters

#: Days shown when none are asked for, and at most.
WINDOW = 90
MOST_DAYS = 366

Name = Annotated[
    str, Meta(min_length=1, max_length=214, description="Name, in any spelling; npm's with scope")
]
RegistryName = Literal["pypi", "npm"]
Registry = Annotated[RegistryName, Meta(description="Where it is from")]
ProfileName = Annotated[
    str, Meta(min_length=1, max_length=100, description="Name of a profile, see `/api/v1/profiles`")
]
Value = Annotated[str, Meta(min_length=1, max_length=200)]
Values = Annotated[tuple[Value, ...], Meta(max_length=20)]

#: What filters and facets are called -> the document's field.
FIELD_OF = {
    "registry": "registry",
    "framework": "framework_versions",
    "python": "python_versions",
    "license": "license_expression",
    "keyword": "keywords",
    "classifier": "classifiers",
    "scope": "npm_scope",
}
FacetName = Literal["registry", "framework", "python", "license", "keyword", "classifier", "scope"]
SORTS = {
    "relevance": "relevance",
    "health": "health_score",
    "downloads": "download_last_month",
    "stars": "github_stars",
    "newest": "upload_timestamp",
    "added": "first_upload_timestamp",
    "name": "name_sortable",
}
Sort = Annotated[
    Literal["relevance", "health", "downloads", "stars", "newest", "added", "name"],
    Meta(description="In which order"),
]

#: What `released` may be -> days.
RELEASED = {"30d": 30, "1y": 365, "3y": 1096}
_DAY = 86_400


Page = Annotated[int, Meta(ge=1, le=1000, description="Which page, from 1")]
PerPage = Annotated[int, Meta(ge=1, le=100, description="How many on a page")]
FirstDay = Annotated[
    datetime.date | UnsetType, Meta(description="First day; without: 90 days before the last")
]
LastDay = Annotated[
    datetime.date | UnsetType,
    Meta(description="Last day; without: 90 days after the first, or today"),
]


class Nothing(Parameters, kw_only=True):
    """No parameters."""


class OfProfile(Parameters, kw_only=True):
    """Something of a profile."""

    profile: ProfileName


class OfPackage(OfProfile, kw_only=True):
    """Something of a package of a profile."""

    registry: Registry
    name: Name


class PagedOfPackage(OfPackage, kw_only=True):
    """A page of something of a package."""

    page: Page = 1
    per_page: PerPage = 20


class OfRelease(OfPackage, kw_only=True):
    """Something of one release."""

    version: Annotated[str, Meta(min_length=1, max_length=200, description="As it is listed")]


class Conditions(Parameters, kw_only=True):
    """Which packages."""

    q: Annotated[str, Meta(max_length=200, description="Words; typing errors are forgiven")] = ""
    registry: Annotated[
        tuple[RegistryName, ...], Meta(max_length=2, description="Where packages are from")
    ] = ()
    framework: Annotated[Values, Meta(description="e.g. `Plone 6.1`; of several any will do")] = ()
    python: Annotated[Values, Meta(description="e.g. `3.12`")] = ()
    license: Annotated[Values, Meta(description="SPDX expression, e.g. `MIT`")] = ()
    keyword: Annotated[Values, Meta(description="A keyword, as written")] = ()
    classifier: Annotated[Values, Meta(description="A trove classifier, whole")] = ()
    scope: Annotated[Values, Meta(description="npm scope, e.g. `@plone`")] = ()
    archived: Annotated[
        Literal["yes", "no"] | UnsetType, Meta(description="Whether the repository is archived")
    ] = UNSET
    released: Annotated[
        Literal["30d", "1y", "3y"] | UnsetType, Meta(description="Within so many days or years")
    ] = UNSET
    released_after: Annotated[
        datetime.date | UnsetType, Meta(description="Day of the release, or later")
    ] = UNSET
    min_health: Annotated[int, Meta(ge=0, le=100, description="Least health score")] = 0


class Search(Conditions, kw_only=True):
    """A search in a profile."""

    profile: ProfileName
    page: Page = 1
    per_page: PerPage = 20
    sort: Sort = "relevance"
    order: Annotated[
        Literal["asc", "desc"] | UnsetType, Meta(description="Without: the way that is of use")
    ] = UNSET
    facets: Annotated[
        tuple[FacetName, ...], Meta(max_length=7, description="Count the values of these")
    ] = ()


def query_of(asked: Search, now: float) -> Query:
    """The search that is asked for at `now` (Unix seconds)."""
    return Query(
        text=asked.q,
        filters=list(filters_of(asked, now)),
        sort=SORTS[asked.sort],
        descending=None if asked.order is UNSET else asked.order == "desc",
        page=asked.page,
        per_page=asked.per_page,
        facets=tuple(FIELD_OF[each] for each in dict.fromkeys(asked.facets)),
    )


def filters_of(asked: Conditions, now: float) -> Iterator[Filter]:
    """The conditions that are asked for; days are whole, so that answers stay for a while."""
    for name, field_name in FIELD_OF.items():
        for value in getattr(asked, name):
            if name == "python" and value[:1].isdigit():
                value = f"Python {value}"
            yield Filter(field_name, "=", value)
    if asked.archived is not UNSET:
        yield Filter("github_archived", "=" if asked.archived == "yes" else "!=", True)
    if asked.released is not UNSET:
        since = int(now // _DAY - RELEASED[asked.released]) * _DAY
        yield Filter("upload_timestamp", ">=", since)
    if asked.released_after is not UNSET:
        yield Filter("upload_timestamp", ">=", asked.released_after.isoformat())
    if asked.min_health:
        yield Filter("health_score", ">=", asked.min_health)


def today(now: float) -> str:
    """The day it is in UTC, of Unix seconds."""
    return datetime.datetime.fromtimestamp(now, datetime.UTC).date().isoformat()


def window(since: FirstDay, until: LastDay, today: str) -> tuple[str, str]:
    """First and last day asked for, YYYY-MM-DD. Raises ParameterError."""
    first = "" if since is UNSET else since.isoformat()
    last = "" if until is UNSET else until.isoformat()
    if first and not last:
        last = min(max(today, first), days_before(first, -WINDOW))
    last = last or today
    first = first or days_before(last, WINDOW)
    if first > last:
        raise ParameterError(f"from={first} is after to={last}: give them in order")
    if days_before(last, MOST_DAYS) > first:
        raise ParameterError(
            f"from={first} is more than {MOST_DAYS} days before to={last}: ask for a part at a time"
        )
    return max(first, EARLIEST), max(last, EARLIEST)
