"""`scrapy crawl npm` against a registry that is known to the last version."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crawl.project import Project, counted, kill_group, wait_for
from tests.upstream import Registry, Upstream

QUICK = ("RETRY_TIMES=1", "DOWNLOAD_TIMEOUT=2", "AUTOTHROTTLE_START_DELAY=0")
TOKEN = "npm_secretSECRETsecret"

PROFILES = """
profiles:
  plone:
    classifiers: ["Framework :: Plone"]
    npm: {keywords: [plone, volto], scopes: ["@plone"]}
  django:
    classifiers: ["Framework :: Django"]
    npm: {keywords: [django]}
  flask:
    classifiers: ["Framework :: Flask"]
"""


@pytest.fixture
def up() -> Iterator[Upstream]:
    """A registry of six packages, five of them Plone's."""
    with Upstream(Registry()) as upstream:
        npm = upstream.npm
        npm.add(
            "@plone/volto", ["16.0.0", "17.0.0-alpha.2", "17.0.0-alpha.10", "17.0.0"], ["react"]
        )
        npm.add("volto-slate", ["1.0.0", "1.1.0"], ["volto", "Slate"])
        npm.add("plone-text", ["0.1.0"], "theme, plone,css")
        npm.add("@other/addon", ["2.0.0"], ["plone"])
        npm.add("both", ["1.0.0"], ["plone", "django"])
        npm.add("alien", ["9.9.9"], ["react"])
        npm.downloaded("volto-slate", 10, 70, 300)
        npm.downloaded("@plone/volto", 1, 7, 30)
        yield upstream


@pytest.fixture
def project(up: Upstream, tmp_path: Path) -> Project:
    """A project that crawls it."""
    profiles = tmp_path / "profiles.yaml"
    profiles.write_text(PROFILES)
    return Project(tmp_path / "data", up.root, PROFILES_FILE=str(profiles))


def crawl(project: Project, *settings: str, **arguments: Any) -> str:
    return project.crawl(*settings, spider="npm", **arguments)


def truth(up: Upstream) -> set[tuple[str, str]]:
    found = up.npm.truth(["plone", "volto"], ["@plone"])
    return {(name, version) for name, version in found}


def document(project: Project, name: str, version: str) -> dict[str, Any]:
    return next(
        each for each in project.export() if (each["name"], each["version"]) == (name, version)
    )


def paths(up: Upstream, prefix: str) -> list[str]:
    return [each for each in up.requests if each.startswith(prefix)]


# --- what is indexed ----------------------------------------------------------------------------


def test_first_run_indexes_every_version_of_every_matching_package(up: Upstream, project: Project):
    counts = counted(crawl(project))
    assert project.releases() == truth(up)
    assert (counts["visited"], counts["matched"], counts["written"]) == (5, 5, 9)
    assert len(paths(up, "/jsdelivr/")) == 9
    assert not any("alien" in each for each in up.requests)


def test_second_run_makes_only_searches_and_conditional_requests(up: Upstream, project: Project):
    crawl(project)
    up.reset()
    counts = counted(crawl(project))
    searches = [each for each in up.log if "/-/v1/search" in each.path]
    others = [each for each in up.log if each not in searches]
    assert len(searches) == 3
    assert len(others) == 5
    assert all(each.status == 304 and each.header("if-none-match") for each in others)
    assert (counts["visited"], counts["written"], counts["updated"]) == (5, 0, 0)


