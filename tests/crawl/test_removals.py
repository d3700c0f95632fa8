"""Whole packages leave at the end of a run, all together or not at all; REMOVE_LIMIT decides."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crawl.project import Project, counted, kill_group, wait_for
from tests.upstream import Registry, Upstream

PREFIX = "Framework :: Plone"
HELD = "its removal waits"


@pytest.fixture
def hundred() -> Iterator[Upstream]:
    """A hundred packages of Plone's, p0 to p99, each with two releases."""
    registry = Registry()
    for number in range(100):
        registry.add(f"p{number}", [PREFIX], versions=["1.0", "1.1"])
    with Upstream(registry) as upstream:
        yield upstream


@pytest.fixture
def project(hundred: Upstream, tmp_path: Path) -> Project:
    """A project that has crawled it."""
    crawled = Project(tmp_path / "data", hundred.root)
    crawled.crawl()
    return crawled


def some(count: int) -> list[str]:
    return [f"p{number}" for number in range(count)]


def delete(up: Upstream, count: int) -> None:
    for name in some(count):
        up.registry.delete(name)


def declassify(up: Upstream, count: int) -> None:
    for name in some(count):
        up.registry.declassify(name)


def answer_404(up: Upstream, count: int) -> None:
    up.registry.touch_many(some(count))
    up.fault(404, paths=[f"/pypi/{name}/json" for name in some(count)])


WAYS = pytest.mark.parametrize("vanish", [delete, declassify, answer_404])


def last(log: str) -> str:
    return log.strip().splitlines()[-1]


def pending(project: Project, collection: str = "plone") -> dict[str, dict]:
    return project.status(collection)["collections"][0]["pending"]


@WAYS
def test_as_many_as_the_limit_leave(hundred: Upstream, project: Project, vanish):
    vanish(hundred, 20)
    log = project.crawl()
    assert len({name for name, _ in project.releases()}) == 80
    counts = counted(log)
    assert (counts["removed"], counts["pending"]) == (40, 0)
    assert "will be tried first next time" not in log
    (run, _) = project.status()["runs"]
    assert (run["counts"]["removed"], run["counts"]["failed"]) == (40, 0)
    hundred.clear_faults()
    hundred.reset()
    counts = counted(project.crawl())
    assert hundred.requests == ["/simple/"]
    assert (counts["written"], counts["updated"], counts["removed"]) == (0, 0, 0)


@WAYS
def test_one_more_and_nothing_leaves_until_it_is_confirmed(
    hundred: Upstream, project: Project, vanish
):
    before = project.export()
    vanish(hundred, 21)
    hundred.registry.release("p99", "2.0")
    log = project.crawl(status=1)
    assert last(log) == (
        "error: 21 of 100 packages of plone would be removed (REMOVE_LIMIT=20%): nothing was; "
        "look at `scrapy status --pending`, and if it is right run "
        "scrapy crawl pypi -a profile=plone -a confirm_removals=yes"
    )
    assert counted(log)["pending"] == 21
    assert counted(log)["removed"] == 0
    known = {each["identifier"] for each in project.export()}
    assert known == {each["identifier"] for each in before} | {"pkg:pypi/p99@2.0"}
    assert set(pending(project)) == set(some(21))
    assert all(HELD in each["reason"] for each in pending(project).values())
    assert last(project.crawl(status=1)) == last(log)  # and again
    assert len(project.releases()) == 201
    counts = counted(project.crawl(confirm_removals="yes"))
    assert (counts["removed"], counts["pending"]) == (42, 0)
    assert {name for name, _ in project.releases()} == {f"p{n}" for n in range(21, 100)}
    hundred.clear_faults()
    hundred.reset()
    project.crawl()
    assert hundred.requests == ["/simple/"]


def test_what_turns_out_to_be_there_stays(hundred: Upstream, project: Project):
    answer_404(hundred, 60)
    project.crawl(status=1)
    hundred.clear_faults()
    hundred.registry.release("p7", "7.0")
    assert counted(project.crawl())["pending"] == 0
    assert project.releases() == hundred.registry.truth(PREFIX)
    hundred.reset()
    project.crawl()
    assert hundred.requests == ["/simple/"]


def test_held_by_one_run_is_not_counted_by_the_next(hundred: Upstream, project: Project):
    answer_404(hundred, 60)
    project.crawl(status=1)
    hundred.clear_faults()
    answer_404(hundred, 15)
    assert counted(project.crawl())["removed"] == 30
    assert {name for name, _ in project.releases()} == {f"p{n}" for n in range(15, 100)}


@pytest.mark.parametrize(("limit", "status", "left"), [(100, 0, 0), (0, 1, 100), (29.5, 1, 100)])
def test_the_limit_is_a_setting(
    hundred: Upstream, project: Project, limit: float, status: int, left: int
):
    count = 100 if left == 0 else 30
    answer_404(hundred, count)
    project.crawl(f"REMOVE_LIMIT={limit}", status=status)
    assert len({name for name, _ in project.releases()}) == left


