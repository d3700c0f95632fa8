"""What a run says while it goes: a live line on a terminal, log lines elsewhere, one summary."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
from pathlib import Path

from tests.crawl.project import ROOT, Project
from tests.upstream import Generated, Registry, Upstream


def test_a_log_gets_a_line_now_and_then(tmp_path: Path):
    with Upstream(Registry(Generated(600, 10, releases=2)), latency=0.05) as up:
        log = Project(tmp_path, up.root).crawl("PROGRESS_INTERVAL=0.3", "BATCH_SIZE=20")
    lines = [line for line in log.splitlines() if " of 600 projects, " in line]
    assert len(lines) >= 2
    assert "matched" in lines[-1]
    assert "/s" in lines[-1]
    assert log.count("Summary (finished)") == 1
    assert "'description'" not in log  # the story, not the items


def test_workers_of_one_run_each_tell_of_their_share(tmp_path: Path, redis_place):
    with Upstream(Registry(Generated(600, 10, releases=2)), latency=0.1) as up:
        project = Project(tmp_path, up.root, **redis_place.settings(), BATCH_CONCURRENCY="8")
        crawl = ("crawl", "pypi", "-a", "profile=plone", "-s", "BATCH_SIZE=20")
        workers = [project.start(*crawl, "-s", "PROGRESS_INTERVAL=0.3") for _ in range(2)]
        logs = [worker.communicate(timeout=120)[1] for worker in workers]
    for log in logs:
        assert len([line for line in log.splitlines() if "projects by this worker, " in line]) >= 2
        assert "s left" not in log
    assert sum("To visit: 600 projects, by all workers of this run" in log for log in logs) == 1


def test_a_terminal_gets_a_live_line_and_the_log_above_it(tmp_path: Path):
    with Upstream(Registry(Generated(600, 10, releases=2)), latency=0.05) as up:
        project = Project(tmp_path, up.root, COLUMNS="120", TERM="xterm")
        ours, theirs = pty.openpty()
        run = subprocess.Popen(
            [sys.executable, "-m", "scrapy", "crawl", "pypi", "-a", "profile=plone"],
            cwd=ROOT,
            env=project.environment,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        shown = _read_all(ours)
        assert run.wait(120) == 0
    assert "600/600 projects" in shown
    assert "20 documents written" in shown
    assert "Summary (finished)" in shown.split("600/600 projects")[-1]
    assert "Traceback" not in shown


def _read_all(terminal: int) -> str:
    pieces = []
    with contextlib.suppress(OSError):  # how Linux says that the other end was closed
        while piece := os.read(terminal, 65536):
            pieces.append(piece)
    os.close(terminal)
    return b"".join(pieces).decode()