FULL = {
    "description": "A full package",
    "license": {"type": "MIT", "url": "https://example.org"},
    "author": "Ada Lovelace <ada@example.org> (https://ada.example.org)",
    "maintainers": [{"name": "grace", "email": "grace@example.org"}],
    "repository": {"type": "git", "url": "git+ssh://git@github.com/plone/full.git"},
    "bugs": {"url": "https://github.com/plone/full/issues"},
    "dependencies": {"react": "^18.0.0", "lodash": "*"},
}
FULL_DOCUMENT = {
    "identifier": "pkg:npm/%40plone/full@1.0.0",
    "registry": "npm",
    "npm_scope": "@plone",
    "platform": ["node"],
    "summary": "A full package",
    "keywords": ["plone", "cms"],
    "license": "MIT",
    "license_expression": "MIT",
    "author": "Ada Lovelace",
    "author_email": "ada@example.org",
    "maintainer": "grace",
    "maintainer_email": "grace@example.org",
    "home_page": "https://github.com/plone/full",
    "repository_url": "https://github.com/plone/full",
    "bugtrack_url": "https://github.com/plone/full/issues",
    "requires_dist": ["react@^18.0.0", "lodash@*"],
    "requires_python": None,
    "is_latest": True,
    "yanked": True,
    "yanked_reason": "use 2",
    "release_count": 2,
    "title": "@plone/full 1.0.0",
    "version_sortable": "1.0001.0000.0000.5.0000",
    "download_last_day": 3,
    "download_last_week": 20,
    "download_last_month": 100,
    "npm_final_score": None,
    "npm_quality_score": None,
}


def test_fields_are_what_the_packument_says(up: Upstream, project: Project):
    up.npm.add("@plone/full", ["1.0.0", "2.0.0-beta.1"], ["plone", "cms"], **FULL)
    up.npm.deprecate("@plone/full", "1.0.0", "use 2")
    up.npm.downloaded("@plone/full", 3, 20, 100)
    crawl(project)
    found = document(project, "@plone/full", "1.0.0")
    assert {name: found[name] for name in FULL_DOCUMENT} == FULL_DOCUMENT
    assert found["upload_timestamp"] == found["first_upload_timestamp"] > 1_700_000_000
    said = up.npm.packument("@plone/full")
    assert found["urls"][0]["url"] == said["versions"]["1.0.0"]["dist"]["tarball"]
    assert found["project_url"].endswith("/package/@plone/full")
    assert found["release_url"].endswith("/package/@plone/full/v/1.0.0")
    assert found["download_updated"] > 1_700_000_000


def test_what_only_the_packument_itself_says_is_the_latest_versions(up: Upstream, project: Project):
    up.npm.add("volto-hoisted", ["1.0.0", "2.0.0"], None)
    up.npm.set("volto-hoisted", keywords=["volto"], description="All of it", license="MIT")
    up.npm.configure(extra=["volto-hoisted"], tells_keywords=False)
    crawl(project)
    old, new = (document(project, "volto-hoisted", each) for each in ("1.0.0", "2.0.0"))
    assert (new["summary"], new["license"], new["keywords"]) == ("All of it", "MIT", ["volto"])
    assert (old["summary"], old["license"], old["keywords"]) == (None, None, [])


def test_versions_are_in_the_order_of_semver(up: Upstream, project: Project):
    crawl(project)
    volto = [each for each in project.export() if each["name"] == "@plone/volto"]
    volto.sort(key=lambda each: each["version_sortable"])
    versions = [each["version"] for each in volto]
    assert versions == ["17.0.0-alpha.2", "17.0.0-alpha.10", "16.0.0", "17.0.0"]


def test_scores_are_taken_when_the_registry_really_rates(up: Upstream, project: Project):
    up.npm.configure(scores=True)
    crawl(project)
    found = document(project, "volto-slate", "1.1.0")
    assert found["npm_quality_score"] == 0.9
    assert found["npm_popularity_score"] == 0.11
    assert found["npm_maintenance_score"] == 0.3
    assert found["npm_final_score"] == pytest.approx(1.31 / 3)


def test_pypi_and_npm_packages_of_one_name_live_side_by_side(up: Upstream, project: Project):
    up.registry.add("both", ["Framework :: Plone"], versions=["1.0.0", "3.0"])
    crawl(project)
    project.crawl()
    crawl(project, mode="full")
    both = {
        (each["registry"], each["version"]) for each in project.export() if each["name"] == "both"
    }
    assert both == {("npm", "1.0.0"), ("pypi", "1.0.0"), ("pypi", "3.0")}
    up.npm.delete("both")
    crawl(project)
    assert {each["registry"] for each in project.export() if each["name"] == "both"} == {"pypi"}