@pytest.mark.parametrize("limit", ["much", "-1", "101", "nan", "inf"])
def test_a_limit_that_cannot_be(hundred: Upstream, project: Project, limit: str):
    assert last(project.crawl(f"REMOVE_LIMIT={limit}", status=1)).startswith(
        f"error: REMOVE_LIMIT={limit} is not a number"
    )


def test_a_handful_needs_no_confirmation(up: Upstream, tmp_path: Path):
    project = Project(tmp_path / "small", up.root)
    project.crawl()
    for number in range(5):
        up.registry.delete(f"Plone.App.Number{number}")  # of 12
    assert counted(project.crawl())["removed"] == 15
    assert project.releases() == up.registry.truth(PREFIX)
    for number in range(5, 10):
        up.registry.delete(f"Plone.App.Number{number}")
    up.registry.delete("both_0")
    project.crawl(status=1)
    assert len({name for name, _ in project.releases()}) == 7


def test_releases_are_no_packages(hundred: Upstream, project: Project):
    for name in some(60):
        hundred.registry.delete_release(name, "1.1")
    assert counted(project.crawl())["removed"] == 60
    assert project.releases() == hundred.registry.truth(PREFIX)


def test_refresh_and_names_are_bound_by_it_too(hundred: Upstream, project: Project):
    delete(hundred, 30)
    project.crawl(mode="refresh", status=1)
    assert len(project.releases()) == 200
    names = ",".join(some(30))
    project.crawl(names=names, status=1)
    assert len(project.releases()) == 200
    project.crawl(names=names, confirm_removals="yes")
    assert project.releases() == hundred.registry.truth(PREFIX)


def test_a_run_that_does_not_end_by_itself_removes_nothing(hundred: Upstream, project: Project):
    delete(hundred, 10)
    hundred.registry.touch("p50")
    hundred.fault("hang", paths=["/pypi/p50/json"])
    run = project.start("crawl", "pypi", "-aprofile=plone")
    wait_for(lambda: len(pending(project)) == 10)
    run.send_signal(signal.SIGINT)
    _, log = run.communicate(timeout=180)
    assert len(project.releases()) == 200, log
    hundred.clear_faults()
    project.crawl()
    assert project.releases() == hundred.registry.truth(PREFIX)


@pytest.mark.parametrize("count", [10, 30])
def test_killed_before_the_end(hundred: Upstream, project: Project, count: int):
    """Nothing has been removed; the next run finds out again, and decides as this one would."""
    delete(hundred, count)
    hundred.registry.touch("p50")
    hundred.fault("hang", paths=["/pypi/p50/json"])
    run = project.start("crawl", "pypi", "-aprofile=plone")
    wait_for(lambda: len(pending(project)) == count)
    kill_group(run)
    assert len(project.releases()) == 200
    hundred.clear_faults()
    project.crawl(status=int(count > 20))
    assert len(project.releases()) == (200 if count > 20 else 180)
    project.crawl(confirm_removals="yes")
    assert project.releases() == hundred.registry.truth(PREFIX)
    hundred.reset()
    project.crawl()
    assert hundred.requests == ["/simple/"]


def test_profiles_are_judged_one_by_one(hundred: Upstream, tmp_path: Path):
    """Sixty of Zope's hundred lose its classifier, ten of them Plone's as well."""
    for number in range(100):
        hundred.registry.edit(f"p{number}", classifiers=[PREFIX, "Framework :: Zope"])
    profiles = tmp_path / "profiles.yaml"
    profiles.write_text(
        "profiles: {plone: {classifiers: ['Framework :: Plone']},"
        " zope: {classifiers: ['Framework :: Zope']}}"
    )
    project = Project(tmp_path / "two", hundred.root, PROFILES_FILE=str(profiles))
    project.crawl(profile="plone,zope")
    for number in range(60):
        hundred.registry.edit(f"p{number}", classifiers=[PREFIX] if number >= 10 else [])
    log = project.crawl(profile="plone,zope", status=1)
    assert last(log).startswith("error: 60 of 100 packages of zope would be removed")
    assert "profile=zope -a confirm_removals=yes" in last(log)
    assert len(project.releases()) == 180
    assert len(project.releases("zope")) == 200
    assert pending(project) == {}
    assert len(pending(project, "zope")) == 60
    project.crawl(profile="zope", confirm_removals="yes")
    assert project.releases("zope") == hundred.registry.truth("Framework :: Zope")


