"""The search page on both indexes: words, facets, orders, pages, and every state it can be in."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from pyfcrawl.stores.index import Document
from pyfcrawl.web import page_search, searching
from pyfcrawl.web.page_search import in_order, page_numbers
from pyfcrawl.web.searching import Asked
from tests.web.reading import Page, parameters, words
from tests.web.sample import DAY, NOW

FOUND = "//h2[@id='count']"


def test_without_words_all_packages_are_there(site: TestClient) -> None:
    page = Page(site, "/")
    assert page.status == 200
    assert page.text(FOUND).startswith("60 packages")
    assert len(page.hits()) == 20
    assert page.text("//h1") == "Find what Plone can do"
    assert page.one("//input[@type='search']").get("id") in page.all("//label/@for")


def test_an_exact_name_comes_first(site: TestClient) -> None:
    assert Page(site, "/?q=plone.app.calendar").hits()[0] == "plone.app.calendar"
    assert Page(site, "/?q=Plone_Api").hits()[0] == "plone.api"
    assert Page(site, "/?q=%40plone/volto").hits()[0] == "@plone/volto"


def test_a_typing_error_is_forgiven(site: TestClient) -> None:
    assert "collective.calendar" in Page(site, "/?q=calender").hits()


def test_what_was_searched_instead_is_told(client: TestClient) -> None:
    assert "Nothing has “calender”; searched for “calendar”" in Page(client, "/?q=calender").text()


def test_facets_have_counts_and_lead_to_as_many(site: TestClient) -> None:
    page = Page(site, "/")
    titles = {
        "Registry": "npm",
        "Framework version": "Plone 6.1",
        "Python version": "Python 3.12",
        "License": "MIT",
        "Released within": "Last year",
        "Repository": "Archived",
    }
    for title, value in titles.items():
        count = page.facet(title)[value]
        assert 0 < count < 60
        narrowed = Page(site, page.choice(value))
        found = int(narrowed.text(FOUND).split()[0])
        # Counted are latest releases; of a version an earlier release may be the one that fits.
        assert found >= count if "version" in title else found == count
        assert narrowed.one(f"//aside//a[@aria-current][span='{value}']") is not None


def test_the_filters_say_what_they_count(site: TestClient) -> None:
    page = Page(site, "/?released=30d")
    assert "Counts are of latest releases" in page.text("//aside[@class='facets']")
    assert int(page.text(FOUND).split()[0]) >= page.facet("Released within")["Last 30 days"]


def test_a_chosen_facet_still_offers_its_other_values(site: TestClient) -> None:
    all_of_it = Page(site, "/").facet("Framework version")
    page = Page(site, "/?framework=Plone+6.1")
    assert page.facet("Framework version") == all_of_it
    both = Page(site, page.choice("Plone 6.2"))
    assert int(both.text(FOUND).split()[0]) >= max(all_of_it["Plone 6.1"], all_of_it["Plone 6.2"])
    assert Page(site, both.choice("Plone 6.1")).answer.url.params["framework"] == "Plone 6.2"


def test_facets_come_together(site: TestClient) -> None:
    address = "/?q=editors&framework=Plone+6.1&python=Python+3.12&released=3y&archived=no&sort=name"
    page = Page(site, address)
    assert page.hits() == sorted(page.hits(), key=str.lower)
    assert page.hits()
    # Each condition is shown, and can be taken away.
    removed = {
        parameters(each.get("href")).keys().__len__() for each in page.all("//a[@class='chip']")
    }
    assert removed == {5}
    hidden = {
        each.get("name"): each.get("value")
        for each in page.all("//form[@role='search']//input[@type='hidden']")
    }
    assert hidden == {
        "framework": "Plone 6.1",
        "python": "Python 3.12",
        "released": "3y",
        "archived": "no",
        "sort": "name",
    }


@pytest.mark.parametrize(
    ("sort", "label"),
    [("downloads", "downloads a month"), ("stars", "stars"), ("health", "Health")],
)
def test_orders(site: TestClient, sort: str, label: str) -> None:
    page = Page(site, f"/?sort={sort}")
    facts = [str(each.text_content()) for each in page.all("//ul[@class='facts']/li")]
    shown = [each.replace(label, "").strip() for each in facts if label in each]
    values = [float(each[:-1]) * 1000 if each.endswith("k") else float(each) for each in shown]
    assert len(values) == 20
    assert values == sorted(values, reverse=True)
    assert page.one("//nav[@aria-label='Order']/a[@aria-current]").get("href").endswith(sort)


def test_newest_first(site: TestClient) -> None:
    times = Page(site, "/?sort=newest").all("//ul[@class='facts']//time/@datetime")
    assert times == sorted(times, reverse=True)


def test_pages_lead_through_all(site: TestClient) -> None:
    seen: list[str] = []
    address = "/?sort=name"
    while address:
        page = Page(site, address)
        seen += page.hits()
        following = page.all("//a[@rel='next']/@href")
        address = following[0] if following else ""
    assert len(seen) == len(set(seen)) == 60


def test_no_page_is_linked_that_cannot_be_reached(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (page_search, searching):
        monkeypatch.setattr(module, "DEEPEST_PAGE", 2)
    page = Page(client, "/?sort=stars")
    assert page.text(FOUND) == "60 packages page 1 of 2"
    assert page.all("//nav[@class='pages']/a/@aria-label") == ["Page 1", "Page 2"]
    last = Page(client, page.link("Next"))
    assert last.all("//a[@rel='next']") == []
    assert "The first 40 are shown" in last.text()
    assert Page(client, "/?sort=stars&page=3").hits() == last.hits()


def test_nothing_found_says_what_to_try(site: TestClient) -> None:
    page = Page(site, "/?q=zzzzqqqxw&framework=Plone+6.1")
    assert page.status == 200
    assert "Nothing for “zzzzqqqxw” with these filters" in page.text()
    assert parameters(page.link("search without any")) == {"q": "zzzzqqqxw"}


def test_beyond_the_last_page(site: TestClient) -> None:
    page = Page(site, "/?page=40&sort=name")
    assert (page.status, page.hits()) == (200, [])
    assert page.text(FOUND) == "60 packages"
    assert Page(site, page.link("first page")).hits()


def test_a_profile_that_is_not_crawled(site: TestClient) -> None:
    page = Page(site, "/?profile=django&q=x")
    assert page.status == 404
    assert "Django is not indexed yet" in page.text()
    assert page.link("Overview") == "/profile?profile=django"


def test_before_the_first_crawl(empty: TestClient) -> None:
    assert Page(empty, "/").status == 404
    assert "scrapy crawl pypi -a profile=plone" in Page(empty, "/").text()


def test_a_text_too_long(client: TestClient) -> None:
    page = Page(client, "/?q=" + "word+" * 300)
    assert page.status == 400
    assert "200 are enough" in page.text()
    assert Page(client, "/?q=" + "x" * 10_000).status == 414


def test_results_alone_are_those_of_the_page(site: TestClient) -> None:
    whole, part = Page(site, "/?q=form&sort=stars"), Page(site, "/results?q=form&sort=stars")
    assert part.hits() == whole.hits()
    assert part.all("//header") == []
    assert part.one("//*[@data-count]").get("data-count").endswith("found")
    assert len(part.answer.content) < len(whole.answer.content)


def test_abandoned_packages_are_marked_and_come_last(site: TestClient) -> None:
    page = Page(site, "/?q=content")
    left = [bool(each.get("class")) for each in page.all("//ol[@class='list']/li")]
    assert any(left)
    assert left == sorted(left)
    marks = page.all("//li[@class='left']//span[contains(@class, 'warn')]")
    assert len(marks) == sum(left)
    assert "archived" in Page(site, "/?archived=yes").text().lower()


def test_an_old_release_that_fits_tells_nothing_of_the_package(site: TestClient) -> None:
    earlier, address = 0, "/?python=Python+3.9&sort=name"
    while address:
        page = Page(site, address)
        for each in page.all("//ol[@class='list']/li[.//span='Not the latest']"):
            earlier += 1
            head = Page(site, each.xpath(".//h3/a/@href")[0])
            assert bool(each.get("class")) <= bool(head.all("//p[@class='notice']")), words(each)
        following = page.all("//a[@rel='next']/@href")
        address = following[0] if following else ""
    assert earlier > 5


def test_a_release_that_is_not_the_latest_says_so_whatever_chose_it(site: TestClient) -> None:
    page = Page(site, "/?released=30d&q=plone.api")
    assert page.hits()[0] == "plone.api"
    first = page.all("//ol[@class='list']/li")[0]
    assert "4.0.0a1" in words(first)
    assert "Not the latest" in words(first)


def hit(name: str, **fields: object) -> Document:
    return {"registry": "pypi", "name": name, "upload_timestamp": NOW - DAY, **fields}


def test_an_abandoned_package_that_was_named_stays_first() -> None:
    old = hit("forms", upload_timestamp=NOW - 2000 * DAY)
    others = [hit("forms.more"), hit("forms.old", github_archived=True), hit("forms.new")]
    named = in_order([old, *others], Asked("Forms"), NOW)
    assert [each["name"] for each in named] == ["forms", "forms.more", "forms.new", "forms.old"]
    found = in_order([old, *others], Asked("form"), NOW)
    assert [each["name"] for each in found] == ["forms.more", "forms.new", "forms", "forms.old"]
    asked = in_order([old, *others], Asked("form", sort="name"), NOW)
    assert asked == [old, *others]


@pytest.mark.parametrize(
    ("page", "last", "expected"),
    [
        (1, 0, []),
        (1, 1, [1]),
        (1, 9, [1, 2, 3, 0, 9]),
        (5, 9, [1, 0, 3, 4, 5, 6, 7, 0, 9]),
        (9, 9, [1, 0, 7, 8, 9]),
        (40, 9, [1, 0, 9]),
    ],
)
def test_which_pages_are_linked(page: int, last: int, expected: list[int]) -> None:
    assert page_numbers(page, last) == expected
