"""The search page, and its parts alone for a script that asks while somebody types."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pyfcrawl.core.abandoned import abandonment
from pyfcrawl.core.names import normalized
from pyfcrawl.core.versions import sort_key
from pyfcrawl.errors import UnknownCollectionError
from pyfcrawl.stores.index import Document, Filter, Query, SearchResult
from pyfcrawl.web.links import Links
from pyfcrawl.web.searching import (
    ARCHIVED,
    DEEPEST_PAGE,
    FACETS,
    LONGEST_TEXT,
    PER_PAGE,
    RELEASED,
    SORTS,
    Asked,
    released_within,
)
from pyfcrawl.web.site import Site

_TITLES = {
    "registry": "Registry",
    "framework": "Framework version",
    "python": "Python version",
    "license": "License",
}
_REGISTRY_NAMES = {"pypi": "PyPI", "npm": "npm"}
#: Facets whose values read best newest first.
_BY_VERSION = ("framework", "python")
_ARCHIVED = Filter("github_archived", "=", True)
_AROUND = 2


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of a facet: where choosing it, or giving it up, leads."""

    label: str
    count: int
    active: bool
    href: str


@dataclass(frozen=True, slots=True)
class Facet:
    """A facet with its choices, those at the end behind "more"."""

    name: str
    title: str
    choices: list[Choice]

    @property
    def active(self) -> bool:
        """Whether anything is chosen of it."""
        return any(each.active for each in self.choices)


def routes(site: Site) -> list[BaseRoute]:
    """The page at /; /results and /facets are parts of it, for the script."""

    async def page(request: Request) -> Response:
        context, status = await _context(site, request, hits=True, facets=True)
        return site.templates.response(request, "search.html", context, status)

    async def results(request: Request) -> Response:
        context, status = await _context(site, request, hits=True)
        return site.templates.response(request, "results.html", context, status)

    async def facets(request: Request) -> Response:
        context, status = await _context(site, request, facets=True)
        return site.templates.response(request, "facets.html", context, status)

    return [Route("/", page), Route("/results", results), Route("/facets", facets)]


async def _context(
    site: Site, request: Request, hits: bool = False, facets: bool = False
) -> tuple[dict[str, Any], int]:
    """What the templates need, and the status of the answer."""
    profile = site.templates.profile(request)
    asked = Asked.of(request.query_params)
    context = {"profile": profile, "asked": asked, "sorts": SORTS, "facets": [], "state": ""}
    if len(asked.text) > LONGEST_TEXT:
        return context | {"state": "too long", "longest": LONGEST_TEXT}, 400
    links = site.templates.links(profile)
    now = site.options.now()
    counting = _counting(asked, now) if facets else {}
    first = asked.query(now) if hits else asked.counting(now)
    if "" in counting:
        first = replace(first, facets=counting[""].facets, counts=counting[""].counts)
    try:
        found, *others = await asyncio.gather(
            site.catalog.glimpse(profile, first),
            *(site.catalog.glimpse(profile, each) for name, each in counting.items() if name),
        )
    except UnknownCollectionError:
        return context | {"state": "not crawled"}, 404
    context["active"] = active(asked, links)
    if facets:
        counted = dict(zip(counting, [found, *others], strict=True))
        context["facets"] = _facets(counted, asked, links)
    return context | (_hits(found, asked, int(now)) if hits else {}), 200


