"""GraphQL answers, whole, half and broken; limits told in every way; what is remembered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from graphql import build_schema, parse, validate
from hypothesis import example, given
from hypothesis import strategies as st

from pyfcrawl.core.document import Owner, owned_by, problem_with_fields
from pyfcrawl.core.repos import Repository
from pyfcrawl.errors import SourceError
from pyfcrawl.sources.forges import NOTHING
from pyfcrawl.sources.github import limit_wait, query, read_answers, remaining
from pyfcrawl.sources.github_entry import CONTRIBUTORS_AGE, Entry
from tests.standin.forges import SCHEMA

NOW = 1_780_000_000
REPOS = [Repository("github", "github.com", "plone", f"name.{number}") for number in range(3)]
KEYS = [each.key for each in REPOS]

NODE: dict[str, Any] = {
    "nameWithOwner": "plone/name.0",
    "url": "https://github.com/plone/name.0",
    "stargazerCount": 7,
    "forkCount": 5,
    "pushedAt": "2026-05-28T20:26:40Z",
    "isArchived": False,
    "watchers": {"totalCount": 3},
    "issues": {"totalCount": 2},
    "licenseInfo": {"spdxId": "MIT"},
}
FACTS = {
    "github_stars": 7,
    "github_watchers": 3,
    "github_forks": 5,
    "github_open_issues": 2,
    "github_updated": NOW,
    "github_archived": False,
    "github_license": "MIT",
    "github_url": "https://github.com/plone/name.0",
}


def answer(data: Any, *errors: Any) -> bytes:
    return json.dumps({"data": data, "errors": list(errors)}).encode()


def error(kind: str, place: int, message: str = "no") -> dict[str, Any]:
    return {"type": kind, "path": [f"r{place}"], "message": message}


def test_a_query_is_sound_graphql_and_asks_for_each_once():
    text = json.loads(query(REPOS))["query"]
    assert validate(SCHEMA, parse(text)) == []
    assert text.count("repository(") == 3
    assert all(f'owner: "plone", name: "{each.name}"' in text for each in REPOS)


def test_a_schema_without_a_field_would_be_noticed():
    schema = build_schema("type Query { rateLimit: Int }")
    assert validate(schema, parse(json.loads(query(REPOS))["query"]))


def test_facts_of_a_repository():
    assert read_answers(answer({"r0": NODE}), REPOS[:1]).found == {KEYS[0]: FACTS}
    assert (
        FACTS.keys()
        == NOTHING.keys()
        == owned_by(Owner.GITHUB)
        - {
            "contributors",
            "github_checked",
        }
    )


def test_what_is_there_stands_beside_errors():
    answers = read_answers(
        answer(
            {"r0": NODE, "r1": None, "r2": None, "rateLimit": {"resetAt": "2026-05-28T20:26:40Z"}},
            error("NOT_FOUND", 1),
            error("FORBIDDEN", 2),
        ),
        REPOS,
    )
    assert set(answers.found) == {KEYS[0]}
    assert (answers.missing, answers.refused) == ({KEYS[1]}, {KEYS[2]})
    assert (answers.undecided, answers.limited, answers.reset) == ([], False, NOW)


def test_a_null_without_a_word_is_not_missing():
    answers = read_answers(answer({"r0": NODE, "r1": None}, error("NOT_FOUND", 0)), REPOS)
    assert set(answers.found) == {KEYS[0]}
    assert answers.undecided == REPOS[1:]
    assert answers.reason


def test_a_null_in_an_answer_without_errors_is_told_apart():
    body = json.dumps({"data": {"r0": NODE, "r1": None}}).encode()
    answers = read_answers(body, REPOS)
    assert (set(answers.found), answers.silent) == ({KEYS[0]}, {KEYS[1]})
    assert answers.undecided == REPOS[2:]
    assert not answers.missing


def test_the_kind_of_an_error_may_stand_in_its_extensions():
    told = {"path": ["r0"], "message": "no", "extensions": {"type": "NOT_FOUND"}}
    assert read_answers(answer({"r0": None}, told), REPOS[:1]).missing == {KEYS[0]}
    limited = {"message": "no", "extensions": {"type": "RATE_LIMITED"}}
    assert read_answers(answer(None, limited), REPOS).limited


@pytest.mark.parametrize(
    "garbled",
    [
        {"stargazerCount": None},
        {"stargazerCount": "7"},
        {"forkCount": -1},
        {"pushedAt": "yesterday"},
        {"isArchived": "no"},
        {"issues": {"totalCount": "2"}},
    ],
)
def test_a_node_with_a_garbled_value_is_not_believed(garbled: dict[str, Any]):
    answers = read_answers(answer({"r0": NODE | garbled}), REPOS[:1])
    assert (answers.found, answers.undecided) == ({}, REPOS[:1])


@pytest.mark.parametrize("kind", ["RESOURCE_LIMITS_EXCEEDED", "SERVICE_UNAVAILABLE", None])
def test_errors_of_the_whole_query_leave_it_open(kind: str | None):
    whole = {"type": kind, "message": "Something went\n wrong"}
    answers = read_answers(answer(None, whole), REPOS)
    assert answers.undecided == REPOS
    assert answers.reason == "Something went wrong"
    assert not answers.limited


@pytest.mark.parametrize(
    "told",
    [
        {"type": "RATE_LIMITED", "message": "API rate limit exceeded for user ID 1"},
        {"message": "You have exceeded a secondary rate limit. Please wait a few minutes"},
    ],
)
def test_a_limit_in_the_body_is_seen(told: dict[str, str]):
    answers = read_answers(answer(None, told), REPOS)
    assert answers.limited
    assert answers.undecided == REPOS


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{}", b"<html>", b'"data"', b'{"data"', b"[" * 100_000, b"\xff{}"],
)
def test_junk_is_no_answer(body: bytes):
    with pytest.raises(SourceError):
        read_answers(body, REPOS)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.fixed_dictionaries(dict.fromkeys(NODE, JSON) | {"url": st.just(NODE["url"])}), JSON)
@example(NODE | {"stargazerCount": 2**70, "forkCount": True, "pushedAt": "9" * 30}, None)
@example(NODE | {"licenseInfo": {"spdxId": []}, "issues": [1]}, [[[]], {"path": [[1]]}])
def test_any_node_gives_facts_that_an_index_takes_or_none(node: dict[str, Any], errors: Any):
    body = json.dumps({"data": {"r0": node}, "errors": errors}).encode()
    answers = read_answers(body, REPOS[:1])
    assert len(answers.found) + len(answers.undecided) == 1
    for facts in answers.found.values():
        assert facts.keys() == NOTHING.keys()
        assert problem_with_fields(facts) is None


@given(JSON, JSON)
def test_every_repository_is_sorted_into_exactly_one_place(data: Any, errors: Any):
    answers = read_answers(json.dumps({"data": data, "errors": errors}).encode(), REPOS)
    places = [*answers.found, *answers.missing, *answers.refused, *answers.silent]
    assert sorted([*places, *(each.key for each in answers.undecided)]) == sorted(KEYS)


def test_a_node_without_an_address_is_none():
    answers = read_answers(answer({"r0": NODE | {"url": "javascript:alert(1)"}}), REPOS[:1])
    assert answers.undecided == REPOS[:1]


# --- limits -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "headers", "body", "wait"),
    [
        (403, {"retry-after": "30"}, b"", 30),
        (429, {"retry-after": "30", "x-ratelimit-remaining": "0"}, b"", 30),
        (403, {"retry-after": "0"}, b"", 1),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOW + 90)}, b"", 91),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOW - 90)}, b"", 1),
        (403, {"x-ratelimit-remaining": "0"}, b"", 60),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "soon"}, b"", 60),
        (429, {"ratelimit-remaining": "0", "ratelimit-reset": str(NOW + 9)}, b"", 10),
        (429, {}, b"", 60),
        (403, {}, b'{"message": "You have exceeded a secondary rate limit."}', 60),
        (403, {"x-ratelimit-remaining": "9", "x-ratelimit-reset": "1"}, b"abuse detection", 60),
        (403, {"x-ratelimit-remaining": "9"}, b'{"message": "too large to list"}', None),
        (403, {}, b"\xff", None),
        (404, {"retry-after": "30"}, b"rate limit", None),
        (502, {"retry-after": "30"}, b"rate limit", None),
    ],
)
def test_how_long_an_answer_asks_to_wait(
    status: int, headers: dict[str, str], body: bytes, wait: float | None
):
    assert limit_wait(status, headers, body, NOW) == wait


@pytest.mark.parametrize(
    ("headers", "reset", "wait"),
    [
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOW + 5)}, None, 6),
        ({"x-ratelimit-remaining": "4000", "x-ratelimit-reset": str(NOW + 3000)}, None, 60),
        ({}, NOW + 20, 21),
        ({}, None, 60),
    ],
)
def test_how_long_a_limited_query_waits(headers: dict[str, str], reset: int | None, wait: float):
    assert limit_wait(200, headers, b"{}", NOW, reset) == wait


def test_what_remains():
    assert remaining({"x-ratelimit-remaining": "7"}) == 7
    assert remaining({"ratelimit-remaining": "0"}) == 0
    assert remaining({"x-ratelimit-remaining": "-1"}) is None
    assert remaining({}) is None


# --- what is remembered -------------------------------------------------------------------------


def test_an_entry_survives_the_state():
    entry = Entry(NOW, dict(FACTS), 'W/"1"', [{"username": "a"}], NOW, "")
    assert Entry.of(json.loads(json.dumps(entry.as_json()))) == entry


@given(JSON)
@example({"checked": 1, "facts": {"github_stars": "many"}})
@example({"checked": 1, "facts": FACTS | {"github_stars": "many"}})
@example({"checked": "yesterday"})
def test_an_entry_of_anything_else_is_empty(value: Any):
    entry = Entry.of(value)
    assert entry == Entry() or problem_with_fields(entry.fields()) is None


def test_the_fields_of_an_entry():
    assert Entry(NOW).fields() == {**NOTHING, "contributors": None, "github_checked": NOW}
    known = Entry(NOW, dict(FACTS))
    assert known.fields() == {**FACTS, "github_checked": NOW}  # contributors stay as they are
    people = [{"username": "a", "avatar_url": None, "contributions": 1}]
    asked = Entry(NOW, dict(FACTS), contributors=people, contributors_checked=NOW)
    assert asked.fields()["contributors"] == people


def test_contributors_are_due_once_a_week():
    assert Entry().contributors_due(NOW)
    assert not Entry(contributors_checked=NOW).contributors_due(NOW + CONTRIBUTORS_AGE - 1)
    assert Entry(contributors_checked=NOW).contributors_due(NOW + CONTRIBUTORS_AGE)