def test_several_profiles_in_one_pass(up: Upstream, project: Project):
    crawl(project, profile="plone,django")
    assert project.releases() == truth(up)
    assert project.releases("django") == {("both", "1.0.0")}
    assert len(paths(up, "/npm/both")) == 1
    up.reset()
    crawl(project, profile="plone,django")
    assert {each.status for each in up.log if "search" not in each.path} == {304}


# --- READMEs ------------------------------------------------------------------------------------


def test_each_version_has_its_own_readme(up: Upstream, project: Project):
    crawl(project)
    for version in ("1.0.0", "1.1.0"):
        assert f"volto-slate {version}" in document(project, "volto-slate", version)["description"]


def test_readmes_under_unusual_names(up: Upstream, project: Project):
    up.npm.add("@plone/odd", ["1.0.0", "1.1.0", "1.2.0", "1.3.0"], readme=None)
    up.npm.write("@plone/odd", "1.0.0", {"index.js": "", "readme.markdown": "# Small *letters*"})
    up.npm.write("@plone/odd", "1.1.0", {"README.rst": "Rest\n====\n\n``code``", "docs/README": ""})
    up.npm.write("@plone/odd", "1.2.0", {"index.js": ""})
    up.npm.set("@plone/odd", readme="# Of the packument", readmeFilename="README.md")
    crawl(project)
    odd = {each["version"]: each for each in project.export() if each["name"] == "@plone/odd"}
    assert odd["1.0.0"]["title"] == "Small letters"
    assert odd["1.1.0"]["title"] == "Rest"
    assert odd["1.2.0"]["title"] == "Of the packument"
    assert odd["1.3.0"]["title"] == "Of the packument"


@pytest.mark.parametrize("size", [200, 1])
def test_without_jsdelivr_the_readme_of_the_packument_is_everybodys(
    up: Upstream, project: Project, size: int
):
    up.npm.configure(files=False)
    up.npm.set("volto-slate", readme="# Of the packument")
    crawl(project, f"BATCH_SIZE={size}")
    titles = {(each["name"], each["version"]): each["title"] for each in project.export()}
    assert titles.keys() == truth(up)
    assert {name for name, title in titles.items() if title} == {
        ("volto-slate", "1.0.0"),
        ("volto-slate", "1.1.0"),
    }


@pytest.mark.parametrize("mount", ["/jsdelivr/", "/jsdelivr-data/"])
def test_a_version_that_is_refused_goes_without(up: Upstream, project: Project, mount: str):
    if mount == "/jsdelivr-data/":
        up.npm.write("volto-slate", "1.1.0", {"readme.md": "# lower"})
    up.npm.set("volto-slate", readme="# Of the packument")
    up.fault(403, path_prefix=f"{mount}npm/volto-slate@1.1.0")
    up.fault(403, path_prefix=f"{mount}v1/packages/npm/volto-slate@1.1.0")
    crawl(project, *QUICK)
    assert project.releases() == truth(up)
    assert document(project, "volto-slate", "1.1.0")["title"] == "Of the packument"


def test_a_readme_that_fails_leaves_its_package_pending(up: Upstream, project: Project):
    up.fault(503, path_prefix="/jsdelivr/npm/volto-slate@1.0.0/")
    assert counted(crawl(project, *QUICK))["pending"] == 1
    assert project.releases() == truth(up) - {("volto-slate", "1.0.0")}
    up.clear_faults()
    up.reset()
    assert counted(crawl(project, *QUICK))["pending"] == 0
    assert project.releases() == truth(up)
    assert paths(up, "/jsdelivr/") == ["/jsdelivr/npm/volto-slate@1.0.0/README.md"]


# --- staying in step ----------------------------------------------------------------------------


def test_a_new_version_costs_its_packument_and_its_readme(up: Upstream, project: Project):
    crawl(project)
    before = document(project, "volto-slate", "1.0.0")
    up.npm.publish("volto-slate", "1.2.0", keywords=["volto"])
    up.reset()
    counts = counted(crawl(project))
    assert project.releases() == truth(up)
    assert counts["written"] == 1
    assert paths(up, "/jsdelivr") == ["/jsdelivr/npm/volto-slate@1.2.0/README.md"]
    assert [each.path for each in up.log if each.status == 200 and "search" not in each.path] == [
        "/npm/volto-slate",
        "/jsdelivr/npm/volto-slate@1.2.0/README.md",
    ]
    new, old = (document(project, "volto-slate", each) for each in ("1.2.0", "1.1.0"))
    assert (new["is_latest"], old["is_latest"], old["release_count"]) == (True, False, 3)
    assert new["download_last_month"] == before["download_last_month"] == 300


