"""Workers share a run over npm, and what only its planner knows reaches all of them."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from tests.crawl.project import Project, counted, kill_group, wait_for
from tests.crawl.test_npm import PROFILES, truth
from tests.crawl.test_shared import logs
from tests.upstream import Registry, Upstream

CRAWL = ("crawl", "npm", "-a", "profile=plone", "-s", "BATCH_SIZE=5")


@pytest.fixture
def up():
    with Upstream(Registry()) as upstream:
        for number in range(120):
            upstream.npm.add(f"volto-{number}", ["1.0.0", "1.1.0"], ["volto"])
            upstream.npm.downloaded(f"volto-{number}", 1, 7, 30)
        yield upstream


@pytest.fixture
def project(up, tmp_path: Path, redis_place) -> Project:
    profiles = tmp_path / "profiles.yaml"
    profiles.write_text(PROFILES)
    settings = redis_place.settings() | {"LEASE_SECONDS": "3", "PROFILES_FILE": str(profiles)}
    return Project(tmp_path / "data", up.root, **settings)


def packuments(up) -> Counter[str]:
    return Counter(each for each in up.requests if each.startswith("/npm/volto-"))


def test_two_workers_share_a_run_over_npm(up, project):
    up.configure(latency=0.5)
    both = [counted(log) for log in logs(project.start(*CRAWL), project.start(*CRAWL))]
    assert sum(each["visited"] for each in both) == 120
    assert all(each["visited"] for each in both)
    assert project.releases() == truth(up)
    assert set(packuments(up).values()) == {1}
    assert {each["download_last_month"] for each in project.export()} == {30}
    up.reset()
    counts = counted(project.crawl(spider="npm"))
    assert (counts["visited"], counts["written"], counts["updated"]) == (120, 0, 0)
    assert all(
        each.status == 304
        for each in up.log
        if "/volto-" in each.path and "search" not in each.path
    )


def test_a_killed_worker_loses_no_package(up, project):
    up.configure(latency=0.1)
    killed, survivor = project.start(*CRAWL), project.start(*CRAWL)
    wait_for(lambda: len(packuments(up)) > 30, 60)
    time.sleep(0.2)
    kill_group(killed)
    logs(survivor)
    assert project.releases() == truth(up)
