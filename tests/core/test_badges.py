"""What badges say: numbers, colours, texts."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfcrawl.core import badges
from pyfcrawl.core.badges import COLOURS, Badge


@pytest.mark.parametrize(
    ("value", "international", "abbreviated", "whole"),
    [
        (0, "0", "0", "0"),
        (999, "999", "999", "999"),
        (1000, "1k", "1k", "1,000"),
        (1234, "1.2k", "1.2k", "1,234"),
        (1999, "1.9k", "1.9k", "1,999"),
        (12_132, "12k", "12k", "12,132"),
        (999_999, "999k", "999k", "999,999"),
        (3_400_000, "3.4M", "3.4M", "3,400,000"),
        (412_132_492, "412M", "412M", "412,132,492"),
        (9_132_919_492, "9.1G", "9.1B", "9,132,919,492"),
        (11_132_919_492_000, "11T", "11T", "11,132,919,492,000"),
        (11_132_919_492_432_000, "11P", "11Q", "11,132,919,492,432,000"),
        (5 * 10**18, "5E", "5,000Q", "5,000,000,000,000,000,000"),
    ],
)
def test_numbers(value: int, international: str, abbreviated: str, whole: str) -> None:
    assert badges.number(value, "international_system") == international
    assert badges.number(value, "abbreviation") == abbreviated
    assert badges.number(value, "none") == whole


@given(st.integers(0, 10**18))
def test_a_number_is_never_overstated(value: int) -> None:
    text = badges.number(value, "international_system")
    digits, letter = (text[:-1], text[-1]) if text[-1].isalpha() else (text, "")
    unit = 1000 ** (" kMGTPE".index(letter) if letter else 0)
    understood = round(float(digits) * unit)
    assert understood <= value < understood + max(1, unit)
    assert len(text) <= 5


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("blue", "#007ec6"),
        ("BRIGHTGREEN", "#44cc11"),
        ("#AbC", "#aabbcc"),
        ("aabbcc", "#aabbcc"),
        ("#aabbcc", "#aabbcc"),
        ("", None),
        ("#", None),
        ("abcd", None),
        ("#aabbcc\n", None),
        ("url(#x)", None),
        ("rebeccapurple", None),
        ('red" onload="x', None),
        ("１２３", None),
    ],
)
def test_colours(given: str, expected: str | None) -> None:
    assert badges.colour(given) == expected


@given(st.text())
def test_a_colour_is_six_digits_or_none(text: str) -> None:
    found = badges.colour(text)
    assert found is None or re.fullmatch("#[0-9a-f]{6}", found)


@given(st.text(max_size=300))
def test_texts_are_short_and_visible(text: str) -> None:
    shown = badges.shown(text)
    assert len(shown) <= badges.LONGEST_TEXT
    assert shown == shown.strip()
    assert all(unicodedata.category(each)[0] != "C" for each in shown)
    shown.encode()


@pytest.mark.parametrize(
    ("score", "colour"),
    [
        *[(100, "brightgreen"), (80, "brightgreen"), (79, "green"), (60, "green")],
        *[(40, "yellow"), (20, "orange"), (19, "red"), (0, "red")],
    ],
)
def test_health(score: int, colour: str) -> None:
    assert badges.health({"health_score": score}) == Badge(
        "health", f"{score}/100", COLOURS[colour]
    )


def test_what_is_not_known_is_grey() -> None:
    assert badges.health({}) == Badge("health", "unknown", COLOURS["lightgrey"], is_unknown=True)
    assert badges.downloads({}, "month", "none").right == "unknown"
    assert badges.downloads({"download_last_month": 0}, "month", "none").right == "0"


@pytest.mark.parametrize(
    ("fields", "right", "colour"),
    [
        ({}, "2.0", "blue"),
        ({"version_is_prerelease": True}, "2.0", "orange"),
        ({"version_is_prerelease": True, "yanked": True}, "2.0 yanked", "red"),
    ],
)
def test_version(fields: dict[str, Any], right: str, colour: str) -> None:
    document = {"registry": "pypi", "version": "2.0"} | fields
    assert badges.version(document) == Badge("PyPI", right, COLOURS[colour])


def test_the_newest_version_of_a_framework() -> None:
    document = {
        "framework_versions": ["Django 4.2", "Django 5.10", "Django CMS 4.1"],
        "python_versions": ["Python 3", "Python 3.9", "Python 3.12"],
    }
    assert badges.framework(document, "django") == Badge("Django", "5.10")
    assert badges.framework(document, "django-CMS") == Badge("Django CMS", "4.1")
    assert badges.framework(document, "python") == Badge("Python", "3.12")
    assert badges.framework(document, "plone") is None
    assert badges.framework({}, "plone") is None
