"""Atom feeds, read by a feed reader."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import Any

import feedparser
import httpx
import pytest

from pyfcrawl.core.profiles import Profile
from pyfcrawl.stores.index import IndexAddress, Query, SearchResult, open_writer
from pyfcrawl.web.catalog import Catalog
from pyfcrawl.web.options import SiteOptions
from pyfcrawl.web.searching import FACETS, RELEASED, SORTS
from tests.commands.shell import DAY, NOW, document
from tests.web.api_site import ApiSite

RELEASES, PACKAGES = "/feeds/releases.atom", "/feeds/packages.atom"


def parsed(answer: httpx.Response) -> Any:
    """The feed, which has to be valid."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/atom+xml"
    feed = feedparser.parse(answer.content)
    assert not feed.bozo, feed.get("bozo_exception")
    assert feed.version == "atom10"
    assert feed.feed.id
    assert feed.feed.title
    assert feed.feed.updated
    assert feed.feed.author
    for entry in feed.entries:
        assert entry.id
        assert entry.title
        assert entry.updated
        assert entry.link.startswith("http")
    assert len({entry.id for entry in feed.entries}) == len(feed.entries)
    return feed


def titles(answer: httpx.Response) -> list[str]:
    return [entry.title for entry in parsed(answer).entries]


def test_new_releases(either: ApiSite) -> None:
    found = titles(either.get(RELEASES))
    assert len(found) == 9
    assert set(found[:2]) == {"@plone/volto 18.0.0", "@plone/releases 1.0.0"}
    assert found[2:] == [
        "Products.CMFPlone 6.1.3",
        "hostile 1.0",
        "plone.api 3.0a1",
        "plone.api 2.0",
        "plone.api 1.10",
        "plone.api 1.9",
        "collective.easyform 5.0",
    ]


def test_new_packages(either: ApiSite) -> None:
    found = titles(either.get(PACKAGES))
    assert found[0] == "hostile 1.0"
    assert found[-1] == "plone.api 2.0"
    assert len(found) == 6


def test_major_releases(either: ApiSite) -> None:
    found = titles(either.get(f"{RELEASES}?major=1"))
    assert "plone.api 2.0" in found
    assert "plone.api 1.9" in found  # its first of all
    assert not {"plone.api 1.10", "plone.api 3.0a1"} & set(found)


def test_major_releases_are_looked_for_once(
    api_site: ApiSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    search = Catalog.search

    async def counted(self: Catalog, profile: Profile, query: Query) -> SearchResult:
        asked.append(query)
        return await search(self, profile, query)

    monkeypatch.setattr(Catalog, "search", counted)
    major = f"{RELEASES}?major=1"
    first, again, narrowed, other, minor = api_site.get_all(
        ("GET", each)
        for each in (major, major, f"{major}&q=plone", f"{major}&profile=django", RELEASES)
    )
    assert len(asked) == 4
    assert first.content == again.content
    assert titles(narrowed) != titles(first) != titles(other)
    assert len(titles(minor)) > len(titles(first))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=forms", ["collective.easyform 5.0"]),
        ("framework=Plone+5.2&sort=name&page=3", ["collective.easyform 5.0"]),
        ("registry=npm&q=volto&archived=&released=", ["@plone/volto 18.0.0"]),
        ("profile=django", ["django-cms 4.1"]),
        ("license=nope", []),
    ],
)
def test_every_search_has_its_feed(either: ApiSite, query: str, expected: list[str]) -> None:
    assert titles(either.get(f"{RELEASES}?{query}")) == expected


def test_the_search_page_speaks_the_same_language(api_site: ApiSite) -> None:
    """Whatever the page may be asked, its feed may be asked."""
    values = {
        "q": ["api"],
        "released": RELEASED,
        "archived": ["yes", "no"],
        "sort": SORTS,
        "page": ["2"],
        "license": [" OR ".join(["GPL-2.0-or-later"] * 10)[:200]],
        **{name: ["pypi"] for name in FACETS if name != "license"},
    }
    asked = [f"{RELEASES}?{name}={value}" for name, some in values.items() for value in some]
    site = replace(api_site, options=replace(api_site.options, api_rate_limit=0))
    answers = site.get_all([("GET", each) for each in asked])
    assert {each.status_code for each in answers} == {200}


