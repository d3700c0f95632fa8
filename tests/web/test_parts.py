"""What pages are made of: charts, the matrix, markup, addresses, totals, memory."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from pyfcrawl.core.classifiers import python_minors
from pyfcrawl.core.downloads import Counting
from pyfcrawl.errors import UnknownCollectionError
from pyfcrawl.stores.conditions import planned
from pyfcrawl.stores.history import CountedDay
from pyfcrawl.stores.index import CollectionInfo, Document
from pyfcrawl.web import charts, shown
from pyfcrawl.web.compatibility import matrix
from pyfcrawl.web.keeper import Keeper
from pyfcrawl.web.links import Links
from pyfcrawl.web.markup import safe_readme
from pyfcrawl.web.overview import FIELDS, month_of, overview, requirement_name
from pyfcrawl.web.page_compare import split_reference
from pyfcrawl.web.recent import Recent
from pyfcrawl.web.searching import Asked
from tests.web import sample

# --- charts -------------------------------------------------------------------------------------


def day(text: str, downloads: int, version: str = "") -> CountedDay:
    return CountedDay(text, version, downloads, "pypistats", Counting.FILES)


def lengths(path: str) -> list[float]:
    """How long each bar of a path is."""
    return [float(a) - float(b) for a, b in re.findall(r"M\S+ ([\d.]+)V([\d.]+)", path)]


def test_a_bar_a_day_in_proportion() -> None:
    days = [day("2026-08-22", 10), day("2026-08-24", 40), day("2026-08-25", 20)]
    chart = charts.daily(days, ["2026-08-24"])
    assert chart is not None
    first, second, third = lengths(chart.series[0].path)  # none for the day without
    assert second == pytest.approx(4 * first, abs=0.3)
    assert second == pytest.approx(2 * third, abs=0.3)
    assert [label for label, _ in chart.rows] == [f"2026-08-{n}" for n in (22, 23, 24, 25)]
    assert [mark.label for mark in chart.marks] == ["2026-08-24"]
    assert chart.total == 70


def test_no_downloads_no_chart() -> None:
    assert charts.daily([], []) is None
    assert charts.by_version([], []) is None
    assert charts.weekly_rows([]) == []


def test_versions_are_stacked_newest_first_and_the_rest_is_one() -> None:
    days = [day("2026-11-02", 10 * n, f"1.{n}") for n in range(1, 9)]
    chart = charts.by_version(days, [])
    assert chart is not None
    assert [each.label for each in chart.series] == ["1.8", "1.7", "1.6", "1.5", "1.4", "others"]
    assert chart.series[-1].total == 10 + 20 + 30
    assert chart.total == 360
    # One upon the other.
    ends = [re.findall(r"M\S+ ([\d.]+)V([\d.]+)", each.path)[0] for each in chart.series]
    assert all(above[0] == below[1] for below, above in pairwise(ends))


def test_weeks_begin_on_monday() -> None:
    days = [day("2026-11-01", 1), day("2026-11-02", 2), day("2026-11-08", 4), day("2026-11-09", 8)]
    assert charts.weekly_rows(days) == [
        ("2026-10-26", [1]),
        ("2026-11-02", [6]),
        ("2026-11-09", [8]),
    ]


def test_growth_adds_up_from_before_the_first_month() -> None:
    added = {"2019-05": 3, "2020-02": 2, "2020-04": 1}
    rows = charts.growth(added, "2020-01", "2020-05").rows
    assert [value for _, (value,) in rows] == [3, 5, 5, 6, 6]


def test_scores_in_tens() -> None:
    assert [n for _, (n,) in charts.distribution([0, 9, 10, 99, 100]).rows] == [
        *(2, 1, 0, 0, 0, 0, 0, 0, 0, 2)
    ]


@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=60))
def test_bars_stay_within_the_chart(values: list[int]) -> None:
    labels = [str(n) for n in range(len(values))]
    chart = charts.bars(labels, {"a": values, "b": values}, {})
    ends = re.findall(r"M([\d.]+) ([\d.]+)V([\d.]+)", "".join(s.path for s in chart.series))
    assert all(0 <= float(x) <= charts.WIDTH for x, _, _ in ends)
    assert all(0 <= float(y) <= charts.HEIGHT for _, *ys in ends for y in ys)
    assert all(0 <= tick.at <= charts.HEIGHT for tick in chart.up)
    assert 2 <= len(chart.up) <= 6


def test_months() -> None:
    assert charts.months_between("2025-11", "2026-02") == [
        "2025-11",
        "2025-12",
        "2026-01",
        "2026-02",
    ]
    assert charts.months_between("2026-02", "2026-01") == []
    assert month_of(sample.NOW) == "2026-11"
    assert [month_of(each) for each in (None, 2**62, -(2**62))] == [None, None, None]


# --- the matrix ---------------------------------------------------------------------------------


def release(
    version: str, frameworks: Sequence[str], pythons: Sequence[str], wanted: str | None = None
) -> Document:
    return {
        "version": version,
        "yanked": False,
        "framework_versions": [f"Plone {each}" for each in frameworks],
        "python_versions": [f"Python {each}" for each in pythons],
        "requires_python": wanted,
    }


def cells(releases: Sequence[Document]) -> dict[tuple[str, str], str | None]:
    found = matrix(releases)
    assert found is not None
    return {
        (name.removeprefix("Plone "), python): cell["version"] if cell else None
        for name, row in found.rows
        for python, cell in zip(found.pythons, row, strict=True)
    }


def test_the_newest_release_that_fits_counts() -> None:
    found = cells(
        [
            release("3.0", ["6.1"], ["3", "3.12", "3.13"]),
            release("2.0", ["6.0", "6.1"], ["3.11", "3.12"]),
        ]
    )
    assert found == {
        ("6.1", "3.11"): "2.0",
        ("6.1", "3.12"): "3.0",
        ("6.1", "3.13"): "3.0",
        ("6.0", "3.11"): "2.0",
        ("6.0", "3.12"): "2.0",
        ("6.0", "3.13"): None,
    }


def test_requires_python_rules_out() -> None:
    found = cells(
        [
            release("2.0", ["6.1"], [], ">=3.12"),
            release("1.0", ["6.1"], ["3.9", "3.12"], ">=3.12.4"),
        ]
    )
    assert found == {("6.1", "3.9"): None, ("6.1", "3.12"): "2.0"}
    assert cells([release("1.0", ["6.1"], ["3.9"], "whatever")]) == {("6.1", "3.9"): "1.0"}


def test_where_no_version_is_named_what_is_allowed_fits() -> None:
    newest = python_minors()[-1]
    found = cells(
        [
            release("3.0", ["6.1"], ["3"], f">={newest}"),
            release("2.0", ["6.1"], ["3"], ">=3.9,<3.13"),
            release("1.0", ["6.1"], [], "whatever"),
            release("0.9", ["6.1"], []),
        ]
    )
    assert found == {
        **{("6.1", f"3.{minor}"): "2.0" for minor in range(9, 13)},
        ("6.1", newest): "3.0",
    }
    found = cells([release("1.0", ["6.1"], ["3"], ">=3.2")])
    assert [python for _, python in found] == list(python_minors()[-6:])
    assert matrix([release("1.0", ["6.1"], ["3"], "whatever")]) is None
    assert matrix([release("1.0", ["6.1"], ["3"])]) is None


def test_a_matrix_of_many_releases_is_there_at_once() -> None:
    minors = [f"3.{n}" for n in range(8, 15)]
    many = [release(f"{n}.0", ["6.0", "6.1"], minors, f">=3.{n % 9}") for n in range(300)]
    matrix(many)
    began = time.process_time()
    matrix(many)
    assert time.process_time() - began < 0.015


def test_yanked_releases_fit_nothing() -> None:
    assert matrix([release("1.0", ["6.1"], ["3.9"]) | {"yanked": True}]) is None
    assert matrix([release("1.0", [], ["3.9"])]) is None
    assert matrix([]) is None


def test_only_the_newest_versions_are_shown() -> None:
    many = [f"{n}.0" for n in range(1, 31)]
    found = matrix([release("1.0", many, [f"3.{n}" for n in range(30)])])
    assert found is not None
    assert found.pythons[-1] == "3.29"
    assert found.rows[0][0] == "Plone 30.0"
    assert (len(found.pythons), len(found.rows)) == (9, 9)


# --- markup -------------------------------------------------------------------------------------

HARMLESS = (
    ("<h2>A</h2><h5>B</h5>", "<h3>A</h3><h6>B</h6>"),
    ('<img src="http://x.example/a.png">', 'src="https://x.example/a.png" loading="lazy"'),
    ('<span class="k">a</span>', '<span class="k">a</span>'),
    ('<li><input type="checkbox" checked>x</li>', '<input type="checkbox" checked="" disabled="">'),
    ('<a href="mailto:a@b.example">m</a>', 'href="mailto:a@b.example"'),
    ("<h2>open", "<h3>open</h3>"),
    ('<h2>A<a href="#user-content-a"> </a></h2>', "<h3>A</h3>"),
    ('<a id="user-content-a"></a>b', '<a id="user-content-a" rel='),
    ('<img src="https://x.example/a.png">', '<img alt="" src='),
    ('<img src="https://x.example/a.png" alt="A">', '<img src="https://x.example/a.png" alt="A"'),
    ('<p title="<img x">b', "<p>b</p>"),
    ('<abbr title="<img x">b</abbr>', '<abbr title="&lt;img x">b</abbr>'),
)
HARMFUL = (
    ("<script>x()</script>", "script"),
    ("<style>body{}</style>", "style"),
    ('<p style="position:fixed;inset:0">x</p>', "style"),
    ('<p class="skip">x</p>', "class"),
    ('<p class="k skip">x</p>', "class"),
    ('<p id="main">x</p>', "id="),
    ('<img src="x" onerror="y()">', "onerror"),
    ('<a href="javascript:y()">x</a>', "javascript"),
    ('<a href="data:text/html,x">x</a>', "data:"),
    ('<a href="https://x.example" target="_blank">x</a>', "target"),
    ('<iframe src="https://x.example"></iframe>', "iframe"),
    ('<form action="https://x.example"><input name="password"></form>', "form"),
    ('<input name="q" type="password">', "password"),
    ('<svg><a xlink:href="javascript:y()">x</a></svg>', "svg"),
    ("<math><mtext></mtext></math>", "math"),
    ('<base href="https://x.example">', "base"),
    ('<meta http-equiv="refresh" content="0">', "meta"),
    ('<link rel="stylesheet" href="https://x.example/a.css">', "link"),
    ('<img src="https://x.example/a.png" width="99999">', "99999"),
    ('<div hidden data-results onclick="y()">x</div>', "data-results"),
    ('<p title="</p><script>y()</script>">x</p>', "script"),
)


@pytest.mark.parametrize(("given_html", "expected"), HARMLESS)
def test_what_a_readme_may_hold(given_html: str, expected: str) -> None:
    assert expected in safe_readme(given_html)


@pytest.mark.parametrize(("given_html", "never"), HARMFUL)
def test_what_a_readme_may_not_hold(given_html: str, never: str) -> None:
    assert never not in safe_readme(given_html)
    assert never in given_html


def test_a_readme_that_nests_absurdly_deep_is_shown_as_text_at_once() -> None:
    began = time.process_time()
    shown_html = safe_readme("<div>" * 40_000 + "<h1>One</h1> a &lt; b</div>")
    assert time.process_time() - began < 0.9
    assert shown_html == "<pre>One\na &lt; b</pre>"


def test_no_readme() -> None:
    assert safe_readme(None) == safe_readme("") == ""


# --- addresses ----------------------------------------------------------------------------------


def test_links_within_a_profile() -> None:
    other = Links(sample.EMPTY_PROFILE, False)
    volto = {"registry": "npm", "name": "@plone/volto"}
    assert Links(sample.PROFILE, True).package(volto) == "/package/npm/@plone/volto"
    assert other.package(volto) == "/package/npm/@plone/volto?profile=django"
    assert other.search([("q", "a b"), ("sort", "")]) == "/?q=a+b&profile=django"
    odd = {"registry": "pypi", "name": 'a"?#<b>'}
    assert Links(sample.PROFILE, True).package(odd) == "/package/pypi/a%22%3F%23%3Cb%3E"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plone.api", ("pypi", "plone.api")),
        ("PyPI/plone.api", ("pypi", "plone.api")),
        ("@plone/volto", ("npm", "@plone/volto")),
        ("npm/@plone/volto", ("npm", "@plone/volto")),
        ("npm/lodash", ("npm", "lodash")),
        ("pypi/", ("pypi", "pypi/")),
        ("", ("pypi", "")),
    ],
)
def test_how_packages_are_named(text: str, expected: tuple[str, str]) -> None:
    assert split_reference(text) == expected


@given(
    st.dictionaries(
        st.sampled_from(["q", "registry", "framework", "released", "archived", "sort", "page"]),
        st.one_of(st.text(max_size=30), st.sampled_from(["30d", "yes", "stars", "7", "relevance"])),
    )
)
def test_any_address_is_a_sound_query_and_comes_back(given_parameters: dict[str, str]) -> None:
    asked = Asked.of(QueryParams(given_parameters))
    assert Asked.of(QueryParams([pair for pair in asked.parameters() if pair[1]])) == asked
    if not any("\ud800" <= each <= "\udfff" for each in "".join(given_parameters.values())):
        planned(asked.query(sample.NOW))
        planned(asked.counting(sample.NOW, "registry", ["registry"]))


# --- what is shown ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((None, "–"), (0, "0"), (999, "999"), (1000, "1.0k"), (12_345, "12.3k")),
        *((123_456, "123k"), (1_500_000, "1.5M"), (2_000_000_000, "2.0G")),
    ],
)
def test_short_numbers(value: int | None, expected: str) -> None:
    assert shown.short(value) == expected


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        *(
            (-3, "just now"),
            (0, "just now"),
            (1 / 24, "1 hour ago"),
            (1, "1 day ago"),
            (6, "6 days ago"),
            (7, "1 week ago"),
        ),
        *((29, "4 weeks ago"), (30, "1 month ago"), (364, "12 months ago"), (800, "2 years ago")),
    ],
)
def test_how_long_ago(days: float, expected: str) -> None:
    assert shown.ago(sample.NOW - days * sample.DAY, sample.NOW) == expected


def test_times_that_are_none() -> None:
    assert [shown.day(each) for each in (None, 2**62, "x")] == ["–", "–", "–"]
    assert shown.iso(2**62) == ""
    assert shown.duration(3725) == "1h 02m"
    assert shown.size(None) == "–"
    assert (shown.size(12_345), shown.size(2_500_000)) == ("12 kB", "2.5 MB")


# --- overviews ----------------------------------------------------------------------------------


def documents(latest: bool = False) -> list[Document]:
    made = [each for plan in sample.plans() for each in sample.documents(plan)]
    made = [each for each in made if each["is_latest"] or not latest]
    return [{name: each.get(name) for name in FIELDS} for each in made]


def test_an_overview_takes_the_latest_of_each_package() -> None:
    found = overview(documents(latest=True), documents(), 5.0)
    assert len(found.packages) == 60
    assert found.packages["pkg:pypi/plone-api"]["version"] == "3.7.0"  # not the pre-release
    assert found.releases == len(documents()) == sum(found.released.values())
    assert sum(found.added.values()) == 60
    names = {each.package["name"] for each in found.dependents("pkg:pypi/plone-api")}
    assert len(names) == 56
    assert found.dependents("pkg:pypi/nothing") == []
    assert [each["name"] for each in found.by_person("ADA  winter")]


@pytest.mark.parametrize(
    ("registry", "text", "expected"),
    [
        ("pypi", "plone.api[test]>=2; python_version<'3'", "plone.api"),
        ("pypi", "what is this", None),
        ("pypi", " A_b.c (>=1)", "A_b.c"),
        ("pypi", "x @ https://files.example/x.whl", "x"),
        ("pypi", "x", "x"),
        ("pypi", "x-", None),
        ("pypi", "", None),
        ("npm", "@plone/volto@^18.0.0", "@plone/volto"),
        ("npm", "react@*", "react"),
        ("npm", "", None),
    ],
)
def test_what_a_requirement_asks_for(registry: str, text: str, expected: str | None) -> None:
    assert requirement_name(registry, text) == expected


class Index:
    """An index that counts how often it is read whole."""

    def __init__(self) -> None:
        self.rounds = 0
        self.info: CollectionInfo | None = CollectionInfo("plone", "g1", 1, 1)

    def collection(self, name: str) -> CollectionInfo | None:
        return self.info

    def iterate(self, name: str, fields: Sequence[str], latest: bool) -> Iterator[Document]:
        if self.info is None:
            raise UnknownCollectionError("collection is not there")
        self.rounds += latest
        return iter(documents()[:3])


def test_an_overview_is_made_once_for_all_who_ask() -> None:
    index = Index()
    keeper = Keeper(lambda: index, lambda: 1)  # type: ignore[arg-type, return-value]

    async def ask() -> None:
        await asyncio.gather(*(keeper.overview("plone") for _ in range(20)))
        await keeper.overview("plone")

    asyncio.run(ask())
    keeper.close()
    assert index.rounds == 1


def test_an_overview_is_made_anew_when_the_collection_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    index, runs = Index(), [1]
    keeper = Keeper(lambda: index, lambda: runs[0])  # type: ignore[arg-type, return-value]
    monkeypatch.setattr("pyfcrawl.web.keeper._LOOK", 0.0)
    monkeypatch.setattr("pyfcrawl.web.keeper._PATIENCE", 0)

    async def ask() -> None:
        first = await keeper.overview("plone")
        for _ in range(5):
            assert await keeper.overview("plone") is first  # nothing has changed
            await asyncio.sleep(0.02)
        runs[0] = 2
        deadline = time.monotonic() + 10
        while await keeper.overview("plone") is first and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        assert index.rounds == 2

    asyncio.run(ask())
    keeper.close()


def test_who_waits_is_told_what_failed_and_later_ones_are_not() -> None:
    index = Index()
    index.info = None
    keeper = Keeper(lambda: index, lambda: 1)  # type: ignore[arg-type, return-value]

    async def ask() -> None:
        with pytest.raises(UnknownCollectionError):
            await keeper.overview("plone")
        index.info = CollectionInfo("plone", "g1", 1, 1)
        assert (await keeper.overview("plone")).packages

    asyncio.run(ask())
    keeper.close()


def test_a_page_waits_for_the_first_overview_but_a_moment_however_many_ask() -> None:
    gate = threading.Event()

    class Slow(Index):
        def iterate(self, name: str, fields: Sequence[str], latest: bool) -> Iterator[Document]:
            gate.wait(20)
            return super().iterate(name, fields, latest)

    index = Slow()
    keeper = Keeper(lambda: index, lambda: 1)  # type: ignore[arg-type, return-value]

    async def ask() -> None:
        with pytest.raises(TimeoutError):
            await keeper.overview("plone", 0.1)
        with pytest.raises(TimeoutError):  # at once: that it takes long is known by now
            await asyncio.wait_for(keeper.overview("plone", 0.1), 5)
        gate.set()
        assert (await keeper.overview("plone", 20)).packages
        assert (await keeper.overview("plone", 0)).packages

    asyncio.run(ask())
    keeper.close()
    assert index.rounds == 1


# --- memory -------------------------------------------------------------------------------------


def test_a_memory_forgets_what_is_old_and_what_is_least_used() -> None:
    now = [0.0]
    memory: Recent[int] = Recent(2, 10, clock=lambda: now[0])
    memory.put("a", 1)
    memory.put("b", 2)
    assert memory.get("a") == 1
    memory.put("c", 3)
    assert [memory.get(each) for each in "abc"] == [1, None, 3]
    now[0] = 10.5
    assert [memory.get(each) for each in "abc"] == [None, None, None]
