"""What is counted over all hits of a search: facets, and the hits that would stay with a filter."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import nlargest
from typing import Any

from pyfcrawl.core.document import Field
from pyfcrawl.stores.conditions import Condition, Plan
from pyfcrawl.stores.sqlite_census import Census, Censuses
from pyfcrawl.stores.sqlite_conditions import Conditions
from pyfcrawl.stores.sqlite_labels import Labels
from pyfcrawl.stores.sqlite_schema import Layout, Tables

Facets = dict[str, list[tuple[str, int]]]


class Counts:
    """Counts for one plan; over the heads of packages by a census, if that is worth it."""

    def __init__(
        self,
        db: sqlite3.Connection,
        layout: Layout,
        tables: Tables,
        censuses: Censuses,
        plan: Plan,
    ) -> None:
        self._db = db
        self._tables = tables
        self._labels = Labels(db, layout, tables)
        self._censuses = censuses
        self._plan = plan

    def nothing(self) -> tuple[Facets, list[int]]:
        """Of a search without hits."""
        return {field.name: [] for field in self._plan.facets}, [0] * len(self._plan.counts)

    def of(
        self,
        found: int,
        sql: str,
        values: Mapping[str, Any],
        heads: Callable[[], Iterable[int]] | None,
    ) -> tuple[Facets, list[int]]:
        """Facets and counts over the documents whose numbers `sql` gives as `id`.

        If they are heads of packages `heads` gives the numbers as well.
        """
        if not self._plan.facets and not self._plan.counts:
            return {}, []
        if heads is not None:
            census = self._censuses.of(self._db, self._tables, found)
            if census is not None:
                return self._by_census(census, census.mask(heads()), sql, values)
        facets = self._one_by_one(self._plan.facets, sql, values)
        return facets, [self._fitting(each, sql, values) for each in self._plan.counts]

    def _by_census(
        self, census: Census, hits: int, sql: str, values: Mapping[str, Any]
    ) -> tuple[Facets, list[int]]:
        facets: Facets = {}
        for field in self._plan.facets:
            labels = census.labels(self._db, field)
            if labels is None:
                facets |= self._one_by_one([field], sql, values)
            else:
                facets[field.name] = self._labels.named(self._most_common(labels, hits))
        masks = (census.fitting(self._db, each) for each in self._plan.counts)
        return facets, [(hits & mask).bit_count() for mask in masks]

    def _one_by_one(self, fields: Sequence[Field], sql: str, values: Mapping[str, Any]) -> Facets:
        return self._labels.counts(fields, self._plan.facet_values, sql, values)

    def _most_common(self, labels: Mapping[int, int], hits: int) -> list[tuple[int, int]]:
        counted = ((number, (mask & hits).bit_count()) for number, mask in labels.items())
        some = (pair for pair in counted if pair[1])
        return nlargest(self._plan.facet_values, some, key=lambda pair: (pair[1], -pair[0]))

    def _fitting(self, condition: Condition, sql: str, values: Mapping[str, Any]) -> int:
        fits = Conditions(self._tables, few=True, names="c")
        counted = self._db.execute(
            f"SELECT count(*) FROM ({sql}) c CROSS JOIN {self._tables.documents} d ON d._id = c.id"
            f" JOIN {self._tables.packages} p ON p._id = d._package WHERE {fits.sql(condition)}",
            {**values, **fits.values},
        )
        return int(counted.fetchone()[0])