def test_deprecation_and_tags_follow_without_readmes(up: Upstream, project: Project):
    crawl(project)
    up.npm.tag("volto-slate", "1.0.0")
    up.npm.deprecate("volto-slate", "1.1.0", "broken")
    up.npm.unpublish("@plone/volto", "17.0.0-alpha.2")
    up.reset()
    crawl(project)
    assert paths(up, "/jsdelivr") == []
    assert project.releases() == truth(up)
    old, new = (document(project, "volto-slate", each) for each in ("1.0.0", "1.1.0"))
    assert (old["is_latest"], old["yanked"]) == (True, False)
    assert (new["is_latest"], new["yanked"], new["yanked_reason"]) == (False, True, "broken")
    assert document(project, "@plone/volto", "17.0.0")["release_count"] == 3


def test_the_same_time_of_change_is_no_change(up: Upstream, project: Project):
    crawl(project)
    up.npm.set("volto-slate", _rev="2-x")
    up.reset()
    counts = counted(crawl(project))
    assert [each.status for each in up.log if each.path == "/npm/volto-slate"] == [200]
    assert (counts["written"], counts["updated"]) == (0, 0)
    up.reset()
    crawl(project)
    assert [each.status for each in up.log if each.path == "/npm/volto-slate"] == [304]


def test_another_etag_counts_whatever_the_time_of_change_says(up: Upstream, project: Project):
    crawl(project)
    versions = up.npm.packument("volto-slate")["versions"]
    versions["1.0.0"]["deprecated"] = "use 1.1"
    up.npm.set("volto-slate", versions=versions)
    crawl(project)
    assert document(project, "volto-slate", "1.0.0")["yanked_reason"] == "use 1.1"


def test_a_registry_without_etags_writes_nothing_twice_either(up: Upstream, project: Project):
    up.npm.configure(validators=False)
    crawl(project)
    up.reset()
    counts = counted(crawl(project))
    assert (counts["written"], counts["updated"]) == (0, 0)
    assert paths(up, "/jsdelivr") == paths(up, "/npm-downloads") == []


def test_what_no_longer_belongs_is_removed(up: Upstream, project: Project):
    crawl(project)
    up.npm.delete("plone-text")
    up.npm.unpublish("both")
    up.npm.publish("volto-slate", "2.0.0", keywords=["slate"])
    counts = counted(crawl(project))
    assert {name for name, _ in project.releases()} == {"@plone/volto", "@other/addon"}
    assert counts["removed"] == 1 + 1 + 2
    up.npm.publish("volto-slate", "2.0.1", keywords=["Plone"])
    crawl(project)
    assert ("volto-slate", "2.0.1") not in project.releases()  # not found by the search
    crawl(project, names="volto-slate")
    assert len([name for name, _ in project.releases() if name == "volto-slate"]) == 4


def test_a_gap_in_the_search_removes_nothing(up: Upstream, project: Project):
    crawl(project)
    before = project.releases()
    for name in ("@plone/volto", "volto-slate", "plone-text", "@other/addon", "both"):
        up.npm.hide(name)
    up.npm.publish("volto-slate", "1.2.0", keywords=["volto"])
    crawl(project)
    assert project.releases() == before | {("volto-slate", "1.2.0")}


def test_a_lost_index_is_filled_again(up: Upstream, project: Project):
    crawl(project)
    for path in project.data.glob("index.db*"):
        path.unlink()
    crawl(project)
    assert project.releases() == truth(up)


