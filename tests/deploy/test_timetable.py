"""The timetable in front of a real scrapyd, there, away, and with another password."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pyfcrawl.errors import ScheduleError
from pyfcrawl.stores.state import open_state
from pyfcrawl.timetable.jobs import Job
from pyfcrawl.timetable.scrapyd import ScrapydServer
from tests.crawl.project import Project, wait_for
from tests.deploy.scrapyd_server import AUTH, ROOT, Scrapyd
from tests.upstream import Upstream

#: Polls until it is cancelled.
ENDLESS = Job("rss", "rss", {"profile": "plone", "poll": "600"})


@pytest.fixture
def client(scrapyd: Scrapyd) -> Iterator[ScrapydServer]:
    with closing(ScrapydServer(scrapyd.root, *AUTH, "pyfcrawl")) as client:
        yield client


def cancel(scrapyd: Scrapyd, job: str) -> None:
    scrapyd.wait_until("running", job)
    while job in scrapyd.jobs("running"):
        scrapyd.post("cancel", job=job)
        time.sleep(0.5)


def test_a_job_is_posted_once_and_its_spider_is_busy(
    scrapyd: Scrapyd, client: ScrapydServer
) -> None:
    assert client.start(ENDLESS, "rss-1")
    assert client.start(ENDLESS, "rss-1")  # as after an answer that got lost
    assert not client.start(ENDLESS, "rss-2")
    assert scrapyd.jobs("pending") + scrapyd.jobs("running") == ["rss-1"]
    other = Job("sync", "pypi", {"profile": "plone", "names": "both_0"})
    assert client.start(other, "sync-1")
    cancel(scrapyd, "rss-1")
    assert client.start(ENDLESS, "rss-1")  # that slot is done
    assert client.start(ENDLESS, "rss-2")
    cancel(scrapyd, "rss-2")


def test_a_refused_job_says_why(client: ScrapydServer) -> None:
    with pytest.raises(ScheduleError, match="profile='djano' is unknown; did you mean 'django'"):
        client.start(Job("github", "github", {"profile": "djano"}), "github-1")


@pytest.mark.parametrize(
    ("auth", "project", "words"),
    [
        ((AUTH[0], "wrong"), "pyfcrawl", "SCRAPYD_USERNAME with SCRAPYD_PASSWORD"),
        (("", ""), "pyfcrawl", "SCRAPYD_USERNAME with SCRAPYD_PASSWORD"),
        (AUTH, "elsewhere", "project 'elsewhere' not found; deploy it with"),
    ],
)
def test_what_is_set_wrong_is_said(
    scrapyd: Scrapyd, auth: tuple[str, str], project: str, words: str
) -> None:
    with (
        closing(ScrapydServer(scrapyd.root, *auth, project)) as client,
        pytest.raises(ScheduleError, match=words) as error,
    ):
        client.start(ENDLESS, "rss-3")
    assert "wrong" not in str(error.value)


def test_something_else_at_the_address_is_said(up: Upstream) -> None:
    with (
        closing(ScrapydServer(up.root, "", "", "pyfcrawl")) as client,
        pytest.raises(ScheduleError, match="SCRAPYD_URL="),
    ):
        client.start(ENDLESS, "rss-4")


def test_a_scrapyd_that_is_away_is_waited_for(
    scrapyd: Scrapyd, up: Upstream, tmp_path: Path
) -> None:
    off = {f"SCHEDULE_{name}": "" for name in ("RSS", "NPM", "REFRESH", "DOWNLOADS", "GITHUB")}
    project = Project(
        *(tmp_path / "data", up.root),
        **{**off, "SCHEDULE_FULL": "", "SCHEDULE_JITTER": "0", "SCRAPYD_URL": scrapyd.root},
        **{"SCRAPYD_USERNAME": AUTH[0], "SCRAPYD_PASSWORD": AUTH[1]},
    )
    late = {f"{socket.gethostname()}/sync": int(time.time()) - 7200}
    with closing(open_state(f"sqlite:///{tmp_path / 'data' / 'state.db'}")) as state:
        state.remember("timetable", late)
    scrapyd.stop()
    with (tmp_path / "log").open("w") as log:
        timetable = subprocess.Popen(
            [sys.executable, "-m", "scrapy", "schedule"],
            cwd=ROOT,
            env=project.environment,
            stderr=log,
        )
    try:
        said = lambda: (tmp_path / "log").read_text()  # noqa: E731
        wait_for(lambda: "doesn't answer" in said(), 90)
        time.sleep(12)  # one more try
        scrapyd.start()
        wait_for(lambda: "started" in said(), 90)
        assert said().count("doesn't answer") == 1
        assert AUTH[1] not in said()
        known = {*scrapyd.jobs("pending"), *scrapyd.jobs("running"), *scrapyd.jobs("finished")}
        (job,) = [each for each in known if each.startswith("sync-2")]
        scrapyd.wait_until("finished", job)
        assert "Summary (finished)" in scrapyd.job_log("pypi", job)
    finally:
        timetable.send_signal(signal.SIGTERM)
        assert timetable.wait(90) == 0


def test_once_posts_a_job(scrapyd: Scrapyd, up: Upstream, tmp_path: Path) -> None:
    project = Project(
        *(tmp_path / "data", up.root),
        **{"SCRAPYD_URL": scrapyd.root, "SCRAPYD_USERNAME": AUTH[0], "SCRAPYD_PASSWORD": AUTH[1]},
    )
    done = project.scrapy("schedule", "--once", "sync")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("sync-once-")
    scrapyd.wait_until("finished", done.stdout.strip())
