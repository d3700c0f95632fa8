"""What must be true of a page out of a warehouse before it is believed."""

from __future__ import annotations

from typing import Any

import pytest

from pyfcrawl.errors import SourceError
from pyfcrawl.sources.numbers import (
    CutError,
    Expected,
    Numbers,
    checked_days,
    checked_rows,
    pages,
)


def test_a_row_for_each_package_and_no_other() -> None:
    assert checked_rows([("a", (1,)), ("b", (2,))], ["b", "a"]) == {"a": (1,), "b": (2,)}
    for rows in ([("a", ())], [("a", ()), ("b", ()), ("c", ())], [("a", ()), ("a", ())], []):
        with pytest.raises(CutError):
            checked_rows(rows, ["a", "b"])


def test_days_by_version_and_of_all_versions() -> None:
    entries = [("2026-09-01", "1.0", 2), ("2026-09-01", "", 1), ("2026-09-02", "1.0", 4)]
    assert checked_days("a", entries, Expected(3, 7)) == [
        ("2026-09-01", "", 3),
        ("2026-09-02", "", 4),
        ("2026-09-01", "1.0", 2),
        ("2026-09-02", "1.0", 4),
    ]
    assert checked_days("a", [], Expected(0, 0)) == []


@pytest.mark.parametrize("expected", [Expected(2, 3), Expected(1, 4), Expected(0, 0)])
def test_days_that_dont_add_up(expected: Expected) -> None:
    with pytest.raises(CutError):
        checked_days("a", [("2026-09-01", "1.0", 3)], expected)


@pytest.mark.parametrize(
    "entry",
    [
        *(("2026-13-01", "1", 1), ("2026-09-01", None, 1), ("2026-09-01", "1", -1)),
        *((None, "", 1), ("2026-09-01", "\ud800", 1), ("2026-09-01", "1", True)),
        ("2026-09-01", "1", "1"),
    ],
)
def test_days_that_are_none(entry: Any) -> None:
    with pytest.raises(SourceError):
        checked_days("a", [entry], Expected(1, 1))


def test_the_same_day_twice() -> None:
    with pytest.raises(SourceError, match="twice"):
        checked_days("a", [("2026-09-01", "1.0", 1)] * 2, Expected(1, 1))


def test_pages_are_bounded_by_rows() -> None:
    sizes = {"a": 5, "b": 5, "c": 0, "d": 99, "e": 1}
    expected = {name: Expected(size, 0) for name, size in sizes.items()}
    assert list(pages(sizes, expected, 10)) == [["a", "b"], ["d"], ["e"]]
    assert list(pages(["c"], expected, 10)) == []


def test_no_numbers_are_not_zero() -> None:
    assert set(Numbers(False, (0, 0, 0)).facts.values()) == {None}
    assert set(Numbers(True, (0, 0, 0)).facts.values()) == {0}
    assert Numbers(True).facts == {}
