"""BigQuery: what is asked, and rows sound and broken."""

from __future__ import annotations

from typing import Any

import pytest

from pyfcrawl.errors import SourceError
from pyfcrawl.sources import bigquery
from pyfcrawl.sources.numbers import CutError, Window


def row(project: str, *days: tuple[str, str, int], **other: Any) -> dict[str, Any]:
    entries = [{"day": day, "version": version, "downloads": count} for day, version, count in days]
    total = sum(count for _, _, count in days)
    return {"project": project, "entries": len(days), "downloads": total, "days": entries} | other


def test_values_are_parameters_and_days_whole() -> None:
    query = bigquery.days_query(["a", "x' OR 1"], Window("2026-09-01", "2026-09-30"))
    assert query.parameters["projects"] == ["a", "x' OR 1"]
    assert (query.parameters["first"], query.parameters["after"]) == ("2026-09-01", "2026-10-01")
    assert "x' OR 1" not in query.sql
    for name in query.parameters:
        assert f"@{name}" in query.sql
    names = bigquery.names_query(["Framework :: Plone"])
    assert names.parameters == {"classifiers": ["Framework :: Plone"]}
    assert "@classifiers" in names.sql


def test_numbers_count_back_from_the_newest_day() -> None:
    rows = [
        row("a", ("2026-09-30", "1.0", 1), ("2026-09-24", "2.0", 10), ("2026-09-23", "", 100)),
        row("b", ("2026-09-01", "1.0", 5)),
    ]
    found = bigquery.read_days(rows, 2, ["a", "b", "c"])
    assert found["a"].last == (1, 11, 111)
    assert found["b"].last == (0, 0, 5)
    assert set(found["c"].facts.values()) == {None}
    assert found["b"].days == [("2026-09-01", "", 5), ("2026-09-01", "1.0", 5)]


def test_a_single_day_says_nothing_of_the_last_month() -> None:
    day = "2026-09-30"
    found = bigquery.read_days([row("a", (day, "1.0", 1))], 1, ["a", "b"], day)
    assert found["a"].facts == found["b"].facts == {}
    assert (found["a"].without, found["b"].without) == ([], [day])
    assert bigquery.read_days([], 0, ["a"], day)["a"].facts == {}
    assert bigquery.read_days([], 0, ["a"], day)["a"].without == []
    assert bigquery.read_days([], 0, ["a"])["a"].known is False


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [row("a", ("2026-09-30", "1.0", 1), entries=2)],
        [row("a", ("2026-09-30", "1.0", 1), downloads=2)],
        [row("a", ("2026-09-30", "1.0", 1))] * 2,
    ],
)
def test_cut_answers(rows: list[Any]) -> None:
    with pytest.raises(SourceError):
        bigquery.read_days(rows, 1, ["a"])


@pytest.mark.parametrize(
    "broken",
    [
        *({}, None, 7, {"project": "a"}, row("b"), row("a", downloads=None), row("a", days=None)),
        *(row("a", days=[None]), row("a", entries="1"), row("a", ("x", "1.0", 1))),
        row("a", ("2026-09-30", None, 1)),  # type: ignore[arg-type]
    ],
)
def test_rows_that_are_none(broken: Any) -> None:
    with pytest.raises(SourceError):
        bigquery.read_days([broken], 1, ["a"])


def test_names() -> None:
    assert bigquery.read_names([{"name": "Zope.B"}, {"name": "zope_b"}, {"name": "a"}], 3) == [
        "a",
        "zope-b",
    ]
    with pytest.raises(CutError):
        bigquery.read_names([{"name": "a"}], 2)
    with pytest.raises(SourceError):
        bigquery.read_names([{}], 1)
