"""Workers that something unforeseen befalls end, say so, and leave the run to others."""

from __future__ import annotations

import pytest

from tests.crawl.project import Project
from tests.crawl.test_shared import CRAWL, logs, shared, whole

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
