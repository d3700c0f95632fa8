"""Crontab lines mean what they mean to cron."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfcrawl.errors import ConfigurationError
from pyfcrawl.timetable.crontab import Crontab, zone

#: A Friday.
NOW = int(datetime(2026, 11, 27, 10, 30, tzinfo=UTC).timestamp())
YEAR = 366 * 86_400


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def crontab(line: str) -> Crontab:
    return Crontab(line, UTC, "SCHEDULE_SYNC")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("*/1 * * * *", "2026-11-27 10:31"),
        ("0 * * * *", "2026-11-27 11:00"),
        ("@hourly", "2026-11-27 11:00"),
        ("0 2 * * 0", "2026-11-29 02:00"),  # a Sunday
        ("0 2 * * 7", "2026-11-29 02:00"),
        ("0 2 * * SUN", "2026-11-29 02:00"),
        ("0 2 * * 1", "2026-11-30 02:00"),
        ("0 2 * * 1-5", "2026-11-30 02:00"),
        ("0 2 * * 6-7", "2026-11-28 02:00"),
        ("0 2 * * sat,tue", "2026-11-28 02:00"),
        ("0 2 * * 1-6/2", "2026-11-30 02:00"),
        ("0 2 * * */3", "2026-11-28 02:00"),  # Sunday, Wednesday, Saturday
        ("0 3 1 * *", "2026-12-01 03:00"),
        ("0 3 1 * 6", "2026-11-28 03:00"),  # the first, and every Saturday
        ("0 3 28 * 0", "2026-11-28 03:00"),
        ("0 0 29 2 *", "2028-02-29 00:00"),
        ("5,10 4-6 * jan *", "2027-01-01 04:05"),
    ],
)
def test_the_next_time(line: str, expected: str) -> None:
    assert crontab(line).first_after(NOW) == at(expected)


@pytest.mark.parametrize(
    "line",
    [
        *("", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *"),
        *("* * * * 8", "*/0 * * * *", "* * * * */0", "* * * * mon-", "soon", "0 5-3 * * *"),
        *("@often", "0 0 30 2 *", "0 0 31 4,6 *"),
    ],
)
def test_a_line_that_cannot_be_is_named(line: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        crontab(line)
    text = str(error.value)
    assert text.startswith(f"SCHEDULE_SYNC={line!r}")
    assert "nothing to turn it off" in text
    assert "\n" not in text


LINES = ["*/1 * * * *", "7 * * * *", "0 2 * * 0", "0 3 1 * *", "0 3 1 * 1", "30 2 * * *"]


@given(st.sampled_from(LINES), st.integers(NOW, NOW + YEAR), st.integers(1, 3 * YEAR // 12))
def test_the_last_time_is_the_one_after_which_none_came(line: str, now: int, back: int) -> None:
    times = Crontab(line, ZoneInfo("Europe/Berlin"), "X")
    found = times.last_until(now, now - back)
    if found is None:
        following = times.first_after(now - back)
        assert following is None or following > now
    else:
        assert now - back < found <= now
        following = times.first_after(found)
        assert following is not None
        assert following > now


def test_a_year_of_hours_across_summer_time_goes_forward() -> None:
    times = Crontab("30 * * * *", ZoneInfo("Europe/Berlin"), "X")
    moment, end, count = NOW, NOW + 365 * 86_400, 0
    while (following := times.first_after(moment)) is not None and following <= end:
        assert 0 < following - moment <= 3600
        moment, count = following, count + 1
    assert count == 365 * 24


def test_time_zones() -> None:
    noon = Crontab("0 12 * * *", zone("Asia/Tokyo"), "X").first_after(NOW)
    assert noon == at("2026-11-28 03:00")
    assert zone("utc").utcoffset(None) == timedelta(0)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "Europe"])
def test_a_time_zone_that_is_none(name: str) -> None:
    with pytest.raises(ConfigurationError, match="SCHEDULE_TIMEZONE"):
        zone(name)
