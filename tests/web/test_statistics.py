"""Download statistics: days, versions in natural order, and how far back they go."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from pyfcrawl.core.downloads import is_day
from pyfcrawl.stores.history import CountedDay
from pyfcrawl.stores.index import IndexAddress
from pyfcrawl.stores.sqlite_history import SqliteHistory
from pyfcrawl.web.asked import MOST_DAYS, window
from pyfcrawl.web.options import SiteOptions
from pyfcrawl.web.parameters import ParameterError
from tests.commands.shell import Shell, document
from tests.web.api_site import ApiSite

DAYS = [
    ("2018-05-01", "1.0", 10),
    ("2018-05-02", "2.0", 15),
    ("2018-05-03", "1.0", 20),
    ("2018-05-03", "2.0", 25),
    ("2018-05-04", "2.0", 50),
]


def on(site: ApiSite, day: str) -> ApiSite:
    """The site on another day."""
    now = datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() + 3600
    return replace(site, options=SiteOptions(now=lambda: now))


@pytest.fixture
def counted(api_site: ApiSite, tmp_path: Path) -> ApiSite:
    """A site with a history of its own, on a day soon after its days."""
    site = on(replace(api_site, data=tmp_path), "2018-05-30")
    site.count("pepper", DAYS)
    return site


WHOLE = {
    "id": "pepper",
    "total_downloads": 120,
    "versions": ["1.0", "2.0"],
    "downloads": {
        "2018-05-01": {"1.0": 10},
        "2018-05-02": {"2.0": 15},
        "2018-05-03": {"1.0": 20, "2.0": 25},
        "2018-05-04": {"2.0": 50},
    },
}


@pytest.mark.parametrize("name", ["pepper", "Pepper", "PEPPER", "%20pepper%20"])
def test_a_project(counted: ApiSite, name: str) -> None:
    answer = counted.get(f"/api/v2/projects/{name}")
    assert answer.json() == WHOLE
    assert answer.headers["content-type"] == "application/json"
    again = counted.get(
        f"/api/v2/projects/{name}", headers={"If-None-Match": answer.headers["etag"]}
    )
    assert again.status_code == 304


@pytest.mark.parametrize("name", ["plone.api", "Plone_API", "PLONE--api"])
def test_separators_do_not_matter(counted: ApiSite, name: str) -> None:
    counted.count("plone.api", [("2018-05-01", "1.0", 1)])
    assert counted.get(f"/api/v2/projects/{name}").json()["id"] == "plone-api"


def test_three_months_of_days(counted: ApiSite) -> None:
    later = on(counted, "2018-08-30").get("/api/v2/projects/pepper").json()
    assert later == {"id": "pepper", "total_downloads": 120, "versions": [], "downloads": {}}
    edge = on(counted, "2018-08-01").get("/api/v2/projects/pepper").json()
    assert list(edge["downloads"]) == ["2018-05-03", "2018-05-04"]


@pytest.mark.parametrize(
    ("asked", "days"),
    [
        ("from=2018-05-02&to=2018-05-03", ["2018-05-02", "2018-05-03"]),
        ("from=2018-05-03", ["2018-05-03", "2018-05-04"]),
        ("to=2018-05-01", ["2018-05-01"]),
        ("to=2018-08-01", ["2018-05-03", "2018-05-04"]),
        ("from=2018-05-02&to=2018-05-02", ["2018-05-02"]),
        ("from=2030-01-01", []),
        ("from=0001-01-01", []),
        ("to=9999-12-31", []),
    ],
)
def test_older_days_can_be_reached(counted: ApiSite, asked: str, days: list[str]) -> None:
    found = on(counted, "2026-11-20").get(f"/api/v2/projects/pepper?{asked}").json()
    assert list(found["downloads"]) == days
    assert found["total_downloads"] == 120


@pytest.mark.parametrize(
    "asked",
    [
        *("from=2018-5-1", "to=2018-02-30", "from=today", "to=20180501", "from=2018-05-01T00:00"),
        *("from=2018-05-02&to=2018-05-01", "from=2010-01-01&to=2018-05-01", "since=2018-05-01"),
    ],
)
def test_days_that_are_none(counted: ApiSite, asked: str) -> None:
    answer = counted.get(f"/api/v2/projects/pepper?{asked}")
    assert answer.status_code == 400
    assert answer.json()["error"] == 400
    assert asked.partition("=")[0] in answer.json()["message"]


def test_versions_in_natural_order(counted: ApiSite) -> None:
    versions = ["2.10", "2.9", "2.1", "2.1rc1", "10.0", "2.10.1", "1!1.0", "weird"]
    counted.count("pepper", [("2018-05-05", version, 1) for version in versions])
    found = counted.get("/api/v2/projects/pepper?from=2018-05-05").json()
    assert found["versions"] == [
        *("weird", "2.1rc1", "2.1", "2.9", "2.10", "2.10.1", "10.0", "1!1.0"),
    ]


def test_a_day_is_replaced(counted: ApiSite) -> None:
    counted.count("pepper", [("2018-05-03", "3.0", 7)])
    found = counted.get("/api/v2/projects/pepper").json()
    assert found["downloads"]["2018-05-03"] == {"3.0": 7}
    assert found["total_downloads"] == 82
    assert found["versions"] == ["1.0", "2.0", "3.0"]


def test_days_known_for_all_versions_only(counted: ApiSite) -> None:
    counted.count("pepper", [("2018-05-03", "", 45), ("2018-05-05", "", 9)])
    found = counted.get("/api/v2/projects/pepper").json()
    assert found["downloads"]["2018-05-03"] == {"1.0": 20, "2.0": 25}
    assert found["downloads"]["2018-05-05"] == {"all": 9}
    assert found["versions"] == ["1.0", "2.0"]
    assert found["total_downloads"] == 129


def test_a_day_that_comes_while_it_is_read_is_there_next_time(
    counted: ApiSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = SqliteHistory.series

    def disturbed(self: SqliteHistory, *args: str, by_version: bool = False) -> list[CountedDay]:
        found = read(self, *args, by_version=by_version)
        counted.count("pepper", [("2018-05-06", "4.0", 1)])
        return found

    with monkeypatch.context() as patched:
        patched.setattr(SqliteHistory, "series", disturbed)
        assert counted.get("/api/v2/projects/pepper").json() == WHOLE
    later = counted.get("/api/v2/projects/pepper").json()
    assert later["downloads"]["2018-05-06"] == {"4.0": 1}


@pytest.mark.parametrize("name", ["nope", "@plone/nope", "%00", "x%20y", "-", "é"])
def test_a_project_that_is_not_there(counted: ApiSite, name: str) -> None:
    answer = counted.get(f"/api/v2/projects/{name}")
    assert answer.status_code == 404
    assert answer.json()["error"] == 404
    if name.isalpha():
        assert answer.json() == {
            "error": 404,
            "message": f"Project with name {name} does not exist",
        }


def test_a_project_that_nobody_has_counted_yet(counted: ApiSite) -> None:
    nothing = {"total_downloads": 0, "versions": [], "downloads": {}}
    assert counted.get("/api/v2/projects/hostile").json() == {"id": "hostile", **nothing}
    assert counted.get("/api/v2/projects/Django.CMS").json() == {"id": "django-cms", **nothing}
    assert counted.get("/api/v2/projects/@plone/volto?registry=npm").status_code == 200
    assert counted.get("/api/v2/projects/@plone/volto").status_code == 404


def test_totals_and_days_out_of_csv_files(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.fill([document("plone.api", "1.10")])
    days, totals = tmp_path / "days.csv", tmp_path / "totals.csv"
    days.write_text(
        "project,date,version,downloads\nplone.api,2026-10-20,1.10,4\nplone.api,2026-10-20,1.9,3\n"
    )
    totals.write_text("project,total_downloads,date\nPlone_API,1000,2026-10-01\n")
    for file in (days, totals):
        done = shell("import-downloads", str(file))
        assert done.returncode == 0, done.stderr
    site = ApiSite(tmp_path, IndexAddress(f"sqlite:///{tmp_path / 'index.db'}"))
    found = site.get("/api/v2/projects/plone.api").json()
    assert found == {
        "id": "plone-api",
        "total_downloads": 1007,
        "versions": ["1.9", "1.10"],
        "downloads": {"2026-10-20": {"1.9": 3, "1.10": 4}},
    }
    assert "1k" in site.get("/badge/plone.api").text


@given(st.none() | st.dates(), st.none() | st.dates(), st.dates())
def test_any_days_give_a_window_or_a_reason(
    since: date | None, until: date | None, today: date
) -> None:
    try:
        first, last = window(since or UNSET, until or UNSET, today.isoformat())
    except ParameterError:
        assert since
        assert until is None or since > until or (until - since).days > MOST_DAYS
        return
    assert is_day(first)
    assert is_day(last)
    assert first <= last
    assert (datetime.fromisoformat(last) - datetime.fromisoformat(first)).days <= MOST_DAYS
