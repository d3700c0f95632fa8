"""`scrapy status`: before, between and after crawls."""

import json
import time
from dataclasses import replace
from pathlib import Path

from pyfcrawl.core.profiles import load_profiles
from pyfcrawl.stores.runs import ended, sign_of_life
from pyfcrawl.stores.standing import Gap
from pyfcrawl.stores.state import Cursor, Pending, Run
from tests.commands.shell import NOW, PROJECT, Shell, document, error_of


def crawled(shell: Shell, serial: int = 90, newest: int = 100) -> None:
    """As after a run that was stopped at a serial, with seven names pending."""
    shell.fill([document("a", "1.0"), document("a", "1.1"), document("b")])
    with shell.index() as index:
        info = index.collection("plone")
    assert info is not None
    scope = f"{load_profiles(PROJECT / 'profiles.yaml')['plone'].fingerprint()}:{info.generation}"
    pending = {f"name-{n}": Pending(n, f"503 {n}\x1b[31m\nlater", NOW, n) for n in range(1, 8)}
    with shell.state() as state:
        state.advance("pypi/plone", Cursor(serial, scope, "", 640, newest, NOW), pending)
        state.record(Run("pypi", "django", NOW, NOW + 5, "finished", {"visited": 77_777}))
        counts = {"visited": 1234, "written": 567, "matched": 12}
        state.record(Run("pypi", "plone,flask", NOW, NOW + 3700, "shutdown", counts))


def test_before_the_first_crawl(shell: Shell) -> None:
    result = shell("status")
    assert (result.returncode, result.stderr) == (0, "")
    assert "not crawled yet; run: scrapy crawl pypi -a profile=django" in result.stdout
    assert "No runs yet." in result.stdout
    assert not shell.data.exists()


def test_says_how_far_a_profile_is(shell: Shell) -> None:
    crawled(shell)
    out = shell("status", "-p", "plone").stdout
    assert "2 packages, 3 documents" in out
    assert "serial 90, 10 behind 100, as of 2026-11-01 00:00 UTC" in out
    assert "7 names, tried again by the next crawl" in out
    assert "503 5[31m later" in out
    assert "name-6" not in out
    assert "and 2 more: --pending" in out
    (run,) = [line for line in out.splitlines() if line.startswith("2026-11-01 00:00")]
    assert run.split()[2:] == ["pypi", "1h", "01m", "1,234", "567", "0", "0", "shutdown"]
    assert all(len(line) <= 80 for line in out.splitlines())
    assert out.replace("\n", "").isprintable()


def test_all_pending_names_on_request(shell: Shell) -> None:
    crawled(shell)
    out = shell("status", "-p", "plone", "--pending").stdout
    assert "name-7" in out
    assert "--pending" not in out


def test_in_step(shell: Shell) -> None:
    crawled(shell, 100, 100)
    assert "serial 100, in step, as of" in shell("status", "-t", "plone").stdout


def test_a_cursor_kept_for_other_classifiers_is_worth_nothing(shell: Shell, tmp_path: Path) -> None:
    crawled(shell)
    changed = tmp_path / "profiles.yaml"
    changed.write_text("profiles: {plone: {classifiers: ['Framework :: Zope']}}")
    out = shell("status", PROFILES_FILE=str(changed)).stdout
    assert "outdated by an edit or a rebuild: the next crawl visits all" in out


def test_a_cursor_kept_for_a_collection_that_was_dropped_is_worth_nothing(shell: Shell) -> None:
    crawled(shell)
    with shell.index() as index:
        index.drop("plone")
        index.create("plone")
    assert "outdated by an edit or a rebuild" in shell("status", "-p", "plone").stdout


def test_names_asked_for_make_no_cursor(shell: Shell) -> None:
    shell.fill([document("a")])
    assert "no crawl has seen the whole registry" in shell("status").stdout


def test_json_tells_everything(shell: Shell) -> None:
    crawled(shell)
    shell.fill([document("z")], "by-hand")
    shown = json.loads(shell("status", "--json").stdout)
    by_name = {each["collection"]: each for each in shown["collections"]}
    assert set(by_name) >= {"plone", "django", "by-hand"}
    plone = by_name["plone"]
    assert (plone["profile"], plone["documents"], plone["packages"]) == ("plone", 3, 2)
    assert (plone["cursor"]["serial"], plone["cursor_valid"], plone["behind"]) == (90, True, 10)
    assert plone["pending"]["name-3"]["attempts"] == 3
    assert by_name["by-hand"]["profile"] is None
    assert by_name["django"]["crawled"] is False
    assert [run["collections"] for run in shown["runs"]] == ["plone,flask", "django"]


