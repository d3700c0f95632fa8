"""What a visit to a project on PyPI has to change in an index: page against index, as items.

A release's metadata never changes, so only releases an index lacks are fetched. What may change of
the others (yanked, which is latest, files, counts) stands on the project page. npm works alike, so
`sources.npm_visit` compares here, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pyfcrawl.core.document import Owner, owned_by
from pyfcrawl.core.names import normalized
from pyfcrawl.items import GoneItem, ListingItem, PackageItem

REGISTRY = "pypi"

#: Package facts from enrichment, which a new release takes over from those indexed.
FACTS = tuple(sorted(owned_by(Owner.GITHUB, Owner.DOWNLOADS)))

#: The fields of indexed documents that `compare` has to know.
KNOWN_FIELDS = ("metadata_complete", *FACTS)

#: version -> the KNOWN_FIELDS of its document
Indexed = Mapping[str, Mapping[str, Any]]


class Listed(Protocol):
    """A project as its registry lists it; see `sources.pypi.Project` for what each part is."""

    @property
    def name(self) -> str: ...
    @property
    def latest(self) -> str | None: ...
    @property
    def info(self) -> dict[str, Any]: ...
    @property
    def package(self) -> dict[str, Any]: ...
    @property
    def releases(self) -> dict[str, dict[str, Any]]: ...
    @property
    def requires_python(self) -> dict[str, str | None]: ...
    @property
    def whole(self) -> bool: ...


@dataclass(slots=True)
class Changes:
    """`items` to pass on as they are; `fetch`: releases whose metadata must be asked for first.

    The items of `fetch` are whole but for their metadata; without it they stand for a release of
    which the registry gives none.
    """

    items: list[PackageItem | ListingItem | GoneItem] = field(default_factory=list)
    fetch: list[PackageItem] = field(default_factory=list)


def compare(
    project: Listed,
    indexed: Mapping[str, Indexed],
    visit: str,
    latest_only: bool = False,
    again: bool = False,
    registry: str = REGISTRY,
) -> Changes:
    """Compare a project page with what the collections it belongs to hold.

    `indexed` maps each of these collections to what it has of the project. A version that any of
    them lacks is written to all. `again` also fetches releases indexed without metadata before.
    """
    changes = Changes()
    collections = list(indexed)
    facts = _facts(indexed.values())
    latest = project.latest
    for version in project.releases:
        if version == latest:
            if _lacking(version, indexed, incomplete_too=True):
                item = _release(registry, project, version, collections, facts, visit)
                item.metadata = project.info
                changes.items.append(item)
        elif not latest_only and _lacking(version, indexed, incomplete_too=again):
            item = _release(registry, project, version, collections, facts, visit)
            changes.fetch.append(item)
    changes.items += _listing(registry, project, indexed, visit)
    changes.items += _vanished(registry, project, indexed, visit)
    return changes


def gone(
    name: str, collections: Sequence[str], reason: str, visit: str, registry: str = REGISTRY
) -> list[PackageItem | ListingItem | GoneItem]:
    """The item that takes a package out of these collections; none when there are none."""
    if not collections:
        return []
    return [GoneItem(registry, name, list(collections), reason, visit=visit)]


def _lacking(version: str, indexed: Mapping[str, Indexed], incomplete_too: bool) -> bool:
    return any(
        version not in known
        or (incomplete_too and known[version].get("metadata_complete") is False)
        for known in indexed.values()
    )


def _facts(indexed: Iterable[Indexed]) -> dict[str, Any]:
    for known in indexed:
        for fields in known.values():
            found = {name: fields[name] for name in FACTS if fields.get(name) is not None}
            if found:
                return found
    return {}


def _release(
    registry: str,
    project: Listed,
    version: str,
    collections: list[str],
    facts: dict[str, Any],
    visit: str,
) -> PackageItem:
    return PackageItem(
        registry=registry,
        name=project.name,
        version=version,
        collections=collections,
        metadata={},
        listing=project.releases[version] | project.package,
        requires_python=project.requires_python.get(version),
        facts=facts,
        visit=visit,
    )


def _listing(
    registry: str, project: Listed, indexed: Mapping[str, Indexed], visit: str
) -> list[ListingItem]:
    """One item for all releases that any of the collections holds already."""
    kept = {
        version: fields
        for version, fields in project.releases.items()
        if any(version in known for known in indexed.values())
    }
    if not kept:
        return []
    where = [collection for collection, known in indexed.items() if known]
    return [ListingItem(registry, project.name, where, dict(project.package), kept, visit=visit)]


def _vanished(
    registry: str, project: Listed, indexed: Mapping[str, Indexed], visit: str
) -> list[GoneItem]:
    """Releases that are indexed but that the registry no longer lists."""
    items: list[GoneItem] = []
    if not project.whole:
        return items
    for collection, known in indexed.items():
        versions = [version for version in known if version not in project.releases]
        if versions:
            name = normalized(project.name, registry)
            reason = "release no longer listed"
            items.append(GoneItem(registry, name, [collection], reason, versions, visit))
    return items


_CONTEXT = (
    "registry",
    "name",
    "version",
    "collections",
    "metadata",
    "listing",
    "requires_python",
    "facts",
    "visit",
)


def as_context(item: PackageItem) -> dict[str, Any]:
    """A PackageItem's arguments as JSON values, to travel with a request."""
    return {name: getattr(item, name) for name in _CONTEXT}
