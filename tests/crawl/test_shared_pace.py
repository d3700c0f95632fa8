"""Crawls that run at the same time and share a Redis stay within one rate together."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crawl.project import Project, counted, wait_for
from tests.redis_server import RedisPlace
from tests.upstream import Generated, Registry, Request, Upstream

RATE = 40


def two_at_once(up: Upstream, directory: Path, **environment: str) -> list[str]:
    """Two whole crawls, each with an index and a state of its own; their logs."""
    own = [directory / name for name in ("one", "two")]
    projects = [
        Project(data, up.root, STATE_URL=f"sqlite:///{data}.db", **environment) for data in own
    ]
    runs = [each.start("crawl", "pypi", "-a", "profile=plone") for each in projects]
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
        environment = {"PYPI_MAX_RPS": str(RATE), "BATCH_SIZE": batch_size}
        logs = two_at_once(up, tmp_path, **environment, **redis_place.settings())
        assert [counted(log)["visited"] for log in logs] == [120, 120]
        asked = up.log
    assert len(asked) >= 2 * 121
    assert most_within(asked, 2) <= 2 * RATE * 1.15
    # The rate is made use of, not only kept.
    assert len(asked) / (asked[-1].at - asked[0].at) > RATE * 0.6


def test_without_redis_each_has_the_rate_for_itself(tmp_path: Path) -> None:
    """What shows that the test above sees two crawls at the same time."""
    with Upstream(Registry(Generated(200, 20, releases=1))) as up:
        two_at_once(up, tmp_path, PYPI_MAX_RPS=str(RATE))
        assert most_within(up.log, 2) > 2 * RATE * 1.3


def test_what_one_crawl_is_told_to_leave_alone_the_other_does_too(
    tmp_path: Path, redis_place: RedisPlace
) -> None:
    with Upstream(Registry(Generated(200, 20, releases=1))) as up:
        projects = [
            Project(tmp_path / name, up.root, STATE_URL=f"sqlite:///{tmp_path / name}.db",
                    PYPI_MAX_RPS="40", **redis_place.settings())
            for name in ("one", "two")
        ]  # fmt: skip
        runs = [each.start("crawl", "pypi", "-a", "profile=plone") for each in projects]
        wait_for(lambda: up.requests.count("/simple/") == 2 and len(up.requests) > 60)
        up.fault(429, times=1, retry_after=4)
        for run in runs:
            _, log = run.communicate(timeout=120)
            assert run.returncode == 0, log[-2000:]
        asked = up.log
    refused = next(each.at for each in asked if each.status == 429)
    # What was on its way already still arrives.
    meanwhile = [each for each in asked if refused + 1 < each.at < refused + 3.8]
    assert meanwhile == []
    assert len([each for each in asked if each.at > refused + 3.8]) > 100
