"""`-a recreate=yes`: a whole new version beside the serving one, which takes over only if clean."""

from __future__ import annotations

from tests.crawl.project import Project
from tests.upstream import Upstream

QUICK = ("RETRY_TIMES=0", "DOWNLOAD_TIMEOUT=5")


def test_a_clean_crawl_takes_over(up: Upstream, project: Project):
    project.crawl()
    up.reset()
    project.crawl(recreate="yes")
    assert len(up.requests) == 1 + 60 + 24  # all anew
    assert project.releases() == up.registry.truth("Framework :: Plone")
    up.reset()
    project.crawl()  # in step at once: the cursor came along
    assert up.requests == ["/simple/"]


def test_one_that_is_not_clean_leaves_the_old_one_serving(up: Upstream, project: Project):
    project.crawl()
    before = project.export()
    up.fault(500, paths=["/pypi/both-0/json"])
    log = project.crawl(*QUICK, recreate="yes", status=1)
    assert "recreate=yes" in log.strip().splitlines()[-1]
    assert project.export() == before
    up.clear_faults()
    up.reset()
    project.crawl()
    assert up.requests == ["/simple/"]


def test_only_a_whole_registry_can_be_recreated(project: Project):
    done = project.scrapy("crawl", "pypi", "-arecreate=yes", "-anames=both_0")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert "names=" in last
