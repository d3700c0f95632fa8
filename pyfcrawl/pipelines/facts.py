"""Facts from enrichment onto packages that are indexed, and the health that follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pyfcrawl.core.document import Owner, owned_by, problem_with_fields
from pyfcrawl.core.names import package_id
from pyfcrawl.items import DownloadsItem, GithubItem
from pyfcrawl.pipelines.health import LOOKED_AT, changed_health
from pyfcrawl.stores.index import IndexWriter, Patch, Refusal, WriteReport

FactsItem = GithubItem | DownloadsItem

_OWNED = {GithubItem: owned_by(Owner.GITHUB), DownloadsItem: owned_by(Owner.DOWNLOADS)}

#: Packages whose releases are held in memory at once.
_GROUP = 20


def write_facts(
    writer: IndexWriter, collection: str, items: Iterable[FactsItem], now: int
) -> WriteReport:
    """Patch the facts of items onto their packages, later ones over earlier ones.

    The health of each release goes with them where it changes (as of `now`, Unix seconds). A
    package that isn't there is left alone and counts as unchanged; facts that no index can hold
    are refused under the package's id.
    """
    report = WriteReport()
    wanted: dict[str, dict[str, Any]] = {}
    for item in items:
        package = package_id(item.registry, item.name)
        problem = _problem_with(item)
        if problem:
            report.refused.append(Refusal(package, problem))
        else:
            wanted.setdefault(package, {}).update(item.facts)
    for group in _groups(wanted):
        _add(report, _write_group(writer, collection, group, now))
    return report


def _problem_with(item: FactsItem) -> str | None:
    foreign = item.facts.keys() - _OWNED[type(item)]
    if foreign:
        return f"{min(foreign)} is not a field that {type(item).__name__} may change"
    return problem_with_fields(item.facts)


def _write_group(
    writer: IndexWriter, collection: str, group: dict[str, dict[str, Any]], now: int
) -> WriteReport:
    known = writer.known(collection, group, LOOKED_AT)
    patches: list[Patch] = []
    for package, releases in known.items():
        facts = group[package]
        patches.append(Patch(package, facts))
        changed = (changed_health(each | facts, now) for each in releases.values())
        patches += [patch for patch in changed if patch]
    report = writer.patch(collection, patches) if patches else WriteReport()
    report.unchanged += len(group) - len(known)
    return report


def _groups(wanted: dict[str, dict[str, Any]]) -> Iterator[dict[str, dict[str, Any]]]:
    every = list(wanted.items())
    for start in range(0, len(every), _GROUP):
        yield dict(every[start : start + _GROUP])


def _add(report: WriteReport, part: WriteReport) -> None:
    report.written += part.written
    report.unchanged += part.unchanged
    report.refused += part.refused
