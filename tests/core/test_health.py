"""The health score: every rule, on its boundaries."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packageurl.contrib.purl2url import get_repo_url

from pyfcrawl.core.document import FIELDS, problem_with_fields
from pyfcrawl.core.health import score

NOW = 1_790_000_000
DAY = 86_400
DOCS = "https://docs.example.org/thing"
REGISTRY_PAGE = f"https://{urlsplit(get_repo_url('pkg:pypi/x')).hostname}/project/thing/"
REPOSITORY = "https://github.com/acme/thing"

BEST = {
    "registry": "pypi",
    "upload_timestamp": NOW - DAY,
    "description": f"<p>{'word ' * 600}</p>",
    "first_chapter": "word " * 100,
    "main_content": "word " * 400,
    "docs_url": DOCS,
    "project_urls": {"Documentation": DOCS},
    "screenshot_url": "https://example.org/shot.png",
    "author": "Jane",
    "license": "MIT",
    "classifiers": ["Framework :: Plone", "Framework :: Plone :: 6.1", "Topic :: Internet"],
}


def part(name: str, **fields: Any) -> dict[str, Any]:
    breakdown = score(fields, NOW)["health_score_breakdown"]
    found: dict[str, Any] = breakdown[name]
    return found


def github(**fields: Any) -> dict[str, Any]:
    breakdown = score({f"github_{name}": value for name, value in fields.items()}, NOW)
    return {
        name.removeprefix("github_"): points
        for name, points in breakdown["health_score_breakdown"].items()
        if name.startswith("github_")
    }


def test_the_best_package_has_100_without_github() -> None:
    result = score(BEST, NOW)
    assert result["health_score"] == 100
    assert result["health_score_last_calculated"] == NOW
    assert set(result["health_score_breakdown"]) == {"recency", "documentation", "metadata"}
    assert problem_with_fields(result) is None
    for each in result["health_score_breakdown"].values():
        assert each["points"] == each["max_points"]
        assert each["problems"] == []


def test_the_total_is_capped_and_the_bonus_is_not() -> None:
    stars = {"github_stars": 5000, "github_updated": NOW, "github_open_issues": 1}
    result = score({**BEST, **stars}, NOW)
    assert result["health_score"] == 100
    assert result["health_score_breakdown"]["github_bonus_total"] == 30
    poorer = score({**BEST, **stars, "upload_timestamp": None}, NOW)
    assert poorer["health_score"] == 60 + 30


def test_nothing_known_gives_0_and_says_what_to_do() -> None:
    result = score({}, NOW)
    assert result["health_score"] == 0
    parts = result["health_score_breakdown"]
    assert {name: each["max_points"] for name, each in parts.items()} == {
        "recency": 40,
        "documentation": 30,
        "metadata": 30,
    }
    assert [len(each["problems"]) for each in parts.values()] == [1, 2, 3]
    assert all(each["bonuses"] == [] for each in parts.values())


@pytest.mark.parametrize(
    ("age", "points"),
    [
        (-400 * DAY, 40),
        (0, 40),
        (180 * DAY - 1, 40),
        (180 * DAY, 30),
        (365 * DAY - 1, 30),
        (365 * DAY, 20),
        (730 * DAY - 1, 20),
        (730 * DAY, 10),
        (1095 * DAY - 1, 10),
        (1095 * DAY, 5),
        (1825 * DAY - 1, 5),
        (1825 * DAY, 0),
        (NOW, 0),
    ],
)
def test_recency(age: int, points: int) -> None:
    found = part("recency", upload_timestamp=NOW - age)
    assert found["points"] == points
    assert bool(found["problems"]) == (points < 40)


@pytest.mark.parametrize("unknown", [None, "2026-01-01", True, float("nan"), 10**400, [NOW]])
def test_an_unknown_upload_time_has_no_points(unknown: Any) -> None:
    found = part("recency", upload_timestamp=unknown)
    assert found["points"] == 0
    assert "upload" in found["problems"][0].lower()


@pytest.mark.parametrize(
    ("description", "points"),
    [
        ("x" * 150, 0),
        ("x" * 151, 18),
        (f"<p>{'x' * 150}</p>\n\n", 0),
        (f"<p>{'x' * 75} \n\t {'x' * 75}</p>", 18),
        (f"<p>{'x' * 74} \n\t {'x' * 75}</p>", 0),
        (f"<p>{'&amp;' * 150}</p>", 0),
        (f"<p>{'&amp;' * 151}</p>", 18),
        (f'<img alt="{"x" * 200}" src="https://x.example/{"y" * 200}">', 0),
        (f"<style>{'x' * 200}</style><script>{'x' * 200}</script><!-- {'x' * 200} -->", 0),
        (f"<p>{'x' * 151}</p>" + "<br>" * 2000, 18),
        ("<br>" * 2000 + f"<p>{'x' * 151}</p>", 18),
        ("<br>" * 2000 + f"<p>{'x' * 150}</p>", 0),
        ("<br>" * 999 + f'<img alt="{"x" * 5000}">', 0),
        ("<b>" * 200 + "x" * 151, 18),
        ('<?xml version="1.0" encoding="utf-8"?>', 0),
        ("\ud800\0", 0),
        ("<", 0),
        (None, 0),
        (12, 0),
    ],
)
def test_description_is_measured_as_it_is_seen(description: Any, points: int) -> None:
    found = part("documentation", description=description)
    assert found["points"] == points
    assert any("README of over 150" in text for text in found["problems"]) == (points == 0)


@pytest.mark.parametrize(
    ("fields", "points"),
    [
        ({"docs_url": DOCS}, 4),
        ({"docs_url": REGISTRY_PAGE}, 0),
        ({"docs_url": REPOSITORY}, 0),
        ({"docs_url": f"{REPOSITORY}/wiki"}, 4),
        ({"project_urls": {"Docs": DOCS}}, 3),
        ({"project_urls": {"Homepage": DOCS}}, 3),
        ({"project_urls": {"Docs": DOCS, "Homepage": DOCS}}, 3),
        ({"project_urls": {"Homepage": REPOSITORY, "Documentation": REGISTRY_PAGE}}, 0),
        ({"project_urls": {"Source": DOCS}}, 0),
        ({"home_page": DOCS}, 0),
        ({"screenshot_url": "https://example.org/shot.png"}, 5),
        ({"screenshot_url": " "}, 0),
        ({"docs_url": DOCS, "project_urls": {"Docs": DOCS}, "screenshot_url": "x"}, 12),
    ],
)
def test_documentation_extras(fields: dict[str, Any], points: int) -> None:
    found = part("documentation", **fields)
    assert found["points"] == points
    assert sum(bonus["points"] for bonus in found["bonuses"]) == points
    assert all(bonus["reason"] for bonus in found["bonuses"])


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"first_chapter": "w " * 100, "main_content": "w " * 399}, True),
        ({"first_chapter": "w " * 100, "main_content": "w " * 400}, False),
        ({"first_chapter": "w " * 10, "docs_url": DOCS}, False),
        ({"first_chapter": "w " * 10, "project_urls": {"Documentation": DOCS}}, False),
        ({"first_chapter": "w " * 10, "docs_url": REGISTRY_PAGE}, True),
        ({"first_chapter": None, "main_content": 5}, True),
    ],
)
def test_a_short_readme_without_documentation_is_a_problem(
    fields: dict[str, Any], named: bool
) -> None:
    found = part("documentation", description="x" * 200, **fields)
    assert [text.startswith("Add a link to documentation") for text in found["problems"]] == (
        [True] if named else []
    )


@pytest.mark.parametrize(
    ("fields", "points"),
    [
        ({"author": "Jane"}, 10),
        ({"author_email": "j@x.org"}, 10),
        ({"maintainer": "Jane"}, 10),
        ({"maintainer_email": "j@x.org", "author": "Jane"}, 10),
        ({"author": " ", "maintainer": None}, 0),
        ({"author": ["Jane"]}, 0),
        ({"license": "MIT"}, 10),
        ({"license_expression": "MIT"}, 10),
        ({"license": "", "license_expression": ""}, 0),
        ({"classifiers": ["License :: OSI Approved :: MIT License"]}, 10),
        ({"classifiers": ["a", "b"]}, 0),
        ({"classifiers": ["a", "b", "c"]}, 10),
        ({"classifiers": ["a", "a", "c"]}, 0),
        ({"classifiers": "abc"}, 0),
        ({"keywords": ["a", "b", "c"]}, 0),
        ({"registry": "npm", "keywords": ["a", "b"]}, 0),
        ({"registry": "npm", "keywords": ["a", "b", "c"]}, 10),
        ({"registry": "npm", "classifiers": ["a", "b", "c"]}, 0),
    ],
)
def test_metadata(fields: dict[str, Any], points: int) -> None:
    found = part("metadata", **fields)
    assert found["points"] == points
    assert len(found["problems"]) == 3 - points // 10
    assert all(text.startswith("Add ") for text in found["problems"])


@pytest.mark.parametrize(
    ("stars", "points"),
    [
        *[(1000, 10), (999, 7), (500, 7), (499, 5), (100, 5), (99, 3), (50, 3), (49, 1), (10, 1)],
        *[(9, 0), (0, 0), (-5, 0)],
    ],
)
def test_stars(stars: int, points: int) -> None:
    assert github(stars=stars)["stars_bonus"] == points


@pytest.mark.parametrize(
    ("age", "points"),
    [
        *[(-DAY, 10), (30 * DAY, 10), (30 * DAY + 1, 7), (90 * DAY, 7), (90 * DAY + 1, 5)],
        *[(180 * DAY, 5), (180 * DAY + 1, 3), (365 * DAY, 3), (365 * DAY + 1, 0)],
    ],
)
def test_activity(age: int, points: int) -> None:
    assert github(updated=NOW - age)["activity_bonus"] == points


@pytest.mark.parametrize(
    ("issues", "stars", "points"),
    [
        *[(0, 1, 10), (9, 100, 10), (10, 100, 7), (29, 100, 7), (30, 100, 5), (49, 100, 5)],
        *[(50, 100, 3), (99, 100, 3), (100, 100, 0), (0, 0, 0), (0, None, 0), (None, 100, 0)],
        *[(-1, 100, 0), (10**400, 100, 0), ("3", 100, 0)],
    ],
)
def test_issues_per_star(issues: Any, stars: Any, points: int) -> None:
    assert github(issues=None, open_issues=issues, stars=stars).get("issue_bonus", 0) == points


def test_github_keys_only_when_something_is_known() -> None:
    assert github(stars=None, updated=None, open_issues=None) == {}
    assert github(stars="many", url=REPOSITORY) == {}
    assert github(stars=0) == {
        "stars_bonus": 0,
        "activity_bonus": 0,
        "issue_bonus": 0,
        "bonus_total": 0,
    }
    assert github(stars=100, updated=NOW, open_issues=5)["bonus_total"] == 5 + 10 + 10


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), VALUES))
def test_any_document_has_a_score_that_fits_its_fields(document: dict[str, Any]) -> None:
    result = score(document, NOW)
    assert 0 <= result["health_score"] <= 100
    assert problem_with_fields(result) is None
    for each in list(result["health_score_breakdown"].values())[:3]:
        assert 0 <= each["points"] <= each["max_points"]
