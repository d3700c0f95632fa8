"""`scrapy crawl pypistats` as people run it: whole, stopped, killed, its sources misbehaving."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pyfcrawl.core.document import Owner, owned_by
from pyfcrawl.core.downloads import COUNTING_CHANGED
from pyfcrawl.stores.history import open_history
from pyfcrawl.stores.index import IndexAddress, open_reader, open_writer
from pyfcrawl.stores.sqlite_history import SqliteHistory
from pyfcrawl.stores.state import open_state
from tests.crawl.conftest import PLONE
from tests.crawl.project import Project, counted, kill_group, wait_for
from tests.upstream import Registry, Upstream
from tests.web.api_site import ApiSite

NAMES = [f"plone-app-{number}" for number in range(8)]
STATS = "/pypistats/api/packages"

#: What stands for a package's days: (day, version, downloads).
DAYS = [
    ("2026-08-23", "1.0", 10),
    ("2026-08-24", "1.0", 4),
    ("2026-08-24", "2.0", 3),
    ("2026-08-25", "2.0", 8),
]


def registry() -> Registry:
    made = Registry()
    for number in range(8):
        made.add(f"Plone.App.{number}", PLONE, versions=["1.0", "2.0"])
    return made


@pytest.fixture(scope="module")
def served() -> Iterator[Upstream]:
    with Upstream(registry()) as up:
        yield up


@pytest.fixture(scope="module")
def crawled(served: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the packages indexed, to be copied."""
    project = Project(tmp_path_factory.mktemp("crawled") / "data", served.root)
    project.crawl()
    return project.data


@pytest.fixture
def up(served: Upstream) -> Upstream:
    """The stand-in, with days for all packages but the last."""
    served.clear_faults()
    served.configure(latency=0.0)
    served.stats.clear()
    for name in NAMES[:-1]:
        served.stats.days(name, DAYS)
    served.reset()
    return served


@pytest.fixture
def project(up: Upstream, crawled: Path, tmp_path: Path) -> Project:
    with sqlite3.connect(crawled / "index.db") as index:
        (tmp_path / "data").mkdir()
        index.execute("VACUUM INTO ?", (str(tmp_path / "data" / "index.db"),))
    return Project(tmp_path / "data", up.root, RETRY_TIMES="0")


def run(project: Project, *settings: str, **arguments: Any) -> str:
    return project.crawl("RETRY_TIMES=1", *settings, spider="pypistats", **arguments)


def downloads(project: Project, name: str) -> dict[str, Any]:
    """The download fields of a package, which all of its releases have alike."""
    found = [
        {field: each[field] for field in owned_by(Owner.DOWNLOADS)}
        for each in project.export()
        if each["name_sortable"] == name
    ]
    assert len(found) == 2
    assert found[0] == found[1]
    return found[0]


def history(project: Project) -> closing[SqliteHistory]:
    return closing(open_history(f"sqlite:///{project.data / 'history.db'}", readonly=True))


def pending(project: Project) -> set[str]:
    with closing(open_state(f"sqlite:///{project.data / 'state.db'}", readonly=True)) as state:
        return set(state.pending("pypistats/plone"))


def written(project: Project) -> set[str]:
    """Packages whose downloads were read."""
    with closing(open_reader(f"sqlite:///{project.data / 'index.db'}")) as index:
        known = index.known("plone", index.package_ids("plone", "pypi"), ["download_updated"])
    return {
        package.removeprefix("pkg:pypi/")
        for package, releases in known.items()
        if all(each["download_updated"] for each in releases.values())
    }


def series(project: Project, name: str, by_version: bool = False) -> list[tuple[str, str, int]]:
    with history(project) as store:
        found = store.series(f"pkg:pypi/{name}", by_version=by_version)
    return [(each.day, each.version, each.downloads) for each in found]


def read(up: Upstream) -> list[str]:
    """Packages asked about, in order, each once."""
    paths = [path for path in up.requests if path.startswith(STATS)]
    return list(dict.fromkeys(path.split("/")[4] for path in paths))


# --- pypistats --------------------------------------------------------------------------------


