"""What a run leaves behind: its record, its signs of life, its numbers, what monitors say."""

from __future__ import annotations

import os
import signal
import socket
import urllib.error
import urllib.request
from contextlib import closing
from typing import Any

from pyfcrawl.stores.state import open_state
from tests.crawl.project import Project, counted, kill_group, wait_for
from tests.upstream import Upstream

QUICK = ("RETRY_TIMES=0", "DOWNLOAD_TIMEOUT=5")


def runs(project: Project) -> list[dict[str, Any]]:
    return project.status()["runs"]


def source(project: Project, spider: str = "pypi") -> dict[str, Any]:
    (found,) = [
        each
        for each in project.status()["collections"][0]["sources"]
        if each["spider"] == spider
    ]  # fmt: skip
    return found


def monitors(log: str) -> list[str]:
    return [line.partition("Monitor: ")[2] for line in log.splitlines() if "Monitor: " in line]


def test_a_record_says_who_did_what_and_how_it_ended(up: Upstream, project: Project):
    log = project.crawl("RUN_BY=schedule", profile="plone,django", releases="latest")
    assert monitors(log) == []
    (run,) = runs(project)
    assert (run["spider"], run["profiles"]) == ("pypi", "plone,django")
    assert run["collections"] == "plone,django"
    assert run["arguments"] == {"latest_only": True}
    assert (run["by"], run["reason"], run["error"]) == ("schedule", "finished", "")
    assert (run["errors"], run["monitors"]) == (0, [])
    assert (run["host"], run["pid"] > 1, len(run["id"])) == (socket.gethostname(), True, 12)
    counts = counted(log)
    for name in ("visited", "matched", "written", "requests"):
        assert run["counts"][name] == counts[name]
    found = source(project)
    assert (found["good"], found["overdue"], found["regular"]) == (run["ended"], False, True)
    assert (found["documents"], found["keys"]) == (12, ["pypi/plone"])


def test_a_run_that_failed_says_why(up: Upstream, project: Project):
    project.crawl()
    good = source(project)["good"]
    up.fault(500, path_prefix="/simple/")
    log = project.crawl(*QUICK, status=1)
    (run, _) = runs(project)
    assert run["error"]
    assert run["error"] == log.strip().splitlines()[-1].removeprefix("error: ")
    assert run["reason"] == "error"
    assert monitors(log) == ["EndedClean: it ended with error"]
    assert run["monitors"] == monitors(log)
    assert source(project)["good"] == good
    out = project.scrapy("status", "-t", "plone").stdout
    assert "s ago, not well" in out


def test_one_that_ends_before_it_begins_leaves_a_record_too(up: Upstream, project: Project):
    project.crawl()
    for path in project.data.glob("index.db*"):
        path.unlink()
    (project.data / "index.db").write_bytes(b"no database " * 1000)
    project.crawl(status=1)
    with closing(open_state(f"sqlite:///{project.data / 'state.db'}", readonly=True)) as state:
        (run, _) = state.runs()
    assert "index.db" in run.error
    assert (run.spider, run.collections) == ("pypi", "plone")


def test_names_alone_bring_nobody_in_step(up: Upstream, project: Project):
    project.crawl(names="both_0")
    assert source(project)["good"] == 0


def test_a_killed_run_shows_as_died(up: Upstream, project: Project):
    project.crawl()
    up.registry.touch("both_0")
    up.fault("hang", paths=["/pypi/both-0/json"])
    run = project.start("crawl", "pypi", "-aprofile=plone", "-sHEARTBEAT=0.4")
    wait_for(lambda: runs(project)[0]["counts"]["planned"] == 1)
    shown = runs(project)[0]
    assert (shown["reason"], shown["pid"]) == ("running", run.pid)
    kill_group(run)
    wait_for(lambda: runs(project)[0]["reason"] == "died")
    out = project.scrapy("status", "-p", "plone").stdout
    assert f"process {run.pid} on {socket.gethostname()}, last seen" in out
    assert "died" in out
    up.clear_faults()
    project.crawl()
    assert [each["reason"] for each in runs(project)] == ["finished", "died", "finished"]


def test_a_run_that_polls_is_regular_and_not_overdue_while_it_does(up: Upstream, project: Project):
    project.crawl()
    run = project.start("crawl", "rss", "-aprofile=plone", "-apoll=1")
    try:
        wait_for(lambda: any(each["spider"] == "rss" for each in runs(project)))
        assert runs(project)[0]["arguments"] == {"poll": 1}
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=60)
    finally:
        kill_group(run)
    found = source(project, "rss")
    assert (found["regular"], found["good"] > 0, found["reason"]) == (True, True, "shutdown")
    project.environment["OVERDUE_AFTER"] = "rss=1s,pypi=1d"
    wait_for(lambda: source(project, "rss")["overdue"])
    assert not source(project)["overdue"]
    out = project.scrapy("status", "-p", "plone").stdout
    assert "rss OVERDUE: no good run for" in out
    assert "(limit 1 s)" in out


def test_the_numbers_of_a_crawl_while_it_lasts(up: Upstream, project: Project):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}/metrics"

    def exposed() -> str:
        try:
            return urllib.request.urlopen(address, timeout=5).read().decode()
        except urllib.error.URLError:
            return ""

    up.fault("hang", paths=["/pypi/both-0/json"])
    run = project.start(
        "crawl", "pypi", "-aprofile=plone", f"-sMETRICS_PORT={port}", "-sBATCH_SIZE=5"
    )
    try:
        wait_for(lambda: 'pyfcrawl_crawl_written_total{spider="pypi"} 21.0' in exposed())
        assert 'pyfcrawl_crawl_planned{spider="pypi"} 60.0' in exposed()
        log = project.crawl(f"METRICS_PORT={port}", names="both_1")  # the port is taken
        assert len([line for line in log.splitlines() if "METRICS_PORT" in line]) == 1
        assert ("both_1", "0.3") in project.releases()
    finally:
        kill_group(run)


def test_too_many_failures_are_told(up: Upstream, project: Project):
    up.fault(500, paths=[f"/pypi/other-{number}/json" for number in range(4)])
    log = project.crawl(*QUICK)
    told = "FailureRate: 4 of 60 projects failed (MONITOR_FAILURE_RATE=5%)"
    assert monitors(log) == [told]
    assert runs(project)[0]["monitors"] == [told]
    assert monitors(project.crawl("MONITOR_FAILURE_RATE=7", *QUICK, mode="full")) == []


def test_half_of_an_index_missing_is_told(up: Upstream, project: Project):
    project.crawl()
    for number in range(10):
        up.registry.delete(f"Plone.App.Number{number}")
    log = project.crawl(confirm_removals="yes")
    assert monitors(log) == ["NothingHalved: plone has 6 documents, it had 36"]
    assert runs(project)[0]["monitors"] == monitors(log)
    assert monitors(project.crawl()) == []


def test_half_of_an_index_lost_between_runs_is_told(up: Upstream, project: Project):
    project.crawl()
    for path in project.data.glob("index.db*"):
        os.unlink(path)
    assert monitors(project.crawl(names="both_0")) == [
        "NothingHalved: plone has 3 documents, it had 36"
    ]
