"""What a query asks for, checked against the field table before any store runs it.

All stores refuse the same queries with the same words, and none of them has to guess what
"2024-01-31" or "true" means for a field.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from pyfcrawl.core.document import FIELDS, Field, Type, Use
from pyfcrawl.errors import QueryError
from pyfcrawl.stores.index import Filter, Operator, Query

#: Short names for what people sort by most.
SORT_NAMES = {
    "name": "name_sortable",
    "version": "version_sortable",
    "released": "upload_timestamp",
    "health": "health_score",
    "downloads": "download_last_month",
    "stars": "github_stars",
}

#: Release fields with one value for all releases of a package.
_SAME_IN_PACKAGE = frozenset({"package_id", "registry", "name_sortable", "npm_scope"})

_MOST_PER_PAGE = 250
_MOST_FACET_VALUES = 1000
_INT64 = 2**63

Value = str | int | float
#: First and last value that fit: a date given without a time stands for the whole day.
Range = tuple[Value, Value]


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on one field, its values in the field's own type.

    `=` holds when any of `ranges` holds (for a list: contains any); `!=`, `>=` and `<=` have
    one range.
    """

    field: Field
    operator: Operator
    ranges: tuple[Range, ...]

    @property
    def by_release(self) -> bool:
        """Whether releases of one package may differ in fitting it."""
        return self.field.level == "release" and self.field.name not in _SAME_IN_PACKAGE


@dataclass(frozen=True, slots=True)
class Plan:
    """A checked query. `sort` None stands for relevance.

    `by_release` tells that a condition may hold for some releases of a package only.
    """

    text: str
    conditions: tuple[Condition, ...]
    sort: Field | None
    descending: bool
    facets: tuple[Field, ...]
    facet_values: int
    offset: int
    limit: int
    grouped: bool
    counts: tuple[Condition, ...] = ()

    @property
    def by_release(self) -> bool:
        """Whether releases of one package may differ in fitting the conditions."""
        return any(each.by_release for each in self.conditions)


def planned(query: Query) -> Plan:
    """Check a query. Raises QueryError that names the part, its value and what is possible."""
    if not isinstance(query.text, str):
        raise QueryError(f"text is {_shown(query.text)}: it must be a string")
    _check_range("page", query.page, 1, None)
    _check_range("per_page", query.per_page, 0, _MOST_PER_PAGE)
    _check_range("facet_values", query.facet_values, 1, _MOST_FACET_VALUES)
    sort = None if query.sort == "relevance" else _usable(query.sort, Use.SORT, "sort")
    usual = sort is not None and (sort.type is not Type.STRING or sort.name == "version_sortable")
    return Plan(
        text=query.text,
        conditions=conditions(query.filters),
        sort=sort,
        descending=usual if query.descending is None else bool(query.descending),
        facets=_facets(query.facets),
        facet_values=query.facet_values,
        offset=(query.page - 1) * query.per_page,
        limit=query.per_page,
        grouped=bool(query.grouped),
        counts=_counted(query.counts),
    )


def _facets(names: Sequence[str]) -> tuple[Field, ...]:
    if not isinstance(names, list | tuple):
        raise QueryError(f"facets is {_shown(names)}: it must be a list of fields")
    fields = [_usable(name, Use.FACET, "facet") for name in names]
    return tuple({field.name: field for field in fields}.values())


def _counted(filters: Sequence[Filter]) -> tuple[Condition, ...]:
    _check_filters("counts", filters)
    return tuple(_condition(each) for each in filters)


def _check_filters(name: str, filters: Any) -> None:
    if not isinstance(filters, list | tuple) or not all(isinstance(f, Filter) for f in filters):
        raise QueryError(f"{name} is {_shown(filters)}: it must be a list of Filter")


def conditions(filters: Sequence[Filter]) -> tuple[Condition, ...]:
    """Check filters and join those with `=` on one field. Raises QueryError."""
    _check_filters("filters", filters)
    equal: dict[str, Condition] = {}
    others = []
    for each in filters:
        found = _condition(each)
        if found.operator != "=":
            others.append(found)
            continue
        before = equal.get(found.field.name)
        ranges = (before.ranges if before else ()) + found.ranges
        equal[found.field.name] = Condition(found.field, "=", ranges)
    return (*equal.values(), *others)


