"""The field table: every field of a document, once.

One document describes one release of one package. What a store indexes, what the crawl writes,
what enrichment may patch and what docs/documents.md says all derive from `FIELDS`.

Two levels exist. A *release* field may differ between the releases of a package; a *package*
field is the same on all of them, so a store may keep it once and a new release starts with it.
Every field has one owner, the only part of pyfcrawl that writes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal


class Type(StrEnum):
    """What values a field holds. Absent values are None (lists: empty)."""

    STRING = "string"
    STRINGS = "string[]"
    INT = "int64"
    FLOAT = "float"
    BOOL = "bool"
    JSON = "json"  # any JSON value; stored, never searched or filtered


class Use(StrEnum):
    """What an index must be able to do with a field, beyond storing it."""

    SEARCH = "search"
    FILTER = "filter"
    FACET = "facet"
    SORT = "sort"


class Owner(StrEnum):
    """The one writer of a field."""

    RELEASE = "release"  # the release's own metadata: fixed once uploaded
    LISTING = "listing"  # what the registry's project page says of the release or package
    HEALTH = "health"  # the crawl, and again `scrapy health`
    GITHUB = "github"  # enrichment from the source repository
    DOWNLOADS = "downloads"  # enrichment from download statistics


Level = Literal["release", "package"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name, type, uses, owner, level and one line of meaning."""

    name: str
    type: Type
    uses: frozenset[Use]
    owner: Owner
    level: Level
    meaning: str

    @property
    def empty(self) -> Any:
        """The value of this field when nothing is known."""
        return [] if self.type is Type.STRINGS else None


def _field(
    name: str, type_: Type, uses: str, owner: Owner, meaning: str, level: Level = "release"
) -> Field:
    return Field(name, type_, frozenset(Use(use) for use in uses.split()), owner, level, meaning)


_S, _SS, _I, _F, _B, _J = Type.STRING, Type.STRINGS, Type.INT, Type.FLOAT, Type.BOOL, Type.JSON
_REL, _LIST, _HEALTH, _GH, _DL = (
    Owner.RELEASE,
    Owner.LISTING,
    Owner.HEALTH,
    Owner.GITHUB,
    Owner.DOWNLOADS,
)

_TABLE = (
    # identity
    _field("identifier", _S, "filter", _REL, "Package URL of the release; the document's id"),
    _field("package_id", _S, "filter", _REL, "Package URL without the version; groups releases"),
    _field("registry", _S, "filter facet", _REL, "`pypi` or `npm`"),
    _field("name", _S, "search filter", _REL, "Name as the author writes it"),
    _field("name_sortable", _S, "filter sort", _REL, "Normalised name (PEP 503; npm: lower case)"),
    _field("npm_scope", _S, "filter facet", _REL, "npm scope with its `@`, none on PyPI"),
    # version
    _field("version", _S, "filter", _REL, "Version as the registry lists it"),
    _field("version_raw", _S, "", _REL, "Version as the release's metadata spells it"),
    _field("version_sortable", _S, "sort", _REL, "Orders as PEP 440 does, stable releases first"),
    _field("version_major", _I, "filter", _REL, "First number of the version"),
    _field("version_minor", _I, "filter", _REL, "Second number of the version"),
    _field("version_bugfix", _I, "filter", _REL, "Third number of the version"),
    _field("version_is_valid", _B, "filter", _REL, "Whether the version follows PEP 440"),
    _field("version_is_prerelease", _B, "filter", _REL, "Whether it is a pre- or dev release"),
    _field("is_latest", _B, "filter", _LIST, "Whether the registry calls this release latest"),
    _field("yanked", _B, "filter", _LIST, "Whether the release was withdrawn"),
    _field("yanked_reason", _S, "", _LIST, "Why it was withdrawn, in the maintainer's words"),
    _field("upload_timestamp", _I, "filter sort", _LIST, "First file's upload, Unix seconds"),
    _field("urls", _J, "", _LIST, "The release's files: name, size, type, hash, upload time"),
    _field("release_count", _I, "filter sort", _LIST, "Releases the registry lists", "package"),
    _field(
        "first_upload_timestamp",
        _I,
        "filter sort",
        _LIST,
        "Upload of the package's first file, Unix seconds",
        "package",
    ),
    _field("vulnerabilities", _J, "", _LIST, "Known vulnerabilities of the latest", "package"),
    _field("metadata_complete", _B, "filter", _REL, "False: the registry gave no metadata"),
    # what it is
    _field("summary", _S, "search", _REL, "One line by the author"),
    _field("keywords", _SS, "search filter facet", _REL, "Keywords as one clean list"),
    _field("classifiers", _SS, "filter facet", _REL, "Trove classifiers"),
    _field("framework_versions", _SS, "filter facet", _REL, "e.g. `Plone 6.1`, from classifiers"),
    _field("python_versions", _SS, "filter facet", _REL, "e.g. `Python 3.12`, from classifiers"),
    _field("requires_python", _S, "", _REL, "Version specifier of Python"),
    _field("requires_dist", _SS, "", _REL, "Dependencies with markers"),
    _field("platform", _SS, "filter", _REL, "Platforms the author names (npm: `node`)"),
    _field("license", _S, "search", _REL, "License as the author declares it"),
    _field("license_expression", _S, "filter facet", _REL, "SPDX expression, where known"),
    # who
    _field("author", _S, "search filter", _REL, "Author names"),
    _field("author_email", _S, "", _REL, "Author addresses as declared"),
    _field("maintainer", _S, "search filter", _REL, "Maintainer names"),
    _field("maintainer_email", _S, "", _REL, "Maintainer addresses as declared"),
    # where
    _field("home_page", _S, "", _REL, "Home page"),
    _field("docs_url", _S, "", _REL, "Documentation"),
    _field("bugtrack_url", _S, "", _REL, "Issue tracker"),
    _field("repository_url", _S, "", _REL, "Source repository"),
    _field("download_url", _S, "", _REL, "Where the author offers it for download"),
    _field("project_url", _S, "", _REL, "The package's page at its registry"),
    _field("project_urls", _J, "", _REL, "Labelled links"),
    _field("package_url", _S, "", _REL, "The package's page at its registry"),
    _field("release_url", _S, "", _REL, "The release's page at its registry"),
    # text
    _field("description", _S, "", _REL, "README as sanitised HTML"),
    _field("title", _S, "search", _REL, "Text of the README's first heading"),
    _field("first_chapter", _S, "search", _REL, "Summary and README up to the second heading"),
    _field("main_content", _S, "search", _REL, "README between first chapter and changelog"),
    _field("changelog", _S, "search", _REL, "README from the changelog heading on"),
    _field("screenshot_url", _S, "", _REL, "First image of the README that shows the package"),
    # npm scores (absent where the registry gives constants)
    _field("npm_final_score", _F, "sort", _LIST, "npm search score"),
    _field("npm_quality_score", _F, "", _LIST, "npm quality score"),
    _field("npm_popularity_score", _F, "", _LIST, "npm popularity score"),
    _field("npm_maintenance_score", _F, "", _LIST, "npm maintenance score"),
    # health
    _field("health_score", _I, "filter sort", _HEALTH, "0 to 100"),
    _field("health_score_breakdown", _J, "", _HEALTH, "Points, problems and bonuses by part"),
    _field("health_score_last_calculated", _I, "", _HEALTH, "Unix seconds"),
    # source repository
    _field("github_stars", _I, "filter sort", _GH, "Stars", "package"),
    _field("github_watchers", _I, "", _GH, "Watchers", "package"),
    _field("github_forks", _I, "", _GH, "Forks", "package"),
    _field("github_open_issues", _I, "", _GH, "Open issues without pull requests", "package"),
    _field("github_updated", _I, "filter sort", _GH, "Last push, Unix seconds", "package"),
    _field("github_archived", _B, "filter", _GH, "Whether the repository is archived", "package"),
    _field("github_license", _S, "", _GH, "License the repository host detected", "package"),
    _field("github_url", _S, "", _GH, "Canonical address of the repository", "package"),
    _field("github_checked", _I, "", _GH, "When these were read, Unix seconds", "package"),
    _field("contributors", _J, "", _GH, "Top five contributors", "package"),
    # downloads
    _field("download_last_day", _I, "", _DL, "Downloads of the last day", "package"),
    _field("download_last_week", _I, "", _DL, "Downloads of the last 7 days", "package"),
    _field("download_last_month", _I, "filter sort", _DL, "Last 30 days", "package"),
    _field("download_total", _I, "sort", _DL, "All downloads known", "package"),
    _field(
        "download_total_since",
        _S,
        "",
        _DL,
        "First day download_total counts; none with an imported total",
        "package",
    ),
    _field("download_updated", _I, "", _DL, "When these were read, Unix seconds", "package"),
)

