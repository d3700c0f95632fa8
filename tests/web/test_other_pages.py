"""Comparison, people, profile, status, and what fails; on both indexes."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from pyfcrawl.web import page_people
from tests.web.reading import Page, parameters, words


def rows(page: Page, table: str) -> dict[str, list[str]]:
    """The cells of a table by their row's heading."""
    found = page.one(f"//table[@class='{table}']")
    return {
        words(each.xpath("th")[0]): [words(cell) for cell in each.xpath("td")]
        for each in found.xpath("tbody/tr")
    }


# --- compare ------------------------------------------------------------------------------------


def test_two_packages_side_by_side(site: TestClient) -> None:
    page = Page(site, "/compare?p=pypi/plone.api&p=npm/@plone/volto")
    assert [words(each.xpath("a")[0]) for each in page.all("//thead/tr/th")] == [
        "plone.api",
        "@plone/volto",
    ]
    table = rows(page, "comparison")
    assert table["Latest stable"] == ["3.7.0", "3.1.0"]
    assert table["Stars"] == ["86", "480"]
    assert table["Install"] == ["pip install plone.api", "npm install @plone/volto"]
    assert table["Downloads, 30 days"] == ["61,000", "23,000"]
    assert table["Read"] == ["Health 2026-11-20Downloads 2026-11-20Repository 2026-11-19"] * 2
    assert "in step as of 2026-11-20" in page.text("//p[@class='source']")


def test_names_are_taken_as_people_write_them(site: TestClient) -> None:
    page = Page(site, "/compare?p=Plone_API&p=@plone/volto&p=pypi/plone.api&p=+")
    assert len(page.all("//thead/tr/th")) == 2


@pytest.mark.parametrize("query", ["", "?p=", "?p=nope", "?p=pypi/", "?p=%00", "?p=///"])
def test_nothing_to_compare_asks_for_packages(site: TestClient, query: str) -> None:
    page = Page(site, f"/compare{query}")
    assert page.status == 200
    assert "Name two to 5 packages" in page.text()
    assert len(page.all("//form[@class='add']//input[@name='p']")) == 2


def test_one_package_asks_for_another(site: TestClient) -> None:
    page = Page(site, "/compare?p=pypi/plone.api")
    assert "plone.api is here; name one more" in page.text()
    assert page.one("//form[@class='add']//input[@type='hidden']").get("value") == "pypi/plone.api"


def test_unknown_and_too_many_are_told(site: TestClient) -> None:
    names = ["collective.form", "collective.table", "nope", "plone.api", "collective.map", "x", "y"]
    page = Page(site, "/compare?" + "&".join(f"p=pypi/{each}" for each in names))
    assert page.status == 200
    assert "There is no package “pypi/nope” in Plone" in page.text()
    assert "5 packages fit side by side; left out: pypi/x, pypi/y" in page.text()
    assert len(page.all("//thead/tr/th")) == 4
    left = Page(site, page.all("//table//a[contains(., 'Take away')]/@href")[0])
    assert len(left.all("//thead/tr/th")) == 3


# --- people -------------------------------------------------------------------------------------


def test_people_with_their_totals(site: TestClient) -> None:
    table = rows(Page(site, "/people"), "packages")
    assert len(table) == 6
    counts = [int(cells[0]) for cells in table.values()]
    assert counts == sorted(counts, reverse=True)
    assert re.search(r"Totals as of \d{4}-\d\d-\d\d \d\d:\d\d UTC", Page(site, "/people").text())


def test_a_person_by_any_spelling(site: TestClient) -> None:
    page = Page(site, Page(site, "/people").link("Carla Núñez"))
    assert page.text("//h1") == "Carla Núñez"
    assert page.hits() == []
    table = rows(page, "packages")
    assert len(table) == int(page.text("//dl[@class='figures']/div[1]/dd"))
    assert Page(site, "/person?name=carla++n%C3%BA%C3%B1ez").text("//h1") == "Carla Núñez"
    assert "@people.example" not in page.answer.text


def test_packages_beyond_the_list_of_a_person_are_told(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_people, "_MOST_PACKAGES", 3)
    page = Page(client, "/person?name=Carla+N%C3%BA%C3%B1ez")
    shown = list(rows(page, "packages"))
    assert len(shown) == 3
    assert "The 3 most downloaded are shown" in page.text()
    found = Page(client, page.link("search for Carla Núñez")).hits()
    assert set(found) - set(shown)


@pytest.mark.parametrize("name", ["", "Nobody", "%00", "x" * 3000])
def test_a_person_who_is_not_there(site: TestClient, name: str) -> None:
    page = Page(site, f"/person?name={name}")
    assert page.status == 404
    assert "Nobody is called" in page.text()


# --- profile ------------------------------------------------------------------------------------


def test_the_profile_at_a_glance(site: TestClient) -> None:
    page = Page(site, "/profile")
    figures = page.text("//dl[@class='figures']")
    assert "Packages60" in figures
    charts = page.all("//*[local-name()='svg'][@role='img']")
    assert len(charts) == 3
    assert [words(each) for each in page.all("//main//h2")] == [
        *("Growth", "Releases a month", "Health", "Most downloaded", "Newest releases"),
        "Most in need of care",
    ]
    ranks = [words(each) for each in page.all("//ol[@class='ranks']/li/a")]
    assert ranks[:2] == ["Products.Garden", "plone.api"]
    last = page.all("//section[h2='Growth']//tbody/tr")[-1]
    assert words(last).split() == ["2026-11", "60"] or words(last) == "2026-1160"
    newest = page.all("//table[caption='Newest releases']//time/@datetime")
    assert newest == sorted(newest, reverse=True)
    needy = page.all("//table[caption='Most in need of care']//td[@data-label='Health']")
    assert needy
    assert all(int(words(each).removeprefix("Health ")) < 70 for each in needy)


