"""Conditions as SQL over the tables of one collection."""

from __future__ import annotations

from typing import Any

from pyfcrawl.core.document import Type
from pyfcrawl.stores.conditions import Condition
from pyfcrawl.stores.sqlite_rows import label_text
from pyfcrawl.stores.sqlite_schema import Tables, quoted


class Conditions:
    """Writes conditions on `d` documents and `p` their packages; `values` are the parameters."""

    def __init__(self, tables: Tables, few: bool, names: str = "v") -> None:
        """`few`: that few documents are left when conditions are looked at.

        `names` is what the parameters' names begin with.
        """
        self._tables = tables
        self._few = few
        self._names = names
        self.values: dict[str, Any] = {}

    def sql(self, condition: Condition) -> str:
        """An expression that is true of documents that fit."""
        field = condition.field
        if field.type is Type.STRINGS:
            values = ", ".join(self._bind(label_text(low)) for low, _ in condition.ranges)
            numbers = (
                f"SELECT _id FROM {self._tables.labels}"
                f" WHERE field = {self._bind(field.name)} AND value IN ({values})"
            )
            return self._carries(numbers, condition.operator == "!=")
        column = ("p." if field.level == "package" else "d.") + quoted(field.name)
        low, high = condition.ranges[0]
        if condition.operator == ">=":
            return f"{column} >= {self._bind(low)}"
        if condition.operator == "<=":
            return f"{column} <= {self._bind(high)}"
        fits = " OR ".join(
            f"{column} BETWEEN {self._bind(low)} AND {self._bind(high)}"
            if low != high
            else f"{column} = {self._bind(low)}"
            for low, high in condition.ranges
        )
        return f"NOT coalesce({fits}, 0)" if condition.operator == "!=" else f"({fits})"

    def _bind(self, value: Any) -> str:
        name = f"{self._names}{len(self.values)}"
        self.values[name] = value
        return f":{name}"

    def _carries(self, numbers: str, negated: bool) -> str:
        """Whether a document carries one of the labels that `numbers` selects."""
        postings = f"SELECT document FROM {self._tables.postings} WHERE label IN ({numbers})"
        if negated:
            return f"d._id NOT IN ({postings})"
        if self._few:
            return f"EXISTS ({postings} AND document = d._id)"
        return f"d._id IN ({postings})"  # the labels lead the way
