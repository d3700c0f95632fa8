"""Killed at any moment, the next run ends where an undisturbed one would have."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.crawl.project import ROOT, Project, counted, kill_group, wait_for
from tests.upstream import Generated, Registry, Upstream

TIMELESS = ("health_score", "health_score_breakdown", "health_score_last_calculated")


def _sorted(documents: list[dict]) -> list[dict]:
    kept = [{k: v for k, v in each.items() if k not in TIMELESS} for each in documents]
    return sorted(kept, key=lambda each: each["identifier"])


def test_sigkill_at_random_moments(tmp_path: Path):
    with Upstream(Registry(Generated(3000, 150, releases=4))) as up:
        undisturbed = Project(tmp_path / "undisturbed", up.root)
        undisturbed.crawl()
        killed = Project(tmp_path / "killed", up.root)
        chance = random.Random(7)
        for _ in range(6):
            up.reset()
            run = killed.start("crawl", "pypi", "-a", "profile=plone", "-s", "BATCH_SIZE=50")
            asked = chance.randrange(600)
            wait_for(lambda asked=asked: up.counters["requests"] > asked)
            time.sleep(chance.random() / 5)
            assert run.poll() is None, "it ended before it could be killed"
            kill_group(run)
        killed.crawl()
        assert killed.releases() == set(up.registry.truth("Framework :: Plone"))
        assert _sorted(killed.export()) == _sorted(undisturbed.export())
        up.reset()
        killed.crawl()
        assert up.requests == ["/simple/"]


def test_ctrl_c_ends_cleanly_with_everything_done_written(tmp_path: Path):
    with Upstream(Registry(Generated(2000, 200, releases=3)), latency=0.3) as up:
        project = Project(tmp_path / "data", up.root)
        run = project.start("crawl", "pypi", "-a", "profile=plone", "-s", "BATCH_SIZE=50")
        wait_for(lambda: len(up.requests) > 200)
        run.send_signal(signal.SIGINT)
        _, log = run.communicate(timeout=120)
        assert run.returncode in (0, 1)
        assert "Traceback" not in log, log[-3000:]
        counts = counted(log)
        assert 0 < counts["visited"] < 2000
        assert len(project.export()) == counts["written"]
        up.configure(latency=0)
        project.crawl()
        assert project.releases() == set(up.registry.truth("Framework :: Plone"))


def test_a_full_disk_stops_the_crawl_and_loses_nothing(tmp_path: Path):
    with Upstream(Registry(Generated(300, 60, releases=10))) as up:
        project = Project(tmp_path / "data", up.root)
        command = ["-m", "scrapy", "crawl", "pypi", "-a", "profile=plone"]
        limited = f"ulimit -f 600; exec {sys.executable} {' '.join(command)}"
        done = subprocess.run(
            ["bash", "-c", limited],
            cwd=ROOT,
            env=project.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 1, done.stderr[-3000:]
        assert "Traceback" not in done.stderr, done.stderr[-6000:]
        last = done.stderr.strip().splitlines()[-1]
        assert last.startswith("error: ")
        assert str(project.data) in last
        project.crawl()
        assert project.releases() == set(up.registry.truth("Framework :: Plone"))
