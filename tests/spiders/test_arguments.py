"""Spider arguments: what may be asked, and the one line told about anything else."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfcrawl.core.profiles import Profile
from pyfcrawl.errors import ConfigurationError
from pyfcrawl.spiders.arguments import age
from pyfcrawl.spiders.pypi_arguments import parse

PROFILES = {
    "plone": Profile(
        name="plone",
        classifiers=("Framework :: Plone",),
        collection="plone",
        quickstart=("plone.api", "Products.CMFPlone"),
    ),
    "django": Profile(name="django", classifiers=("Framework :: Django",), collection="django"),
}


def parsed(**given_):
    return parse(given_, PROFILES, "plone")


def told(**given_):
    with pytest.raises(ConfigurationError) as caught:
        parsed(**given_)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_nothing_asked_is_a_sync_of_the_default_profile():
    arguments = parsed()
    assert [profile.name for profile in arguments.profiles] == ["plone"]
    assert (arguments.mode, arguments.names, arguments.match) == ("sync", (), "")
    assert (arguments.filter, arguments.limit, arguments.latest_only) == (True, None, False)


def test_everything_asked():
    arguments = parsed(
        profile="plone, django", mode=" FULL", names="Plone.API, b_c,plone-api", match=" x ",
        filter="No", limit="7", releases="latest",
    )  # fmt: skip
    assert [profile.name for profile in arguments.profiles] == ["plone", "django"]
    assert (arguments.mode, arguments.names, arguments.match) == ("full", ("plone-api", "b-c"), "x")
    assert (arguments.filter, arguments.limit, arguments.latest_only) == (False, 7, True)


def test_classifiers_need_no_profile():
    (profile,) = parsed(classifiers="Framework :: Plone, Framework :: Zope", target="mine").profiles
    assert profile.classifiers == ("Framework :: Plone", "Framework :: Zope")
    assert profile.collection == "mine"


def test_another_target():
    (profile,) = parsed(target="other").profiles
    assert (profile.name, profile.collection) == ("plone", "other")


def test_quickstart_adds_the_profiles_names():
    names = parsed(quickstart="yes", names="my.package").names
    assert names == ("my-package", "plone-api", "products-cmfplone")


def test_names_may_come_from_elsewhere():
    assert parsed(discovery="BigQuery", limit="5").discovery == "bigquery"
    assert parsed().discovery == ""


def test_what_a_scheduler_adds_is_left_alone():
    assert parsed(_job="26d1b1a6d6f111e0be5c001e648c57f8", _version="r3").mode == "sync"


@pytest.mark.parametrize(
    ("given_", "named"),
    [
        ({"proflie": "plone"}, "proflie=plone"),
        ({"profile": "nope"}, "nope"),
        ({"profile": ""}, "profile"),
        ({"mode": "fast"}, "mode=fast"),
        ({"mode": ""}, "mode="),
        ({"releases": "some"}, "releases=some"),
        ({"filter": "maybe"}, "filter=maybe"),
        ({"quickstart": "x"}, "quickstart=x"),
        ({"quickstart": "yes", "profile": "django"}, "django"),
        ({"names": ""}, "names="),
        ({"names": " , "}, "names="),
        ({"names": "a b"}, "names=a b"),
        ({"names": "../x"}, "names=../x"),
        ({"names": "ok,é"}, "names=ok,é"),
        ({"limit": "0"}, "limit=0"),
        ({"limit": "-1"}, "limit=-1"),
        ({"limit": "1.5"}, "limit=1.5"),
        ({"limit": "٣"}, "limit=٣"),
        ({"limit": "²"}, "limit=²"),
        ({"limit": ""}, "limit="),
        ({"limit": "9" * 5000}, "limit=9"),
        ({"discovery": "google"}, "discovery=google"),
        ({"discovery": "clickhouse", "names": "a"}, "names="),
        ({"discovery": "clickhouse", "mode": "full"}, "mode="),
        ({"discovery": "clickhouse", "recreate": "yes"}, "discovery="),
        ({"target": ""}, "target"),
        ({"target": "a/b"}, "a/b"),
        ({"target": "x", "profile": "plone,django"}, "target=x"),
        ({"classifiers": "Framework :: Plone"}, "target="),
        ({"classifiers": "", "target": "x"}, "classifiers="),
        ({"classifiers": "A", "target": "x", "profile": "plone"}, "profile="),
    ],
)
def test_what_is_wrong_is_named(given_, named):
    assert named in told(**given_)


_WORDS = ["profile", "mode", "names", "quickstart", "match", "classifiers", "target", "filter",
          "limit", "releases"]  # fmt: skip


@given(st.dictionaries(st.sampled_from(_WORDS), st.text(max_size=12)))
def test_no_text_raises_anything_else(given_):
    with contextlib.suppress(ConfigurationError):
        assert parse(given_, PROFILES, "plone").profiles


# --- pieces that other spiders share ----------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("90", 90), ("45s", 45), ("30m", 1800), ("12h", 43_200), ("7d", 604_800),
     (" 2W ", 1_209_600)],
)  # fmt: skip
def test_a_span_of_time(text, seconds):
    assert age({"max_age": text}, "max_age") == seconds


@pytest.mark.parametrize("text", ["", "d", "-1d", "1.5h", "7 d", "7y", "٣d", "1d2h", "9" * 50])
def test_what_is_no_span_of_time(text):
    with pytest.raises(ConfigurationError, match="max_age="):
        age({"max_age": text}, "max_age")


def test_a_span_that_is_not_given():
    assert age({}, "max_age", "7d") == 604_800