def test_ids_and_links_stay(api_site: ApiSite) -> None:
    feed = parsed(api_site.get(f"{RELEASES}?q=volto"))
    assert feed.feed.id == f"http://site.example{RELEASES}?q=volto"
    assert [each.href for each in feed.feed.links if each.rel == "self"] == [feed.feed.id]
    (entry,) = feed.entries
    assert entry.id == "pkg:npm/%40plone/volto@18.0.0"
    assert entry.link == "http://site.example/package/npm/@plone/volto"
    assert api_site.get("/package/npm/@plone/volto").status_code == 200
    at_home = SiteOptions(site_url="https://packages.example", now=lambda: float(NOW))
    feed = parsed(replace(api_site, options=at_home).get(RELEASES))
    assert feed.feed.id == f"https://packages.example{RELEASES}"
    assert feed.entries[0].link.startswith("https://packages.example/package/")
    assert parsed(api_site.get(f"{RELEASES}?q=volto")).entries[0].id == entry.id


@pytest.mark.parametrize("host", ["evil.example/x", "a b", '"><script>', "x" * 300, ""])
def test_a_host_that_is_none_is_not_repeated(api_site: ApiSite, host: str) -> None:
    answer = api_site.get(RELEASES, headers={"Host": host})
    assert answer.status_code in (200, 400)
    assert not host or host not in answer.text


def test_readers_that_ask_again(api_site: ApiSite) -> None:
    answer = api_site.get(RELEASES)
    tag = {"If-None-Match": answer.headers["etag"]}
    assert api_site.get(RELEASES, headers=tag).status_code == 304
    assert "last-modified" not in answer.headers


def test_a_release_that_is_indexed_late_is_told(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    data = tmp_path_factory.mktemp("late")
    site = ApiSite(data, IndexAddress(f"sqlite:///{data / 'index.db'}"))
    with closing(open_writer(site.index)) as writer:
        writer.create("plone")
        writer.upsert("plone", [document("plone.api", "2.0", uploaded=NOW - DAY)])
        known = site.get(RELEASES)
        writer.upsert("plone", [document("plone.late", "1.0", uploaded=NOW - 2 * DAY)])
    asked = {
        "If-None-Match": known.headers["etag"],
        "If-Modified-Since": known.headers.get("last-modified", "Sat, 31 Oct 2026 00:00:00 GMT"),
    }
    for name, value in asked.items():
        answer = site.get(RELEASES, headers={name: value})
        assert titles(answer) == ["plone.api 2.0", "plone.late 1.0"]


def test_what_authors_write_stays_text(either: ApiSite) -> None:
    answer = either.get(f"{RELEASES}?q=hostile")
    (entry,) = parsed(answer).entries
    assert "<script>" not in answer.text
    assert entry.author.startswith('"><script>alert(1)</script>&')
    assert "\x1b" not in answer.text
    assert "\u202e" not in answer.text


@pytest.mark.parametrize(
    ("query", "named"),
    [("major=2", "major"), ("sort=size", "sort"), ("released=2d", "released"), ("x=1", "x")],
)
def test_a_wrong_parameter_is_named(api_site: ApiSite, query: str, named: str) -> None:
    answer = api_site.get(f"{RELEASES}?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (
        400,
        "text/plain; charset=utf-8",
    )
    assert named in answer.text


def test_a_profile_without_releases(tmp_path_factory: pytest.TempPathFactory) -> None:
    data = tmp_path_factory.mktemp("empty")
    site = ApiSite(data, IndexAddress(f"sqlite:///{data / 'index.db'}"))
    assert site.get(RELEASES).status_code == 404
    with closing(open_writer(site.index)) as writer:
        writer.create("plone")
    assert titles(site.get(RELEASES)) == titles(site.get(PACKAGES)) == []


def test_feeds_are_bounded(tmp_path_factory: pytest.TempPathFactory) -> None:
    data = tmp_path_factory.mktemp("many")
    site = ApiSite(data, IndexAddress(f"sqlite:///{data / 'index.db'}"))
    many = [
        document("plone.api", f"{major}.{minor}", uploaded=NOW - (700 - 10 * major - minor) * DAY)
        for major in range(1, 61)
        for minor in range(10)
    ]
    with closing(open_writer(site.index)) as writer:
        writer.create("plone")
        writer.upsert("plone", many)
    assert titles(site.get(RELEASES))[0] == "plone.api 60.9"
    assert len(titles(site.get(RELEASES))) == 50
    assert titles(site.get(f"{RELEASES}?major=1")) == [
        f"plone.api {n}.0" for n in range(60, 10, -1)
    ]
