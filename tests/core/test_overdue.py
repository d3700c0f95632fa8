"""When a source is overdue."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pyfcrawl.core.ages import seconds, short
from pyfcrawl.core.overdue import DEFAULT, Source, limits, overdue
from pyfcrawl.errors import ConfigurationError

HOUR, DAY = 3600, 86_400
NOW = 100 * DAY
AFTER = limits(DEFAULT)
PYPI = Source("pypi", "plone", NOW - HOUR, NOW - HOUR, "finished", "", {}, NOW - HOUR, 0, False)


def test_the_usual_limits():
    days = {name: limits(DEFAULT)[name] / DAY for name in ("npm", "github", "pypistats")}
    assert days == {"npm": 2, "github": 9, "pypistats": 9}
    assert (AFTER["pypi"], AFTER["rss"]) == (3 * HOUR, 600)


def test_the_last_good_run_counts_and_no_other():
    assert not overdue(PYPI, AFTER, NOW)
    failed = replace(PYPI, good=NOW - 4 * HOUR, reason="error")
    assert overdue(failed, AFTER, NOW)
    assert not overdue(replace(failed, good=NOW - 3 * HOUR), AFTER, NOW)


def test_one_that_never_went_well_counts_from_its_first_run():
    never = replace(PYPI, good=0, first=NOW - 2 * HOUR)
    assert not overdue(never, AFTER, NOW)
    assert overdue(never, AFTER, NOW + 2 * HOUR)


def test_what_is_not_named_is_never_overdue():
    assert not overdue(PYPI, limits("npm=1s"), NOW + 1000 * DAY)
    assert not overdue(PYPI, limits(""), NOW + 1000 * DAY)


def test_rss_only_when_it_runs_regularly():
    once = replace(PYPI, spider="rss")
    assert not overdue(once, AFTER, NOW)
    assert overdue(once, AFTER, NOW, due=True)
    assert overdue(replace(once, regular=True), AFTER, NOW)
    assert not overdue(replace(once, regular=True), AFTER, NOW, polling=True)


@pytest.mark.parametrize("text", ["pypi", "pypi=", "pypi=soon", "=3h", "pypi=0", "pypi=3h;npm=2d"])
def test_what_cannot_be_is_told(text: str):
    with pytest.raises(ConfigurationError, match="OVERDUE_AFTER="):
        limits(text)


def test_blanks_are_fine():
    assert limits(" pypi=1h , npm = 90,") == {"pypi": 3600, "npm": 90}


@pytest.mark.parametrize(
    ("span", "text"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7199, "1 h"), (DAY, "1 d"), (-5, "0 s")],
)
def test_spans_in_words(span: int, text: str):
    assert short(span) == text


def test_spans_from_words():
    assert [seconds(each) for each in ("7d", "1W", " 30m ", "90")] == [604_800, 604_800, 1800, 90]
    assert seconds("1h30m") is None
