"""`scrapy health`: only what changed is written, and Ctrl-C loses nothing."""

import signal
import time

from pyfcrawl.core import health
from pyfcrawl.pipelines.health import changed_health
from tests.commands.shell import DAY, NOW, Shell, document, error_of

STALE = {"health_score": 1, "health_score_breakdown": {}, "health_score_last_calculated": 5}


def scores(shell: Shell) -> list[tuple[int, int]]:
    with shell.index() as index:
        fields = ("health_score", "health_score_last_calculated")
        found = index.iterate("plone", fields)
        return [(each[fields[0]], each[fields[1]]) for each in found]


def stale(name: str, **fields: object) -> dict[str, object]:
    return document(name, uploaded=NOW - 9000 * DAY, **fields) | STALE


def test_changes_what_changed_and_leaves_the_rest(shell: Shell) -> None:
    old = document("old", uploaded=NOW - 9000 * DAY)
    shell.fill([old, stale("stale")])
    before = int(time.time())
    result = shell("health")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "2 documents scored, 1 changed\n"
    kept, (score, calculated) = scores(shell)
    assert kept == (old["health_score"], NOW)
    assert score == old["health_score"]
    assert calculated >= before
    with shell.index() as index:
        whole = index.get("plone", "pkg:pypi/stale@1.0")
        assert whole is not None
        assert whole["health_score_breakdown"] == old["health_score_breakdown"]
        assert whole["summary"] == "All about stale"
    assert shell("health").stdout == "2 documents scored, 0 changed\n"


def test_the_first_documents_only(shell: Shell) -> None:
    shell.fill([stale("a"), stale("b"), stale("c")])
    assert shell("health", "-l", "2").stdout == "2 documents scored, 2 changed\n"
    assert [score for score, _ in scores(shell)][-1] == 1
    assert shell("health", "-l", "0").returncode == 2


def test_a_change_of_reasons_counts_as_well() -> None:
    aged = document("a", uploaded=NOW)
    assert changed_health(aged, NOW + DAY) is None
    patch = changed_health(aged, NOW + 200 * DAY)
    assert patch is not None
    assert patch.target == "pkg:pypi/a@1.0"
    assert patch.fields == health.score(aged, NOW + 200 * DAY)
    reworded = aged | {"health_score_breakdown": {}}
    assert changed_health(reworded, NOW) is not None


def test_a_collection_that_is_not_there_is_not_made(shell: Shell) -> None:
    assert "not crawled yet; run: scrapy crawl pypi" in error_of(shell("health"))
    assert not shell.data.exists()


def test_ctrl_c_keeps_what_is_written(shell: Shell) -> None:
    slow = "<b></b>" * 10_000  # takes its time to find that it says nothing
    one = stale("a", description=slow)
    shell.fill(
        one | {"identifier": f"pkg:pypi/a@{number:04}", "version": f"{number:04}"}
        for number in range(1000)
    )
    running = shell.start("health")
    deadline = time.monotonic() + 120  # only against waiting for ever: a busy machine is slow
    while scores(shell)[0][0] == 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=120)
    changed = sum(calculated > 5 for _, calculated in scores(shell))
    assert (running.returncode, err) == (130, "")
    assert (
        out
        == f"{changed} documents scored, {changed} changed; interrupted, the rest is as before\n"
    )
    assert changed == 500
