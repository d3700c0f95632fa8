"""The field table, and the refusal of documents that don't keep to it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfcrawl.core.document import (
    FIELDS,
    Owner,
    Type,
    Use,
    at_level,
    owned_by,
    problem_with,
    problem_with_fields,
    used_for,
)

SOUND = {
    "identifier": "pkg:pypi/a@1.0",
    "package_id": "pkg:pypi/a",
    "registry": "pypi",
    "name": "a",
    "version": "1.0",
}
GOOD = {
    Type.STRING: "text",
    Type.STRINGS: ["one", "two"],
    Type.INT: 2**63 - 1,
    Type.FLOAT: 0.5,
    Type.BOOL: False,
    Type.JSON: {"any": [1, None]},
}
BAD = {
    Type.STRING: [1, True, ["x"], {}, b"x", "\ud800"],
    Type.STRINGS: ["x", [1], [None], ["\udfff"], ("x",), {}],
    Type.INT: ["1", 1.0, True, 2**63, -(2**63) - 1, [1]],
    Type.FLOAT: ["1", True, []],
    Type.BOOL: [0, 1, "yes", []],
    Type.JSON: [],
}


def test_every_field_has_one_owner_and_one_level():
    assert {name for owner in Owner for name in owned_by(owner)} == set(FIELDS)
    assert sum(len(owned_by(owner)) for owner in Owner) == len(FIELDS)
    assert at_level("release") | at_level("package") == set(FIELDS)
    assert not at_level("release") & at_level("package")


def test_enrichment_is_package_level_and_never_the_crawls():
    assert owned_by(Owner.GITHUB, Owner.DOWNLOADS) <= at_level("package")
    assert owned_by(Owner.RELEASE, Owner.HEALTH) <= at_level("release")


def test_names_are_plain_and_meanings_said():
    for name, field in FIELDS.items():
        assert name == field.name
        assert name.isidentifier()
        assert name == name.lower()
        assert field.meaning
        assert "\n" not in field.meaning
        assert "|" not in field.meaning


def test_uses_fit_types():
    assert all(FIELDS[name].type in (Type.STRING, Type.STRINGS) for name in used_for(Use.SEARCH))
    for use in Use:
        assert all(FIELDS[name].type is not Type.JSON for name in used_for(use))
    assert all(FIELDS[name].type is not Type.STRINGS for name in used_for(Use.SORT))
    assert set(used_for(Use.FACET)) <= set(used_for(Use.FILTER))


def test_a_sound_document_has_no_problem():
    whole = SOUND | {name: GOOD[field.type] for name, field in FIELDS.items() if name not in SOUND}
    assert problem_with(whole) is None
    assert problem_with(SOUND | {name: None for name in FIELDS if name not in SOUND}) is None


@pytest.mark.parametrize("missing", sorted(SOUND))
def test_a_document_needs_its_identity(missing):
    for nothing in (None, ""):
        assert problem_with(SOUND | {missing: nothing}) == f"{missing} is missing"
    assert problem_with({k: v for k, v in SOUND.items() if k != missing}) == f"{missing} is missing"


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_a_wrong_type_is_named(name):
    field = FIELDS[name]
    for value in BAD[field.type]:
        problem = problem_with_fields({name: value})
        assert problem is not None, value
        assert problem.startswith(f"{name} is not {field.type}")
        problem.encode()  # it goes into logs and state


def test_an_unknown_field_is_named():
    assert problem_with_fields({"stars": 1}) == "stars is not a field of the document"


def test_a_huge_value_makes_a_short_problem():
    assert len(problem_with_fields({"health_score": "x" * 10**6})) < 200


def test_nothing_known_is_an_empty_list_or_none():
    assert FIELDS["classifiers"].empty == []
    assert FIELDS["classifiers"].empty is not FIELDS["classifiers"].empty
    assert FIELDS["name"].empty is None


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(FIELDS)), _VALUES)
def test_what_passes_can_be_stored(name, value):
    if problem_with_fields({name: value}) is None and FIELDS[name].type is not Type.JSON:
        json.dumps(value, ensure_ascii=False).encode()
        if FIELDS[name].type is Type.INT and value is not None:
            value.to_bytes(8, "big", signed=True)
