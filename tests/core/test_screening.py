"""The head of a project's JSON: read exactly, and never fooled by what isn't one."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfcrawl.core.screening import StaleError, WantedClassifiers, read_head
from pyfcrawl.errors import SourceError


def page(name="Plone.Api", serial=7, classifiers=("Framework :: Plone",), **more):
    info = {"name": name, "version": "1.0", "classifiers": list(classifiers), "description": "é}"}
    return json.dumps({"info": info, "last_serial": serial, "releases": {"1.0": []}, **more})


def test_a_sound_page_gives_its_head():
    head = read_head(page().encode(), "plone-api", 7)
    assert (head.info.name, head.last_serial) == ("Plone.Api", 7)
    assert head.info.classifiers == ["Framework :: Plone"]


def test_what_a_page_may_lack():
    head = read_head(b'{"info":{"name":"a"}}', "a", 99)
    assert (head.info.classifiers, head.last_serial) == (None, None)
    head = read_head(b'{"info":{"name":"a","classifiers":null},"last_serial":null}', "A", 99)
    assert head.info.classifiers is None


@pytest.mark.parametrize("serial", [6, "6", -1, 0])
def test_a_page_older_than_the_listing_is_stale(serial):
    with pytest.raises(StaleError, match="the listing promised 7"):
        read_head(page(serial=serial).encode(), "plone-api", 7)


def test_another_projects_page_is_refused():
    with pytest.raises(SourceError, match=r"another project: 'Plone\.Api'"):
        read_head(page().encode(), "plone-apis")


def test_a_hostile_name_makes_no_endless_message():
    with pytest.raises(SourceError) as caught:
        read_head(page("x" * 100_000).encode(), "a")
    assert len(str(caught.value)) < 200


@given(st.integers(0, 250))
def test_a_page_cut_anywhere_is_junk(at):
    whole = page().encode()
    assert len(whole) > 100
    with pytest.raises(SourceError):
        read_head(whole[: at % len(whole)], "plone-api")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'"x"',
        b"<html>",
        b"\xff\xfe",
        b'{"info":null}',
        b'{"info":[]}',
        b'{"info":{"name":null}}',
        b'{"info":{"name":5}}',
        b'{"info":{"name":"a","classifiers":"x"}}',
        b'{"info":{"name":"a","classifiers":[1]}}',
        b'{"info":{"name":"a"},"last_serial":"x"}',
        b'{"info":{"name":"a"},"last_serial":' + b"9" * 5000 + b"}",
        b'{"info":{"name":"\\ud800"}}',
        b'{"info":{"name":"\xff"}}',
        b"[" * 100_000,
        b'{"info":{"name":"a","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
        b'{"x":' + b'{"x":' * 100_000,
    ],
    ids=lambda body: repr(body[:24]),
)
def test_junk_is_named_junk(body):
    with pytest.raises(SourceError):
        read_head(body, "a")


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["info", "name", "classifiers", "last_serial"]), inner
            )
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_no_body_raises_anything_else(body):
    with contextlib.suppress(SourceError):
        assert read_head(body, "a").info.name.lower() == "a"


def test_classifiers_match_by_segment():
    wanted = WantedClassifiers(("Framework :: Plone", "Framework :: Zope :: 5"))
    for classifier in ("Framework :: Plone", "Framework :: Plone :: 6.1", "Framework :: Zope :: 5"):
        assert wanted.match(["License :: X", classifier])
    for classifier in (
        "Framework :: PloneX",
        "Framework",
        "Framework :: Zope",
        "framework :: plone",
    ):
        assert not wanted.match([classifier])
    assert not wanted.match([])
    assert not wanted.match(None)
    assert not WantedClassifiers(()).match(["Framework :: Plone", ""])


_SEGMENTS = st.lists(st.sampled_from(["A", "B", "A B", "AB"]), min_size=1, max_size=4)


@given(_SEGMENTS, _SEGMENTS)
def test_segments_decide_whatever_the_text(wanted, given_):
    match = WantedClassifiers((" :: ".join(wanted),)).match([" :: ".join(given_)])
    assert match == (given_[: len(wanted)] == wanted)
