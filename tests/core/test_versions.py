"""Sort keys against packaging's own order, over versions nobody would write by hand."""

import re
import sys
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.version import InvalidVersion, Version

from pyfcrawl.core.document import problem_with_fields
from pyfcrawl.core.versions import latest, majors, natural_key, sort_key, version_fields

NUMBERS = st.one_of(
    st.integers(0, 3),
    st.integers(0, 10**6),
    st.sampled_from(
        [9, 10, 9999, 10**4, 10**5, 2**63 - 1, 2**63, 10**26, 10**27, 10**28, 10**29, 10**60]
    ),
    st.integers(0, 10**40),
)
SPELLED = NUMBERS.flatmap(lambda number: st.sampled_from([str(number), f"0{number}"]))
SEPARATOR = st.sampled_from(["", ".", "-", "_"])


def optional(strategy):
    return st.one_of(st.just(""), strategy)


def joined(*parts):
    return st.builds(lambda *texts: "".join(texts), *parts)


RELEASE = st.one_of(
    st.lists(SPELLED, min_size=1, max_size=6),
    st.lists(st.sampled_from(["0", "1"]), min_size=1, max_size=6),
).map(".".join)
PRE = joined(
    SEPARATOR,
    st.sampled_from(["a", "b", "rc", "c", "alpha", "BETA", "Pre", "preview"]),
    st.one_of(st.just(""), joined(SEPARATOR, SPELLED)),
)
POST = st.one_of(
    SPELLED.map("-{}".format),
    joined(SEPARATOR, st.sampled_from(["post", "rev", "R"]), optional(SPELLED)),
)
DEV = joined(SEPARATOR, st.sampled_from(["dev", "DEV"]), optional(SPELLED))
LOCAL_PART = st.one_of(SPELLED, st.text("aAbz019", min_size=1, max_size=4))
LOCAL = st.lists(LOCAL_PART, min_size=1, max_size=4).flatmap(
    lambda parts: st.sampled_from("._-").map(lambda separator: "+" + separator.join(parts))
)
VERSIONS = joined(
    st.sampled_from(["", "", "v", " V"]),
    optional(SPELLED.map("{}!".format)),
    RELEASE,
    optional(PRE),
    optional(POST),
    optional(DEV),
    optional(LOCAL),
    st.sampled_from(["", "", "\n"]),
)
#: Versions that differ little, so that ties and near ties are common.
NEAR = joined(
    optional(st.just("1!")),
    st.sampled_from(["0", "0.0", "1", "1.0", "1.0.0.0", "1.0.0.1", "1.0.0.0.1", "1.0.1", "10"]),
    optional(st.sampled_from(["a0", "a1", "a10", "b", "rc1"])),
    optional(st.sampled_from([".post0", ".post", "-1", ".post10"])),
    optional(st.sampled_from([".dev0", ".dev1", ".dev10"])),
    optional(st.sampled_from(["+a", "+a.1", "+a.b", "+ab", "+a10001", "+1", "+1.a", "+10", "+0a"])),
)
LONGEST = "1." * 50_000 + "1"
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=30)


def expected(version):
    parsed = Version(version)
    return (not parsed.is_prerelease, parsed)


def compared(left, right):
    return (left > right) - (left < right)


@given(st.one_of(VERSIONS, NEAR), st.one_of(VERSIONS, NEAR))
@example("1.0+a.1", "1.0+a10001")
@example("0.dev0", "0a0.dev0")
@example("1.0.post1.dev1", "1.0.dev1")
@example("v1.0", "1.0.0")
@example("1.0-1", "1.0.post1")
@example("1.0.ALPHA2", "1a2")
def test_keys_compare_as_versions_do(left, right):
    assert compared(sort_key(left), sort_key(right)) == compared(expected(left), expected(right))


@given(NEAR, NEAR)
def test_keys_compare_as_versions_do_when_they_differ_little(left, right):
    assert compared(sort_key(left), sort_key(right)) == compared(expected(left), expected(right))


@given(st.one_of(VERSIONS, NEAR), NEAR)
def test_order_survives_an_index_that_sorts_by_letters_and_digits_only(left, right):
    bare = [re.sub("[^a-z0-9]", "", sort_key(each)) for each in (left, right)]
    assert compared(*bare) == compared(sort_key(left), sort_key(right))


@given(VERSIONS)
def test_generated_versions_are_valid(version):
    assert is_valid(version)
    assert version_fields(version)["version_is_valid"] is True


def is_valid(version):
    try:
        Version(version)
    except InvalidVersion:
        return False
    return True


@given(ANY_TEXT, VERSIONS)
def test_any_other_text_sorts_below_every_version(text, version):
    assert is_valid(text) or sort_key(text) < min(sort_key(version), sort_key("0.dev0"))


@given(st.one_of(ANY_TEXT, VERSIONS))
def test_fields_fit_the_document(text):
    fields = version_fields(text)
    assert problem_with_fields(fields) is None
    assert fields["version_sortable"] == sort_key(text)
    assert fields["version_is_valid"] == is_valid(text)


@given(VERSIONS)
def test_first_six_segments(version):
    stable, _major, minor, bugfix, pretype, prenum = sort_key(version).split(".")[:6]
    parsed = Version(version)
    assert stable == ("0" if parsed.is_prerelease else "1")
    for segment, number in ((minor, parsed.minor), (bugfix.split("x")[0], parsed.micro)):
        assert segment.endswith(str(number))
    assert prenum.endswith(str(parsed.pre[1] if parsed.pre else 0))
    assert pretype in "12345"


