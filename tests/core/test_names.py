"""Names: one spelling for each project, and ids that never meet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packageurl import PackageURL
from packaging.utils import canonicalize_name

from pyfcrawl.core.names import normalized, normalized_all, package_id, release_id

#: Full of the signs that PEP 503 folds, and of a few that it doesn't.
PROJECT = st.one_of(st.text("aB1-_.", max_size=8), st.text("abİßΣ-_. /@\t\r\x1c\u2028", max_size=8))
REGISTRY = st.sampled_from(["pypi", "npm"])
NAME = st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,4}[a-z0-9])?", fullmatch=True)
SCOPED = st.builds("@{}/{}".format, NAME, NAME)
VERSION = st.one_of(
    st.text("1.-+!@a", min_size=1, max_size=5), st.text("1/%#?&ü", min_size=1, max_size=3)
)


@given(st.lists(PROJECT, max_size=6))
def test_all_at_once_is_the_same_as_one_by_one(names):
    assert normalized_all(names) == [normalized(name) for name in names]


def test_all_at_once_takes_any_iterable():
    assert normalized_all(iter(["Products.CMFPlone", "plone__api", "A-_.b"])) == [
        "products-cmfplone",
        "plone-api",
        "a-b",
    ]
    assert normalized_all([]) == []
    assert normalized_all([""]) == [""]


def test_a_line_break_is_refused_not_taken_for_two_names():
    with pytest.raises(ValueError, match="line break"):
        normalized_all(["a\nb", "c"])


@pytest.mark.parametrize(
    ("registry", "name", "wanted"),
    [
        ("pypi", "Plone.Api", "plone-api"),
        ("pypi", "plone_api", "plone-api"),
        ("npm", "Plone.Api", "plone.api"),
        ("npm", "@Plone/Volto_X", "@plone/volto_x"),
    ],
)
def test_normalized(registry, name, wanted):
    assert normalized(name, registry) == wanted


@pytest.mark.parametrize(
    ("registry", "name", "wanted"),
    [
        ("pypi", "Plone.API", "pkg:pypi/plone-api"),
        ("npm", "@plone/volto", "pkg:npm/%40plone/volto"),
        ("npm", "volto", "pkg:npm/volto"),
    ],
)
def test_package_id(registry, name, wanted):
    assert package_id(registry, name) == wanted
    assert release_id(registry, name, "2.0.0") == f"{wanted}@2.0.0"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("pypi", "a-1", "2"), ("pypi", "a", "1-2")),
        (("pypi", "volto", "1"), ("npm", "volto", "1")),
        (("npm", "@plone/volto", "1"), ("npm", "plone-volto", "1")),
        (("npm", "@plone/volto", "1"), ("npm", "plone/volto", "1")),
        (("npm", "a.b", "1"), ("npm", "a-b", "1")),
        (("pypi", "a", "1.0+b"), ("pypi", "a", "1.0 b")),
        (("pypi", "a", "1!2"), ("pypi", "a", "12")),
        (("pypi", "a", "1@2"), ("pypi", "a@1", "2")),
    ],
)
def test_ids_that_must_differ(one, other):
    assert release_id(*one) != release_id(*other)


RELEASE = st.one_of(st.tuples(REGISTRY, NAME, VERSION), st.tuples(st.just("npm"), SCOPED, VERSION))


@given(RELEASE, RELEASE)
def test_ids_meet_only_for_one_release(one, other):
    same = normalized(one[1], one[0]) == normalized(other[1], other[0])
    same = same and (one[0], one[2]) == (other[0], other[2])
    assert (release_id(*one) == release_id(*other)) is same
    assert release_id(*one) != package_id(*other[:2])


@given(RELEASE)
def test_an_id_tells_what_it_was_made_from(release):
    registry, name, version = release
    purl = PackageURL.from_string(release_id(registry, name, version))
    full_name = f"{purl.namespace}/{purl.name}" if purl.namespace else purl.name
    assert (purl.type, full_name) == (registry, normalized(name, registry))
    assert purl.version == version


@given(NAME)
def test_spellings_of_one_project_share_an_id(name):
    spelled = name.upper().replace("-", "_").replace(".", "_")
    assert package_id("pypi", spelled) == package_id("pypi", canonicalize_name(name))