def test_numbers_reach_documents_and_history(up: Upstream, project: Project) -> None:
    up.stats.recent(NAMES[0], 1, 7, 30)
    log = run(project)
    assert counted(log)["visited"] == 8
    first = downloads(project, NAMES[0])
    assert first.pop("download_updated") > 1_700_000_000
    assert first == {
        "download_last_day": 1,
        "download_last_week": 7,
        "download_last_month": 30,
        "download_total": 25,
        "download_total_since": "2026-08-23",
    }
    assert series(project, NAMES[0]) == [
        ("2026-08-23", "", 10),
        ("2026-08-24", "", 7),
        ("2026-08-25", "", 8),
    ]
    with history(project) as store:
        assert store.counting_changes(f"pkg:pypi/{NAMES[0]}") == [COUNTING_CHANGED]
        counting = [each.counting for each in store.series(f"pkg:pypi/{NAMES[0]}")]
    assert counting == ["with-metadata", "files", "files"]


def test_404_is_no_numbers_and_not_zero(up: Upstream, project: Project) -> None:
    run(project)
    last = downloads(project, NAMES[-1])
    assert last.pop("download_updated") > 1_700_000_000
    assert set(last.values()) == {None}
    assert pending(project) == set()
    up.fault(404, paths=[f"{STATS}/{NAMES[0]}/recent"])
    run(project)
    gone = downloads(project, NAMES[0])
    assert (gone["download_last_month"], gone["download_total"]) == (None, 25)


def test_the_longest_not_read_come_first(up: Upstream, project: Project) -> None:
    run(project, names=f"{NAMES[3]},{NAMES[1]}")
    assert read(up) == [NAMES[3], NAMES[1]] or read(up) == [NAMES[1], NAMES[3]]
    up.reset()
    log = run(project, "CONCURRENT_REQUESTS=1", limit=7)
    assert "1 packages are left for the next run" in log
    assert set(read(up)[:6]) == set(NAMES) - {NAMES[1], NAMES[3]}
    left = set(NAMES) - set(read(up))
    up.reset()
    run(project, limit=1)
    assert set(read(up)) == left


def test_what_was_read_lately_is_skipped_on_request(up: Upstream, project: Project) -> None:
    run(project, names=NAMES[0])
    up.reset()
    log = run(project, max_age="1d")
    assert "1 packages were read less than max_age ago" in log
    assert NAMES[0] not in read(up)
    assert len(read(up)) == 7
    up.reset()
    run(project)
    assert len(read(up)) == 8


def test_a_run_that_is_killed_is_gone_on_with(up: Upstream, project: Project) -> None:
    process = project.start("crawl", "pypistats", "-aprofile=plone", "-sPYPISTATS_MAX_RPS=8")
    wait_for(lambda: written(project))
    kill_group(process)
    done = written(project)
    assert len(done) < 8
    up.reset()
    log = run(project)
    assert f"{len(done)} packages were read by it" in log
    assert set(read(up)) == set(NAMES) - done
    assert all(downloads(project, name)["download_updated"] for name in NAMES)
    up.reset()
    run(project)  # a round of its own
    assert set(read(up)) == set(NAMES)


def test_a_run_that_is_stopped_says_what_is_left(up: Upstream, project: Project) -> None:
    process = project.start("crawl", "pypistats", "-aprofile=plone", "-sPYPISTATS_MAX_RPS=8")
    wait_for(lambda: written(project))
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=120)
    assert "packages are left for the next run" in log
    assert "Traceback" not in log
    up.reset()
    run(project)
    assert 0 < len(read(up)) < 8
    assert all(downloads(project, name)["download_updated"] for name in NAMES)


@pytest.mark.parametrize("kind", ["500", "junk", "cut", "truncated", "429"])
def test_a_source_that_fails_changes_nothing(up: Upstream, project: Project, kind: str) -> None:
    run(project)
    before, days = downloads(project, NAMES[0]), series(project, NAMES[0])
    up.stats.days(NAMES[0], [("2026-09-01", "1.0", 99)])
    up.stats.days(NAMES[1], [("2026-09-01", "1.0", 99)])
    up.fault(kind, path_prefix=f"{STATS}/{NAMES[0]}/overall")
    up.fault(kind, path_prefix=f"{STATS}/{NAMES[2]}/recent")
    log = run(project)
    assert "2 projects are pending" in log
    assert pending(project) == {NAMES[0], NAMES[2]}
    assert (downloads(project, NAMES[0]), series(project, NAMES[0])) == (before, days)
    assert downloads(project, NAMES[1])["download_total"] == 124
    up.clear_faults()
    up.reset()
    run(project, limit=2)
    assert set(read(up)) == {NAMES[0], NAMES[2]}
    assert pending(project) == set()


def test_a_source_that_is_away_is_told_in_one_line(up: Upstream, project: Project) -> None:
    up.fault(503)
    log = project.crawl("RETRY_TIMES=0", spider="pypistats", status=1)
    assert "check PYPISTATS_ROOT and the network" in log.splitlines()[-1]


