"""What the API answers, as types: JSON is written and described by them.

Documents keep the names of the field table, so that what people know from the index they know
here, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct, defstruct

from pyfcrawl.core.document import FIELDS, Field, Type
from pyfcrawl.web.catalog import RELEASE_FIELDS

#: What a list of packages tells of each.
SUMMARY_FIELDS = (
    *("package_id", "identifier", "registry", "name", "npm_scope", "version", "summary"),
    *("upload_timestamp", "first_upload_timestamp", "release_count", "yanked"),
    *("framework_versions", "python_versions", "license_expression", "health_score"),
    *("download_last_month", "github_stars", "github_archived", "repository_url", "package_url"),
)
#: What a list of dependents tells of each.
DEPENDENT_FIELDS = (
    *("package_id", "registry", "name", "version", "summary", "upload_timestamp"),
    *("health_score", "download_last_month", "github_stars"),
)
RELEASE_LIST_FIELDS = tuple(each for each in RELEASE_FIELDS if each != "version_sortable")
HEALTH_FIELDS = (
    *("package_id", "registry", "name", "version"),
    *("health_score", "health_score_breakdown", "health_score_last_calculated"),
)
DOWNLOAD_FIELDS = (
    *("download_last_day", "download_last_week", "download_last_month", "download_total"),
    *("download_total_since", "download_updated"),
)

_TYPES: dict[Type, Any] = {
    Type.STRING: str | None,
    Type.STRINGS: list[str],
    Type.INT: int | None,
    Type.FLOAT: float | None,
    Type.BOOL: bool | None,
    Type.JSON: Any,
}


def _typed(field: Field) -> tuple[str, Any]:
    return field.name, Annotated[_TYPES[field.type], Meta(description=field.meaning)]


def _struct(name: str, fields: tuple[str, ...] | None = None) -> Any:
    """A type for documents with some of their fields, or all."""
    chosen = (FIELDS[each] for each in fields or FIELDS)
    return defstruct(name, [_typed(each) for each in chosen], module=__name__)


if TYPE_CHECKING:
    Release = dict[str, Any]
    Summary = dict[str, Any]
    ReleaseSummary = dict[str, Any]
    DependentSummary = dict[str, Any]
    Health = dict[str, Any]
else:
    Release = _struct("Release")
    Summary = _struct("Summary", SUMMARY_FIELDS)
    ReleaseSummary = _struct("ReleaseSummary", RELEASE_LIST_FIELDS)
    DependentSummary = _struct("DependentSummary", DEPENDENT_FIELDS)
    Health = _struct("Health", HEALTH_FIELDS)


class Problem(Struct):
    """What went wrong, in words."""

    error: Annotated[int, Meta(description="The HTTP status")]
    message: str


class FacetValue(Struct):
    """A value and how many packages have it."""

    value: str
    count: int


class Found(Struct):
    """A page of packages. `corrected` has words that nothing has, and those searched instead."""

    found: int
    page: int
    per_page: int
    hits: list[Summary]
    facets: dict[str, list[FacetValue]]
    corrected: dict[str, list[str]]


class Releases(Struct):
    """A page of a package's releases, newest version first and pre-releases last."""

    found: int
    page: int
    per_page: int
    releases: list[ReleaseSummary]


class Dependent(Struct):
    """A package that needs the one asked for, and how it says so."""

    requirement: str
    package: DependentSummary


class Dependents(Struct):
    """A page of the packages of this profile whose latest release needs the one asked for."""

    found: int
    page: int
    per_page: int
    dependents: list[Dependent]


class Count(Struct):
    """Downloads of a day, of one version or ("") of all; who counted them and what."""

    day: str
    version: str
    downloads: int
    source: str
    counting: str


class Downloads(Struct):
    """Downloads of a package: sums, and the days asked for.

    From each of `counting_changes` on it was counted otherwise than before: numbers on both sides
    don't compare.
    """

    package_id: str
    registry: str
    name: str
    download_last_day: int | None
    download_last_week: int | None
    download_last_month: int | None
    download_total: int | None
    download_total_since: str | None
    download_updated: int | None
    first: Annotated[str, Meta(description="First day of `days`")]
    last: Annotated[str, Meta(description="Last day of `days`")]
    counting_changes: list[str]
    days: list[Count]


class ProfileSummary(Struct):
    """An ecosystem and how much of it is indexed."""

    name: str
    title: str
    default: bool
    crawled: bool
    packages: int
    documents: int


class Profiles(Struct):
    """All that this site shows."""

    profiles: list[ProfileSummary]


class Missed(Struct):
    """What may be missing of a feed, between two moments (Unix seconds)."""

    feed: str
    since: int
    until: int


class SourceStatus(Struct):
    """How one spider keeps a profile in step; times in Unix seconds.

    `ended` and `reason` are the last run's, `good` is when the last one ended that was whole and
    well, None when none was. `polls` says that a run goes on and on right now. A source without a
    good run for `overdue_after` seconds is `overdue`; None: it never is.
    """

    spider: str
    ended: int
    reason: str
    good: int | None
    polls: bool
    overdue: bool
    overdue_after: int | None


class ProfileStatus(Struct):
    """How far a profile is in step with PyPI.

    `serial` is where it stands and `newest` what there was; None when no crawl has got that far.
    `behind` is None when an edit of the profile made the cursor worthless. Times in Unix seconds.
    """

    name: str
    crawled: bool
    packages: int
    documents: int
    serial: int | None
    newest: int | None
    behind: int | None
    updated: int | None
    pending: int
    gaps: list[Missed]
    sources: list[SourceStatus]


class CrawlRun(Struct):
    """One crawl and how it ended; times in Unix seconds.

    `reason` is `running` for one under way and `died` for one that left no record; `ended` is then
    its last sign of life.
    """

    spider: str
    collections: str
    started: int
    ended: int
    reason: str
    counts: dict[str, int]


class Status(Struct):
    """How fresh everything is."""

    profiles: list[ProfileStatus]
    runs: list[CrawlRun]


class Statistics(Struct):
    """Downloads of a project, day by day and by version."""

    id: str
    total_downloads: int
    versions: list[str]
    downloads: dict[str, dict[str, int]]
