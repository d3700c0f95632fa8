"""`scrapy crawl rss`: what the feeds name, through the same door as everything else."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest

from pyfcrawl.stores.standing import Gap
from pyfcrawl.stores.state import open_state
from tests.crawl.conftest import PLONE
from tests.crawl.project import Project, counted, kill_group, wait_for
from tests.upstream import Upstream

FEEDS = ["/rss/updates.xml", "/rss/packages.xml"]
QUICK = ("RETRY_TIMES=0", "DOWNLOAD_TIMEOUT=5")
TIMELESS = ("health_score", "health_score_breakdown", "health_score_last_calculated")
PREFIX = "Framework :: Plone"


def rss(project: Project, *settings: str, **arguments) -> str:
    return project.crawl(*settings, spider="rss", **arguments)


def pages(up: Upstream) -> list[str]:
    """The projects whose pages were asked for since the last reset."""
    split = [path.split("/") for path in up.requests]
    return sorted({parts[2] for parts in split if parts[1] == "pypi" and len(parts) == 4})


def sorted_documents(project: Project) -> list[dict]:
    kept = [{k: v for k, v in each.items() if k not in TIMELESS} for each in project.export()]
    return sorted(kept, key=lambda each: each["identifier"])


@contextmanager
def polling(project: Project, *settings: str, every: int = 1):
    """A run that polls, ended by SIGTERM; its log, as far as it is written, by `text()`."""
    log = Path(mkdtemp(dir=project.data.parent)) / "log"
    given = ["-aprofile=plone", f"-apoll={every}", *(f"-s{each}" for each in settings)]
    run = project.start("crawl", "rss", *given, "-s", f"LOG_FILE={log}")
    run.text = lambda: log.read_text() if log.exists() else ""
    try:
        yield run
        run.send_signal(signal.SIGTERM)
        _, rest = run.communicate(timeout=120)
        assert run.returncode == 0, run.text()[-4000:] + rest
        assert "Traceback" not in run.text() + rest, run.text()[-4000:] + rest
        assert "Summary (shutdown)" in run.text()
    finally:
        kill_group(run)


def newer(up: Upstream, name: str = "both_0", version: str = "5.0") -> None:
    up.registry.release(name, version, classifiers=[*PLONE])


# --- what is visited, and what comes of it ----------------------------------------------------


@pytest.mark.parametrize("size", [200, 1])
def test_the_same_documents_as_the_pypi_spider_makes(
    up: Upstream, project: Project, tmp_path: Path, size: int
):
    log = rss(project, f"BATCH_SIZE={size}")
    assert counted(log)["visited"] == 60
    assert counted(log)["matched"] == 12
    other = Project(tmp_path / "other", up.root)
    other.crawl()
    assert sorted_documents(project) == sorted_documents(other)
    assert project.releases() == up.registry.truth(PREFIX)


def test_only_what_the_feeds_name_is_asked_for(up: Upstream, project: Project):
    project.crawl()
    for number in range(100):
        up.registry.release("other-1", f"2.{number}")
    for number in range(37):
        up.registry.add(f"filler-{number}", ["Framework :: Other"])
    newer(up)
    up.registry.add("brand.new", PLONE, versions=["0.1", "0.2"])
    up.reset()
    rss(project)
    assert sorted(path for path in up.requests if "rss" in path) == sorted(FEEDS)
    assert {"both-0", "brand-new", "other-1"} <= set(pages(up))
    assert not [name for name in pages(up) if name.startswith("plone-app")]
    assert project.releases() == up.registry.truth(PREFIX)


def test_no_cursor_moves(up: Upstream, project: Project):
    rss(project)
    assert project.status()["collections"][0]["cursor"] is None
    project.crawl()
    before = project.status()["collections"][0]["cursor"]
    newer(up)
    rss(project)
    assert project.status()["collections"][0]["cursor"] == before
    up.reset()
    project.crawl()
    assert pages(up) == ["both-0"]
    assert project.status()["runs"][1]["spider"] == "rss"


def test_a_declassified_and_a_deleted_project_leave(up: Upstream, project: Project):
    rss(project)
    up.registry.release("both_0", "9.0", classifiers=["Framework :: Other"])
    counts = counted(rss(project))
    assert counts["removed"] == 3
    assert not any(name == "both_0" for name, _ in project.releases())
    newer(up, "both_1")
    up.fault(404, path_prefix="/pypi/both-1/")  # announced, then deleted
    assert counted(rss(project))["removed"] == 3
    assert not any(name == "both_1" for name, _ in project.releases())


def test_several_profiles(up: Upstream, project: Project):
    rss(project, profile="plone,django")
    assert project.releases() == up.registry.truth(PREFIX)
    assert project.releases("django") == up.registry.truth("Framework :: Django")


def test_limit_goes_on_where_it_stopped(up: Upstream, project: Project):
    for _ in range(4):
        assert counted(rss(project, limit=15))["visited"] == 15
    assert counted(rss(project, limit=15))["visited"] == 0
    assert project.releases() == up.registry.truth(PREFIX)


# --- not twice, but not too seldom ------------------------------------------------------------


def test_what_is_done_is_not_visited_again(up: Upstream, project: Project):
    rss(project)
    up.reset()
    assert counted(rss(project))["visited"] == 0
    assert sorted(up.requests) == sorted(FEEDS)
    newer(up)
    up.reset()
    rss(project)
    assert pages(up) == ["both-0"]
    assert project.releases() == up.registry.truth(PREFIX)


def test_marks_wear_off_or_are_off(up: Upstream, project: Project):
    rss(project)
    assert counted(rss(project, "RSS_DEDUP_TTL_UPDATE=0"))["visited"] == 60
    assert counted(rss(project, "RSS_DEDUP_TTL_NEW=0"))["visited"] == 40
    short = ("RSS_DEDUP_TTL_NEW=1", "RSS_DEDUP_TTL_UPDATE=1")
    up.registry.add("late", PLONE)
    assert counted(rss(project, *short))["visited"] == 1
    with closing(sqlite3.connect(project.data / "state.db")) as state:
        rows = "SELECT count(*) FROM memory WHERE kind LIKE 'rss/%' AND key LIKE '%|late%'"
        wait_for(lambda: state.execute(f"{rows} AND until > unixepoch()").fetchone() == (0,))
    assert counted(rss(project))["visited"] == 1


@pytest.mark.parametrize("path", ["/pypi/both-0/json", "/pypi/both-0/0.1/json"])
def test_what_failed_is_not_marked(up: Upstream, project: Project, path: str):
    up.fault(500, paths=[path])
    counts = counted(rss(project, *QUICK))
    assert counts["pending"] == 1
    assert "both-0" in project.status()["collections"][0]["pending"]
    up.clear_faults()
    up.reset()
    assert counted(rss(project))["pending"] == 0
    assert pages(up) == ["both-0"]
    assert project.releases() == up.registry.truth(PREFIX)
    assert counted(rss(project))["visited"] == 0


def test_another_profile_and_a_lost_index_are_not_kept_from_anything(
    up: Upstream, project: Project
):
    rss(project)
    rss(project, profile="django")
    assert project.releases("django") == up.registry.truth("Framework :: Django")
    rss(project, target="second")
    assert project.releases("second") == up.registry.truth(PREFIX)
    for path in project.data.glob("index.db*"):
        path.unlink()
    rss(project)
    assert project.releases() == up.registry.truth(PREFIX)


BROKEN = {
    "written": "CREATE TRIGGER no BEFORE INSERT ON memory BEGIN SELECT RAISE(ABORT, 'no'); END",
    "read": "ALTER TABLE memory RENAME COLUMN value TO other",
}


@pytest.mark.parametrize("how", BROKEN)
def test_marks_that_cannot_be_kept_stop_nothing(up: Upstream, project: Project, how: str):
    rss(project)
    with closing(sqlite3.connect(project.data / "state.db")) as state:
        state.execute("DELETE FROM memory")
        state.execute(BROKEN[how])
        state.commit()
    newer(up)
    log = rss(project)
    assert "WARNING" in log
    assert "rss/update" in log or "can't be told" in log
    assert counted(log)["visited"] == 60
    assert project.releases() == up.registry.truth(PREFIX)


def test_killed_at_any_moment_the_next_run_does_the_rest(up: Upstream, project: Project):
    up.configure(latency=0.3)
    for seen in (5, 30, 70):
        up.reset()
        run = project.start("crawl", "rss", "-a", "profile=plone", "-s", "BATCH_SIZE=10")
        wait_for(lambda seen=seen, run=run: len(up.requests) >= seen or run.poll() is not None)
        kill_group(run)
    up.configure(latency=0)
    rss(project)
    assert project.releases() == up.registry.truth(PREFIX)
    assert counted(rss(project))["visited"] == 0


# --- pages that are not there yet -------------------------------------------------------------


def test_a_page_from_before_the_release_is_not_done(up: Upstream, project: Project):
    rss(project)
    newer(up)
    up.fault("stale", paths=["/pypi/both-0/json"])
    log = rss(project)
    assert "stale: the page has no release 5.0 yet" in log
    assert counted(log)["pending"] == 1
    assert len([path for path in up.requests if path == "/pypi/both-0/json"]) == 2
    up.clear_faults()
    assert counted(rss(project))["pending"] == 0
    assert ("both_0", "5.0") in project.releases()


def test_a_release_that_was_taken_back_holds_up_nothing(up: Upstream, project: Project):
    """The feed is a cached one; what was uploaded after the release tells that the page is not."""
    rss(project)
    newer(up)
    up.registry.freeze_feeds()
    up.registry.delete_release("both_0", "5.0")
    counts = counted(rss(project))
    assert counts["pending"] == 1  # it might as well be a page from before
    up.registry.release("both_0", "6.0", uploaded="2030-01-01T00:00:00Z", classifiers=[*PLONE])
    assert counted(rss(project))["pending"] == 0
    assert project.releases() == up.registry.truth(PREFIX)


def test_a_new_project_without_files_is_tried_again(up: Upstream, project: Project):
    rss(project)
    up.registry.add("hollow", PLONE, versions=[])
    for _ in range(2):
        up.reset()
        counts = counted(rss(project))
        assert pages(up) == ["hollow"]
        assert (counts["pending"], counts["removed"]) == (0, 0)
    up.registry.release("hollow", "1.0")
    rss(project)
    assert ("hollow", "1.0") in project.releases()


# --- polling ----------------------------------------------------------------------------------


def test_a_run_polls_until_it_is_stopped(up: Upstream, project: Project):
    with polling(project):
        wait_for(lambda: len(up.requests) >= 62 + 24)
        newer(up)
        wait_for(lambda: "/pypi/both-0/json" in up.requests[86:])
        wait_for(lambda: [each.status for each in up.log if "rss" in each.path][-2:] == [304, 304])
    assert project.releases() == up.registry.truth(PREFIX)
    (run,) = project.status()["runs"]
    assert (run["spider"], run["reason"]) == ("rss", "shutdown")
    assert run["counts"]["visited"] == 61
    assert project.status()["collections"][0]["pending"] == {}


def test_a_poll_that_fails_is_told_and_made_up_for(up: Upstream, project: Project):
    with polling(project, "RETRY_TIMES=0") as run:
        wait_for(lambda: len(up.requests) >= 62 + 24)
        for kind in (503, "junk", "truncated"):
            up.registry.touch("other-1")
            before = run.text().count("can't be read")
            up.fault(kind, path_prefix="/rss/")
            newer(up, "other-2", f"3.{kind}" if kind == 503 else f"4.0+{kind}")
            wait_for(lambda before=before: run.text().count("can't be read") > before)
            up.clear_faults()
        newer(up)
        wait_for(lambda: "/pypi/both-0/json" in up.requests[86:])
        wait_for(lambda: [each.status for each in up.log if "rss" in each.path][-2:] == [304, 304])
    assert project.releases() == up.registry.truth(PREFIX)


def test_what_fails_is_tried_again_at_later_polls(up: Upstream, project: Project):
    project.crawl()
    rss(project)
    newer(up)
    up.fault("stale", paths=["/pypi/both-0/json"], times=2)
    up.reset()
    with polling(project):
        wait_for(lambda: up.requests.count("/pypi/both-0/json") == 3)
        wait_for(lambda: len([each for each in up.log if each.status == 304]) > 10)
    assert up.requests.count("/pypi/both-0/json") == 3
    assert ("both_0", "5.0") in project.releases()
    assert project.status()["collections"][0]["pending"] == {}


def test_a_run_that_polls_takes_out_what_it_put_in(up: Upstream, project: Project):
    """What is indexed is looked up anew for each poll, not once at the start."""
    with polling(project):
        wait_for(lambda: len(up.requests) >= 62 + 24)
        up.registry.add("short.lived", PLONE)
        wait_for(lambda: "/pypi/short-lived/json" in up.requests)
        wait_for(lambda: ("short.lived", "1.0") in project.releases())
        up.registry.release("short.lived", "2.0", classifiers=["Framework :: Other"])
        wait_for(lambda: up.requests.count("/pypi/short-lived/json") == 2)
        wait_for(lambda: ("short.lived", "1.0") not in project.releases())


# --- what slid out of the window --------------------------------------------------------------


def slide(up: Upstream) -> None:
    """More releases than a feed holds; the first of them is one that matters."""
    newer(up, "both_1", "6.0")
    for number in range(110):
        up.registry.release("other-1", f"2.{number}")


def test_a_gap_is_told_and_noted_until_a_sync_has_closed_it(up: Upstream, project: Project):
    project.crawl()
    assert "gaps" not in counted(rss(project))
    slide(up)
    log = rss(project)
    assert "Gap: the feed updates.xml" in log
    assert counted(log)["gaps"] == 1
    assert ("both_1", "6.0") not in project.releases()
    (gap,) = project.status()["collections"][0]["gaps"]
    assert gap["feed"] == "updates"
    assert gap["since"] < gap["until"] <= gap["noted"]
    assert "gaps" in project.scrapy("status", "-p", "plone").stdout
    assert "gaps" not in counted(rss(project))  # told once, but not forgotten
    for part in ({"names": "both_0"}, {"limit": 1}, {"match": "other"}):
        project.crawl(**part)
    assert project.status()["collections"][0]["gaps"] == [gap]
    project.crawl()
    assert project.status()["collections"][0]["gaps"] == []
    assert project.releases() == up.registry.truth(PREFIX)


def test_gaps_of_one_feed_are_noted_as_one(up: Upstream, project: Project):
    rss(project)
    slide(up)
    rss(project)
    (first,) = project.status()["collections"][0]["gaps"]
    for number in range(110):
        up.registry.release("other-2", f"2.{number}")
    rss(project)
    (gap,) = project.status()["collections"][0]["gaps"]
    assert gap["since"] == first["since"]
    assert gap["until"] > first["until"]
    project.crawl(profile="django")  # another's business
    assert project.status()["collections"][0]["gaps"] == [gap]
    project.crawl()
    up.reset()
    project.crawl()
    assert up.log[0].status == 304
    assert project.status()["collections"][0]["gaps"] == []


def test_a_sync_that_could_not_read_the_listing_closes_no_gap(up: Upstream, project: Project):
    rss(project)
    slide(up)
    rss(project)
    up.fault(503, path_prefix="/simple/")
    project.crawl(*QUICK, status=1)
    assert len(project.status()["collections"][0]["gaps"]) == 1


def test_a_sync_that_was_under_way_before_closes_no_gap(up: Upstream, project: Project):
    up.configure(latency=1)
    run = project.start("crawl", "pypi", "-a", "profile=plone")
    wait_for(lambda: "/simple/" in up.requests)
    gap = Gap("plone", "updates", 1, 2, 3)
    with closing(open_state(f"sqlite:///{project.data / 'state.db'}")) as state:
        state.remember("gaps", {gap.key: gap.note})
    assert run.wait(120) == 0
    assert project.status()["collections"][0]["gaps"] == [gap.note]


def test_a_gap_within_a_run_that_polls(up: Upstream, project: Project):
    with polling(project) as run:
        wait_for(lambda: len(up.requests) >= 62 + 24)
        slide(up)
        wait_for(lambda: "Gap: the feed updates.xml" in run.text())
        assert len(project.status()["collections"][0]["gaps"]) == 1


# --- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["junk", 503, 404, "cut", "huge"])
def test_feeds_that_cannot_be_read_are_one_clear_line(up: Upstream, project: Project, kind):
    up.fault(kind, path_prefix="/rss/", size=5 * 2**20)
    log = rss(project, *QUICK, status=1)
    last = log.strip().splitlines()[-1]
    assert last.startswith("error: the feed http")
    assert "PYPI_ROOT" in last
    assert project.export() == []


def test_one_feed_is_better_than_none(up: Upstream, project: Project):
    up.fault(503, paths=["/rss/packages.xml"])
    log = rss(project, *QUICK, status=1)
    assert "packages.xml" in log.strip().splitlines()[-1]
    assert project.releases() == up.registry.truth(PREFIX)


def test_a_cut_feed_counts_as_far_as_it_goes(up: Upstream, project: Project):
    up.fault("truncated", paths=["/rss/updates.xml"])
    log = rss(project, *QUICK, status=1)
    assert "cut or garbled" in log.strip().splitlines()[-1]
    visited = counted(log)["visited"]
    assert 40 <= visited < 60
    up.clear_faults()
    assert counted(rss(project))["visited"] >= 60 - visited
    assert project.releases() == up.registry.truth(PREFIX)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["-apoll=0"], "poll=0"),
        (["-apoll=often"], "poll=often"),
        (["-apoll="], "poll="),
        (["-amode=full"], "mode=full"),
        (["-anames=a"], "names=a"),
        (["-aprofile=plome"], "plome"),
        (["-alimit=0"], "limit=0"),
        (["-sRSS_DEDUP_TTL_NEW=soon"], "RSS_DEDUP_TTL_NEW=soon"),
        (["-sRSS_DEDUP_TTL_UPDATE=-1"], "RSS_DEDUP_TTL_UPDATE=-1"),
        (["-sSTATE_URL=sqlite:////proc/nothing/state.db"], "/proc/nothing"),
    ],
)
def test_wrong_input_is_one_clear_line(project: Project, given: list[str], says: str):
    done = project.scrapy("crawl", "rss", *given)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith("error: ")
    assert says in line