def test_an_edited_profile_asks_again(up: Upstream, project: Project, tmp_path: Path):
    crawl(project)
    profiles = tmp_path / "profiles.yaml"
    profiles.write_text(PROFILES.replace("keywords: [plone, volto]", "keywords: [volto]"))
    crawl(project)
    assert {name for name, _ in project.releases()} == {"@plone/volto", "volto-slate"}


@pytest.mark.parametrize("mode", ["full", "refresh"])
def test_modes_that_trust_no_validator(up: Upstream, project: Project, mode: str):
    crawl(project)
    up.npm.add("plone-new", ["1.0.0"])
    up.reset()
    counts = counted(crawl(project, mode=mode))
    assert not any(each.status == 304 for each in up.log)
    assert (("plone-new", "1.0.0") in project.releases()) is (mode == "full")
    assert bool(paths(up, "/npm/-/v1/search")) is (mode == "full")
    assert counts["written"] == (mode == "full")


def test_a_page_with_every_package_twice_and_deep_pages_that_repeat(up: Upstream, project: Project):
    up.npm.add_many("plone-many-", 600, keywords=["plone", "volto"])
    up.npm.configure(deep=500, extra=["alien"])
    crawl(project, "BATCH_SIZE=1000")
    searches = [each.path for each in up.log if "text=keywords%3Aplone" in each.path]
    assert [each.partition("from=")[2] for each in searches] == ["0", "250", "500"]
    visited = [each for each in up.requests if each.startswith("/npm/plone-many")]
    assert len(visited) == len(set(visited)) >= 496
    assert not any("alien" in each for each in up.requests)


def test_limit_goes_on_with_what_is_new(up: Upstream, project: Project):
    assert counted(crawl(project, limit=3))["visited"] == 3
    assert len({name for name, _ in project.releases()}) == 3
    crawl(project, limit=2)
    assert project.releases() == truth(up)


def test_match_and_names(up: Upstream, project: Project):
    crawl(project, match="VOLTO")
    assert {name for name, _ in project.releases()} == {"@plone/volto", "volto-slate"}
    up.reset()
    crawl(project, names="both,alien,missing")
    assert sorted(paths(up, "/npm/")) == ["/npm/alien", "/npm/both", "/npm/missing"]
    assert {name for name, _ in project.releases()} == {"@plone/volto", "volto-slate", "both"}


def test_batches_turned_off(up: Upstream, project: Project):
    crawl(project, "BATCH_SIZE=1")
    assert project.releases() == truth(up)
    up.reset()
    crawl(project, "BATCH_SIZE=1")
    assert [each.status for each in up.log if "search" not in each.path] == [304] * 5


def test_only_the_packument_decides_when_the_search_tells_no_keywords(
    up: Upstream, project: Project
):
    up.npm.configure(tells_keywords=False, extra=["alien"])
    crawl(project)
    assert project.releases() == truth(up)
    up.reset()
    crawl(project)
    assert [each.status for each in up.log if each.path == "/npm/alien"] == [304]


# --- what goes wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["junk", "truncated", "cut", "reset", 500, 403, 429, "loop"])
def test_a_bad_answer_removes_nothing_and_is_tried_again(
    up: Upstream, project: Project, kind: str | int
):
    crawl(project)
    before = project.export()
    up.npm.publish("volto-slate", "3.0.0", keywords=["volto"])
    up.fault(kind, paths=["/npm/volto-slate"])
    assert counted(crawl(project, *QUICK))["pending"] == 1
    assert project.export() == before
    up.clear_faults()
    assert counted(crawl(project, *QUICK))["pending"] == 0
    assert project.releases() == truth(up)


@pytest.mark.parametrize("seen", [1, 20, 60])
def test_a_killed_run_is_made_good_by_the_next(up: Upstream, project: Project, seen: int):
    up.npm.add_many("plone-many-", 20, versions=["1.0.0", "1.1.0", "2.0.0"])
    up.configure(latency=0.05)
    running = project.start("crawl", "npm", "-aprofile=plone", "-sBATCH_SIZE=5")
    wait_for(lambda: len(paths(up, "/jsdelivr/")) >= seen)
    kill_group(running)
    up.configure(latency=0)
    crawl(project)
    assert project.releases() == truth(up)
    up.reset()
    assert counted(crawl(project))["written"] == 0
    assert {each.status for each in up.log if "search" not in each.path} == {304}