@pytest.mark.parametrize(
    ("version", "key"),
    [
        ("4", "1.0004.0000.0000.5.0000.0.9"),
        ("2.5.13", "1.0002.0005.0013.5.0000.0.9"),
        ("1!2.0", "1.z0001_0002.0000.0000.5.0000.0.9"),
        ("1.0.0.1", "1.0001.0000.0000x0001.5.0000.0.9"),
        ("6.1.0b2.dev3", "0.0006.0001.0000.3.0002.0.00003"),
        ("20241231.1", "1.d20241231.0001.0000.5.0000.0.9"),
        ("1.0+ab.5", "1.0001.0000.0000.5.0000.0.9.0a1b0.10005"),
        ("Foo-12", "0.0000.0000.0000.0.foo-0012"),
    ],
)
def test_what_a_key_looks_like(version, key):
    assert sort_key(version) == key


def test_stable_above_prerelease_above_nonsense():
    rising = ["", "2004b-foo", "x9", "x10", "0.dev0", "99a1", "0", "1.2.9", "1.2.10", "1!0"]
    assert all(sort_key(low) < sort_key(high) for low, high in pairwise(rising))


@pytest.mark.parametrize(
    "hostile",
    [
        "9" * 10_000,
        "1." + "9" * 10_000 + "a1",
        "x" + "9" * 10_000,
        LONGEST,
        "1" + "-_." * 50_000,
        "1.0+" + "a." * 50_000,
        "\ud800",
        "\0",
        None,
        7,
        b"1.0",
        [],
    ],
    ids=lambda hostile: type(hostile).__name__,
)
def test_hostile_versions_get_fields_and_never_raise(hostile):
    fields = version_fields(hostile)
    assert problem_with_fields(fields) is None
    assert fields["version_is_valid"] is (hostile == LONGEST)


def test_digits_beyond_what_int_reads_still_order_as_numbers():
    limit = sys.get_int_max_str_digits()
    shorter, longer = "9" * (limit + 1), "1" + "0" * (limit + 1)
    assert sort_key(shorter) < sort_key(longer) < sort_key("0.dev0")


def test_fields_of_a_version():
    assert version_fields("6.1.2b3") == {
        "version_sortable": "0.0006.0001.0002.3.0003.0.9",
        "version_major": 6,
        "version_minor": 1,
        "version_bugfix": 2,
        "version_is_valid": True,
        "version_is_prerelease": True,
    }
    assert version_fields("4")["version_minor"] == 0
    assert version_fields("4")["version_is_prerelease"] is False


def test_fields_of_what_is_no_version():
    fields = version_fields("2004b-foo")
    assert not fields.pop("version_is_valid")
    assert fields.pop("version_sortable")
    assert set(fields.values()) == {None}


def test_a_number_beyond_64_bits_is_left_out():
    fields = version_fields(f"{2**63}.{2**63 - 1}")
    assert fields["version_major"] is None
    assert fields["version_minor"] == 2**63 - 1


@pytest.mark.parametrize(
    ("releases", "wanted"),
    [
        ({}, None),
        ({"1.0": False, "1.10": False, "1.9": False}, "1.10"),
        ({"1.0": False, "2.0a1": False, "2.0.dev1": False}, "1.0"),
        ({"2.0a1": False, "2.0b1": False}, "2.0b1"),
        ({"1.0": False, "2.0": True}, "1.0"),
        ({"1.0a1": False, "2.0": True}, "1.0a1"),
        ({"1.0": True, "2.0": True, "3.0a1": True}, "2.0"),
        ({"9.9-nonsense": False, "0.1.dev1": False}, "0.1.dev1"),
        ({"nonsense-2": False, "nonsense-10": False}, "nonsense-10"),
        ({"2024.1": False, "1!0.1": False}, "1!0.1"),
    ],
)
def test_latest(releases, wanted):
    assert latest(releases) == wanted
    assert latest(dict(reversed(releases.items()))) == wanted


@given(st.dictionaries(st.one_of(VERSIONS, NEAR), st.booleans(), min_size=1, max_size=6))
def test_latest_is_what_packaging_puts_first(releases):
    chosen = latest(releases)
    rank = {each: (not yanked, *expected(each)) for each, yanked in releases.items()}
    assert rank[chosen] == max(rank.values())
    assert latest(dict(reversed(releases.items()))) == chosen


def test_natural_order_is_that_of_people() -> None:
    order = ["junk", "0.9", "1.0.dev1", "1.0a2", "1.0", "1.0.post1", "2.1", "2.9", "2.10", "2.10.1"]
    keys = [natural_key(each) for each in order]
    assert keys == sorted(keys)
    npm = ["1.0.0-alpha.2", "1.0.0-alpha.10", "1.0.0", "1.9.0", "1.10.0"]
    keys = [natural_key(each, "npm") for each in npm]
    assert keys == sorted(set(keys))


@pytest.mark.parametrize(
    ("released", "major"),
    [
        (["0.1", "0.2", "1.0a1", "1.0", "1.1", "2.0rc1", "2.0", "1.1.1"], {"1.0", "2.0"}),
        (["1.0", "2.1", "2.0.1", "10.0", "9.0"], {"1.0", "2.1", "10.0"}),
        (["2024.1", "2024.2", "1!1.0", "1!1.1", "1!2.0"], {"2024.1", "1!1.0", "1!2.0"}),
        (["junk", "0.9", "0.10"], set()),
        ([], set()),
    ],
)
def test_major_releases(released: list[str], major: set[str]) -> None:
    given = [(version, number) for number, version in enumerate(released)]
    assert majors(given) == majors(given[::-1]) == major


def test_major_releases_of_npm() -> None:
    given = [("1.0.0-rc.1", 1), ("1.0.0", 2), ("1.2.0", 3), ("2.0.0", 4)]
    assert majors(given, "npm") == {"1.0.0", "2.0.0"}