def test_retry_after_is_heeded(up: Upstream, project: Project) -> None:
    up.fault(429, path_prefix=STATS, times=1, retry_after=1)
    run(project)
    hits = [each for each in up.log if each.path.startswith(STATS)]
    refused = next(each for each in hits if each.status == 429)
    # Those sent before the refusal came back don't count.
    later = sorted(each.at for each in hits if each.at > refused.at + 0.5)
    assert later[0] - refused.at >= 0.99
    assert pending(project) == set()


def test_no_more_than_the_rate(up: Upstream, project: Project) -> None:
    run(project, "PYPISTATS_MAX_RPS=10", limit=4)
    hits = [each for each in up.log if each.path.startswith(STATS)]
    times = [each.at for each in hits]
    assert len(times) == 8
    assert times[-1] - times[0] >= 0.6  # seven gaps of a tenth, on a busy machine


def test_little_is_begun_before_something_is_done(up: Upstream, project: Project) -> None:
    process = project.start("crawl", "pypistats", "-aprofile=plone", "-sPYPISTATS_MAX_RPS=1.5")
    wait_for(lambda: sum(path.startswith(STATS) for path in up.requests) >= 4)
    kill_group(process)
    assert any("/overall" in path for path in up.requests[:4])


def test_a_single_day(up: Upstream, project: Project) -> None:
    run(project)
    before = downloads(project, NAMES[0])
    days = [("2026-08-23", "1.0", 1000), ("2026-08-24", "1.0", 50), ("2026-08-25", "1.0", 1000)]
    up.stats.days(NAMES[0], days)
    up.reset()
    for _ in range(2):
        run(project, day="2026-08-24")
        assert series(project, NAMES[0]) == [
            ("2026-08-23", "", 10),
            ("2026-08-24", "", 50),
            ("2026-08-25", "", 8),
        ]
    assert downloads(project, NAMES[0]) == before | {"download_total": 68}
    assert not any(path.endswith("recent") for path in up.requests)


def test_names_that_are_not_indexed(up: Upstream, project: Project) -> None:
    log = run(project, names=f"unheard.of,{NAMES[0]}")
    assert "1 names are not indexed" in log
    assert "unheard-of" in log
    assert read(up) == [NAMES[0]]


def test_a_profile_that_is_not_crawled_yet(up: Upstream, project: Project) -> None:
    assert "scrapy crawl pypi finds them" in run(project, profile="django")
    assert read(up) == []


def test_packages_of_several_profiles_are_read_once(up: Upstream, project: Project) -> None:
    project.crawl(names="plone-app-0", target="second")
    up.reset()
    run(project, names=NAMES[0], target="second")
    (second,) = {each["download_total"] for each in project.export("second")}
    assert second == 25


def test_packages_that_left_are_no_longer_pending(up: Upstream, project: Project) -> None:
    up.fault(500, path_prefix=f"{STATS}/{NAMES[0]}/")
    run(project)
    assert pending(project) == {NAMES[0]}
    with closing(open_writer(f"sqlite:///{project.data / 'index.db'}")) as index:
        index.delete_packages("plone", [f"pkg:pypi/{NAMES[0]}"])
    run(project)
    assert pending(project) == set()


def test_a_history_that_cannot_be_written(up: Upstream, project: Project) -> None:
    (project.data / "history.db").write_text("no database at all" * 1000)
    for source in ("pypistats", "clickhouse"):
        log = project.crawl("RETRY_TIMES=0", spider="pypistats", source=source, status=1)
        assert "HISTORY_URL" in log.splitlines()[-1]
        assert downloads(project, NAMES[0])["download_updated"] is None
    assert pending(project)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"day": "2026-02-30"}, "day=2026-02-30 is no day"),
        ({"day": ""}, "day= is no day"),
        ({"source": "else"}, "source=else is not one of pypistats, clickhouse, bigquery"),
        ({"max_age": "soon"}, "max_age=soon is no span of time"),
        ({"limit": "0"}, "limit=0"),
        ({"names": ","}, "names="),
        ({"names": "a b"}, "names=a b"),
        ({"mode": "full"}, "argument mode=full is not known"),
        ({"source": "bigquery"}, "BIGQUERY_PROJECT is empty"),
    ],
)
def test_arguments_that_are_wrong(
    project: Project, arguments: dict[str, str], complaint: str
) -> None:
    done = project.crawl(spider="pypistats", status=1, **arguments)
    assert complaint in done.splitlines()[-1]
    assert done.count("error: ") == 1


