"""A registry that answers badly: nothing is lost, nothing is removed, nothing hangs."""

from __future__ import annotations

import pytest

from tests.crawl.conftest import plone_registry
from tests.crawl.project import Project, counted
from tests.upstream import Upstream

QUICK = ("RETRY_TIMES=1", "DOWNLOAD_TIMEOUT=2", "AUTOTHROTTLE_START_DELAY=0")


def test_some_of_everything_is_complete_after_two_runs(up: Upstream, project: Project):
    for seed, kind in enumerate((429, 503, "cut", "junk", "truncated", "reset")):
        up.fault(kind, rate=0.03, seed=seed, path_prefix="/pypi/")
    project.crawl(*QUICK)
    project.crawl(*QUICK)
    up.clear_faults()
    project.crawl(*QUICK)
    assert project.releases() == up.registry.truth("Framework :: Plone")


@pytest.mark.parametrize("kind", ["junk", "truncated", "cut", "reset", 500, 403, "wrong", "loop"])
def test_a_bad_answer_removes_nothing_and_is_tried_again(
    up: Upstream, project: Project, kind: str | int
):
    project.crawl()
    before = project.export()
    for name in ("Plone.App.Number0", "other-1", "both_0"):
        up.registry.touch(name)
    up.fault(kind, path_prefix="/pypi/")
    log = project.crawl(*QUICK, status=1)
    assert "3 of 3" in log
    assert project.export() == before
    assert counted(log)["pending"] == 3
    up.clear_faults()
    up.reset()
    assert counted(project.crawl(*QUICK))["pending"] == 0
    assert len(up.requests) == 1 + 3
    assert project.releases() == up.registry.truth("Framework :: Plone")


def test_a_stale_page_is_pending_until_it_is_fresh(up: Upstream, project: Project):
    project.crawl()
    up.fault("stale", paths=["/pypi/both-0/json"])
    up.registry.release("both_0", "5.0", classifiers=["Framework :: Plone"])
    log = project.crawl()
    assert counted(log)["pending"] == 1
    assert ("both_0", "5.0") not in project.releases()
    assert "stale" in str(project.status())
    up.clear_faults()
    project.crawl()
    assert project.releases() == up.registry.truth("Framework :: Plone")


def test_retry_after_is_heeded(up: Upstream, project: Project):
    up.fault(429, retry_after=2, times=1, path_prefix="/pypi/")
    project.crawl()
    assert project.releases() == up.registry.truth("Framework :: Plone")
    struck = next(each for each in up.log if each.status == 429)
    later = [each.at for each in up.log if each.at > struck.at + 0.3]
    assert min(later) - struck.at >= 1.9


def test_a_release_that_fails_leaves_its_project_pending(up: Upstream, project: Project):
    up.fault(500, paths=["/pypi/both-0/0.1/json"])
    assert counted(project.crawl(*QUICK))["pending"] == 1
    up.clear_faults()
    up.reset()
    project.crawl(*QUICK)
    assert up.requests == ["/simple/", "/pypi/both-0/json", "/pypi/both-0/0.1/json"]
    assert project.releases() == up.registry.truth("Framework :: Plone")


def test_a_body_over_the_limit_is_refused(up: Upstream, project: Project):
    up.fault("huge", paths=["/pypi/both-0/json"], size=3_000_000)
    log = project.crawl("BATCH_MAX_BODY=1000000", *QUICK)
    assert counted(log)["pending"] == 1
    assert "BATCH_MAX_BODY" in log


def test_a_listing_without_projects_is_not_believed(up: Upstream, project: Project):
    project.crawl()
    before = project.export()
    for name in [f"other-{number}" for number in range(48)]:
        up.registry.delete(name)
    for name in {name for name, _ in up.registry.truth("Framework :: Plone")}:
        up.registry.delete(name)
    project.crawl("RETRY_TIMES=0", status=1)
    assert project.export() == before


def test_what_left_the_listing_but_answers_stays(up: Upstream, project: Project):
    project.crawl()
    up.registry.quarantine("both_0", True)
    project.crawl()
    assert {"both_0"} <= {name for name, _ in project.releases()}


def test_the_rate_cap_holds_over_all_requests(up: Upstream, project: Project):
    project.crawl("PYPI_MAX_RPS=40")
    times = sorted(each.at for each in up.log if each.path.startswith("/pypi/"))
    assert len(times) == 84
    assert times[-1] - times[0] >= 83 / 40 * 0.95


def test_a_host_that_only_refuses_is_given_up_and_gone_on_with_later(
    up: Upstream, project: Project
):
    up.fault(503, path_prefix="/pypi/")
    patience = ("HOST_PATIENCE=2", "RETRY_TIMES=50", "AUTOTHROTTLE_MAX_DELAY=0.1")
    log = project.crawl(*patience, status=1)
    assert "HOST_PATIENCE" in log.strip().splitlines()[-1]
    assert counted(log)["visited"] == 0
    up.clear_faults()
    project.crawl()
    assert project.releases() == up.registry.truth("Framework :: Plone")


def test_a_crawl_that_is_closed_does_not_wait_out_a_pause(up: Upstream, project: Project):
    up.fault(429, retry_after=300, path_prefix="/pypi/")
    project.crawl("CLOSESPIDER_TIMEOUT=2")
    up.clear_faults()
    project.crawl()
    assert project.releases() == up.registry.truth("Framework :: Plone")


def test_a_registry_without_serials_is_visited_anew(up: Upstream, project: Project, tmp_path):
    """Each run visits all, says so, and still fetches no release twice."""
    with Upstream(plone_registry(), serials=False, validators=False) as plain:
        mine = Project(tmp_path / "plain", plain.root)
        assert "no serials" in mine.crawl()
        plain.reset()
        assert counted(mine.crawl())["visited"] == 60
        assert len(plain.requests) == 1 + 60
        assert mine.releases() == plain.registry.truth("Framework :: Plone")