def test_a_gap_in_the_feeds_is_shown_until_it_is_settled(shell: Shell) -> None:
    crawled(shell)
    note = Gap("plone", "updates", NOW, NOW + 600, NOW + 900).note
    other = Gap("django", "packages", NOW, NOW + 600, NOW + 900).note
    with shell.state() as state:
        state.remember("gaps", {"a": note, "b": other, "c": {"strange": True}})
    out = shell("status", "-p", "plone").stdout
    assert "1, closed by the next scrapy crawl pypi" in out
    (row,) = [line for line in out.splitlines() if line.startswith("updates")]
    assert row.split("  ")[-2].strip() == "2026-11-01 00:00 UTC"
    assert row.endswith("2026-11-01 00:10 UTC")
    assert "packages  " not in out
    assert all(len(line) <= 80 for line in out.splitlines())
    (shown,) = json.loads(shell("status", "-p", "plone", "--json").stdout)["collections"]
    assert shown["gaps"] == [note]
    with shell.state() as state:
        state.forget("gaps", ["a"])
    assert "crawl pypi" not in shell("status", "-p", "plone").stdout


def test_a_collection_by_its_alias(shell: Shell) -> None:
    crawled(shell)
    with shell.index() as index:
        index.alias("live", "plone")
    out = shell("status", "-t", "live").stdout
    assert "serial 90" in out
    assert "1,234" in out


def test_unknown_profile_and_collection(filled: Shell) -> None:
    assert "known: plone, django" in error_of(filled("status", "-p", "plonk"))
    assert "there are: plone" in error_of(filled("status", "-t", "plonk"))


def ran(shell: Shell, spider: str, ago: int, **how: object) -> None:
    """As after a run that ended so many seconds ago."""
    now = int(time.time())
    run = Run(spider, "plone", now - ago - 5, now - ago, "finished", {"visited": 3}, id=spider)
    with shell.state() as state:
        ended(
            state, replace(run, **how), {"plone": [f"{spider}/plone"]}, {}, well="error" not in how
        )


def test_says_which_sources_are_overdue(shell: Shell) -> None:
    crawled(shell)
    ran(shell, "pypi", 4 * 3600)
    ran(shell, "npm", 3600)
    ran(shell, "github", 60, error="no token")
    ran(shell, "rss", 7 * 86_400)
    result = shell("status", "-p", "plone")
    assert result.returncode == 0
    assert "pypi OVERDUE: no good run for 4 h (limit 3 h)" in result.stdout
    assert "npm 1 h ago" in result.stdout
    assert "github 1 min ago, not well" in result.stdout
    assert "rss 7 d ago" in result.stdout
    assert "github: no token" in result.stdout
    (shown,) = json.loads(shell("status", "-p", "plone", "--json").stdout)["collections"]
    late = {each["spider"]: each["overdue"] for each in shown["sources"]}
    assert late == {"github": False, "npm": False, "pypi": True, "rss": False}
    assert "OVERDUE" not in shell("status", "-p", "plone", OVERDUE_AFTER="pypi=1d").stdout
    assert "OVERDUE" not in shell("status", "-p", "django").stdout


def test_an_age_that_is_none_is_told(shell: Shell) -> None:
    assert error_of(shell("status", OVERDUE_AFTER="pypi=soon")).startswith("error: OVERDUE_AFTER=")


def test_runs_under_way_and_runs_that_died(shell: Shell) -> None:
    crawled(shell)
    now = int(time.time())
    run = Run("pypi", "plone", now - 100, 0, "", id="a", host="box\x1b[1m", pid=4242)
    with shell.state() as state:
        sign_of_life(state, run, now, every=30)
        sign_of_life(state, replace(run, id="b", started=now - 500), now - 400, every=30)
    out = shell("status", "-p", "plone").stdout
    rows = [line.split()[-1] for line in out.splitlines() if "  pypi  " in line]
    assert rows == ["running", "died", "shutdown"]
    assert "process 4242 on box[1m, last seen" in out
    assert "monitor" not in out


def test_what_went_wrong_is_told_once(shell: Shell) -> None:
    crawled(shell)
    found = ["EndedClean: it ended with an error", "FailureRate: 9 of 9 projects failed"]
    ran(shell, "pypi", 60, error="9 of 9", monitors=found)
    out = shell("status", "-p", "plone").stdout
    assert "pypi: 9 of 9" in out
    assert "monitor FailureRate: 9 of 9 projects failed" in out
    assert "EndedClean" not in out
