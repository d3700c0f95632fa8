"""Metadata made into documents: whatever a registry says, the document is sound."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfcrawl.core.build import build_document
from pyfcrawl.core.document import FIELDS, Owner, owned_by, problem_with
from pyfcrawl.core.readme import EMPTY, Readme

INFO = {
    "name": "plone.api",
    "version": "2.0.0",
    "summary": " An API. ",
    "keywords": "plone api",
    "classifiers": [
        "Framework :: Plone :: 6.1",
        "Framework :: Plone :: Core",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.12",
        "License :: OSI Approved :: MIT License",
    ],
    "author": None,
    "author_email": "Ann <ann@plone.example>, Bob <bob@plone.example>",
    "license": "",
    "license_expression": "MIT",
    "requires_dist": ["a>=1", "b; extra == 'x'"],
    "requires_python": ">=3.10",
    "platform": "any",
    "project_urls": {"Docs": "https://docs.plone.example", "Bad": "javascript:alert(1)"},
    "home_page": "https://plone.example",
}
LISTING = {
    "is_latest": True,
    "yanked": False,
    "yanked_reason": None,
    "upload_timestamp": 1_700_000_000,
    "urls": [],
    "release_count": 3,
}


def built(metadata, version="2.0.0", name="plone.api", registry="pypi", **rest):
    given_ = {"listing": {}, "requires_python": None, "readme": EMPTY} | rest
    return build_document(registry, name, version, metadata, **given_)


def test_a_release_becomes_its_document():
    readme = Readme("<h2>T</h2>", "T", "chapter", "main", "log")
    document = built(INFO, listing=LISTING, readme=readme, screenshot_url="https://x.example/a.png")
    assert problem_with(document) is None
    expected = {
        "identifier": "pkg:pypi/plone-api@2.0.0",
        "package_id": "pkg:pypi/plone-api",
        "name": "plone.api",
        "name_sortable": "plone-api",
        "npm_scope": None,
        "version": "2.0.0",
        "summary": "An API.",
        "keywords": ["plone", "api"],
        "framework_versions": ["Plone 6.1"],
        "python_versions": ["Python 3.12"],
        "license": "MIT",
        "license_expression": "MIT",
        "requires_python": ">=3.10",
        "platform": ["any"],
        "project_urls": {"Docs": "https://docs.plone.example"},
        "first_chapter": "An API.\nchapter",
        "description": "<h2>T</h2>",
        "screenshot_url": "https://x.example/a.png",
        "metadata_complete": True,
        "release_count": 3,
        "is_latest": True,
    }
    assert {name: document[name] for name in expected} == expected
    assert "Ann" in document["author"]
    assert "Bob" in document["author"]


def test_every_field_of_a_release_is_set_and_none_of_enrichment():
    document = built(INFO)
    npm = {name for name in FIELDS if name.startswith("npm_") and name.endswith("_score")}
    assert owned_by(Owner.RELEASE) - npm <= document.keys()
    assert not document.keys() & owned_by(Owner.GITHUB, Owner.DOWNLOADS, Owner.HEALTH)


def test_without_metadata_the_listing_speaks():
    document = built({}, listing=LISTING, requires_python=">=3.8")
    assert problem_with(document) is None
    assert document["metadata_complete"] is False
    assert document["requires_python"] == ">=3.8"
    assert document["summary"] is None
    assert document["upload_timestamp"] == 1_700_000_000


def test_metadata_outvotes_the_files():
    assert built(INFO, requires_python=">=2.7")["requires_python"] == ">=3.10"


def test_npm_has_scopes():
    document = built({}, name="@Plone/Volto", version="17.0.0", registry="npm")
    assert document["npm_scope"] == "@plone"
    assert document["package_id"] == "pkg:npm/%40plone/volto"
    assert built({}, name="volto", registry="npm")["npm_scope"] is None
    assert problem_with(document) is None


@pytest.mark.parametrize("version", ["1", "1!2.0", "1.0.0.1", "not-pep440", "9" * 5000, "1.0+a.1"])
def test_any_version_has_its_document(version):
    document = built(INFO, version=version)
    assert problem_with(document) is None
    assert document["version_is_valid"] is (version != "not-pep440" and len(version) < 5000)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(), max_size=9), inner, max_size=3)
    ),
    max_leaves=6,
)
_KEYS = [
    *INFO,
    "docs_url",
    "bugtrack_url",
    "project_url",
    "package_url",
    "release_url",
    "maintainer",
]


@given(st.dictionaries(st.sampled_from(_KEYS), _JSON))
def test_whatever_metadata_says_the_document_is_sound(metadata):
    document = built(metadata)
    assert problem_with(document) is None
    json.dumps(document).encode()
    assert all(
        isinstance(text, str) and text.startswith(("http://", "https://"))
        for text in document["project_urls"].values()
    )
