"""Crawls that run at the same time and share a Redis stay within one rate together.

They are for two profiles, so that each is a run of its own: nothing but the source is shared.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.crawl.project import Project, counted, wait_for
from tests.redis_server import RedisPlace
from tests.upstream import Generated, Registry, Request, Upstream

RATE = 40


def start_two(up: Upstream, directory: Path, **environment: str) -> list[subprocess.Popen[str]]:
    """Two whole crawls, each with an index of its own."""
    return [
        Project(directory / profile, up.root, PYPI_MAX_RPS=str(RATE), **environment).start(
            "crawl", "pypi", "-a", f"profile={profile}"
        )
        for profile in ("plone", "django")
    ]


def logs_of(runs: list[subprocess.Popen[str]]) -> list[str]:
    """What they say, when both have ended well."""
    ended = [(run.communicate(timeout=120)[1], run.returncode) for run in runs]
    assert [status for _, status in ended] == [0, 0], ended[0][0][-2000:]
    return [log for log, _ in ended]


def most_within(log: list[Request], seconds: float) -> int:
    """The most arrivals in any window of time."""
    times = [each.at for each in log]
    return max(sum(start <= each < start + seconds for each in times) for start in times)


@pytest.mark.parametrize("batch_size", ["50", "1"])
def test_the_sum_of_two_crawls_stays_within_the_rate(
    tmp_path: Path, redis_place: RedisPlace, batch_size: str
) -> None:
    with Upstream(Registry(Generated(120, 20, releases=1))) as up:
        logs = logs_of(start_two(up, tmp_path, BATCH_SIZE=batch_size, **redis_place.settings()))
        assert [counted(log)["visited"] for log in logs] == [120, 120]
        asked = up.log
    assert len(asked) >= 2 * 121
    assert most_within(asked, 2) <= 2 * RATE * 1.15
    # The rate is made use of, not only kept.
    assert len(asked) / (asked[-1].at - asked[0].at) > RATE * 0.5


def test_without_redis_each_has_the_rate_for_itself(tmp_path: Path) -> None:
    """What shows that the test above sees two crawls at the same time."""
    with Upstream(Registry(Generated(200, 20, releases=1))) as up:
        logs_of(start_two(up, tmp_path))
        assert most_within(up.log, 2) > 2 * RATE * 1.3


def test_what_one_crawl_is_told_to_leave_alone_the_other_does_too(
    tmp_path: Path, redis_place: RedisPlace
) -> None:
    with Upstream(Registry(Generated(200, 20, releases=1))) as up:
        runs = start_two(up, tmp_path, **redis_place.settings())
        wait_for(lambda: up.requests.count("/simple/") == 2 and len(up.requests) > 60)
        up.fault(429, times=1, retry_after=4)
        logs_of(runs)
        asked = up.log
    refused = next(each.at for each in asked if each.status == 429)
    # What was on its way already still arrives.
    assert [each for each in asked if refused + 1 < each.at < refused + 3.8] == []
    assert len([each for each in asked if each.at > refused + 3.8]) > 100