@pytest.mark.parametrize("kind", ["junk", 503, 404])
def test_a_search_that_fails_is_told_and_removes_nothing(
    up: Upstream, project: Project, kind: str | int
):
    crawl(project)
    before = project.releases()
    up.fault(kind, path_prefix="/npm/-/v1/search?text=keywords%3Avolto")
    up.npm.publish("volto-slate", "1.2.0", keywords=["volto"])
    log = crawl(project, *QUICK, status=1)
    assert "keywords:volto" in log
    assert project.releases() == before | {("volto-slate", "1.2.0")}
    up.clear_faults()
    up.fault(kind, path_prefix="/npm/")
    log = crawl(project, *QUICK, status=1)
    assert "NPM_ROOT" in log
    assert project.releases() == before | {("volto-slate", "1.2.0")}


@pytest.mark.parametrize("kind", ["junk", 503, 429, "hang"])
def test_download_counts_that_fail_fail_no_package(up: Upstream, project: Project, kind: str | int):
    up.fault(kind, path_prefix="/npm-downloads/")
    log = crawl(project, *QUICK, "DOWNLOAD_TIMEOUT=3")
    assert counted(log)["pending"] == 0
    assert "download counts are left for the next run" in log
    assert len(paths(up, "/npm-downloads/")) <= 3
    assert document(project, "volto-slate", "1.0.0")["download_updated"] is None
    up.clear_faults()
    up.reset()
    crawl(project)
    assert {each.status for each in up.log if each.path.startswith("/npm/v")} == {304}
    assert document(project, "volto-slate", "1.0.0")["download_last_week"] == 70


def test_no_numbers_are_not_zero(up: Upstream, project: Project):
    up.npm.downloaded("both", 0, 0, 0)
    crawl(project)
    none, zero = (document(project, each, "1.0.0") for each in ("volto-slate", "both"))
    assert (none["download_last_day"], zero["download_last_day"]) == (10, 0)
    unknown = [document(project, "plone-text", "0.1.0"), document(project, "@other/addon", "2.0.0")]
    assert [each["download_last_month"] for each in unknown] == [None, None]
    assert all(each["download_updated"] for each in unknown)
    asked = paths(up, "/npm-downloads/")
    assert len(asked) == 3 * (1 + 2)
    assert all(each.count("@") <= 1 and ("@" not in each or "," not in each) for each in asked)


def test_the_token_goes_to_the_registry_alone_and_is_told_nowhere(
    up: Upstream, project: Project, tmp_path: Path
):
    project.environment["NPM_AUTH_TOKEN"] = TOKEN
    up.npm.add("@plone/odd", ["1.0.0"], readme=None)
    up.fault(503, first=1, path_prefix="/npm/volto-slate")
    up.fault(503, first=1, path_prefix="/jsdelivr/npm/volto-slate")
    log = crawl(project, "LOG_LEVEL=DEBUG", "RETRY_TIMES=2", f"JOBDIR={tmp_path / 'job'}")
    for each in up.log:
        sent = each.header("authorization")
        assert sent == (f"Bearer {TOKEN}" if each.path.startswith("/npm/") else None), each.path
    assert TOKEN not in log
    assert TOKEN not in str(project.export())
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if TOKEN.encode() in path.read_bytes()]


# --- arguments ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"profile": "flask"}, "profile=flask has neither keywords nor scopes"),
        ({"names": "../x"}, "names=../x"),
        ({"mode": "fast"}, "mode=fast"),
        ({"limit": "0"}, "limit=0"),
        ({"recreate": "yes"}, "recreate=yes is not known"),
    ],
)
def test_bad_arguments_are_one_clear_line(
    up: Upstream, project: Project, arguments: dict[str, str], told: str
):
    log = crawl(project, status=1, **arguments)
    assert told in log.strip().splitlines()[-1]
    assert up.requests == []


def test_a_profile_without_npm_beside_one_with(up: Upstream, project: Project):
    crawl(project, profile="flask,plone")
    assert project.releases() == truth(up)
