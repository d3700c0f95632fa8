"""npm's search: its addresses, and what a page of results says.

https://github.com/npm/registry describes it. Results are a hint where to look, no more: names are
missing from it for days, deep pages repeat, and a packument alone says what a package is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec

from pyfcrawl.core.screening import JUNK
from pyfcrawl.errors import SourceError
from pyfcrawl.sources.npm import is_name, lowered
from pyfcrawl.sources.npm_metadata import keywords_of

#: Results of one page at most; the registry gives no more.
PAGE = 250


def search_url(root: str, text: str, start: int) -> str:
    """A page of search results, from the `start`-th on."""
    return f"{root}/-/v1/search?{urlencode({'text': text, 'size': PAGE, 'from': start})}"


def search_texts(keywords: Iterable[str], scopes: Iterable[str]) -> list[str]:
    """What to search for, so that all packages with these keywords or scopes are found."""
    quoted = (f'"{each}"' if " " in each else each for each in keywords)
    texts = [f"keywords:{each}" for each in quoted]
    return list(dict.fromkeys(texts + [f"scope:{each.lstrip('@')}" for each in scopes]))


class _Found(msgspec.Struct):
    package: dict[str, Any]
    score: Any = None


class _Search(msgspec.Struct):
    objects: list[_Found]
    total: int | float | None = None


_search_decoder = msgspec.json.Decoder(_Search, strict=False)


@dataclass(frozen=True, slots=True)
class Hit:
    """A search result: the package's name and keywords, its scores if they look like some.

    `keywords` are None when the registry doesn't say: then only the packument can tell.
    """

    name: str
    keywords: frozenset[str] | None
    scores: tuple[float, float, float, float] | None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of search results; `count` with those that can't be packages, `total` of all pages."""

    hits: list[Hit]
    count: int
    total: int | None


def read_search(body: bytes) -> Page:
    """Read a page of search results. Raises SourceError when it is none."""
    try:
        found = _search_decoder.decode(body)
    except JUNK as error:
        raise SourceError(f"junk instead of search results ({error})") from error
    hits = [_hit(each) for each in found.objects if is_name(each.package.get("name"))]
    total = found.total if isinstance(found.total, int) else None
    return Page(hits, len(found.objects), total)


def _hit(found: _Found) -> Hit:
    package = found.package
    told = package.get("keywords") is not None
    keywords = lowered(keywords_of(package)) if told else None
    return Hit(package["name"], keywords, _scores(found.score))


def _scores(score: Any) -> tuple[float, float, float, float] | None:
    """final, quality, popularity, maintenance; npm gave up rating and sends constants instead."""
    detail = score.get("detail") if isinstance(score, Mapping) else None
    if not isinstance(detail, Mapping):
        return None
    parts = [detail.get(name) for name in ("quality", "popularity", "maintenance")]
    if not all(_is_share(each) for each in parts) or len(set(parts)) == 1:
        return None
    final = score.get("final")
    return (float(final), *map(float, parts)) if _is_share(final) else None  # type: ignore[arg-type,return-value]


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def score_fields(hits: Mapping[str, Hit]) -> dict[str, dict[str, float]]:
    """Name -> the document's score fields, of those the registry really rated.

    Scores that are the same for all packages found are no ratings.
    """
    rated = {name: hit.scores for name, hit in hits.items() if hit.scores}
    if len(rated) > 1 and len({scores[1:] for scores in rated.values()}) == 1:
        return {}
    names = ("npm_final_score", "npm_quality_score", "npm_popularity_score")
    fields = (*names, "npm_maintenance_score")
    return {name: dict(zip(fields, scores, strict=True)) for name, scores in rated.items()}
