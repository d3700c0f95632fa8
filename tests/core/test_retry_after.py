"""Retry-After: seconds or a date, and nothing else."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfcrawl.core.retry_after import seconds

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("Sat, 21 Nov 2026 12:01:30 GMT", 90),
        ("Sat, 21 Nov 2026 12:01:30 -0000", 90),
        ("Sat, 21 Nov 2026 12:01:30", 90),
        ("Sat, 21 Nov 2026 14:01:30 +0200", 90),
        ("Saturday, 21-Nov-26 12:01:30 GMT", 90),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_what_the_header_may_say(value, wait, zone, monkeypatch):
    monkeypatch.setitem(os.environ, "TZ", zone)
    time.tzset()
    try:
        assert seconds(value, NOW) == wait
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "value",
    [None, "", " ", "soon", "-5", "1.5", "1e9", "٣", "²", "Mon, 99 Foo 2026", "nan", "inf", "0x10"],
)
def test_what_makes_no_sense_is_no_answer(value):
    assert seconds(value, NOW) is None


@given(st.one_of(st.text(), st.text("0123456789:+-, GMTJanSat\0", max_size=40)), st.floats(0, 1e12))
def test_anything_gives_a_wait_or_nothing(value, now):
    wait = seconds(value, now)
    assert wait is None or 0 <= wait < float("inf")


def test_endless_digits_are_a_long_wait():
    assert 1e9 < seconds("9" * 10_000, NOW) < float("inf")


@given(st.integers(0, 10**7))
def test_a_date_is_as_far_as_it_is(ahead):
    date = format_datetime(datetime.fromtimestamp(NOW + ahead, UTC), usegmt=True)
    assert seconds(date, NOW) == ahead
