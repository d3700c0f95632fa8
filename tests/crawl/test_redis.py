"""Crawls whose state is in Redis: in step, away, refused; no password in what they say."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crawl.project import Project, counted, wait_for
from tests.redis_server import RedisPlace, RedisServer, free_port
from tests.upstream import Generated, Registry, Upstream


def test_a_machine_goes_on_where_another_stopped(
    up: Upstream, tmp_path: Path, redis_place: RedisPlace
) -> None:
    project = Project(tmp_path / "data", up.root, **redis_place.settings())
    log = project.crawl()
    assert counted(log)["written"] == 36
    assert not (project.data / "state.db").exists()
    up.reset()
    again = Project(tmp_path / "data", up.root, **redis_place.settings())
    again.crawl()
    assert up.requests == ["/simple/"]
    status = again.status()
    assert status["collections"][0]["behind"] == 0
    assert [run["reason"] for run in status["runs"]] == ["finished", "finished"]
    assert all("s3cret" not in key for key in redis_place.all_keys())


@pytest.mark.parametrize(
    "command", [("crawl", "pypi"), ("crawl", "rss"), ("crawl", "npm"), ("status",)]
)
def test_a_redis_that_is_away_at_the_start_is_one_line(
    up: Upstream, tmp_path: Path, command: tuple[str, ...]
) -> None:
    url = f"redis://:s3cret@127.0.0.1:{free_port()}/0"
    project = Project(tmp_path / "data", up.root, REDIS_URL=url)
    done = project.scrapy(*command)
    assert done.returncode == 1
    assert "can't be reached" in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert "s3cret" not in done.stderr + done.stdout


def test_a_wrong_password_is_one_line(
    up: Upstream, tmp_path: Path, start_redis: Callable[..., RedisServer]
) -> None:
    server = start_redis(password="right")
    project = Project(tmp_path / "data", up.root, REDIS_URL=server.url_with("s3cret"))
    for command in (("crawl", "pypi"), ("status",), ("crawl", "pypi", "-s", "LOG_LEVEL=DEBUG")):
        done = project.scrapy(*command)
        assert done.returncode == 1
        last = done.stderr.strip().splitlines()[-1]
        assert last.startswith("error: ")
        assert "refuses the password" in last
        assert "Traceback" not in done.stderr
        assert "s3cret" not in done.stderr + done.stdout


def stands_still(up: Upstream) -> bool:
    """Whether nobody asks for anything, for two seconds."""
    before = up.counters["requests"]
    time.sleep(2)
    return up.counters["requests"] == before


def test_a_redis_that_goes_away_during_a_crawl_is_waited_for(
    tmp_path: Path, start_redis: Callable[..., RedisServer]
) -> None:
    """With the state alone there, as for those whose runs aren't shared."""
    server = start_redis(password="s3cret")
    with Upstream(Registry(Generated(4000, 200, releases=2)), latency=0.1) as up:
        project = Project(tmp_path / "data", up.root, STATE_URL=server.url, BATCH_SIZE="50")
        run = project.start("crawl", "pypi", "-a", "profile=plone")
        with server.client() as client:
            wait_for(lambda: client.exists("pyfcrawl:state:cursors"))
        server.kill()
        wait_for(lambda: stands_still(up), 60)
        assert run.poll() is None
        assert server.start()
        _, log = run.communicate(timeout=120)
        assert run.returncode == 0, log[-3000:]
        assert log.count("waiting up to 300 s") == log.count("is back after") == 1
        assert "s3cret" not in log
        assert project.releases() == set(up.registry.truth("Framework :: Plone"))
        up.reset()
        project.crawl()
        assert up.requests == ["/simple/"]
