"""Days and counts of downloads, and how they were counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfcrawl.core.downloads import MOST, Counting, counting, days_before, is_count, is_day


@given(st.dates())
def test_every_day_of_the_calendar_is_one(day: object) -> None:
    assert is_day(str(day))


@pytest.mark.parametrize(
    "text",
    [
        *("", "2026-02-30", "2026-1-01", "20260101", "2026-W01-1", "2026-01-01T00:00", None),
        *(20260101, "٢٠٢٦-٠١-٠١", "2026-01-0\ud800", [], "0000-01-01"),
    ],
)
def test_what_is_no_day(text: object) -> None:
    assert not is_day(text)


@pytest.mark.parametrize(("value", "is_one"), [(0, True), (MOST, True), (MOST + 1, False)])
def test_counts_have_bounds(value: int, is_one: bool) -> None:
    assert is_count(value) is is_one


@pytest.mark.parametrize("value", [-1, True, 1.0, "1", None, [], float("nan")])
def test_what_is_no_count(value: object) -> None:
    assert not is_count(value)


def test_the_change_of_counting_is_PyPIs_alone() -> None:
    assert counting("pkg:pypi/x", "2026-08-23") is Counting.WITH_METADATA
    assert counting("pkg:pypi/x", "2026-08-24") is Counting.FILES
    assert counting("pkg:npm/x", "2026-08-24") is Counting.REGISTRY


def test_days_before_keep_within_the_calendar() -> None:
    assert days_before("2026-03-01", 1) == "2026-02-28"
    assert days_before("2026-02-28", -1) == "2026-03-01"
    assert days_before("0001-01-02", 9) == "0001-01-01"
    assert days_before("9999-12-30", -9) == "9999-12-31"
