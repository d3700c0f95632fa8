"""Jobs under a real scrapyd: good ones run from the egg, others are refused at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.crawl.project import Project
from tests.deploy.scrapyd_server import AUTH, Scrapyd
from tests.upstream import Upstream


def test_a_job_fills_the_index(scrapyd: Scrapyd, up: Upstream) -> None:
    answer = scrapyd.post("schedule", spider="pypi", profile="plone", jobid="good")
    assert answer.get("jobid") == "good", (answer, scrapyd.log)
    scrapyd.wait_until("finished", "good")
    log = scrapyd.job_log("pypi", "good")
    assert "Summary (finished)" in log, log + scrapyd.log
    project = Project(scrapyd.directory / ".pyfcrawl", up.root)
    assert len(project.releases()) == 36
    assert "No module named" not in scrapyd.log


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"profile": "djano"}, ["profile='djano'", "did you mean 'django'"]),
        ({"nonsense": "1"}, ["argument nonsense=1 is not known", "there are profile, mode"]),
        ({"mode": "fast"}, ["mode=fast", "sync, full, refresh"]),
        ({"names": "a\0b"}, ["names=a"]),
        ({"spider": "pypy"}, ["there is no spider 'pypy'", "github, npm, pypi"]),
        ({"spider": "-x"}, ["-x"]),
        ({"setting": "BATCH_SIZE=none"}, ["BATCH_SIZE=none is not a whole number"]),
        ({"spider": "npm", "profile": "flask"}, ["profile=flask", "npm: block"]),
        ({"project": "other"}, ["project 'other' not found"]),
        ({"_version": "7"}, ["version '7' not found"]),
    ],
)
def test_a_job_that_could_only_die_is_refused(
    scrapyd: Scrapyd, fields: dict[str, str], words: list[str]
) -> None:
    answer = scrapyd.post("schedule", **{"spider": "pypi", "jobid": "refused", **fields})
    assert answer["status"] == "error"
    assert [each for each in words if each not in answer["message"]] == []
    assert "\n" not in answer["message"]
    assert not any("refused" in scrapyd.jobs(state) for state in ("pending", "running", "finished"))


def test_what_is_missing_is_said_by_scrapyd_itself(scrapyd: Scrapyd) -> None:
    assert "'spider' parameter is required" in scrapyd.post("schedule")["message"]


def test_other_pages_are_served_while_a_job_is_checked(scrapyd: Scrapyd) -> None:
    with ThreadPoolExecutor() as threads:
        checking = threads.submit(scrapyd.post, "schedule", spider="pypi", profile="djano")
        for _ in range(3):
            assert scrapyd.get("daemonstatus")["status"] == "ok"
        assert not checking.done()
        assert checking.result()["status"] == "error"


def test_a_job_nobody_waits_for_any_more_is_not_taken(scrapyd: Scrapyd) -> None:
    job = {"project": "pyfcrawl", "spider": "pypi", "jobid": "given-up"}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{scrapyd.root}/schedule.json", data=job, auth=AUTH, timeout=0.2)
    # This check began later, so the other one is done with it.
    assert scrapyd.post("schedule", spider="pypi", profile="djano")["status"] == "error"
    time.sleep(2)
    assert not any(
        "given-up" in scrapyd.jobs(state) for state in ("pending", "running", "finished")
    )
    assert "Unhandled" not in scrapyd.log


def slow_job(scrapyd: Scrapyd, up: Upstream, job: str) -> None:
    """A job that is under way, and would be for long."""
    answer = scrapyd.post("schedule", spider="rss", profile="plone", poll="600", jobid=job)
    assert answer["status"] == "ok", answer
    scrapyd.wait_until("running", job)
    end = time.monotonic() + 120
    while "To visit" not in scrapyd.job_log("rss", job):
        assert time.monotonic() < end, scrapyd.job_log("rss", job)
        time.sleep(0.1)


def test_a_cancelled_job_ends_gracefully(scrapyd: Scrapyd, up: Upstream) -> None:
    slow_job(scrapyd, up, "to-cancel")
    assert scrapyd.post("cancel", job="to-cancel")["prevstate"] == "running"
    scrapyd.wait_until("finished", "to-cancel")
    assert "Summary (shutdown)" in scrapyd.job_log("rss", "to-cancel")


def test_nobody_gets_in_without_the_password(scrapyd: Scrapyd) -> None:
    for path in ("", "daemonstatus.json", "schedule.json", "logs/"):
        assert httpx.get(f"{scrapyd.root}/{path}").status_code == 401
    assert "a-secret" not in scrapyd.log


def test_stopping_scrapyd_ends_its_crawls_cleanly(scrapyd: Scrapyd, up: Upstream) -> None:
    slow_job(scrapyd, up, "interrupted")
    (running,) = scrapyd.get("listjobs")["running"]
    assert scrapyd.stop(signal.SIGTERM) == -signal.SIGTERM  # as Twisted ends
    with pytest.raises(ProcessLookupError):
        os.kill(running["pid"], 0)
    assert "Summary (shutdown)" in scrapyd.job_log("rss", "interrupted")
    scrapyd.start()
    assert {"good", "interrupted"} <= set(scrapyd.jobs("finished"))


def test_no_open_door(tmp_path: Path) -> None:
    server = Scrapyd(tmp_path / "open", SCRAPYD_BIND_ADDRESS="0.0.0.0", SCRAPYD_PASSWORD="")
    done = subprocess.run(
        [sys.executable, "-m", "scrapyd"],
        cwd=server.directory,
        env=server.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "error: bind_address=0.0.0.0 lets others run code" in done.stderr
    assert "SCRAPYD_PASSWORD" in done.stderr
    assert "Traceback" not in done.stderr
