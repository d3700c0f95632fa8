"""Which links are documentation, and which link is what."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packageurl.contrib.purl2url import get_repo_url

from pyfcrawl.core.links import (
    documentation_of,
    has_documentation_link,
    homepage_of,
    is_documentation,
    labelled,
    repository_of,
    tracker_of,
)

PYPI = urlsplit(get_repo_url("pkg:pypi/x")).hostname or ""
NPM = urlsplit(get_repo_url("pkg:npm/x")).hostname or ""

JUNK = st.none() | st.integers() | st.text() | st.lists(st.text()) | st.binary()


@pytest.mark.parametrize(
    "url",
    [
        "https://x.readthedocs.io",
        "HTTP://docs.example.org/x?y=1#z",
        "https://acme.github.io/thing/",
        "https://acme.gitlab.io/thing/",
        "https://thing.sourceforge.net/",
        "https://github.com/acme/thing/wiki",
        "https://github.com/acme/thing/tree/main/docs",
        "https://github.com/acme/thing/blob/main/README.md",
        "https://gitlab.com/acme/group/thing/-/wikis/home",
        "https://gitlab.com/acme/thing/-/blob/main/docs/index.md",
        "https://gitlab.com/acme/thing/-/tree/main/docs",
        "https://codeberg.org/acme/thing/src/branch/main/docs",
        "https://bitbucket.org/acme/thing/wiki/Home",
        "https://sourceforge.net/p/thing/wiki/Home/",
        f"https://docs.{PYPI}.example/",
        "  https://docs.example.org ",
    ],
)
def test_real_documentation(url: str) -> None:
    assert is_documentation(url)


@pytest.mark.parametrize(
    "url",
    [
        *[f"https://{PYPI}/project/thing/", f"http://{PYPI}/pypi/thing", f"https://www.{PYPI}/"],
        f"https://{PYPI.replace('pypi.', 'pypi.python.')}/pypi/thing",
        f"https://{NPM}/package/thing",
        f"https://{NPM.removeprefix('www.')}/package/thing",
        f"https://{PYPI.upper()}:443/project/thing/",
        "https://github.com/acme/thing",
        "https://github.com/acme/thing/",
        "https://www.github.com//acme/thing//",
        "https://github.com/acme/thing.git",
        "https://github.com/acme/thing#readme",
        "https://github.com/acme/thing?tab=readme-ov-file#usage",
        "https://github.com/acme/thing/tree/main",
        "https://github.com/acme",
        "https://github.com",
        "https://gitlab.com/acme/thing",
        "https://gitlab.com/acme/group/thing/",
        "https://gitlab.com/acme/thing/-/tree/main/",
        "https://gitlab.example.org/acme/thing",
        "https://codeberg.org/acme/thing/src/branch/main",
        "https://bitbucket.org/acme/thing/src/main/",
        "https://sourceforge.net/projects/thing/",
        "https://git.sr.ht/~acme/thing",
        "ftp://docs.example.org/",
        "git+https://docs.example.org/x",
        "javascript:alert(1)//docs.example.org",
        "docs.example.org",
        "https://localhost/docs",
        "https://",
        "https://[broken",
        "https://docs.example.org/a b",
        "https://docs.example.org/" + "x" * 3000,
        *("", "UNKNOWN", None, 7, ["https://docs.example.org"]),
    ],
)
def test_no_documentation(url: Any) -> None:
    assert not is_documentation(url)


def test_a_label_of_another_purpose_speaks_against_it() -> None:
    assert is_documentation("https://example.org/x", "Documentation")
    assert is_documentation("https://example.org/x", "Some label")
    assert not is_documentation("https://example.org/x", "Change Log")
    assert not is_documentation("https://example.org/x", "Issue Tracker")


@pytest.mark.parametrize(
    ("project_urls", "expected"),
    [
        ({"Documentation": "https://docs.example.org"}, True),
        ({"Home-Page": "https://example.org"}, True),
        ({"Homepage": "https://github.com/acme/thing"}, False),
        ({"Docs": f"https://{PYPI}/project/thing"}, False),
        ({"Docs": f"https://{PYPI}/project/thing", "docs": "https://docs.example.org"}, True),
        ({"Source": "https://example.org/x"}, False),
        ({}, False),
        (None, False),
        (["Documentation, https://docs.example.org"], False),
    ],
)
def test_documentation_among_the_labelled_links(project_urls: Any, expected: bool) -> None:
    assert has_documentation_link(project_urls) is expected


def test_labels_are_compared_as_pep_753_says() -> None:
    urls = {"Bug_Tracker!": "https://a.example", "ISSUES": None, "Docs": "UNKNOWN", 3: "x"}
    assert labelled(urls, "issues", "bug-tracker") == "https://a.example"
    assert labelled(urls, "documentation", "docs") is None


def test_labels_are_tried_in_order() -> None:
    urls = {"Docs": "https://b.example", "Documentation": "https://a.example"}
    assert labelled(urls, "documentation", "docs") == "https://a.example"


def test_fields_come_before_labels() -> None:
    metadata = {
        "home_page": "https://field.example/home",
        "docs_url": "https://field.example/docs",
        "bugtrack_url": "https://field.example/bugs",
        "repository_url": "git+https://field.example/x.git",
        "project_urls": {
            "Homepage": "https://label.example/home",
            "Documentation": "https://label.example/docs",
            "Issues": "https://label.example/bugs",
            "Source Code": "https://label.example/code",
        },
    }
    chosen = [of(metadata) for of in (homepage_of, documentation_of, tracker_of, repository_of)]
    assert chosen == [metadata[name] for name in list(metadata)[:4]]
    labels_only = {"project_urls": metadata["project_urls"], "home_page": "javascript:alert(1)"}
    chosen = [of(labels_only) for of in (homepage_of, documentation_of, tracker_of, repository_of)]
    assert chosen == [f"https://label.example/{end}" for end in ("home", "docs", "bugs", "code")]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"home_page": "https://github.com/acme/thing#readme"}, "https://github.com/acme/thing"),
        (
            {"project_urls": {"Changes": "https://www.github.com/acme/thing/blob/main/CHANGES.md"}},
            "https://github.com/acme/thing",
        ),
        (
            {"bugtrack_url": "https://gitlab.com/acme/group/thing/-/issues"},
            "https://gitlab.com/acme/group/thing",
        ),
        (
            {"bugtrack_url": "https://gitlab.example.org/acme/thing/issues"},
            "https://gitlab.example.org/acme/thing",
        ),
        ({"home_page": "https://codeberg.org/acme/thing.git"}, "https://codeberg.org/acme/thing"),
        ({"repository_url": "git@github.com:acme/thing.git"}, "git@github.com:acme/thing.git"),
        (
            {"project_urls": {"Source": "https://github.com/acme", "X": "https://github.com/a/b"}},
            "https://github.com/a/b",
        ),
        ({"project_urls": {"Funding": "https://github.com/sponsors/acme"}}, None),
        ({"home_page": "https://github.com/acme"}, None),
        ({"home_page": "https://example.org/acme/thing"}, None),
        ({"home_page": "https://acme.github.io/thing"}, None),
    ],
)
def test_repository(metadata: dict[str, Any], expected: str | None) -> None:
    assert repository_of(metadata) == expected


@given(JUNK | st.fixed_dictionaries({}, optional={"home_page": JUNK, "docs_url": JUNK}), JUNK)
def test_no_value_raises(metadata: Any, junk: Any) -> None:
    for value in (
        metadata,
        {"project_urls": metadata},
        {"project_urls": {"Docs": junk, "x": junk}},
    ):
        for of in (homepage_of, documentation_of, tracker_of, repository_of):
            found = of(value)
            assert found is None or isinstance(found, str)
    assert is_documentation(junk) in (True, False)
