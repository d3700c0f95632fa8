"""`scrapy search`: its table, its JSON, its conditions, and what it says of wrong ones."""

import json

import pytest

from pyfcrawl.commands.search import parsed_filter
from pyfcrawl.stores.index import Query
from tests.commands.shell import Shell, error_of


def names(result_json: str) -> list[str]:
    return [hit["name"] for hit in json.loads(result_json)["hits"]]


def test_the_table_has_one_line_a_package_and_fits_the_terminal(filled: Shell) -> None:
    result = filled("search")
    assert (result.returncode, result.stderr) == (0, "")
    heading, rule, *rows, footer = result.stdout.splitlines()
    assert heading.split() == ["Name", "Version", "Released", "Health", "Summary"]
    assert set(rule) == {"─"}
    assert footer == "6 packages found"
    assert len(rows) == 6
    assert all(len(row) <= 80 for row in (heading, rule, *rows))
    (api,) = [row for row in rows if row.startswith("plone.api")]
    assert api.split()[:3] == ["plone.api", "2.0", "2026-10-22"]
    assert int(api.split()[3]) > 0
    assert "All about" in api


def test_what_strangers_wrote_is_shown_but_steers_nothing(filled: Shell) -> None:
    out = filled("search", "hostile", columns=200).stdout
    assert "[red]not[31m red 2J [/nope] second line long" in out
    assert out.replace("\n", "").isprintable()


def test_a_wider_terminal_shows_more(filled: Shell) -> None:
    wide = filled("search", "datagridfield", columns=160).stdout
    assert "All about collective.z3cform.datagridfield.with.a.name.beyond.any.column" in wide
    narrow = filled("search", columns=40).stdout
    assert all(len(line) <= 40 for line in narrow.splitlines())


def test_words_with_a_typo_are_corrected_and_told(filled: Shell) -> None:
    out = filled("search", "esyform").stdout
    assert out.splitlines()[0] == "Nothing has 'esyform'; searched for 'easyform'"
    assert "collective.easyform" in out
    assert out.splitlines()[-1] == "1 package found"


def test_nothing_found_is_no_error(filled: Shell) -> None:
    result = filled("search", "qqqqqqqqqqqqqqqqqq")
    assert (result.returncode, result.stdout) == (0, "Nothing found.\n")


def test_pages(filled: Shell) -> None:
    first = filled("search", "--sort", "name", "-n", "4")
    assert "6 packages found, 1 to 4 shown; more with --page 2" in first.stdout
    second = filled("search", "--sort", "name", "-n", "4", "--page", "2")
    assert "6 packages found, 5 to 6 shown\n" in second.stdout
    assert "plone.api" in second.stdout
    assert "6 packages found, none on page 9" in filled("search", "--page", "9").stdout


def test_json_holds_whole_documents(filled: Shell) -> None:
    shown = json.loads(filled("search", "plone.api", "--json").stdout)
    assert shown["found"] >= 1
    assert (shown["page"], shown["per_page"], shown["corrected"]) == (1, 20, {})
    with filled.index() as index:
        whole = index.get("plone", "pkg:pypi/plone-api@2.0")
    assert whole is not None
    assert shown["hits"][0]["name"] == "plone.api"
    assert shown["hits"][0]["classifiers"] == whole["classifiers"]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (["framework=Plone 6.0"], {"Products.CMFPlone"}),
        (["python=3.12", "registry=npm"], {"@plone/volto"}),
        (["registry!=pypi"], {"@plone/volto"}),
        (["released<=2025-01-01", "latest=true"], {"collective.easyform"}),
        (["released >= 2026-10-01", "name=plone.api"], {"plone.api"}),
        (["name=plone.api", "name=hostile"], {"plone.api", "hostile"}),
        (["version=1.9"], {"plone.api"}),
        (["health>=101"], set()),
    ],
)
def test_filters(filled: Shell, conditions: list[str], expected: set[str]) -> None:
    query = Query(filters=[parsed_filter(each) for each in conditions])
    with filled.index() as index:
        assert {hit["name"] for hit in index.search("plone", query).hits} == expected


def test_filters_are_joined_with_words(filled: Shell) -> None:
    args = ("search", "plone", "--filter", "python=3.12", "--filter", "registry!=npm", "--json")
    assert set(names(filled(*args).stdout)) == {"plone.api"}


def test_order_and_its_reverse(filled: Shell) -> None:
    by_name = names(filled("search", "--sort", "name", "--json").stdout)
    assert by_name.index("collective.easyform") < by_name.index("plone.api")
    backwards = names(filled("search", "--sort", "name", "--reverse", "--json").stdout)
    assert backwards == by_name[::-1]
    args = ("search", "plone.api", "--all-releases", "--filter", "name=plone.api", "--json")
    for more, expected in (
        ((), ["3.0a1", "2.0", "1.10", "1.9"]),
        (
            ("--reverse",),
            ["1.9", "1.10", "2.0", "3.0a1"],
        ),
    ):
        found = json.loads(filled(*args, "--sort", "released", *more).stdout)["hits"]
        assert [hit["version"] for hit in found] == expected


@pytest.mark.parametrize(
    ("args", "part"),
    [
        (("--filter", "nonsense"), "--filter 'nonsense' is no condition"),
        (("--filter", "colour=red"), "'colour'"),
        (("--filter", "released>=soon"), "'soon'"),
        (("--filter", "python>=3.12"), "python_versions"),
        (("--sort", "colour"), "'colour'"),
        (("-n", "251"), "-n 251"),
        (("--page", "-1"), "--page -1"),
    ],
)
def test_bad_conditions_are_told(filled: Shell, args: tuple[str, ...], part: str) -> None:
    assert part in error_of(filled("search", *args))


@pytest.mark.parametrize("args", [("--colour",), ("-n", "many"), ("-p", "plone", "-t", "plone")])
def test_wrong_usage(filled: Shell, args: tuple[str, ...]) -> None:
    assert filled("search", *args).returncode == 2


def test_words_may_look_like_options_or_syntax(filled: Shell) -> None:
    for word in ("-x", '"*(', "NEAR(a:b) OR"):
        assert filled("search", "--", word).returncode == 0
