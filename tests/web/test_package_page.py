"""The package page on both indexes, and what it is made of."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pyfcrawl.core import health
from pyfcrawl.stores.index import Document, Patch, open_writer
from pyfcrawl.web import page_package
from pyfcrawl.web.overview import FIELDS, overview
from pyfcrawl.web.page_package import health_parts, needs, page_links
from tests.web import sample
from tests.web.conftest import client_of
from tests.web.reading import Page, words

API = "/package/pypi/plone.api"
SECTIONS = (
    *("Health", "Downloads", "Compatibility", "Releases", "Dependencies", "README"),
    *("Raw metadata", "Links", "People", "About", "Repository", "Keywords", "Compare", "Badges"),
)


def test_everything_is_on_the_page(site: TestClient) -> None:
    page = Page(site, API)
    assert page.status == 200
    assert page.text("//h1") == "plone.api"
    headings = [words(each).split(" ")[0] for each in page.all("//main//h2")]
    assert headings == [each.split(" ")[0] for each in SECTIONS]
    assert page.text("//div[@class='install']/code") == "pip install plone.api"
    figures = page.text("//header//dl[@class='figures']")
    assert "Latest stable3.7.0 1 month ago" in figures
    assert "Latest pre-release4.0.0a1 3 days ago" in figures
    assert "86" in page.text("//aside[@aria-label='Facts']")
    assert [words(e.xpath("span")[0]) for e in page.all("//ul[@class='avatars']/li")] == [
        *("ada", "bo", "carla", "dmitri", "eun-ji")
    ]


def test_any_spelling_leads_there(site: TestClient) -> None:
    for spelling in (
        "/package/pypi/Plone_API",
        "/package/pypi/plone-api",
        "/package/pypi/PLONE.API",
    ):
        answer = site.get(spelling)
        assert (answer.status_code, answer.headers["location"]) == (308, API)
        assert answer.headers["cache-control"] == "public, max-age=60"
    answer = site.get("/package/npm/@Plone/Volto")
    assert answer.headers["location"] == "/package/npm/@plone/volto"
    assert Page(site, answer.headers["location"]).text("//h1") == "@plone/volto"


def test_every_number_says_where_it_is_from(site: TestClient) -> None:
    sources = [words(each) for each in Page(site, API).all("//p[@class='source']")]
    assert sources[0].startswith("Computed 2026-11-20 from this release's metadata and GitHub")
    assert sources[1].startswith("Source: pypistats, read 2026-11-20")
    assert sources[2].startswith("From the registry, in step as of 2026-11-20")
    assert any(each.startswith("Read 2026-11-19 from its host") for each in sources)
    assert any(re.search(r"who needs it was gathered \d{4}-\d\d-\d\d", each) for each in sources)


def test_vulnerabilities_say_where_they_are_from(one) -> None:
    notice = words(one(made(vulnerabilities=[{"id": "PYSEC-1"}])).one("//p[@class='notice']"))
    assert notice.startswith("1 known vulnerability in the latest release: PYSEC-1. From PyPI")


def test_downloads_are_drawn_and_have_tables(site: TestClient) -> None:
    page = Page(site, API)
    charts = page.all("//section[@id='downloads']//*[local-name()='svg'][@role='img']")
    assert len(charts) == 2
    for chart in charts:
        title, said = (chart.xpath(f"*[local-name()='{each}']")[0] for each in ("title", "desc"))
        assert chart.get("aria-labelledby") == f"{title.get('id')} {said.get('id')}"
        assert chart.xpath("*[@class='mark']")
    assert "From 2026-08-24 on PyPI no longer counts" in page.text("//section[@id='downloads']")
    rows = page.all("//section[@id='downloads']//details[1]//tbody/tr")
    assert len(rows) > 20
    assert page.all("//section[@id='downloads']//details[2]//thead/tr/th[position()>1]")
    assert "391,278 since 2026-06-23" in page.text("//section[@id='downloads']")


def test_a_yanked_release_is_struck_through_with_its_reason(site: TestClient) -> None:
    row = Page(site, API).one("//tr[@class='yanked']")
    assert words(row.xpath(".//s")[0]) == "3.4.0"
    assert "Breaks sites with <b>folders</b>" in words(row)
    assert not row.xpath(".//b")


def test_releases_beyond_the_table_are_told(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_package, "_MOST_RELEASES", 20)
    page = Page(client, API)
    assert len(page.all("//table[@class='releases']/tbody/tr")) == 20
    assert "and 5 more: all of them, as JSON" in page.text("//section[@id='releases']")
    answer = client.get(page.link("all of them, as JSON"))
    assert answer.json()["found"] == 25


def test_dependencies_go_both_ways(site: TestClient) -> None:
    page = Page(site, "/package/pypi/collective.gallery")
    assert page.link("plone.api") == API
    section = Page(site, API).one("//section[@id='dependencies']")
    names = [words(each) for each in section.xpath(".//a")]
    assert "collective.gallery" in names
    assert words(section.xpath(".//h3")[1]) == f"Needed by {len(names)}"
    assert Page(site, "/package/npm/@plone/volto").link("@plone/registry")


def test_which_release_fits_what(site: TestClient) -> None:
    table = Page(site, API).one("//table[@class='matrix']")
    assert not table.xpath(".//span[@aria-label]")
    pythons = [words(each).removeprefix("Python ") for each in table.xpath("thead//th")]
    assert pythons[0] == "3.9"
    (row,) = [each for each in table.xpath("tbody/tr") if words(each.xpath("th")[0]) == "Plone 6.1"]
    cells = dict(zip(pythons, [words(each) for each in row.xpath("td")], strict=True))
    assert cells["3.13"] == "3.7.0"
    assert cells["3.9"] != "3.7.0"


def test_every_problem_is_told(site: TestClient) -> None:
    page = Page(site, "/package/pypi/collective.form")
    problems = [words(each) for each in page.all("//ul[@class='problems']/li")]
    assert "Recency Publish a new release: the last is two years old or older" in problems


def test_the_readme_is_rendered(site: TestClient) -> None:
    (readme,) = Page(site, API).all("//div[@class='readme']")
    assert words(readme.xpath("h3")[0]) == "plone.api"
    (image,) = readme.xpath(".//img")
    assert image.get("loading") == "lazy"
    assert readme.xpath(".//pre//span[@class]")


def test_raw_metadata(site: TestClient) -> None:
    page = Page(site, API)
    assert (
        '"identifier": "pkg:pypi/plone-api@3.7.0"'
        in page.one("//pre[@class='raw'][contains(., 'identifier')]").text_content()
    )
    raw = site.get(page.link("pkg:pypi/plone-api@3.7.0")).json()
    assert raw["name"] == "plone.api"
    assert raw["description"]


def test_a_package_that_is_not_there(site: TestClient) -> None:
    page = Page(site, "/package/pypi/nowhere.to.be.found")
    assert page.status == 404
    assert "There is no package “nowhere.to.be.found” from pypi in Plone" in page.text()
    assert page.one("//main//form[@role='search']") is not None
    for address in (
        "/package/cargo/plone.api",
        "/package/pypi/%20",
        "/package/pypi/@",
        "/package/npm//",
    ):
        assert Page(site, address).status == 404, address


def test_links_within_lead_somewhere(client: TestClient) -> None:
    page = Page(client, API)
    addresses = {each.partition("#")[0] for each in page.own_links()}
    broken = {
        each
        for each in addresses
        if not each.startswith("/badge/")
        and client.get(each).status_code not in (200, 308)
        and each != "/?profile=django"  # the one that is not crawled
    }
    assert len(addresses) > 40
    assert broken == set()
    anchors = {each[1:] for each in page.all("//nav[@aria-label='On this page']/a/@href")}
    assert anchors <= set(page.all("//@id"))


# --- packages of which little is known, or much that is wrong -----------------------------------


def made(**fields: object) -> Document:
    plan = sample.Plan("odd.one", "thing", releases=1, number=4)
    document = sample.documents(plan)[0] | fields
    return document | health.score(document, sample.NOW)


@pytest.fixture
def one(tmp_path: Path):
    """Shows a single document, and what enrichment found of it."""

    def shown(document: Document, name: str = "odd.one", **facts: object) -> Page:
        url = f"sqlite:///{tmp_path / 'index.db'}"
        with closing(open_writer(url)) as writer:
            writer.create("plone")
            assert not writer.upsert("plone", [document]).refused
            assert not writer.patch("plone", [Patch(document["package_id"], facts)]).refused
        stores = sample.Stores(
            sample.IndexAddress(url),
            f"sqlite:///{tmp_path / 'state.db'}",
            f"sqlite:///{tmp_path / 'history.db'}",
        )
        with client_of(stores) as client:
            page = Page(client, f"/package/pypi/{name}")
            assert Page(client, "/").status == 200
            assert Page(client, f"/compare?p=pypi/{name}").status == 200
            assert Page(client, "/profile").status == 200
        return page

    return shown


def test_nothing_but_a_name(one) -> None:
    bare = {"identifier": "pkg:pypi/odd-one@1", "package_id": "pkg:pypi/odd-one"}
    page = one(bare | {"registry": "pypi", "name": "odd.one", "version": "1"})
    assert page.status == 200
    assert "No downloads are known" in page.text()
    assert "No score was computed yet" in page.text()
    assert "This release has none" in page.text()


def test_strange_values(one) -> None:
    page = one(
        made(
            summary="<script>alert(1)</script>" + "long " * 300,
            upload_timestamp=2**62,
            first_upload_timestamp=-(2**62),
            urls={"not": "a list"},
            project_urls={"<b>": "https://x.example", "js": "javascript:alert(1)", "n": 5},
            home_page="javascript:alert(2)",
            vulnerabilities=["text", {"id": "GHSA-1"}, {}],
            requires_dist=["???", "a" * 5000, "plone.api>=1; extra == 'test'"],
            requires_python="nonsense",
            keywords=['"><script>'],
            author="<img src=x onerror=alert(1)>",
            description="<p>fine</p><script>alert(3)</script><form><input name=q></form>"
            "<a href='javascript:alert(4)'>x</a><p style='position:fixed' class='skip'>y</p>",
            yanked=True,
            yanked_reason="Because </p><script>alert(5)</script>",
        )
    )
    assert page.status == 200
    assert len(page.all("//script")) == len(
        page.all("//head/script[starts-with(@src, '/static/')]")
    )
    assert not [each for each in page.all("//a/@href") if each.lower().startswith("javascript")]
    assert not page.all("//@style | //@*[starts-with(name(), 'on')] | //style")
    assert page.all("//div[@class='readme']//form | //div[@class='readme']//input[@name]") == []
    assert "Yanked. Its latest release was withdrawn: Because" in page.text()


def test_only_addresses_of_the_web_are_linked_or_loaded(one) -> None:
    bad = "javascript:alert(1)"
    people = [{"username": "x", "avatar_url": "data:image/svg+xml,x", "contributions": 1}]
    facts = {"github_checked": sample.NOW, "github_url": bad, "contributors": people}
    page = one(made(release_url=bad, package_url=bad), **facts)
    assert "1.0.1" in page.text("//section[@id='releases']//tbody")
    assert "Read 2026-11-20." in page.text("//aside[@class='side']")
    assert not page.all("//@href[contains(., 'alert')] | //@src[starts-with(., 'data')]")


def test_facts_of_the_wrong_kind(one) -> None:
    page = one(made() | {"health_score_breakdown": {"recency": "x", "metadata": {"points": 3}}})
    assert page.status == 200


def test_parts_of_the_score() -> None:
    parts = health_parts(made())
    assert [each.title for each in parts] == ["Recency", "Documentation", "Metadata"]
    assert all(0 <= each.points <= each.most for each in parts)
    with_facts = made(github_stars=700, github_updated=sample.NOW, github_open_issues=1)
    assert health_parts(with_facts)[-1].points == 27
    assert health_parts({"health_score_breakdown": None}) == []


def test_links_are_each_there_once() -> None:
    document = made(home_page="https://a.example/", docs_url=None)
    document |= {"project_urls": {"Home": "https://a.example", "Docs": "https://d.example"}}
    document |= {"github_url": None, "repository_url": None, "bugtrack_url": None}
    labels = [label for label, _ in page_links(document)]
    assert labels == ["Home page", "Docs", "On PyPI"]


def test_what_extras_need_comes_last() -> None:
    document = made(requires_dist=["x; extra == 'dev'", "y>=1", "!!"])
    assert [each.name for each in needs(document, None)] == ["y", "!!", "x"]
    other = made(name="y", package_id="pkg:pypi/y")
    known = overview([{each: other.get(each) for each in FIELDS}], [], 0)
    assert [bool(each.package) for each in needs(document, known)] == [True, False, False]


def test_a_page_says_what_would_add_to_the_score(site) -> None:
    page = site.get("/package/pypi/plone.api")
    earned = page.text.partition("Would add to it: ")[2].partition("</p>")[0]
    assert "Screenshot in the README +5" in earned or "Documentation URL +4" in earned