FIELDS: dict[str, Field] = {field.name: field for field in _TABLE}

#: Fields that say when something was computed: a change in these alone is no change.
BOOKKEEPING = frozenset({"health_score_last_calculated"})


def owned_by(*owners: Owner) -> frozenset[str]:
    """Names of the fields that these owners write."""
    return frozenset(field.name for field in _TABLE if field.owner in owners)


def used_for(use: Use) -> tuple[str, ...]:
    """Names of the fields an index must support for `use`, in table order."""
    return tuple(field.name for field in _TABLE if use in field.uses)


def at_level(level: Level) -> frozenset[str]:
    """Names of the fields at `level` ("release" or "package")."""
    return frozenset(field.name for field in _TABLE if field.level == level)


_PYTHON_TYPES: dict[Type, tuple[type, ...]] = {
    Type.STRING: (str,),
    Type.INT: (int,),
    Type.FLOAT: (float, int),
    Type.BOOL: (bool,),
}

_INT64 = range(-(2**63), 2**63)


def problem_with(document: dict[str, Any]) -> str | None:
    """Why an index must refuse this document, or None when it is sound.

    A document needs its identity, holds only fields of the table, and every value has its
    field's type (None stands for "not known").
    """
    for required in ("identifier", "package_id", "registry", "name", "version"):
        if not document.get(required):
            return f"{required} is missing"
    return problem_with_fields(document)


def problem_with_fields(fields: dict[str, Any]) -> str | None:
    """Why these field values can't be stored, or None: unknown fields and wrong types."""
    for name, value in fields.items():
        field = FIELDS.get(name)
        if field is None:
            return f"{name} is not a field of the document"
        if value is not None and not _fits(field.type, value):
            return f"{name} is not {field.type}: {str(value)[:80]!r}"
    return None


def _fits(type_: Type, value: Any) -> bool:
    if type_ is Type.JSON:
        return True
    if type_ is Type.STRINGS:
        return isinstance(value, list) and all(map(is_text, value))
    if type_ is Type.STRING:
        return is_text(value)
    if type_ is not Type.BOOL and isinstance(value, bool):
        return False
    return isinstance(value, _PYTHON_TYPES[type_]) and (type_ is not Type.INT or value in _INT64)


def is_text(value: Any) -> bool:
    """A string that UTF-8 can encode: JSON may smuggle in lone surrogates."""
    if not isinstance(value, str):
        return False
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
