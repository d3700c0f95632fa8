"""What GitHub, GitLab and Codeberg say of a repository by REST, sound and broken."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfcrawl.core.document import problem_with_fields
from pyfcrawl.core.repos import Kind, Repository
from pyfcrawl.errors import SourceError
from pyfcrawl.sources.forges import (
    NOTHING,
    contributors_url,
    read_contributors,
    read_repository,
    repository_url,
)

NOW = 1_780_000_000
AT = "2026-05-28T20:26:40Z"

GITHUB: dict[str, Any] = {
    "html_url": "https://github.com/a/b",
    "stargazers_count": 1,
    "watchers_count": 1,
    "subscribers_count": 2,
    "forks_count": 3,
    "open_issues_count": 4,
    "pushed_at": AT,
    "updated_at": "2026-06-01T00:00:00Z",
    "archived": True,
    "license": {"spdx_id": "MIT"},
}
GITLAB: dict[str, Any] = {
    "web_url": "https://gitlab.com/a/b/c",
    "star_count": 1,
    "forks_count": 3,
    "open_issues_count": 4,
    "last_activity_at": "2026-05-28T22:26:40.000+02:00",
    "archived": False,
}
CODEBERG: dict[str, Any] = {
    "html_url": "https://codeberg.org/a/b",
    "stars_count": 1,
    "forks_count": 3,
    "open_issues_count": 4,
    "open_pr_counter": 5,
    "updated_at": AT,
    "archived": False,
}


def read(kind: Kind, payload: Any) -> dict[str, Any]:
    return read_repository(kind, json.dumps(payload).encode())


@pytest.mark.parametrize(
    ("kind", "path", "url"),
    [
        ("github", ("plone", "plone.api"), "https://api/repos/plone/plone.api"),
        ("gitlab", ("a/b", "c"), "https://api/projects/a%2Fb%2Fc"),
        ("codeberg", ("a", "b"), "https://api/repos/a/b"),
    ],
)
def test_addresses(kind: Kind, path: tuple[str, str], url: str):
    repository = Repository(kind, "host", *path)
    assert repository_url("https://api", repository) == url
    assert contributors_url("https://api", repository).endswith("/contributors?per_page=5")


def test_github_counts_pull_requests_as_issues_so_they_are_not_known():
    assert read("github", GITHUB) == {
        "github_stars": 1,
        "github_watchers": 2,
        "github_forks": 3,
        "github_open_issues": None,
        "github_updated": NOW,
        "github_archived": True,
        "github_license": "MIT",
        "github_url": "https://github.com/a/b",
    }


def test_none_open_at_github_means_no_issue_either():
    assert read("github", GITHUB | {"open_issues_count": 0})["github_open_issues"] == 0


@pytest.mark.parametrize(("kind", "payload"), [("gitlab", GITLAB), ("codeberg", CODEBERG)])
def test_the_others_give_what_they_have(kind: Kind, payload: dict[str, Any]):
    assert read(kind, payload) == {
        **NOTHING,
        "github_stars": 1,
        "github_forks": 3,
        "github_open_issues": 4,
        "github_updated": NOW,
        "github_archived": False,
        "github_url": payload.get("web_url") or payload["html_url"],
    }


@pytest.mark.parametrize("license_", [None, {}, {"spdx_id": "NOASSERTION"}, "MIT", {"spdx_id": 1}])
def test_a_license_nobody_recognised_is_none(license_: Any):
    assert read("github", GITHUB | {"license": license_})["github_license"] is None


VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.lists(st.text())
    | st.dictionaries(st.text(), st.text())
)


@pytest.mark.parametrize(
    ("kind", "payload"), [("github", GITHUB), ("gitlab", GITLAB), ("codeberg", CODEBERG)]
)
@given(data=st.data())
def test_any_values_give_facts_that_an_index_takes_or_none(
    kind: Kind, payload: dict[str, Any], data: st.DataObject
):
    changed = {key: data.draw(VALUES) for key in payload if not key.endswith("_url")}
    try:
        facts = read(kind, payload | changed)
    except SourceError:
        return
    assert facts.keys() == NOTHING.keys()
    assert problem_with_fields(facts) is None


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("github", GITHUB | {"stargazers_count": None}),
        ("github", GITHUB | {"subscribers_count": "2"}),
        ("github", GITHUB | {"open_issues_count": -1}),
        ("github", GITHUB | {"pushed_at": 5}),
        ("gitlab", GITLAB | {"star_count": "1"}),
        ("gitlab", GITLAB | {"last_activity_at": "late"}),
        ("codeberg", CODEBERG | {"forks_count": 1.5}),
        ("codeberg", CODEBERG | {"archived": "no"}),
        ("codeberg", CODEBERG | {"html_url": "javascript:alert(1)"}),
    ],
)
def test_who_garbles_one_value_is_not_believed_the_others(kind: Kind, payload: dict[str, Any]):
    with pytest.raises(SourceError):
        read(kind, payload)


def test_what_a_host_says_nothing_about_is_not_known():
    facts = read("gitlab", {"web_url": GITLAB["web_url"], "star_count": 1, "forks_count": None})
    assert facts == {**NOTHING, "github_stars": 1, "github_url": GITLAB["web_url"]}


@pytest.mark.parametrize("kind", ["github", "gitlab", "codeberg"])
@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b"<html>", b"7", b"[" * 100_000])
def test_junk_is_no_repository(kind: Kind, body: bytes):
    with pytest.raises(SourceError):
        read_repository(kind, body)


def test_contributors_in_their_order_five_at_most():
    entries = [
        {"login": f"dev{number}", "avatar_url": "https://a.example/1", "contributions": 9 - number}
        for number in range(7)
    ]
    people = read_contributors(json.dumps(entries).encode())
    assert [each["username"] for each in people] == ["dev0", "dev1", "dev2", "dev3", "dev4"]
    assert people[0] == {
        "username": "dev0",
        "avatar_url": "https://a.example/1",
        "contributions": 9,
    }


def test_entries_that_are_no_people_are_left_out():
    entries = [
        None,
        7,
        {"login": None, "contributions": 1},
        {"login": "x"},
        {"login": "y", "contributions": -1},
        {"login": "z", "contributions": 1, "avatar_url": "javascript:alert(1)"},
    ]
    (only,) = read_contributors(json.dumps(entries).encode())
    assert only == {"username": "z", "avatar_url": None, "contributions": 1}


def test_an_empty_repository_has_none():
    assert read_contributors(b"") == read_contributors(b"[]") == []


@pytest.mark.parametrize("body", [b"{}", b"null", b"<html>"])
def test_junk_is_no_list_of_contributors(body: bytes):
    with pytest.raises(SourceError):
        read_contributors(body)
