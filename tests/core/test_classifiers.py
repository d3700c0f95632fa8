"""Classifiers: matched by segment, read for versions, checked against the known ones."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trove_classifiers import deprecated_classifiers, sorted_classifiers

from pyfcrawl.core.classifiers import (
    framework_named,
    framework_versions,
    matches,
    nearest,
    python_minors,
    python_versions,
    tidy,
    unknown,
)

SEGMENT = st.text("aB 1.", min_size=1, max_size=3).filter(str.strip)
SEGMENTS = st.lists(SEGMENT, min_size=1, max_size=4)
ANYTHING = st.lists(st.one_of(st.text(), st.none(), st.integers(), SEGMENTS.map("::".join)))


@pytest.mark.parametrize(
    ("classifier", "wanted", "matching"),
    [
        ("Framework :: Plone", "Framework :: Plone", True),
        ("Framework :: Plone :: 6.1", "Framework :: Plone", True),
        ("Framework :: Plone :: 6.1 :: x", "Framework :: Plone", True),
        ("Framework :: PloneX", "Framework :: Plone", False),
        ("Framework :: PloneX :: 6.1", "Framework :: Plone", False),
        ("Framework", "Framework :: Plone", False),
        ("Framework :: Plone", "Framework :: Plone :: 6.1", False),
        ("Framework :: Django CMS", "Framework :: Django", False),
        ("My Framework :: Plone", "Framework :: Plone", False),
        ("  Framework::Plone ::  6.1 ", "Framework :: Plone", True),
        ("Framework :: Plone", " Framework  ::Plone", True),
        ("Framework :: plone", "Framework :: Plone", False),
        ("Framework :: Plone", "", False),
        ("", "", False),
        ("", "Framework :: Plone", False),
    ],
)
def test_matches_by_segment(classifier, wanted, matching):
    assert matches([classifier], [wanted]) is matching
    assert matches(["Topic :: Other", classifier], ["Topic :: Another", wanted]) is matching


def test_nothing_matches_nothing():
    assert not matches([], ["Framework :: Plone"])
    assert not matches(["Framework :: Plone"], [])


@given(SEGMENTS, SEGMENTS)
def test_matches_is_prefix_by_segment(segments, wanted):
    def plain(parts):
        return [" ".join(part.split()) for part in parts]

    is_prefix = plain(segments)[: len(wanted)] == plain(wanted)
    assert matches(["::".join(segments)], [" ::  ".join(wanted)]) is is_prefix


@given(ANYTHING)
def test_no_entry_raises(classifiers):
    matches(classifiers, ["Framework :: Plone"])
    framework_versions(classifiers)
    python_versions(classifiers)
    assert all(isinstance(each, str) for each, _ in unknown(classifiers))


def test_tidy():
    assert tidy("  Framework::Plone  ::\t6.1 ") == "Framework :: Plone :: 6.1"
    assert all(tidy(each) == each for each in sorted_classifiers)


def test_framework_versions():
    assert framework_versions(
        [
            "Framework :: Plone",
            "Framework :: Plone :: 6.1",
            "Framework :: Plone :: 5.2",
            "Framework::Plone::6.1",
            "Framework :: Plone :: Addon",
            "Framework :: Plone :: Core",
            "Framework :: Plone :: 6.0 :: Only",
            "Framework :: Plone :: 6 :: 1",
            "Framework :: Django :: 4.2",
            "Framework :: Django :: 10",
            "Framework :: Django CMS :: 4.1",
            "Framework :: Jupyter :: JupyterLab :: 4",
            "Framework :: Zope :: v5",
            "Framework ::  :: 5",
            "Framework :: 5",
            "Programming Language :: Python :: 3.12",
            None,
        ]
    ) == ["Django 4.2", "Django 10", "Django CMS 4.1", "JupyterLab 4", "Plone 5.2", "Plone 6.1"]


def test_python_versions():
    assert python_versions(
        [
            "Programming Language :: Python :: 3.12",
            "Programming Language :: Python :: 3.9",
            "Programming Language :: Python",
            "Programming Language :: Python :: 3",
            "Programming Language :: Python :: 3",
            "Programming Language :: Python :: 2.7",
            "Programming Language :: Python :: 3 :: Only",
            "Programming Language :: Python :: Implementation :: CPython",
            "Programming Language :: Python :: Free Threading :: 3 - Stable",
            "Programming Language :: Rust",
            "Framework :: Plone :: 6.1",
        ]
    ) == ["Python 2.7", "Python 3", "Python 3.9", "Python 3.12"]


def test_every_known_classifier_is_known():
    assert unknown(sorted_classifiers) == []
    assert unknown(deprecated_classifiers) == []
    assert unknown(["Framework", "Framework :: Pelican", "Framework::Plone"]) == []


def test_unknown_ones_come_with_the_nearest():
    given_ones = [
        "Framework :: Plon",
        "Framework :: Plone",
        "Framework :: Plon",
        "zzz",
        "x" * 10**6,
    ]
    assert unknown(given_ones) == [
        ("Framework :: Plon", "Framework :: Plone"),
        ("zzz", None),
        ("x" * 10**6, None),
    ]


@pytest.mark.parametrize(
    ("classifier", "wanted"),
    [
        ("framework :: plone", "Framework :: Plone"),
        ("Framework:Django", "Framework :: Django"),
        ("Framework :: Wagtail CMS", "Framework :: Wagtail"),
        ("Framework :: Plone 6.1", "Framework :: Plone :: 6.1"),
        ("Framework :: Flask", "Framework :: Flask"),
        ("", None),
    ],
)
def test_nearest(classifier, wanted):
    assert nearest(classifier) == wanted


def test_the_list_of_known_ones_is_loaded_only_when_asked_for():
    code = "import sys, pyfcrawl.core.classifiers; print('trove_classifiers' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *[("plone", "Plone"), ("DJANGO-cms", "Django CMS"), ("python", "Python")],
        *[("nope", None), ("6.1", None), ("", None)],
    ],
)
def test_a_framework_by_any_spelling(name: str, expected: str | None) -> None:
    assert framework_named(name) == expected


def test_which_minor_versions_of_python_are_out() -> None:
    minors = python_minors()
    assert minors[:2] == ("3.0", "3.1")
    assert minors.index("3.9") + 1 == minors.index("3.10")
    listed = f"Programming Language :: Python :: 3.{len(minors)}"
    assert listed in sorted_classifiers  # the one to come
    assert f"3.{len(minors)}" not in minors
