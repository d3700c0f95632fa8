"""Workers that something unforeseen befalls end, say so, and leave the run to others."""

from __future__ import annotations

import contextlib

import pytest

from tests.crawl.project import Project, counted, kill_group, wait_for
from tests.crawl.test_shared import CRAWL, logs, pending, shared, whole

#: A spider of the same name, for the same run, with a mistake in how it begins.
BROKEN = """
from pyfcrawl.spiders.pypi import PypiSpider


class Broken(PypiSpider):
    async def _names(self):
        raise KeyError("a mistake")
"""


@pytest.fixture
def broken(tmp_path):
    """A project whose spider breaks, and what makes it so of another."""
    (tmp_path / "broken_spider.py").write_text(BROKEN)
    return {"PYTHONPATH": str(tmp_path)}, ("-s", "SPIDER_MODULES=broken_spider")


@pytest.mark.parametrize("with_redis", [True, False])
def test_an_error_at_the_beginning_ends_the_crawl(tmp_path, up, redis_place, broken, with_redis):
    environment, options = broken
    given = environment | {"LEASE_SECONDS": "60"}
    project = shared(tmp_path, up, redis_place, **given)
    if not with_redis:
        project = Project(tmp_path / "data", up.root, **given)
    ended = project.scrapy(*CRAWL, *options, timeout=60)
    assert ended.returncode == 1, ended.stderr
    assert "KeyError: 'a mistake'" in ended.stderr
    assert "ended at its beginning" in ended.stderr.strip().splitlines()[-1]
    assert project.status()["runs"][0]["error"]
    # Its planning is given up at once, not when that is overdue.
    logs(project.start(*CRAWL), timeout=50)
    assert whole(project, up)


def test_an_address_with_waits_of_its_own_is_good_for_a_crawl(tmp_path, up, redis_place):
    url = f"{redis_place.url}{'&' if '?' in redis_place.url else '?'}wait=10&timeout=3&prefix=other"
    project = shared(tmp_path, up, redis_place, REDIS_URL=url)
    logs(project.start(*CRAWL))
    assert whole(project, up)


def is_planned(place) -> bool:
    """Whether all of the one run there is lies in the queue."""
    with contextlib.closing(place.server.client()) as client:
        return any(client.hexists(key, "planned") for key in place.all_keys() if "}:run" in key)


def spoil(place) -> None:
    """Have one request of a run name what no spider has any more, and one be no request."""
    with contextlib.closing(place.server.client()) as client:
        (bodies,) = (key for key in place.all_keys() if key.endswith(":bodies"))
        older, junk, *_ = sorted(client.hgetall(bodies).items())
        assert "parse_batch" in older[1]
        client.hset(bodies, older[0], older[1].replace("parse_batch", "parse_as_of_old"))
        client.hset(bodies, junk[0], '{"url": "batch://x", "body": {"latin-1": "junk"}}')


def test_a_run_with_requests_nobody_understands_ends(tmp_path, up, redis_place):
    up.configure(latency=2)
    project = shared(tmp_path, up, redis_place, LEASE_ATTEMPTS="2")
    crawl = (*CRAWL[:-1], "BATCH_SIZE=10")
    planner = project.start(*crawl)
    wait_for(lambda: is_planned(redis_place), 60)
    kill_group(planner)
    spoil(redis_place)
    up.configure(latency=0)
    (log,) = logs(project.start(*crawl))
    assert "cursors stay" in log
    assert [key for key in redis_place.all_keys() if "{" in key] == []
    assert len(pending(project)) == 10  # of the one whose projects are still told by it
    (log,) = logs(project.start(*crawl))
    assert counted(log)["visited"] == 60  # no cursor moved past what nobody knows
    assert whole(project, up)
    assert pending(project) == {}


def test_a_rebuild_that_cannot_begin_is_in_nobodys_way(tmp_path, up, redis_place):
    project = shared(tmp_path, up, redis_place, LEASE_SECONDS="60")
    project.crawl("INDEX_URL=sqlite:////proc/none/index.db", recreate="yes", status=1)
    assert [key for key in redis_place.all_keys() if "queue" in key] == []
    project.crawl(recreate="yes")
    assert whole(project, up)
