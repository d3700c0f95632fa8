"""npm's sort keys against semver's own rules, and against the order of the node-semver library."""

import re
from itertools import pairwise

import nodesemver
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyfcrawl.core.document import problem_with_fields
from pyfcrawl.core.npm_versions import sort_key
from pyfcrawl.core.versions import version_fields

NUMBERS = st.one_of(
    st.integers(0, 3), st.sampled_from([9, 10, 9999, 10**4, 2**63 - 1, 2**63, 10**27, 10**60])
)
WORDS = st.sampled_from(
    [
        *("alpha", "beta", "rc", "next", "canary", "dev", "a", "alph", "alpha1", "alpha-1"),
        *("alphas", "RC", "Beta", "-", "--", "zeta", "rc1", "rcx", "0a", "x", "bet", "betb", "r"),
    ]
)
IDENTIFIERS = st.one_of(
    NUMBERS.map(str), WORDS, st.from_regex(r"[0-9]*[A-Za-z-][0-9A-Za-z-]{0,5}", fullmatch=True)
)
PRERELEASES = st.one_of(
    st.just(""), st.lists(IDENTIFIERS, min_size=1, max_size=4).map(lambda all: "-" + ".".join(all))
)
BUILDS = st.sampled_from(["", "", "+b", "+001.x"])
VERSIONS = st.builds("{}.{}.{}{}{}".format, NUMBERS, NUMBERS, NUMBERS, PRERELEASES, BUILDS)
#: All of one triple, so that the pre-release decides.
NEAR = st.builds("1.0.0{}".format, PRERELEASES)
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=30)


def compared(left, right):
    return (left > right) - (left < right)


def precedence(version):
    """Rule 11 of semver, stable versions first, as a key that Python compares."""
    main, _, pre = version.partition("+")[0].partition("-")
    identifiers = [
        (0, int(each), "") if each.isdigit() else (1, 0, each) for each in pre.split(".") if pre
    ]
    return (not pre, [int(each) for each in main.split(".")], identifiers)


@given(st.one_of(VERSIONS, NEAR), st.one_of(VERSIONS, NEAR))
@example("1.0.0-alpha", "1.0.0-alpha.0")
@example("1.0.0-alpha.9", "1.0.0-alpha.10")
@example("1.0.0-alpha.99999", "1.0.0-alpha.beta")
@example("1.0.0-alpha.1", "1.0.0-alpha1")
@example("1.0.0-RC.1", "1.0.0-alpha.1")
@example("1.0.0--", "1.0.0-0")
def test_keys_compare_as_semver_says(left, right):
    wanted = compared(precedence(left), precedence(right))
    assert compared(sort_key(left), sort_key(right)) == wanted


@given(NEAR, NEAR)
def test_keys_compare_as_the_library_does(left, right):
    assert compared(sort_key(left), sort_key(right)) == nodesemver.compare(left, right, False)


@given(st.one_of(VERSIONS, NEAR), NEAR)
def test_order_survives_an_index_that_sorts_by_lower_case_letters_and_digits_only(left, right):
    bare = [re.sub("[^a-z0-9]", "", sort_key(each).lower()) for each in (left, right)]
    assert compared(*bare) == compared(sort_key(left), sort_key(right))


def test_the_example_of_the_specification():
    order = ["alpha", "alpha.1", "alpha.beta", "beta", "beta.2", "beta.11", "rc.1"]
    rising = [*(f"1.0.0-{each}" for each in order), "1.0.0"]
    assert all(sort_key(low) < sort_key(high) for low, high in pairwise(rising))


@pytest.mark.parametrize(
    ("version", "key"),
    [
        ("17.0.0", "1.0017.0000.0000.5.0000"),
        ("v17.0.1+build", "1.0017.0000.0001.5.0000"),
        ("17.0.0-alpha.3", "0.0017.0000.0000.2.0003.10"),
        ("17.0.0-beta", "0.0017.0000.0000.3.0000.0"),
        ("17.0.0-rc.10", "0.0017.0000.0000.4.0010.10"),
        ("1.0.0-20240101", "0.0001.0000.0000.1.d20240101.0"),
        ("1.0.0-dev.1", "0.0001.0000.0000.3z64657600.0000.100010"),
    ],
)
def test_what_a_key_looks_like(version, key):
    assert sort_key(version) == key


def test_fields_of_a_version():
    assert version_fields("17.2.3-alpha.4", "npm") == {
        "version_sortable": "0.0017.0002.0003.2.0004.10",
        "version_major": 17,
        "version_minor": 2,
        "version_bugfix": 3,
        "version_is_valid": True,
        "version_is_prerelease": True,
    }
    assert version_fields("17.2.3", "npm")["version_is_prerelease"] is False


def test_a_number_beyond_64_bits_is_left_out():
    fields = version_fields(f"{2**63}.{2**63 - 1}.0", "npm")
    assert (fields["version_major"], fields["version_minor"]) == (None, 2**63 - 1)


@given(ANY_TEXT, VERSIONS)
def test_any_other_text_sorts_below_every_version(text, version):
    fields = version_fields(text, "npm")
    assert problem_with_fields(fields) is None
    if sort_key(text) is None:
        assert fields["version_sortable"] < version_fields(version, "npm")["version_sortable"]
        assert (fields["version_is_valid"], fields["version_major"]) == (False, None)


@pytest.mark.parametrize(
    "hostile",
    [
        *("9" * 10_000, "1.0." + "9" * 5_000, "1.0.0-" + "a." * 50_000, "1.0.0-" + "1" * 5_000),
        *("1.0", "1.0.0.0", "01.0.0", "1.0.0-01", "\ud800", "1.0.0-\ud800", "\0", ""),
        *(None, 7, [], {}),
    ],
    ids=lambda hostile: str(type(hostile).__name__),
)
def test_hostile_versions_get_fields_and_never_raise(hostile):
    fields = version_fields(hostile, "npm")
    assert problem_with_fields(fields) is None
    assert fields["version_is_valid"] is False