# --- ClickHouse -------------------------------------------------------------------------------


@pytest.fixture
def chdb() -> None:
    pytest.importorskip("chdb", reason="chdb has no wheel for this platform")


def queries(up: Upstream) -> list[str]:
    return [path for path in up.requests if path.startswith("/clickhouse/")]


@pytest.mark.usefixtures("chdb")
def test_clickhouse_gives_the_same_and_versions(up: Upstream, project: Project) -> None:
    up.stats.mirrored(NAMES[0], "2026-08-25", "1.0", 5000)
    run(project, source="clickhouse")
    assert len(queries(up)) == 3  # the newest day, what to expect, the days
    assert read(up) == []
    first = downloads(project, NAMES[0])
    assert first.pop("download_updated") > 1_700_000_000
    assert first == {
        "download_last_day": 8,
        "download_last_week": 25,
        "download_last_month": 25,
        "download_total": 25,
        "download_total_since": "2026-08-23",
    }
    assert series(project, NAMES[0], by_version=True) == DAYS
    last = downloads(project, NAMES[-1])
    assert last.pop("download_updated") > 1_700_000_000
    assert set(last.values()) == {None}
    by_clickhouse = series(project, NAMES[0])
    run(project)
    assert series(project, NAMES[0]) == by_clickhouse
    assert downloads(project, NAMES[0])["download_total"] == 25


@pytest.mark.usefixtures("chdb")
def test_a_day_read_again_replaces_it(up: Upstream, project: Project) -> None:
    run(project, source="clickhouse")
    days = [("2026-08-23", "1.0", 1000), ("2026-08-24", "3.0", 50), ("2026-08-25", "2.0", 9)]
    up.stats.days(NAMES[0], days)
    for _ in range(2):
        run(project, source="clickhouse", day="2026-08-24")
        assert series(project, NAMES[0], by_version=True) == [
            ("2026-08-23", "1.0", 10),
            ("2026-08-24", "3.0", 50),
            ("2026-08-25", "2.0", 8),
        ]
    again = downloads(project, NAMES[0])
    assert (again["download_total"], again["download_last_day"]) == (68, 9)
    for day, which, found in (
        ("2026-08-26", "newest", "2026-08-25"),
        ("2026-08-22", "oldest", "2026-08-23"),
    ):
        log = project.crawl(spider="pypistats", source="clickhouse", day=day, status=1)
        assert f"the {which} day that ClickHouse has is {found}" in log.splitlines()[-1]


@pytest.mark.usefixtures("chdb")
def test_a_daily_update_feeds_the_statistics(up: Upstream, project: Project) -> None:
    site = ApiSite(project.data, IndexAddress(f"sqlite:///{project.data / 'index.db'}"))
    path = "/api/v2/projects/Plone_App.0?from=2026-08-20&to=2026-08-30"
    assert site.get(path).json()["downloads"] == {}
    run(project, source="clickhouse", day="2026-08-24")
    assert site.get(path).json() == {
        "id": "plone-app-0",
        "total_downloads": 7,
        "versions": ["1.0", "2.0"],
        "downloads": {"2026-08-24": {"1.0": 4, "2.0": 3}},
    }
    run(project, source="clickhouse", day="2026-08-25")
    up.stats.days(NAMES[0], [("2026-08-24", "1.10", 9), ("2026-08-25", "2.0", 8)])
    for _ in range(2):
        run(project, source="clickhouse", day="2026-08-24")
        assert site.get(path).json() == {
            "id": "plone-app-0",
            "total_downloads": 17,
            "versions": ["1.10", "2.0"],
            "downloads": {"2026-08-24": {"1.10": 9}, "2026-08-25": {"2.0": 8}},
        }
    assert "downloads: 17" in site.get("/badge/plone.app.0").text


@pytest.mark.usefixtures("chdb")
def test_a_day_read_again_that_has_no_downloads_any_more(up: Upstream, project: Project) -> None:
    run(project, source="clickhouse")
    up.stats.days(NAMES[0], [each for each in DAYS if each[0] != "2026-08-24"])
    run(project, source="clickhouse", day="2026-08-24")
    assert series(project, NAMES[0]) == [("2026-08-23", "", 10), ("2026-08-25", "", 8)]
    assert len(series(project, NAMES[0], by_version=True)) == 2
    assert downloads(project, NAMES[0])["download_total"] == 18
    assert downloads(project, NAMES[1])["download_total"] == 25