# --- status -------------------------------------------------------------------------------------


def test_the_status(site: TestClient) -> None:
    page = Page(site, "/status")
    plone, django = page.all("//section[@class='standing']")
    text = words(plone)
    assert "Packages60" in text
    assert "77 behind" in text
    assert "Cursor28,411,930 newest 28,412,007" in text
    assert "1 gap in the feeds" in text
    assert "collective.broken" in text
    assert "503 from the registry" in text
    assert "Not crawled yet" in words(django)
    runs = page.all("//section[h2='Last runs']//tbody/tr")
    assert [words(each.xpath("td")[-1]) for each in runs] == [
        *("running", "finished", "shutdown", "finished", "finished", "died")
    ]
    assert words(runs[0].xpath("td")[1]) == "9m 55s"  # so far
    sources = page.all("//section[h2='Sources']//tbody/tr")
    assert [[words(cell) for cell in each] for each in sources] == [
        ["github", "Plone", "5 hours ago", "5 hours ago", "good"],
        ["pypi", "Plone", "1 hour ago", "1 hour ago", "good"],
        ["pypistats", "Plone", "4 hours ago", "never", "overdue"],
    ]


def test_before_the_first_run(empty: TestClient) -> None:
    page = Page(empty, "/status")
    assert page.status == 200
    assert "No run yet" in page.text()
    for address in ("/profile", "/people", "/person?name=x", "/package/pypi/x"):
        failed = Page(empty, address)
        assert failed.status == 404
        assert "This ecosystem is not indexed yet" in failed.text()
    assert empty.get("/health-check").text == "ok\n"


# --- profiles -----------------------------------------------------------------------------------


def test_addresses_stay_in_the_profile(site: TestClient) -> None:
    page = Page(site, "/?profile=django")
    assert parameters(page.link("People")) == {"profile": "django"}
    hidden = page.one("//form[@role='search']//input[@type='hidden']")
    assert (hidden.get("name"), hidden.get("value")) == ("profile", "django")
    assert page.text("//footer//a[@aria-current]") == "Django"


def test_a_profile_that_is_not_there(site: TestClient) -> None:
    for address in ("/", "/results", "/facets", "/profile", "/people", "/compare", "/status"):
        page = Page(site, f"{address}?profile=%3Cb%3Enope")
        assert page.status == 404
        assert "There is no profile “<b>nope” here" in page.text()


# --- every page ---------------------------------------------------------------------------------

PAGES = (
    *("/", "/?q=form&framework=Plone+6.1", "/?q=zzzzqqq", "/?profile=django", "/nowhere"),
    *("/package/pypi/plone.api", "/package/npm/@plone/volto", "/people", "/person?name=Ada+Winter"),
    *("/compare", "/compare?p=plone.api&p=collective.form", "/profile", "/status"),
)


@pytest.mark.parametrize("address", PAGES)
def test_a_page_can_be_read_by_anybody(client: TestClient, address: str) -> None:
    page = Page(client, address)
    assert page.one("//html").get("lang") == "en"
    assert page.one("//head/title").text
    for landmark in ("header", "main", "footer"):
        assert len(page.all(f"//body/{landmark}")) == 1
    assert len(page.all("//h1")) == 1
    levels = [int(each.tag[1]) for each in page.all("//h1|//h2|//h3|//h4|//h5|//h6")]
    jumps = [b for a, b in zip([0, *levels], levels, strict=False) if b > a + 1]
    assert not jumps or address.startswith("/?profile"), levels
    assert page.all("//body/*")[0].get("href") == "#main"
    assert page.one("//*[@id='main']").tag == "main"
    for field in page.all("//input[not(@type='hidden')]"):
        named = page.all(f"//label[@for='{field.get('id')}']") if field.get("id") else []
        assert named or field.xpath("ancestor::label"), field.attrib
    assert all(each.get("aria-label") for each in page.all("//nav"))
    assert all(each.get("alt") is not None for each in page.all("//img"))
    tables = page.all("//main//table[not(ancestor::div[@class='readme'])]")
    assert all(each.xpath(".//th[@scope='col']") for each in tables)
    ids = page.all("//@id")
    assert len(ids) == len(set(ids))
    assert not page.all(
        "//*[@style] | //style | //script[not(@src)] | //@*[starts-with(name(), 'on')]"
    )


def test_the_first_page_is_small(client: TestClient) -> None:
    page = Page(client, "/")
    files = {each for each in page.own_links() if each.startswith("/static/")}
    sizes = [len(client.get(each).content) for each in files]
    assert len(files) == 4
    assert len(page.answer.content) + sum(sizes) < 100_000


def test_an_error_stays_in_the_profile(site: TestClient) -> None:
    page = Page(site, "/package/pypi/nope?profile=django")
    assert page.status == 404
    assert page.link("Search") == "/?profile=django"
