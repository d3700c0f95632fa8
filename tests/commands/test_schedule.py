"""`scrapy schedule`: what it shows, refuses, and starts as real processes."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from scrapy.settings import Settings

from pyfcrawl.commands.schedule import Command
from pyfcrawl.stores.state import open_state
from pyfcrawl.timetable.signals import Signals
from tests.commands.shell import PROJECT, Shell, error_of
from tests.crawl.conftest import plone_registry
from tests.crawl.project import Project, kill_group, wait_for
from tests.upstream import Upstream

OFF = {f"SCHEDULE_{name}": "" for name in ("SYNC", "NPM", "REFRESH", "DOWNLOADS", "GITHUB", "FULL")}


@pytest.fixture
def up() -> Iterator[Upstream]:
    with Upstream(plone_registry()) as upstream:
        yield upstream


def test_the_list_shows_every_job_and_its_next_time(shell: Shell) -> None:
    result = shell("schedule", "--list", columns=120)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[2:]] == [
        *("rss", "sync", "npm", "refresh", "downloads", "github", "full")
    ]
    assert "*/1 * * * *" in lines[2]
    assert "pypi profile=plone mode=full" in lines[-1]
    assert result.stdout.count(" UTC") == 7


def test_the_list_as_json(shell: Shell) -> None:
    result = shell("schedule", "--list", "--json", "-p", "plone,django", SCHEDULE_NPM="")
    jobs = {each["job"]: each for each in json.loads(result.stdout)}
    now = time.time()
    assert now - 1 < jobs["rss"]["next"] <= now + 120
    assert jobs["refresh"]["arguments"] == {"profile": "plone,django", "mode": "refresh"}
    assert (jobs["npm"]["crontab"], jobs["npm"]["next"]) == (None, None)
    again = {each["job"]: each for each in json.loads(shell("schedule", "--list", "--json").stdout)}
    assert again["full"]["next"] == jobs["full"]["next"]  # the same jitter


def test_an_empty_line_in_the_environment_turns_a_job_off(shell: Shell) -> None:
    env = {"SCHEDULE_RSS": "", "SCHEDULE_SYNC": " ", "SCHEDULE_PROFILES": "flask"}
    result = shell.process("schedule", "--list", "--json", **env)
    off = {each["job"] for each in json.loads(result.stdout) if each["crontab"] is None}
    assert off == {"rss", "sync", "npm"}  # nothing of Flask's is on npm


@pytest.mark.parametrize(
    ("args", "settings", "words"),
    [
        ((), {"SCHEDULE_RSS": "61 * * * *"}, ["SCHEDULE_RSS='61 * * * *'", "crontab"]),
        ((), {"SCHEDULE_FULL": "monthly"}, ["SCHEDULE_FULL='monthly'"]),
        ((), {"SCHEDULE_PROFILES": "djano"}, ["did you mean 'django'"]),
        ((), {"SCHEDULE_TIMEZONE": "Mars"}, ["SCHEDULE_TIMEZONE='Mars'"]),
        ((), {"SCHEDULE_JITTER": "soon"}, ["SCHEDULE_JITTER=soon"]),
        ((), {"SCRAPYD_URL": "localhost:6800"}, ["SCRAPYD_URL=localhost:6800"]),
        (("--once", "ful"), {}, ["--once ful", "did you mean 'full'", "rss, sync"]),
        (("--once", "npm"), {"SCHEDULE_PROFILES": "flask"}, ["npm: block"]),
        (("--once", "sync"), {"SCRAPYD_URL": "http://127.0.0.1:9"}, ["doesn't answer"]),
    ],
)
def test_what_cannot_be_is_refused(
    shell: Shell, args: tuple[str, ...], settings: dict[str, str], words: list[str]
) -> None:
    error = error_of(shell("schedule", *args, **settings))
    assert [each for each in words if each not in error] == []


def test_no_password_is_shown(shell: Shell) -> None:
    error = error_of(shell("schedule", SCRAPYD_URL="http://me:secret@localhost:6800"))
    assert "SCRAPYD_URL" in error
    assert "secret" not in error


@pytest.mark.parametrize("args", [("word",), ("-t", "plone"), ("--json",)])
def test_wrong_usage(shell: Shell, args: tuple[str, ...]) -> None:
    assert shell("schedule", *args).returncode == 2


def test_once_carries_a_job_out(up: Upstream, tmp_path: Path) -> None:
    project = Project(tmp_path / "data", up.root)
    done = project.scrapy("schedule", "--once", "sync")
    assert done.returncode == 0, done.stderr
    assert "[sync] pyfcrawl" in done.stderr
    assert len(project.releases()) == 36
    assert project.status()["runs"][0]["by"] == "schedule"


def test_once_tells_how_the_crawl_ended(tmp_path: Path) -> None:
    project = Project(tmp_path / "data", "http://127.0.0.1:9", RETRY_TIMES="0")
    done = project.scrapy("schedule", "--once", "sync")
    assert done.returncode == 1
    assert "sync ended with status 1" in done.stderr


class Running:
    """A timetable that polls the feeds as soon as it can, with its log."""

    def __init__(self, data: Path, root: str, **environment: str) -> None:
        self.project = Project(data, root, **OFF, SCHEDULE_JITTER="0", **environment)
        # As if it had been stopped for an hour: the feeds are due at once.
        with closing(open_state(f"sqlite:///{data / 'state.db'}")) as state:
            state.remember("timetable", {f"{socket.gethostname()}/rss": int(time.time()) - 3600})
        self.log = data / "log"
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "scrapy", "schedule"],
                cwd=PROJECT,
                env=self.project.environment,
                stderr=log,
                text=True,
                start_new_session=True,
            )

    def said(self, text: str) -> int:
        return self.log.read_text().count(text)


@pytest.fixture
def running(up: Upstream, tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path / "data", up.root)
    yield running
    if running.process is not None and running.process.poll() is None:
        kill_group(running.process)


def test_sigterm_ends_the_crawls_cleanly_and_then_itself(up: Upstream, running: Running) -> None:
    up.fault("slow", path_prefix="/pypi/", seconds=3)
    running.start()
    wait_for(lambda: running.said("[rss] pyfcrawl") > 0, 60)
    wait_for(lambda: running.said("To visit"), 60)
    assert (running.project.data / "schedule.alive").exists()
    assert running.process is not None
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(60) == 0
    wait_for(lambda: running.said("rss ended with status"))
    assert running.said("Summary (shutdown)") == 1
    assert running.said("Traceback") == 0


def test_a_redis_that_is_away_is_told_of_soon(shell: Shell) -> None:
    began = time.monotonic()
    for args in ((), ("--list",)):
        error = error_of(shell("schedule", *args, STATE_URL="redis://127.0.0.1:9?wait=300"))
        assert "Redis at 127.0.0.1:9 can't be reached" in error
    assert 5 < time.monotonic() - began < 60


def test_a_directory_that_is_gone_ends_no_timetable(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    command = Command()
    command.settings = Settings({"DATA_DIR": str(tmp_path / "data")})
    with Signals() as signals:
        sleep = command._sleeping(signals)
        assert not sleep(0.01)
        shutil.rmtree(tmp_path / "data")
        assert [sleep(0.01), sleep(0.01)] == [False, False]
        (tmp_path / "data").mkdir()
        assert not sleep(0.01)
    assert (tmp_path / "data" / "schedule.alive").exists()
    assert [each.getMessage()[:23] for each in caplog.records] == ["No sign of life is left"]


def test_a_timetable_that_was_killed_starts_no_second_crawl(up: Upstream, running: Running) -> None:
    up.fault("slow", path_prefix="/pypi/", seconds=8)
    running.start()
    wait_for(lambda: running.said("To visit"), 60)
    assert running.process is not None
    running.process.kill()
    running.process.wait()
    # The crawl goes on by itself, and its spider is not free before its end.
    second = running.project.scrapy("schedule", "--once", "rss")
    assert second.returncode == 1
    assert "a crawl of rss is under way" in second.stderr
    wait_for(lambda: running.said("Summary (finished)"), 90)
    wait_for(lambda: running.project.scrapy("schedule", "--once", "rss").returncode == 0, 60)
