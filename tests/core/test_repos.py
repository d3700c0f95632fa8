"""Every form in which people write down a repository, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyfcrawl.core.build import build_document
from pyfcrawl.core.readme import EMPTY
from pyfcrawl.core.repos import (
    HOSTS,
    MALFORMED,
    NO_REPO_URL,
    Repository,
    candidates,
    hosts_of,
    of_package,
    parse,
    url_in,
)

VOLTO = "github.com/plone/volto"

GITHUB = """
https://github.com/plone/volto
http://github.com/plone/volto
https://www.github.com/plone/volto
HTTPS://GitHub.com/Plone/Volto
https://github.com/plone/volto/
https://github.com//plone//volto//
https://github.com:443/plone/volto
https://github.com./plone/volto
github.com/plone/volto
www.github.com/plone/volto
//github.com/plone/volto
git://github.com/plone/volto
git://github.com/plone/volto.git
git+git://github.com/plone/volto.git
git+https://github.com/plone/volto.git
git+http://github.com/plone/volto.git
git+ssh://git@github.com/plone/volto.git
git+ssh://git@github.com:plone/volto.git
git+https://git@github.com/plone/volto.git
git+https://user:secret@github.com/plone/volto.git
ssh://git@github.com/plone/volto.git
ssh://git@github.com:22/plone/volto.git
ssh://git@github.com:plone/volto.git
ssh://git@ssh.github.com:443/plone/volto.git
git@github.com:plone/volto.git
git@github.com:plone/volto
git@github.com:/plone/volto.git
git@github.com/plone/volto
github.com:plone/volto
git:github.com/plone/volto
scm:git:https://github.com/plone/volto.git
scm:git:git@github.com:plone/volto.git
svn+https://github.com/plone/volto/trunk
hg+https://github.com/plone/volto
github:plone/volto
github:plone/volto#main
git+github:plone/volto
plone/volto
https://github.com/plone/volto.git
https://github.com/plone/volto.git/
https://github.com/plone/volto.GIT
https://github.com/plone/volto.git#egg=volto
https://github.com/plone/volto.git@main#egg=volto
https://github.com/plone/volto.git?ref=main
https://github.com/plone/volto@18.0
https://github.com/plone/volto.wiki.git
https://github.com/plone/volto/tree/main
https://github.com/plone/volto/tree/main/packages/volto#readme
https://github.com/plone/volto/blob/main/README.md
https://github.com/plone/volto/issues
https://github.com/plone/volto/issues/12?q=is%3Aopen
https://github.com/plone/volto/issues/new/choose
https://github.com/plone/volto/pulls
https://github.com/plone/volto/wiki
https://github.com/plone/volto/releases/tag/18.0
https://github.com/plone/volto/releases/download/18.0/volto.tgz
https://github.com/plone/volto/archive/refs/heads/main.zip
https://github.com/plone/volto/tarball/master
https://github.com/plone/volto/discussions
https://github.com/plone/volto#readme
https://github.com/plone/volto/#readme
https://github.com/plone/volto?tab=readme-ov-file
https://github.com/plone/volto?tab=readme-ov-file#installation
https://github.com/plone/volto.
https://github.com/plone/volto...
https://github.com/plone/volto.git.
https://github.com/plone/volto,
https://github.com/plone/volto;
https://github.com/plone/volto)
https://github.com/plone/volto:
https://github.com/plone/volto&utm=1
https://github.com/plone%2Fvolto
https://github.com/plone/volto%20
https://github.com\\plone\\volto
https:/github.com/plone/volto
<https://github.com/plone/volto>
"https://github.com/plone/volto"
[Volto](https://github.com/plone/volto)
See https://github.com/plone/volto for more
volto @ git+https://github.com/plone/volto.git@main
https://api.github.com/repos/plone/volto
https://api.github.com/repos/plone/volto/zipball/main
https://codeload.github.com/plone/volto/tar.gz/refs/tags/18.0
https://raw.githubusercontent.com/plone/volto/main/README.md
https://raw.github.com/plone/volto/master/README.md
""".strip().splitlines()


@pytest.mark.parametrize("text", [*GITHUB, "  https://github.com/plone/volto \n"])
def test_every_form_is_the_same_repository(text: str):
    found = parse(text)
    assert isinstance(found, Repository), text
    assert (found.key, found.kind) == (VOLTO, "github")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("https://github.com/collective/.github", "github.com/collective/.github"),
        ("https://github.com/zopefoundation/Products.GenericSetup", None),
        ("https://github.com/plone/plone.app.git_", "github.com/plone/plone.app.git_"),
        ("https://github.com/octo_corp/a-b_c.d", "github.com/octo_corp/a-b_c.d"),
        ("git@github.com:2ndquadrant/pglogical.git", None),
        ("git@github.com:123/repo.git", "github.com/123/repo"),
        ("https://github.com/plone/issues", "github.com/plone/issues"),
        ("https://github.com/a/git", "github.com/a/git"),
    ],
)
def test_unusual_names(text: str, key: str | None):
    found = parse(text)
    assert isinstance(found, Repository)
    wanted = key or text.lower().removeprefix("https://").replace("git@github.com:", "github.com/")
    assert found.key == wanted.removesuffix(".git")


@pytest.mark.parametrize(
    ("text", "kind", "key"),
    [
        ("https://gitlab.com/a/b", "gitlab", "gitlab.com/a/b"),
        ("https://gitlab.com/Group/sub/sub2/Name", "gitlab", "gitlab.com/group/sub/sub2/name"),
        ("https://gitlab.com/a/b/c/-/tree/main/docs", "gitlab", "gitlab.com/a/b/c"),
        ("https://gitlab.com/a/b/c/-/issues", "gitlab", "gitlab.com/a/b/c"),
        ("https://gitlab.com/a/b/tree/master", "gitlab", "gitlab.com/a/b"),
        ("https://gitlab.com/a/b/issues", "gitlab", "gitlab.com/a/b"),
        ("https://gitlab.com/a/issues", "gitlab", "gitlab.com/a/issues"),
        ("https://gitlab.com/a/b/blob/master/README.md#x", "gitlab", "gitlab.com/a/b"),
        ("git@gitlab.com:a/b/c.git", "gitlab", "gitlab.com/a/b/c"),
        ("git+https://gitlab.com/a/b/c.git@main#egg=c", "gitlab", "gitlab.com/a/b/c"),
        ("gitlab:a/b/c", "gitlab", "gitlab.com/a/b/c"),
        ("https://codeberg.org/a/b", "codeberg", "codeberg.org/a/b"),
        ("https://codeberg.org/a/b/src/branch/main/x", "codeberg", "codeberg.org/a/b"),
        ("https://codeberg.org/a/b.git", "codeberg", "codeberg.org/a/b"),
        ("ssh://git@codeberg.org/a/b.git", "codeberg", "codeberg.org/a/b"),
        ("https://codeberg.org/api/v1/repos/a/b", "codeberg", "codeberg.org/a/b"),
    ],
)
def test_other_forges(text: str, kind: str, key: str):
    found = parse(text)
    assert isinstance(found, Repository)
    assert (found.kind, found.key) == (kind, key)


@pytest.mark.parametrize(
    "text",
    [
        None,
        7,
        b"https://github.com/a/b",
        "",
        " ",
        "UNKNOWN",
        "n/a",
        "https://example.org/a/b",
        "https://example.org/?u=https://github.com/a/b",
        "https://notgithub.com/a/b",
        "https://github.com.evil.example/a/b",
        "https://evil.example/github.com/a/b",
        "https://plone.github.io/volto",
        "https://gist.github.com/someone/0123456789abcdef",
        "https://docs.github.com/en/rest",
        "https://api.github.com/users/plone",
        "https://github.com/sponsors/plone",
        "https://github.com/orgs/plone/projects/1",
        "https://github.com/apps/dependabot",
        "https://github.com/marketplace/actions/checkout",
        "https://github.com/settings/tokens",
        "https://github.com/features/actions",
        "https://github.com/topics/plone",
        "https://github.com/search?q=plone",
        "https://github.com/Sponsors/plone",
        "https://gitlab.com/groups/a/-/issues",
        "https://gitlab.com/explore/projects",
        "https://gitlab.com/-/snippets/1",
        "https://a.gitlab.io/b",
        "https://codeberg.org/explore/repos",
        "https://codeberg.org/user/login",
        "https://a.codeberg.page/b",
        "https://bitbucket.org/a/b",
        "bitbucket:a/b",
        "mailto:someone@example.org",
        "x" * 5_000,
    ],
)
def test_what_is_no_repository_link(text: object):
    assert parse(text) == NO_REPO_URL


@pytest.mark.parametrize(
    "text",
    [
        "https://github.com",
        "https://github.com/",
        "https://github.com/plone",
        "https://github.com/plone/",
        "https://github.com/plone?tab=repositories",
        "https://github.com/plone/.git",
        "https://github.com/plone/..",
        "https://github.com/pl one/volto",
        "https://github.com/-plone/volto",
        "https://github.com/{owner}/{repo}",
        "https://github.com/<you>/volto",
        "https://github.com/plone.org/volto",
        "https://github.com/plone/völto",
        "https://github.com/$USER/volto",
        "git@github.com:volto.git",
        "https://gitlab.com/a",
        "https://codeberg.org/a",
    ],
)
def test_what_is_meant_as_one_but_cannot_be(text: str):
    assert parse(text) == MALFORMED


@given(st.one_of(st.text(), st.from_regex(r"(git\+)?https?://github\.com[/:@.%]\S*")))
@example("http://[::1")
@example("https://github.com/\ud800/x")
@example("a:" * 1000)
@example("https://github.com/" + "%2F" * 600)
def test_it_never_raises(text: str):
    found = parse(text)
    if isinstance(found, Repository):
        assert parse(found.url) == found
    else:
        assert found in (MALFORMED, NO_REPO_URL)


def test_hosts_of_roots():
    hosts = hosts_of(
        {"github": "https://api.github.com", "gitlab": "https://git.example:8443/api/v4"}
    )
    assert hosts["git.example"] == "gitlab"
    assert HOSTS.items() <= hosts.items()
    found = parse("https://git.example/a/b/c/-/issues", hosts)
    assert isinstance(found, Repository)
    assert (found.kind, found.key) == ("gitlab", "git.example/a/b/c")
    shared = hosts_of({"github": "http://[::1", "gitlab": "http://h/1", "codeberg": "http://h/2"})
    assert shared == HOSTS


def test_the_order_of_a_releases_links():
    release = {
        "repository_url": "repository",
        "project_urls": {
            "Funding": "funding",
            "Homepage": "labelled home",
            "Issue Tracker": "tracker",
            "Source Code": "source",
            "Broken": None,
        },
        "home_page": "home",
        "docs_url": "docs",
        "bugtrack_url": "tracker",
        "download_url": "download",
    }
    assert candidates(release) == [
        *("repository", "source", "tracker", "labelled home", "funding"),
        *("home", "docs", "download"),
    ]


@given(st.dictionaries(st.sampled_from(["project_urls", "home_page"]), st.none() | st.text()))
@example({"project_urls": ["https://github.com/a/b"], "home_page": 7})
@example({"project_urls": {7: {}, "Source": ["x"]}})
def test_candidates_take_any_document(release: dict[str, object]):
    assert all(isinstance(text, str) for text in candidates(release))


@pytest.mark.parametrize(
    ("metadata", "url"),
    [
        ({"home_page": "git@github.com:plone/volto.git"}, "https://github.com/plone/volto"),
        ({"home_page": "github.com/plone/volto"}, "https://github.com/plone/volto"),
        (
            {"download_url": "https://github.com/plone/volto/archive/1.zip"},
            "https://github.com/plone/volto",
        ),
        ({"project_urls": {"X": "git+ssh://git@gitlab.com/a/b/c.git"}}, "https://gitlab.com/a/b/c"),
        ({"home_page": "https://plone.org"}, None),
        ({}, None),
    ],
)
def test_the_repository_of_a_document_comes_from_any_link(metadata, url):
    document = build_document("pypi", "x", "1", metadata, {}, None, EMPTY)
    assert document["repository_url"] == url
    assert url_in(metadata) == url


def test_a_packages_repositories_newest_release_first_and_each_once():
    found = of_package(
        [
            {"home_page": "https://github.com/newer/name"},
            {"home_page": "https://plone.org", "download_url": "git@github.com:NEWER/Name.git"},
            {"repository_url": "https://github.com/old/name", "home_page": "https://github.com/x"},
        ]
    )
    assert [each.key for each in found.repositories] == [
        "github.com/newer/name",
        "github.com/old/name",
    ]


def test_a_package_without_a_repository_says_why():
    none = of_package([{"home_page": "https://plone.org"}, {}])
    assert (none.repositories, none.reason, none.urls) == ((), NO_REPO_URL, ("https://plone.org",))
    bad = of_package([{"home_page": "https://plone.org"}, {"docs_url": "https://github.com/plone"}])
    assert bad.reason == MALFORMED
    assert bad.urls == ("https://plone.org", "https://github.com/plone")


def test_thousands_of_links_are_not_kept():
    releases = [{"home_page": f"https://github.com/a/b{number}"} for number in range(1000)]
    assert len(of_package(releases).repositories) == 20