@pytest.mark.usefixtures("chdb")
@pytest.mark.parametrize("cap", [{"rows": 5}, {"row": 2}])
def test_a_page_that_is_cut_is_noticed(up: Upstream, project: Project, cap: dict[str, int]) -> None:
    run(project, source="clickhouse")
    before = downloads(project, NAMES[0])
    for name in NAMES[:-1]:
        up.stats.days(name, [*DAYS, ("2026-09-01", "1.0", 1)])
    up.stats.configure(**cap)
    log = project.crawl("RETRY_TIMES=0", spider="pypistats", source="clickhouse", status=1)
    assert "8 packages from plone-app-0 to plone-app-7 are left as they were" in log
    assert "check CLICKHOUSE_URL" in log.splitlines()[-1]
    assert pending(project) == set(NAMES)
    assert downloads(project, NAMES[0]) == before
    assert len(series(project, NAMES[0])) == 3
    up.stats.configure()
    run(project, source="clickhouse")
    assert pending(project) == set()
    assert downloads(project, NAMES[0])["download_total"] == 26


@pytest.mark.usefixtures("chdb")
@pytest.mark.parametrize("kind", ["cut", "junk", "503", "reset"])
def test_one_broken_answer_is_asked_for_again(up: Upstream, project: Project, kind: str) -> None:
    up.fault(kind, path_prefix="/clickhouse/?param_projects", times=1)
    run(project, source="clickhouse")
    assert downloads(project, NAMES[0])["download_total"] == 25
    assert pending(project) == set()


@pytest.mark.usefixtures("chdb")
def test_a_server_that_keeps_its_limits(up: Upstream, project: Project) -> None:
    up.stats.configure(readonly=1)
    log = run(project, source="clickhouse")
    assert log.count("keeps its own limits") == 1
    assert downloads(project, NAMES[0])["download_total"] == 25


@pytest.mark.usefixtures("chdb")
def test_pages_stand_and_fall_alone(tmp_path: Path) -> None:
    many = Registry()
    for number in range(130):
        many.add(f"many-{number:03}", PLONE, versions=["1.0"])
    with Upstream(many) as up:
        project = Project(tmp_path / "data", up.root)
        project.crawl()
        for number in range(130):
            up.stats.days(f"many-{number:03}", DAYS)
        up.reset()
        up.fault(503, path_prefix="/clickhouse/?param_projects=%5B'many-100'")
        run(project, source="clickhouse")
        assert written(project) == {f"many-{number:03}" for number in range(100)}
        assert pending(project) == {f"many-{number:03}" for number in range(100, 130)}
        up.clear_faults()
        up.reset()
        run(project, source="clickhouse", limit=30)
        assert len(queries(up)) == 3
        assert len(written(project)) == 130


@pytest.mark.usefixtures("chdb")
def test_a_password_gets_in_and_is_told_nobody(up: Upstream, project: Project) -> None:
    up.stats.configure(password="hunter2-secret")
    log = project.crawl(spider="pypistats", source="clickhouse", status=1)
    assert "check CLICKHOUSE_USER and CLICKHOUSE_PASSWORD" in log.splitlines()[-1]
    project.environment["CLICKHOUSE_PASSWORD"] = "hunter2-secret"
    log = run(project, "LOG_LEVEL=DEBUG", source="clickhouse")
    assert downloads(project, NAMES[0])["download_total"] == 25
    assert "hunter2" not in log
    assert not any("hunter2" in path for path in up.requests)


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("ftp://x", "CLICKHOUSE_URL"),
        ("https://demo:hunter2@clickhouse.example", "give CLICKHOUSE_USER"),
    ],
)
def test_addresses_that_are_wrong(project: Project, url: str, complaint: str) -> None:
    project.environment["CLICKHOUSE_URL"] = url
    log = project.crawl(spider="pypistats", source="clickhouse", status=1)
    assert complaint in log.splitlines()[-1]
    assert "hunter2" not in log


@pytest.mark.usefixtures("chdb")
def test_names_for_a_first_crawl(up: Upstream, tmp_path: Path) -> None:
    up.stats.project("Plone.App.3", ["Framework :: Plone :: 6.1"])
    up.stats.project("other", ["Framework :: PloneX"])
    up.reset()
    fresh = Project(tmp_path / "data", up.root)
    fresh.crawl(discovery="clickhouse")
    assert {name for name, _ in fresh.releases()} == {"Plone.App.3"}
    assert "/simple/" not in up.requests


