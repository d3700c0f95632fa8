"""The packages of a run, read from the index: where each one's repository may be, and its turn."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from pyfcrawl.core import repos
from pyfcrawl.core.ledger import Visit
from pyfcrawl.core.names import normalized
from pyfcrawl.core.repos import Candidates, Kind, Repository
from pyfcrawl.stores.index import IndexReader

_FIELDS = (
    *("package_id", "registry", "name", "version_sortable", "is_latest", "project_urls"),
    *("github_checked", "github_url", *repos.FIELDS),
)


@dataclass(slots=True)
class Package:
    """A package, in these collections.

    `checked` is when its repository was last looked up (Unix seconds; None: never, or not in all
    of the collections), `has_facts` whether the index holds any. `at` counts the candidates that
    turned out not to be there.
    """

    package_id: str
    registry: str
    name: str
    collections: list[str]
    candidates: Candidates
    checked: int | None
    has_facts: bool
    at: int = 0
    visit: str = field(init=False)

    def __post_init__(self) -> None:
        self.visit = str(Visit(0, 0, self.package_id))

    @property
    def repository(self) -> Repository | None:
        """The repository to try now, None when all were."""
        found = self.candidates.repositories
        return found[self.at] if self.at < len(found) else None


def read_packages(
    reader: IndexReader, collections: Iterable[str], hosts: Mapping[str, Kind]
) -> dict[str, Package]:
    """All packages of these collections by package id, read in one stream a collection."""
    found: dict[str, Package] = {}
    for collection in collections:
        for package in _read(reader, collection, hosts):
            known = found.setdefault(package.package_id, package)
            if known is not package:
                _merge(known, package)
    return found


def _read(reader: IndexReader, collection: str, hosts: Mapping[str, Kind]) -> Iterator[Package]:
    # Ordered by identifier, the releases of a package come one after another.
    documents = reader.iterate(collection, _FIELDS)
    for package_id, group in groupby(documents, itemgetter("package_id")):
        yield _package(package_id, collection, list(group), hosts)


def _package(
    package_id: str, collection: str, releases: list[dict[str, Any]], hosts: Mapping[str, Kind]
) -> Package:
    releases.sort(key=_newest_last, reverse=True)
    newest = releases[0]
    return Package(
        package_id=package_id,
        registry=newest["registry"],
        name=newest["name"],
        collections=[collection],
        candidates=repos.of_package(releases, hosts),
        checked=newest.get("github_checked"),
        has_facts=any(newest.get(name) is not None for name in ("github_checked", "github_url")),
    )


def _newest_last(release: Mapping[str, Any]) -> tuple[bool, str]:
    return release.get("is_latest") is True, release.get("version_sortable") or ""


def _merge(known: Package, other: Package) -> None:
    known.collections += other.collections
    times = (known.checked, other.checked)
    known.checked = None if None in times else min(time for time in times if time is not None)
    known.has_facts = known.has_facts or other.has_facts


def due(packages: Iterable[Package], since: float, limit: int | None) -> list[Package]:
    """Those not looked up after `since`, most wanted first: never looked up, then the oldest.

    Packages that name no repository cost no look-up: `limit` doesn't count them, or they would
    take the turn of others in every run.
    """
    wanted = [each for each in packages if each.checked is None or each.checked < since]
    wanted.sort(key=lambda each: (each.checked is not None, each.checked or 0, each.package_id))
    free = [each for each in wanted if each.repository is None]
    return [*free, *[each for each in wanted if each.repository is not None][:limit]]


def named(packages: Iterable[Package], names: Collection[str]) -> tuple[list[Package], list[str]]:
    """The packages of these names, in whichever registry, and the names that none has."""
    wanted = {(normalized(name, registry), registry) for name in names for registry in _REGISTRIES}
    found = [each for each in packages if _key(each) in wanted]
    there = {_key(each) for each in found}
    unknown = [
        name
        for name in names
        if not any((normalized(name, registry), registry) in there for registry in _REGISTRIES)
    ]
    return found, unknown


_REGISTRIES = ("pypi", "npm")


def _key(package: Package) -> tuple[str, str]:
    return normalized(package.name, package.registry), package.registry