def _condition(given: Filter) -> Condition:
    field = _usable(given.field, Use.FILTER, "filter")
    if given.operator not in ("=", "!=", ">=", "<="):
        raise QueryError(
            f"filter on {field.name}: operator {_shown(given.operator)} is not one of = != >= <="
        )
    if given.operator in (">=", "<=") and field.type not in (Type.INT, Type.FLOAT):
        raise QueryError(
            f"filter on {field.name}: {given.operator} needs a number or a time, use = or !="
        )
    try:
        fitting = _range(field, given.value)
    except (ValueError, OverflowError):
        expected = _EXPECTED[field.type] + (
            ", or a date such as 2024-01-31" if _is_time(field) else ""
        )
        raise QueryError(
            f"filter on {field.name}: value {_shown(given.value)} is not {expected}"
        ) from None
    return Condition(field, given.operator, (fitting,))


def _usable(name: Any, use: Use, what: str) -> Field:
    for candidate in (name, SORT_NAMES.get(name) if isinstance(name, str) else None):
        field = FIELDS.get(candidate) if isinstance(candidate, str) else None
        if field and use in field.uses:
            return field
    possible = ", ".join(sorted(field.name for field in FIELDS.values() if use in field.uses))
    raise QueryError(f"{what} {_shown(name)} is not possible: use one of {possible}")


_EXPECTED = {
    Type.STRING: "text",
    Type.STRINGS: "text",
    Type.INT: "a whole number",
    Type.FLOAT: "a number",
    Type.BOOL: "true or false",
}

_TRUE = {"true": 1, "yes": 1, "1": 1, "false": 0, "no": 0, "0": 0}


def _is_time(field: Field) -> bool:
    return field.type is Type.INT and field.name.endswith(("_timestamp", "_updated"))


def _range(field: Field, value: Any) -> Range:
    """The values that fit. Raises ValueError or OverflowError for one of another type."""
    if not isinstance(value, str | int | float):
        raise ValueError(value)
    if field.type in (Type.STRING, Type.STRINGS):
        text = str(value)
        text.encode()  # a lone surrogate can't be looked up
        return text, text
    if field.type is Type.BOOL:
        truth = _TRUE.get(str(value).strip().lower())
        if truth is None:
            raise ValueError(value)
        return truth, truth
    if isinstance(value, bool):
        raise ValueError(value)
    number = _float(value) if field.type is Type.FLOAT else _int(value)
    if number is not None:
        return number, number
    if _is_time(field):
        return _moments(str(value).strip())
    raise ValueError(value)


def _float(value: str | int | float) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def _int(value: str | int | float) -> int | None:
    """A whole number, None for a text that is none."""
    if isinstance(value, str):
        try:
            number = int(value)
        except ValueError:
            return None
    else:
        number = int(value)
        if number != value:
            raise ValueError(value)
    if not -_INT64 <= number < _INT64:
        raise OverflowError(value)
    return number


def _moments(text: str) -> tuple[int, int]:
    """First and last second, as Unix time, of an ISO 8601 date or moment (UTC if unsaid)."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    start = int(moment.timestamp())
    whole_day = len(text) <= len("2024-01-31") and moment.time() == time.min
    return start, start + int(timedelta(days=1).total_seconds()) - 1 if whole_day else start


def _check_range(name: str, value: Any, least: int, most: int | None) -> None:
    sound = isinstance(value, int) and not isinstance(value, bool) and value >= least
    if not sound or (most is not None and value > most):
        bounds = f"{least} or more" if most is None else f"{least} to {most}"
        raise QueryError(f"{name} is {_shown(value)}: it must be a whole number, {bounds}")


def _shown(value: Any) -> str:
    """The value for a message: short and on one line. `ascii`, as it may hold anything."""
    return ascii(value)[:80]