# --- BigQuery ---------------------------------------------------------------------------------

#: Google's client, with answers out of a file.
LIBRARY = """
import json, os
class ScalarQueryParameter:
    def __init__(self, name, kind, value): self.name, self.kind, self.value = name, kind, value
class ArrayQueryParameter(ScalarQueryParameter): pass
class QueryJobConfig:
    def __init__(self, query_parameters): self.query_parameters = query_parameters
class Rows(list): total_rows = None
class Client:
    def __init__(self, project): self.project = project
    def close(self): pass
    def query(self, sql, job_config):
        given = {each.name: each.value for each in job_config.query_parameters}
        with open(os.environ["BIGQUERY_LOG"], "a") as log:
            log.write(json.dumps([self.project, sql, given]) + "\\n")
        with open(os.environ["BIGQUERY_ROWS"]) as file:
            answer = json.load(file)
        self.rows = Rows(answer["rows"])
        self.rows.total_rows = answer["total"]
        if answer.get("error"): raise RuntimeError(answer["error"])
        return self
    def result(self): return self.rows
"""


@pytest.fixture
def bigquery(project: Project, tmp_path: Path) -> Project:
    """A project that has Google's client, and somebody who pays."""
    place = tmp_path / "path" / "google" / "cloud"
    place.mkdir(parents=True)
    (place / "bigquery.py").write_text(LIBRARY)
    project.environment |= {
        "PYTHONPATH": str(tmp_path / "path"),
        "BIGQUERY_PROJECT": "payer",
        "BIGQUERY_ROWS": str(tmp_path / "rows.json"),
        "BIGQUERY_LOG": str(tmp_path / "log"),
    }
    return project


def rows(tmp_path: Path, total: int = 1, **answer: Any) -> None:
    days = [{"day": day, "version": version, "downloads": count} for day, version, count in DAYS]
    row = {"project": NAMES[0], "entries": 4, "downloads": 25, "days": days}
    answer = {"rows": [row], "total": total} | answer
    (tmp_path / "rows.json").write_text(json.dumps(answer))


def test_bigquery(bigquery: Project, tmp_path: Path) -> None:
    rows(tmp_path)
    run(bigquery, source="bigquery")
    first = downloads(bigquery, NAMES[0])
    assert (first["download_last_day"], first["download_total"]) == (8, 25)
    assert series(bigquery, NAMES[0], by_version=True) == DAYS
    assert downloads(bigquery, NAMES[1])["download_last_month"] is None
    ((payer, sql, given),) = map(json.loads, (tmp_path / "log").read_text().splitlines())
    assert (payer, sorted(given["projects"])) == ("payer", NAMES)
    assert NAMES[0] not in sql
    run(bigquery, source="bigquery", day="2026-08-24")
    last = json.loads((tmp_path / "log").read_text().splitlines()[-1])[2]
    assert (last["first"], last["after"]) == ("2026-08-24", "2026-08-25")


def test_bigquery_reads_a_day_that_a_package_has_no_downloads_of(
    bigquery: Project, tmp_path: Path
) -> None:
    rows(tmp_path)
    run(bigquery, source="bigquery")
    before = downloads(bigquery, NAMES[0])
    day = {"day": "2026-08-24", "version": "1.0", "downloads": 3}
    other = {"project": NAMES[1], "entries": 1, "downloads": 3, "days": [day]}
    rows(tmp_path, rows=[other])
    run(bigquery, source="bigquery", day="2026-08-24")
    assert downloads(bigquery, NAMES[0]) == before | {"download_total": 18}
    assert series(bigquery, NAMES[1]) == [("2026-08-24", "", 3)]


@pytest.mark.parametrize("answer", [{"total": 2}, {"error": "Quota exceeded\nfor today"}])
def test_bigquery_that_fails(bigquery: Project, tmp_path: Path, answer: dict[str, Any]) -> None:
    rows(tmp_path, **answer)
    log = bigquery.crawl(spider="pypistats", source="bigquery", status=1)
    assert pending(bigquery) == set(NAMES)
    assert downloads(bigquery, NAMES[0])["download_updated"] is None
    assert ("Quota exceeded for today" in log) == ("error" in answer)


def test_bigquery_without_googles_client(project: Project) -> None:
    project.environment["BIGQUERY_PROJECT"] = "payer"
    log = project.crawl(spider="pypistats", source="bigquery", status=1)
    last = log.splitlines()[-1]
    assert last.startswith(
        "error: BigQuery needs Google's client: pip install 'pyfcrawl[bigquery]'"
    )
