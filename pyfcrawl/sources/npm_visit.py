"""What a visit to a package on npm has to change in an index: packument against index, as items.

A packument says all of every version but its README, so what an index lacks is made here and only
waits for that. What of the versions indexed already may change (latest tag, deprecation, counts)
goes into one item, as on PyPI.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyfcrawl.items import GoneItem, ListingItem, PackageItem
from pyfcrawl.sources import pypi_visit
from pyfcrawl.sources.npm import REGISTRY, Packument
from pyfcrawl.sources.pypi_visit import FACTS, Changes, Indexed

#: The fields of indexed documents that `compare` has to know.
KNOWN_FIELDS = FACTS

Item = PackageItem | ListingItem | GoneItem


def compare(
    packument: Packument,
    indexed: Mapping[str, Indexed],
    visit: str,
    scores: Mapping[str, float],
) -> Changes:
    """Compare a packument with what the collections it belongs to hold.

    `indexed` maps each of these collections to what it has of the package, `scores` holds the
    package's score fields. New versions are in `fetch`: whole but for the README of their own,
    with the packument's in its place where that has one for them.
    """
    for fields in packument.releases.values():
        fields.update(scores)
    changes = pypi_visit.compare(packument, indexed, visit, registry=REGISTRY)
    new = [each for each in changes.items if isinstance(each, PackageItem)]
    changes.items = [each for each in changes.items if not isinstance(each, PackageItem)]
    changes.fetch += new
    for item in changes.fetch:
        item.metadata = packument.metadata(item.version)
    return changes


def gone(name: str, collections: Sequence[str], reason: str, visit: str) -> list[Any]:
    """The item that takes a package out of these collections; none when there are none."""
    return pypi_visit.gone(name, collections, reason, visit, REGISTRY)
