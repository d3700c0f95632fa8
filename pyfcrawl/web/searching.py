"""What the search page was asked: parameters of an address as a query, and back.

Nothing in an address is an error but a text too long: what isn't known is left out, so that old
links and typing mistakes show something.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from starlette.datastructures import QueryParams

from pyfcrawl.stores.index import Filter, Query

LONGEST_TEXT = 200
PER_PAGE = 20
#: The last page there is, however many more are found: stores count all hits before a page.
DEEPEST_PAGE = 500
_DAY = 86_400
_MOST_VALUES = 12
_LONGEST_VALUE = 200

#: Parameter -> field, for facets of which several values may be chosen.
FACETS = {
    "registry": "registry",
    "framework": "framework_versions",
    "python": "python_versions",
    "license": "license_expression",
}
#: Value of `released` -> days, and how it reads.
RELEASED = {"30d": (30, "Last 30 days"), "1y": (365, "Last year"), "3y": (1096, "Last 3 years")}
ARCHIVED = {"no": "Not archived", "yes": "Archived"}
SORTS = {
    "relevance": "Relevance",
    "health": "Health",
    "downloads": "Downloads",
    "stars": "Stars",
    "newest": "Newest",
    "name": "Name",
}
_SORT_FIELDS = {"newest": "released"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A search as the address says it; `chosen` are values by the parameters in FACETS."""

    text: str = ""
    chosen: tuple[tuple[str, str], ...] = ()
    released: str = ""
    archived: str = ""
    sort: str = ""
    page: int = 1

    @classmethod
    def of(cls, given: QueryParams) -> Asked:
        """What the parameters ask for."""
        pairs = ((name, value.strip()) for name in FACETS for value in given.getlist(name))
        chosen = dict.fromkeys(
            (name, value) for name, value in pairs if 0 < len(value) <= _LONGEST_VALUE
        )
        return cls(
            text=" ".join(given.get("q", "").replace("\0", " ").split()),
            chosen=tuple(chosen)[:_MOST_VALUES],
            released=_known(given.get("released"), RELEASED),
            archived=_known(given.get("archived"), ARCHIVED),
            sort=_known(given.get("sort"), SORTS),
            page=_page(given.get("page", "")),
        )

    @property
    def order(self) -> str:
        """The order in effect: without words nothing is more relevant than the rest."""
        if self.sort and (self.text or self.sort != "relevance"):
            return self.sort
        return "relevance" if self.text else "health"

    @property
    def is_filtered(self) -> bool:
        """Whether conditions narrow the search."""
        return bool(self.chosen or self.released or self.archived)

    def parameters(self) -> list[tuple[str, str]]:
        """As parameters of an address."""
        return [
            ("q", self.text),
            *self.chosen,
            ("released", self.released),
            ("archived", self.archived),
            ("sort", self.sort),
            ("page", str(self.page) if self.page > 1 else ""),
        ]

    def toggled(self, name: str, value: str) -> Asked:
        """With a facet's value chosen, or not any more; back on the first page."""
        pair = (name, value)
        others = tuple(each for each in self.chosen if each != pair)
        chosen = others if pair in self.chosen else (*self.chosen, pair)
        return replace(self, chosen=chosen, page=1)

    def but(self, **changes: str | int) -> Asked:
        """With other values; back on the first page unless one is given."""
        return replace(self, **{"page": 1, **changes})  # type: ignore[arg-type]

    def filters(self, now: float, without: str = "") -> list[Filter]:
        """The conditions, those of the parameter `without` left out."""
        found = [Filter(FACETS[n], "=", v) for n, v in self.chosen if n != without]
        if self.released and without != "released":
            found.append(released_within(self.released, now))
        if self.archived and without != "archived":
            found.append(Filter("github_archived", "=" if self.archived == "yes" else "!=", True))
        return found

    def query(self, now: float) -> Query:
        """The page of hits."""
        return Query(
            text=self.text,
            filters=self.filters(now),
            sort=_SORT_FIELDS.get(self.order, self.order),
            page=self.page,
            per_page=PER_PAGE,
        )

    def counting(
        self,
        now: float,
        without: str = "",
        facets: Iterable[str] = (),
        counts: Iterable[Filter] = (),
    ) -> Query:
        """No hits, but counts of facets and conditions, as if nothing was chosen of one facet."""
        return Query(
            text=self.text,
            filters=self.filters(now, without),
            per_page=0,
            facets=tuple(FACETS[name] for name in facets),
            counts=tuple(counts),
        )


def released_within(key: str, now: float) -> Filter:
    """Released since so many days; whole days, so that a page stays the same for a while."""
    since = int(now // _DAY - RELEASED[key][0]) * _DAY
    return Filter("upload_timestamp", ">=", since)


def _known(value: str | None, values: Iterable[str]) -> str:
    return value if value is not None and value in values else ""


def _page(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        return 1
    return min(max(1, int(text)), DEEPEST_PAGE)
