"""Badges: what they say, what they refuse, and that nothing gets through them."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyfcrawl.core.badges import COLOURS
from tests.web.api_site import ApiSite

SVG = "{http://www.w3.org/2000/svg}"


def told(answer: httpx.Response, status: int = 200) -> str:
    """What a badge says; it has to be a whole and harmless picture."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "image/svg+xml"
    picture = ElementTree.fromstring(answer.content)
    assert picture.tag == f"{SVG}svg"
    for element in picture.iter():
        assert element.tag.removeprefix(SVG) in ALLOWED
        assert not any(name.startswith("on") or "href" in name for name in element.attrib)
    return str(picture.findtext(f"{SVG}title"))


ALLOWED = {
    *("svg", "title", "linearGradient", "stop", "clipPath", "rect", "g", "text"),
}


def colours(answer: httpx.Response) -> list[str]:
    picture = ElementTree.fromstring(answer.content)
    found = [each.attrib["fill"] for each in picture.iter(f"{SVG}rect")]
    return [each for each in found if each.startswith("#") and each != "#fff"]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/badge/plone.api", "downloads: 3.4M"),
        ("/badge/Plone_API", "downloads: 3.4M"),
        ("/badge/plone.api/month", "downloads/month: 36k"),
        ("/badge/plone.api/week", "downloads/week: 8.4k"),
        ("/badge/plone.api/health", "health: 60/100"),
        ("/badge/plone.api/version", "PyPI: 2.0"),
        ("/badge/plone.api/plone", "Plone: 6.1"),
        ("/badge/plone.api/python", "Python: 3.12"),
        ("/badge/plone.api/Django", "Django: not declared"),
        ("/badge/hostile", "downloads: unknown"),
        ("/badge/@plone/volto", "downloads: 999"),
        ("/badge/@plone%2Fvolto/version", "npm: 18.0.0"),
        ("/badge/@plone/volto/month?registry=npm", "downloads/month: 99"),
        ("/badge/django-cms/version", "PyPI: 4.1"),
        ("/badge/django-cms/version?profile=django", "PyPI: 4.1"),
        ("/personalized-badge/plone.api", "downloads: 3.4M"),
        ("/personalized-badge/plone.api?period=week&units=none", "downloads/week: 8,400"),
        ("/personalized-badge/plone.api?period=TOTAL&units=ABBREVIATION", "downloads: 3.4M"),
        ("/personalized-badge/plone.api?left_text=fetched", "fetched: 3.4M"),
        ("/personalized-badge/plone.api?left_text=%3Cscript%3E", "<script>: 3.4M"),
        ("/personalized-badge/plone.api?left_text=a%00b%E2%80%AEc%0Ad", "abc d: 3.4M"),
        ("/personalized-badge/plone.api?left_text=&period=", "downloads: 3.4M"),
        ("/personalized-badge/hostile?right_color=red", "downloads: unknown"),
    ],
)
def test_badges(either: ApiSite, path: str, says: str) -> None:
    answer = either.get(path)
    assert told(answer) == says
    assert answer.headers["cache-control"] == "public, max-age=3600"
    again = either.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/badge/nope", "downloads: not found"),
        ("/badge/nope/week", "downloads: not found"),
        ("/badge/nope/health", "health: not found"),
        ("/badge/nope/version", "version: not found"),
        ("/badge/nope/plone", "Plone: not found"),
        ("/badge/plone.api/mnth", "mnth: not found"),
        ("/badge/plone.api?registry=npm", "downloads: not found"),
        ("/badge/plone.api?profile=django", "downloads: not found"),
        ("/personalized-badge/nope?left_text=mine&right_color=red", "mine: not found"),
        ("/badge/%00", "downloads: not found"),
        ("/badge/@plone", "package: not found"),
        ("/badge/a/b/c/d", "package: not found"),
        ("/personalized-badge/a/b", "package: not found"),
    ],
)
def test_what_is_not_there_is_grey(either: ApiSite, path: str, says: str) -> None:
    answer = either.get(path)
    assert told(answer, 404) == says
    assert COLOURS["lightgrey"] in colours(answer)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("period=year", "period"),
        ("units=metric", "units"),
        ("left_color=nocolour", "left_color"),
        ("right_color=%22%3E", "right_color"),
        ("right_color=url(%23a)", "right_color"),
        ("right_color=red%0A", "right_color"),
        ("right_color=12345", "right_color"),
        (f"left_text={'x' * 61}", "left_text"),
        ("left_text=%00%01", "left_text"),
        ("left_text=a&left_text=b", "left_text"),
        ("colour=red", "colour"),
        ("registry=gems", "registry"),
    ],
)
def test_a_wrong_parameter_is_named(api_site: ApiSite, query: str, named: str) -> None:
    answer = api_site.get(f"/personalized-badge/plone.api?{query}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert named in answer.text
    assert answer.text.count("\n") == 1


def test_chosen_colours(api_site: ApiSite) -> None:
    path = "/personalized-badge/plone.api?left_color=BLACK&right_color=%23AbC"
    assert colours(api_site.get(path)) == [COLOURS["black"], "#aabbcc"]
    path = "/personalized-badge/plone.api?left_color=Blue&right_color=BrightGreen"
    assert colours(api_site.get(path)) == [COLOURS["blue"], COLOURS["brightgreen"]]


def test_a_wrong_colour_is_told_in_words(api_site: ApiSite) -> None:
    answer = api_site.get("/personalized-badge/plone.api?left_color=nocolour")
    assert answer.text == ("left_color='nocolour' is no colour: give one such as blue or #007ec6\n")


def test_unknown_profiles(api_site: ApiSite) -> None:
    answer = api_site.get("/badge/plone.api?profile=nope")
    assert (answer.status_code, answer.headers["content-type"]) == (
        404,
        "text/plain; charset=utf-8",
    )


@settings(max_examples=60)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "left_text": st.text(max_size=70),
            "left_color": st.one_of(st.text(max_size=9), st.sampled_from(sorted(COLOURS))),
            "right_color": st.text("0123456789abcdefABCDEF#", max_size=8),
            "period": st.sampled_from(["total", "month", "week", "day"]),
            "units": st.sampled_from(["none", "abbreviation", "international_system", "si"]),
        },
    ),
    st.sampled_from(["plone.api", "hostile", "nope", "@plone/volto"]),
)
def test_any_wish_gives_a_picture_or_a_reason(
    api_site: ApiSite, wishes: dict[str, Any], name: str
) -> None:
    query = str(httpx.QueryParams(wishes)) if wishes else ""
    answer = api_site.get(f"/personalized-badge/{name}?{query}")
    if answer.status_code == 400:
        assert answer.text.startswith(tuple(wishes))
    else:
        told(answer, 404 if name == "nope" else 200)
