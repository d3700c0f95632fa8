"""The health score: 0 to 100, with the reasons, from a document's own fields.

It needs nothing but the document, so it can be computed when the document is made and again
whenever a part of it (stars, activity) or the date has changed. A score out of 100 comes from
three parts (recency 40, documentation 30, metadata 30); a source repository on GitHub can add up
to 30 on top, the sum never passes 100. Every point lost has a problem that says what to do,
except for the extras of documentation, which are listed when they were earned.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lxml import etree, html

from pyfcrawl.core.links import has_documentation_link, is_documentation
from pyfcrawl.core.people import clean_text

_DAY = 86_400
_YEAR = 365

# (days since the release, points): the first row whose days are not yet reached counts.
_RECENCY = ((180, 40), (_YEAR, 30), (2 * _YEAR, 20), (3 * _YEAR, 10), (5 * _YEAR, 5))
_OVER = {30: "six months", 20: "a year", 10: "two years", 5: "three years", 0: "five years"}

_DESCRIPTION_LENGTH, _DESCRIPTION_POINTS = 150, 18
#: What adds to the points of documentation, beside a README.
DOCUMENTATION_EXTRAS = {
    "Documentation URL": 4,
    "Documentation link among the project URLs": 3,
    "Screenshot in the README": 5,
}
_README_WORDS = 500
_BEGINNING = 4_000  # characters of a description that are looked at before all of it

_METADATA_POINTS = 10
_CLASSIFIERS = 3
_PEOPLE = ("author", "author_email", "maintainer", "maintainer_email")

_STARS = ((1000, 10), (500, 7), (100, 5), (50, 3), (10, 1))  # at least
_ACTIVITY = ((30, 10), (90, 7), (180, 5), (_YEAR, 3))  # days, at most
_ISSUES = ((0.1, 10), (0.3, 7), (0.5, 5), (1.0, 3))  # open issues per star, below

_VISIBLE = etree.XPath("//text()[not(ancestor::script or ancestor::style or ancestor::template)]")

_Part = dict[str, Any]


def score(document: Mapping[str, Any], now: int) -> dict[str, Any]:
    """The document's health fields as of `now` (Unix seconds).

    Returns `health_score` (0 to 100), `health_score_breakdown` and
    `health_score_last_calculated`. The breakdown holds for `recency`, `documentation` and
    `metadata` each `{points, max_points, problems: [text], bonuses: [{reason, points}]}`, and when
    anything is known of the repository `github_stars_bonus`, `github_activity_bonus`,
    `github_issue_bonus` and their sum `github_bonus_total`. A value of the wrong type counts as
    missing; a time in the future counts as now.
    """
    parts = {
        "recency": _recency(document, now),
        "documentation": _documentation(document),
        "metadata": _metadata(document),
    }
    github = _github(document, now)
    total = sum(part["points"] for part in parts.values()) + github.get("github_bonus_total", 0)
    return {
        "health_score": min(100, total),
        "health_score_breakdown": {**parts, **github},
        "health_score_last_calculated": int(now),
    }


def _recency(document: Mapping[str, Any], now: int) -> _Part:
    uploaded = _number(document.get("upload_timestamp"))
    if uploaded is None:
        return _part(0, 40, ["Upload a release: no upload date is known"])
    points = next((points for days, points in _RECENCY if now - uploaded < days * _DAY), 0)
    if points == 40:
        return _part(points, 40, [])
    return _part(points, 40, [f"Publish a new release: the last is {_OVER[points]} old or older"])


def _documentation(document: Mapping[str, Any]) -> _Part:
    has_docs = is_documentation(document.get("docs_url"))
    has_link = has_documentation_link(document.get("project_urls"))
    described = _is_described(document)
    earned = (has_docs, has_link, _has_text(document, "screenshot_url"))
    extras = [each for each, has in zip(DOCUMENTATION_EXTRAS.items(), earned, strict=True) if has]
    bonuses = [{"reason": reason, "points": points} for reason, points in extras]
    problems = [] if described else [f"Add a README of over {_DESCRIPTION_LENGTH} characters"]
    words = _words(document)
    if words < _README_WORDS and not (has_docs or has_link):
        problems.append(
            f"Add a link to documentation or extend the README to {_README_WORDS} words: "
            f"it has {words} and no documentation is linked"
        )
    points = _DESCRIPTION_POINTS * described + sum(points for _, points in extras)
    return _part(points, 30, problems, bonuses)


def _metadata(document: Mapping[str, Any]) -> _Part:
    tags = "keywords" if document.get("registry") == "npm" else "classifiers"
    checks = (
        (any(_has_text(document, name) for name in _PEOPLE), "Add an author or maintainer"),
        (_has_license(document), "Add a license"),
        (len(_texts(document, tags)) >= _CLASSIFIERS, f"Add at least {_CLASSIFIERS} {tags}"),
    )
    points = sum(_METADATA_POINTS for passed, _ in checks if passed)
    return _part(points, 30, [advice for passed, advice in checks if not passed])


def _github(document: Mapping[str, Any], now: int) -> dict[str, int]:
    """The bonus for the repository, or nothing when nothing is known of it."""
    names = ("github_stars", "github_updated", "github_open_issues")
    stars, updated, issues = (_number(document.get(name)) for name in names)
    if stars is None and updated is None and issues is None:
        return {}
    bonuses = {
        "github_stars_bonus": _at_least(_STARS, stars),
        "github_activity_bonus": _within(_ACTIVITY, updated, now),
        "github_issue_bonus": _below(_ISSUES, issues, stars),
    }
    return {**bonuses, "github_bonus_total": sum(bonuses.values())}


def _at_least(table: tuple[tuple[int, int], ...], value: float | None) -> int:
    return next((points for least, points in table if value is not None and value >= least), 0)


def _within(table: tuple[tuple[int, int], ...], since: float | None, now: int) -> int:
    if since is None:
        return 0
    return next((points for days, points in table if now - since <= days * _DAY), 0)


def _below(table: tuple[tuple[float, int], ...], issues: float | None, stars: float | None) -> int:
    """Points for few open issues per star; a repository nobody starred proves nothing."""
    if issues is None or issues < 0 or stars is None or stars <= 0:
        return 0
    return next((points for limit, points in table if issues / stars < limit), 0)


def _part(
    points: int, most: int, problems: list[str], bonuses: list[dict[str, Any]] | None = None
) -> _Part:
    return {
        "points": min(points, most),
        "max_points": most,
        "problems": problems,
        "bonuses": bonuses or [],
    }


def _has_license(document: Mapping[str, Any]) -> bool:
    return (
        _has_text(document, "license")
        or _has_text(document, "license_expression")
        or any(text.startswith("License ::") for text in _texts(document, "classifiers"))
    )


def _has_text(document: Mapping[str, Any], name: str) -> bool:
    value = document.get(name)
    return isinstance(value, str) and clean_text(value) is not None


def _texts(document: Mapping[str, Any], name: str) -> set[str]:
    value = document.get(name)
    items = value if isinstance(value, list | tuple) else ()
    return {item.strip() for item in items if isinstance(item, str) and item.strip()}


def _words(document: Mapping[str, Any]) -> int:
    texts = (document.get("first_chapter"), document.get("main_content"))
    return sum(len(text.split()) for text in texts if isinstance(text, str))


def _is_described(document: Mapping[str, Any]) -> bool:
    description = document.get("description")
    text = clean_text(description) if isinstance(description, str) else None
    if text is None:
        return False
    sections = (document.get("main_content"), document.get("changelog"))
    if sum(len(each) for each in sections if isinstance(each, str)) > _DESCRIPTION_LENGTH:
        return True  # text of the description that was taken out of its markup before
    beginning = text[: text.find(">", _BEGINNING) + 1]  # tells nearly always, ten times as fast
    return any(_visible_length(each) > _DESCRIPTION_LENGTH for each in (beginning, text))


def _visible_length(markup: str) -> int:
    """Characters of the text a reader of this HTML sees, white space collapsed."""
    try:
        root = html.document_fromstring(markup)
    except (etree.LxmlError, ValueError):  # nothing in it, or nothing that HTML may hold
        return 0
    return len(" ".join("".join(_VISIBLE(root)).split()))


def _number(value: Any) -> float | None:
    """A number of the size counts and times have, else None (NaN among the rest)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if -(2**63) <= value < 2**63 else None