def test_a_removal_does_not_hide_what_failed(up: Upstream, tmp_path: Path):
    """A package leaves one collection; what another one lacks of it can't be read."""
    project = Project(tmp_path / "data", up.root)
    project.crawl(profile="plone,django")
    up.registry.edit("both_0", classifiers=["Framework :: Django"])
    up.registry.release("both_0", "0.4", classifiers=["Framework :: Django"])
    up.registry.release("both_0", "0.5", classifiers=["Framework :: Django"])
    up.fault(500, paths=["/pypi/both-0/0.4/json"])
    log = project.crawl("RETRY_TIMES=0", profile="plone,django")
    assert counted(log)["removed"] == 3
    assert counted(log)["pending"] == 1
    assert not any(name == "both_0" for name, _ in project.releases())
    assert HELD not in pending(project, "django")["both-0"]["reason"]
    up.clear_faults()
    project.crawl(profile="plone,django")
    assert project.releases("django") == up.registry.truth("Framework :: Django")


def test_what_is_removed_may_come_back_in_a_collection_with_another_name(
    hundred: Upstream, project: Project
):
    answer_404(hundred, 30)
    log = project.crawl(target="mine", mode="full")  # nothing there yet: nothing to remove
    assert "REMOVE_LIMIT" not in log
    hundred.clear_faults()
    project.crawl(target="mine", mode="full")
    answer_404(hundred, 30)
    line = last(project.crawl(target="mine", status=1))
    assert line.endswith("-a profile=plone -a target=mine -a confirm_removals=yes")


# --- other spiders, and rebuilt collections -----------------------------------------------------


def test_rss_is_bound_by_it(hundred: Upstream, project: Project):
    hundred.registry.release_many(some(30), "2.0")
    hundred.fault(404, paths=[f"/pypi/{name}/json" for name in some(30)])
    log = project.crawl(spider="rss", status=1)
    assert "30 of 100 packages of plone" in last(log)
    assert len(project.releases()) == 200
    hundred.clear_faults()
    project.crawl()
    assert project.releases() == hundred.registry.truth(PREFIX)


def test_a_run_that_polls_removes_as_it_goes(hundred: Upstream, project: Project):
    hundred.registry.release_many(some(10), "2.0")
    hundred.fault(404, paths=[f"/pypi/{name}/json" for name in some(10)])
    run = project.start("crawl", "rss", "-aprofile=plone", "-apoll=1")
    try:
        wait_for(lambda: len({name for name, _ in project.releases()}) == 90)
        wait_for(lambda: pending(project) == {})
        more = [f"p{number}" for number in range(10, 25)]  # together too many
        hundred.registry.release_many(more, "2.0")
        hundred.fault(404, paths=[f"/pypi/{name}/json" for name in more])
        wait_for(lambda: set(pending(project)) == set(more))
        run.send_signal(signal.SIGTERM)
        _, log = run.communicate(timeout=180)
    finally:
        kill_group(run)
    assert run.returncode == 1
    assert "25 of 100 packages of plone would be removed" in last(log)
    assert len({name for name, _ in project.releases()}) == 90


def test_npm_is_bound_by_it(tmp_path: Path):
    profiles = tmp_path / "profiles.yaml"
    profiles.write_text(
        "profiles: {plone: {classifiers: ['Framework :: Plone'], npm: {keywords: [plone]}}}"
    )
    with Upstream(Registry()) as up:
        project = Project(tmp_path / "data", up.root, PROFILES_FILE=str(profiles))
        for number in range(30):
            up.npm.add(f"n{number}", ["1.0.0"], ["plone"])
        project.crawl(spider="npm")
        before = project.releases()
        for number in range(7):
            up.npm.delete(f"n{number}")
        line = last(project.crawl(spider="npm", status=1))
        assert line.startswith("error: 7 of 30 packages of plone would be removed")
        assert line.endswith("scrapy crawl npm -a profile=plone -a confirm_removals=yes")
        assert project.releases() == before
        assert counted(project.crawl(spider="npm", confirm_removals="yes"))["removed"] == 7
        assert len(project.releases()) == 23
        assert counted(project.crawl(spider="npm"))["pending"] == 0


def test_a_rebuilt_collection_that_lost_too_much_does_not_serve(
    hundred: Upstream, project: Project
):
    before = project.export()
    declassify(hundred, 21)
    log = project.crawl(recreate="yes", status=1)
    assert last(log) == (
        "error: recreate=yes: 21 of 100 packages of plone would be removed (REMOVE_LIMIT=20%): "
        "what was indexed before goes on serving; if it is right run "
        "scrapy crawl pypi -a profile=plone -a recreate=yes -a confirm_removals=yes"
    )
    assert project.export() == before
    project.crawl(recreate="yes", confirm_removals="yes")
    assert project.releases() == hundred.registry.truth(PREFIX)
    hundred.reset()
    project.crawl()
    assert hundred.requests == ["/simple/"]


def test_a_rebuilt_collection_may_lose_some(hundred: Upstream, project: Project):
    declassify(hundred, 20)
    project.crawl(recreate="yes")
    assert project.releases() == hundred.registry.truth(PREFIX)
