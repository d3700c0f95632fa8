"""Two workers while Redis, the index and the registry fail: the benchmark's short form."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter

import pytest

from tests.crawl.project import ROOT


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import faults

    return faults


def test_two_workers_killed_with_everything_failing_lose_nothing(redis_server):
    command = [sys.executable, "benchmarks/faults.py", "--short"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        try:
            out, err = run.communicate(timeout=400)
        except subprocess.TimeoutExpired:
            run.terminate()  # it takes its servers and workers with it
            raise
    assert run.returncode == 0, out + err[-6000:]
    told = dict(re.findall(r"^([a-z ]+): (.+)$", out, re.M))
    assert told["documents lost"] == "0"
    assert told["too many or different"] == "0"
    assert int(told["kills"]) > 0
    assert "before everything had been away" not in err


def test_a_loss_would_be_seen(faults):
    truth = {("a", "1"), ("a", "2"), ("b", "1")}
    right = {f"{name}@{version}": {"name": name, "version": version} for name, version in truth}
    assert faults.compared(truth, right, right) == (0, 0, 0)
    found = {key: dict(each) for key, each in right.items()}
    del found["b@1"]
    found["a@1"]["summary"] = "another"
    found["c@1"] = {"name": "c", "version": "1"}
    assert faults.compared(truth, right, found) == (1, 1, 1)


def test_a_loss_makes_it_fail(faults, capsys):
    sound = faults.Result("embedded", 1.0, 2, 0, Counter({"/pypi/a/json": 2}), 0, 3, 0, 0, 0)
    lossy = faults.Result("embedded", 1.0, 2, 0, Counter({"/pypi/a/json": 1}), 0, 2, 1, 0, 0)
    assert faults.conclude([sound])
    assert not faults.conclude([sound, lossy])
    told = capsys.readouterr().out
    assert "documents lost: 1" in told
    assert "visits a project: 1.500, at most 2" in told
