"""Spider arguments and settings, right and wrong, through the real command."""

from __future__ import annotations

import json

import pytest

from tests.crawl.project import Project, counted
from tests.upstream import Upstream


def test_names_visits_just_these(up: Upstream, project: Project):
    log = project.crawl(names="plone_app.Number1,OTHER-1,nowhere")
    assert {name for name, _ in project.releases()} == {"Plone.App.Number1"}
    assert counted(log)["visited"] == 3
    assert not any(path == "/simple/" for path in up.requests)


def test_names_leaves_the_cursor_where_it_was(up: Upstream, project: Project):
    project.crawl(names="both_0")
    project.crawl()
    assert project.releases() == up.registry.truth("Framework :: Plone")


def test_filter_no_takes_what_is_named(up: Upstream, project: Project):
    project.crawl(names="other-1", filter="no")
    assert project.releases() == {("other-1", "1.0")}


def test_releases_latest_then_all(up: Upstream, project: Project):
    project.crawl(releases="latest")
    documents = project.export()
    assert len(documents) == 12
    assert all(each["is_latest"] for each in documents)
    project.crawl()
    assert project.releases() == up.registry.truth("Framework :: Plone")


def test_limit_goes_on_where_it_stopped(up: Upstream, project: Project):
    for _ in range(4):
        assert counted(project.crawl(limit=17))["visited"] <= 17
    assert project.releases() == up.registry.truth("Framework :: Plone")
    up.reset()
    assert counted(project.crawl(limit=17))["visited"] == 0


def test_match_keeps_to_names_with_that_text(up: Upstream, project: Project):
    project.crawl(match="App.number")
    assert {name for name, _ in project.releases()} == {f"Plone.App.Number{n}" for n in range(10)}
    project.crawl()
    assert project.releases() == up.registry.truth("Framework :: Plone")


def test_classifiers_with_a_target_need_no_profile(up: Upstream, project: Project):
    classifiers = "Framework :: Django,Framework :: Zope"
    project.crawl(profile=None, classifiers=classifiers, target="web")
    assert {name for name, _ in project.releases("web")} == {"both_0", "both_1"}


def test_quickstart_names_come_from_the_profile(up: Upstream, project: Project, tmp_path):
    profiles = tmp_path / "mine.yaml"
    profiles.write_text(
        "profiles: {plone: {classifiers: ['Framework :: Plone'], quickstart: [both_1, other-2]}}"
    )
    project.environment["PROFILES_FILE"] = str(profiles)
    project.crawl(quickstart="yes", releases="latest")
    assert project.releases() == {("both_1", "0.3")}


def test_feed_export_writes_a_line_a_release(up: Upstream, project: Project, tmp_path):
    feed = tmp_path / "plone.jsonl"
    done = project.scrapy("crawl", "pypi", "-a", "profile=plone", "-o", str(feed))
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in feed.read_text().splitlines()]
    assert {(each["name"], each["version"]) for each in lines} == up.registry.truth(
        "Framework :: Plone"
    )
    assert all(each["identifier"] and "health_score" in each for each in lines)


@pytest.mark.parametrize("size", [1, 7])
def test_batch_size_changes_nothing_but_speed(up: Upstream, project: Project, size: int):
    project.crawl(f"BATCH_SIZE={size}")
    assert project.releases() == up.registry.truth("Framework :: Plone")
    up.reset()
    project.crawl(f"BATCH_SIZE={size}")
    assert up.requests == ["/simple/"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["-aprofile=plome"], ["plome", "plone"]),
        (["-amode=fast"], ["mode=fast", "sync"]),
        (["-alimit=many"], ["limit=many"]),
        (["-aprofil=plone"], ["profil=plone", "profile"]),
        (["-aclassifiers=Framework :: Plone"], ["classifiers=", "target"]),
        (["-atarget=a/b"], ["a/b"]),
        (["-anames=foo bar"], ["foo bar"]),
        (["-sBATCH_SIZE=x"], ["BATCH_SIZE=x"]),
        (["-sPYPI_ROOT=ftp://pypi.example"], ["PYPI_ROOT=ftp://pypi.example"]),
        (["-sPROFILES_FILE=/nowhere.yaml"], ["/nowhere.yaml"]),
        (["-sDATA_DIR=/proc/nothing"], ["/proc/nothing"]),
        (["-sPYPI_ROOT=http://127.0.0.1:9", "-sRETRY_TIMES=0"], ["127.0.0.1:9", "PYPI_ROOT"]),
    ],
)
def test_wrong_input_is_one_clear_line(project: Project, given: list[str], says: list[str]):
    done = project.scrapy("crawl", "pypi", *given)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith("error: ")
    for word in says:
        assert word in line


def test_wrong_listing_moves_nothing(up: Upstream, project: Project):
    project.crawl()
    before = project.export()
    for kind in ("junk", "truncated", "cut"):
        up.registry.touch("other-1")  # or the answer would be 304
        up.fault(kind, path_prefix="/simple/")
        project.crawl("RETRY_TIMES=1", status=1)
        up.clear_faults()
    assert project.export() == before
    up.registry.release("both_0", "7.0", classifiers=["Framework :: Plone"])
    project.crawl()
    assert project.releases() == up.registry.truth("Framework :: Plone")


def test_arguments_can_be_checked_without_a_crawl(up: Upstream, project: Project) -> None:
    fine = project.scrapy("crawl", "pypi", "-a", "profile=plone", "--check")
    assert fine.returncode == 0
    assert "Spider opened" not in fine.stderr
    bad = project.scrapy("crawl", "pypi", "-a", "profile=djano", "--check")
    assert bad.returncode == 1
    assert "did you mean 'django'" in bad.stderr
    assert up.requests == []
    assert not project.data.exists()