def _hits(found: SearchResult, asked: Asked, now: int) -> dict[str, Any]:
    """The page of hits."""
    pages = min(-(-found.found // PER_PAGE), DEEPEST_PAGE)
    return {
        "found": found,
        "hits": in_order(found.hits, asked, now),
        "pages": page_numbers(asked.page, pages),
        "last": pages,
        "reach": DEEPEST_PAGE * PER_PAGE,
        "first": (asked.page - 1) * PER_PAGE + 1,
        "state": "" if found.hits else "past the end" if found.found else "nothing",
    }


def _counting(asked: Asked, now: float) -> dict[str, Query]:
    """What to count for all facets: under "" those of which nothing is chosen, as for the hits.

    One of which something is chosen is counted as if nothing was.
    """
    chosen = dict.fromkeys(name for name, _ in asked.chosen)
    conditions = [*(released_within(key, now) for key in RELEASED), _ARCHIVED]
    others = [name for name in FACETS if name not in chosen]
    either = [name for name in ("released", "archived") if getattr(asked, name)]
    return (
        {"": asked.counting(now, "", others, conditions)}
        | {name: asked.counting(now, name, [name]) for name in chosen}
        | {name: asked.counting(now, name, (), conditions) for name in either}
    )


def _facets(counted: Mapping[str, SearchResult], asked: Asked, links: Links) -> list[Facet]:
    """All facets, of what was counted as `_counting` says."""
    together = counted[""]
    released = counted.get("released", together)
    archived = counted.get("archived", together)
    return [
        *(
            _facet(name, counted.get(name, together).facets[field], asked, links)
            for name, field in FACETS.items()
        ),
        _released(released.counts[:-1], asked, links),
        _archived(archived.counts[-1], archived.found, asked, links),
    ]


def active(asked: Asked, links: Links) -> list[Choice]:
    """What is chosen, each with the address that gives it up."""
    chosen = [
        Choice(_label(name, value), 0, True, links.search(asked.toggled(name, value).parameters()))
        for name, value in asked.chosen
    ]
    if asked.released:
        label = RELEASED[asked.released][1]
        chosen.append(_either("released", asked.released, label, 0, asked, links))
    if asked.archived:
        label = ARCHIVED[asked.archived]
        chosen.append(_either("archived", asked.archived, label, 0, asked, links))
    return chosen


def _label(name: str, value: str) -> str:
    return _REGISTRY_NAMES.get(value, value) if name == "registry" else value


def _facet(name: str, counts: Sequence[tuple[str, int]], asked: Asked, links: Links) -> Facet:
    chosen = {value for facet, value in asked.chosen if facet == name}
    missing = [(value, 0) for value in sorted(chosen - {value for value, _ in counts})]
    choices = [
        Choice(
            _label(name, value),
            count,
            value in chosen,
            links.search(asked.toggled(name, value).parameters()),
        )
        for value, count in [*counts, *missing]
    ]
    if name in _BY_VERSION:
        choices.sort(key=lambda each: _by_version(each.label), reverse=True)
    return Facet(name, _TITLES[name], choices)


def _by_version(label: str) -> tuple[str, str]:
    name, _, version = label.rpartition(" ")
    return name, sort_key(version)


def _released(counts: Sequence[int], asked: Asked, links: Links) -> Facet:
    choices = [
        _either("released", key, label, count, asked, links)
        for (key, (_, label)), count in zip(RELEASED.items(), counts, strict=False)
    ]
    return Facet("released", "Released within", choices)


def _archived(archived: int, everything: int, asked: Asked, links: Links) -> Facet:
    counts = {"no": everything - archived, "yes": archived}
    choices = [
        _either("archived", key, label, counts[key], asked, links)
        for key, label in ARCHIVED.items()
    ]
    return Facet("archived", "Repository", choices)


def _either(name: str, key: str, label: str, count: int, asked: Asked, links: Links) -> Choice:
    active = getattr(asked, name) == key
    href = links.search(asked.but(**{name: "" if active else key}).parameters())
    return Choice(label, count, active, href)


def in_order(hits: Sequence[Document], asked: Asked, now: int) -> list[Document]:
    """Hits of a page as near to each other in relevance as a page is: abandoned ones come last.

    An exact name stays first whatever became of it. Any other order is kept as it was asked for.
    """
    if asked.order != "relevance":
        return list(hits)
    return sorted(hits, key=lambda each: not _is_named(each, asked.text) and _abandoned(each, now))


def _abandoned(hit: Document, now: int) -> bool:
    return abandonment(hit, now) is not None


def _is_named(hit: Document, text: str) -> bool:
    registry = str(hit["registry"])
    return normalized(text, registry) == normalized(hit["name"], registry)


def page_numbers(page: int, last: int) -> list[int]:
    """The pages to link to: the first, the last, those around; 0 stands for a gap."""
    near = {1, last, *range(page - _AROUND, page + _AROUND + 1)}
    shown = [each for each in sorted(near) if 1 <= each <= last]
    numbers: list[int] = []
    for each in shown:
        if numbers and each - numbers[-1] > 1:
            numbers.append(0)
        numbers.append(each)
    return numbers
