"""What spiders yield: plain dataclasses, read through itemadapter.

Every item names its registry, package and the collections it is for, and carries `visit`, the
key under which the crawl keeps account of the project it belongs to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pyfcrawl.core.readme import EMPTY, Readme

Document = dict[str, Any]


@dataclass(slots=True)
class PackageItem:
    """One release of a package, on its way to become a document.

    `metadata` holds the registry's own metadata of that release (PyPI: the `info` object, core
    metadata in snake case), empty when the registry gave none. `listing` holds the values of
    fields owned by the listing, `requires_python` what the release's files say, `facts` package
    facts already known from enrichment. Pipelines fill `readme`, `screenshot_url` and `document`.
    """

    registry: str
    name: str
    version: str
    collections: list[str]
    metadata: dict[str, Any]
    listing: dict[str, Any]
    requires_python: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    visit: str = ""
    readme: Readme = EMPTY
    screenshot_url: str = ""
    document: Document = field(default_factory=dict)


@dataclass(slots=True)
class ListingItem:
    """What a project page says of releases that are indexed already.

    `package` holds the package-level fields, `releases` the release-level ones by version.
    """

    registry: str
    name: str
    collections: list[str]
    package: dict[str, Any]
    releases: dict[str, dict[str, Any]]
    visit: str = ""


@dataclass(slots=True)
class GoneItem:
    """A package, or with `versions` some releases of it, that an index must no longer hold."""

    registry: str
    name: str
    collections: list[str]
    reason: str
    versions: list[str] | None = None
    visit: str = ""


@dataclass(slots=True)
class GithubItem:
    """What a package's source repository says: values of the fields that Owner.GITHUB owns.

    They are patched onto all releases of the package; one that isn't indexed is never made.
    """

    registry: str
    name: str
    collections: list[str]
    facts: dict[str, Any]
    visit: str = ""


@dataclass(slots=True)
class DownloadsItem:
    """How often a package is downloaded: values of the fields that Owner.DOWNLOADS owns.

    `days` are (day as YYYY-MM-DD, version or "" for all of them, downloads) for the history, and
    `source` says who counted them. `without` are days that had none.
    """

    registry: str
    name: str
    collections: list[str]
    facts: dict[str, Any]
    days: list[tuple[str, str, int]] = field(default_factory=list)
    source: str = ""
    visit: str = ""
    without: list[str] = field(default_factory=list)
