"""The history of downloads: what is kept, what takes whose place, and that nothing counts twice."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyfcrawl.core.downloads import COUNTING_CHANGED, Counting
from pyfcrawl.errors import ConfigurationError, StoreError
from pyfcrawl.stores.history import (
    HistoryStore,
    ImportedDay,
    ImportedTotal,
    PackageDays,
    RepeatedRowError,
    Total,
    open_history,
)

API, VOLTO = "pkg:pypi/plone-api", "pkg:npm/%40plone/volto"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'deep' / 'history.db'}"


@pytest.fixture
def history(url: str) -> Iterator[HistoryStore]:
    store = open_history(url)
    yield store
    store.close()


def put(
    history: HistoryStore, *days: tuple[str, str, int], package: str = API, source: str = "s"
) -> None:
    history.write([PackageDays(package, list(days), source)])


def numbers(history: HistoryStore, package: str = API, by_version: bool = False) -> dict[str, int]:
    found = history.series(package, by_version=by_version)
    return {f"{each.day} {each.version}".strip(): each.downloads for each in found}


# --- days -------------------------------------------------------------------------------------


def test_a_day_read_again_replaces_it(history: HistoryStore) -> None:
    put(history, ("2026-09-01", "", 5), ("2026-09-02", "", 6), source="one")
    put(history, ("2026-09-02", "", 7), ("2026-09-03", "", 8), source="two")
    assert numbers(history) == {"2026-09-01": 5, "2026-09-02": 7, "2026-09-03": 8}
    assert [each.source for each in history.series(API)] == ["one", "two", "two"]
    assert history.totals([API]) == {API: Total(20, "2026-09-01")}


def test_a_day_by_version_read_again_forgets_versions_it_no_longer_has(
    history: HistoryStore,
) -> None:
    put(history, ("2026-09-01", "1.0", 5), ("2026-09-01", "1.1", 6), ("2026-09-02", "1.0", 1))
    put(history, ("2026-09-01", "2.0", 7))
    assert numbers(history, by_version=True) == {"2026-09-01 2.0": 7, "2026-09-02 1.0": 1}


def test_of_a_day_without_downloads_nothing_stays(history: HistoryStore) -> None:
    put(history, ("2026-09-01", "", 9), ("2026-09-01", "1.0", 5), ("2026-09-02", "1.0", 1))
    history.write([PackageDays(API, [], "test", ["2026-09-01"])])
    assert numbers(history) == {"2026-09-02": 1}
    assert numbers(history, by_version=True) == {"2026-09-02 1.0": 1}


def test_both_levels_stand_side_by_side_and_count_once(history: HistoryStore) -> None:
    put(history, ("2026-09-01", "1.0", 5), ("2026-09-01", "1.1", 6))
    assert numbers(history) == {"2026-09-01": 11}
    put(history, ("2026-09-01", "", 13))  # the version of some files isn't known
    assert numbers(history) == {"2026-09-01": 13}
    assert numbers(history, by_version=True) == {"2026-09-01 1.0": 5, "2026-09-01 1.1": 6}
    put(history, ("2026-09-02", "1.0", 2), ("2026-09-01", "1.0", 4))
    assert history.totals([API]) == {API: Total(15, "2026-09-01")}


def test_a_day_of_nothing_is_a_number(history: HistoryStore) -> None:
    put(history, ("2026-09-01", "", 0))
    assert history.totals([API, VOLTO]) == {API: Total(0, "2026-09-01")}


def test_registries_keep_apart(history: HistoryStore) -> None:
    put(history, ("2026-09-01", "", 5))
    put(history, ("2026-09-01", "", 7), package="pkg:npm/plone-api")
    totals = history.totals([API, "pkg:npm/plone-api"])
    assert [each.downloads for each in totals.values()] == [5, 7]


def test_a_series_is_cut_at_both_ends(history: HistoryStore) -> None:
    put(history, *((f"2026-09-0{day}", "1.0", day) for day in range(1, 8)))
    for by_version in (False, True):
        found = history.series(API, "2026-09-03", "2026-09-05", by_version=by_version)
        assert [each.downloads for each in found] == [3, 4, 5]
    assert history.series("pkg:pypi/unknown") == []


# --- how they were counted --------------------------------------------------------------------


def test_days_before_and_from_the_change_are_marked(history: HistoryStore) -> None:
    put(history, ("2026-08-23", "", 9), ("2026-08-24", "", 5), ("2026-08-25", "1.0", 5))
    found = [each.counting for each in history.series(API)]
    assert found == [Counting.WITH_METADATA, Counting.FILES, Counting.FILES]
    assert history.counting_changes(API) == [COUNTING_CHANGED]


def test_a_series_on_one_side_of_the_change_has_none(history: HistoryStore) -> None:
    put(history, ("2026-08-24", "", 5), ("2026-08-25", "", 5))
    put(history, ("2026-08-22", "", 5), ("2026-08-23", "", 5), package="pkg:pypi/old")
    put(history, ("2026-08-22", "", 5), ("2026-08-25", "", 5), package=VOLTO)
    for package in (API, "pkg:pypi/old", VOLTO, "pkg:pypi/unknown"):
        assert history.counting_changes(package) == []
    assert {each.counting for each in history.series(VOLTO)} == {Counting.REGISTRY}


# --- imports ----------------------------------------------------------------------------------


def test_an_imported_total_and_the_days_it_covers_count_once(history: HistoryStore) -> None:
    put(history, ("2026-09-01", "", 5), ("2026-09-02", "", 6), ("2026-09-03", "", 7))
    assert history.import_totals([ImportedTotal(2, API, "2026-09-02", 1000)], "import") == 1
    assert history.totals([API]) == {API: Total(1007, None)}
    put(history, ("2026-09-02", "", 60), ("2026-09-04", "1.0", 1))
    assert history.totals([API]) == {API: Total(1008, None)}
    assert len(history.series(API)) == 4


def test_a_total_imported_again_replaces_the_first(history: HistoryStore) -> None:
    history.import_totals([ImportedTotal(2, API, "2026-09-02", 1000)], "import")
    history.import_totals([ImportedTotal(2, API, "2026-09-05", 900)], "import")
    assert history.totals([API]) == {API: Total(900, None)}


def test_rows_of_an_import_may_come_in_any_order(history: HistoryStore) -> None:
    put(history, ("2026-09-01", "", 99), ("2026-09-01", "0.9", 99))
    rows = [
        ImportedDay(2, API, "2026-09-01", "1.0", 1),
        ImportedDay(3, VOLTO, "2026-09-01", "", 7),
        ImportedDay(4, API, "2026-09-02", "", 3),
        ImportedDay(5, API, "2026-09-01", "1.1", 2),
    ]
    for _ in range(2):
        assert history.import_days(rows, "import") == 2
        assert numbers(history) == {"2026-09-01": 99, "2026-09-02": 3}
        assert numbers(history, by_version=True) == {"2026-09-01 1.0": 1, "2026-09-01 1.1": 2}
        assert numbers(history, VOLTO) == {"2026-09-01": 7}


def test_an_import_that_breaks_off_leaves_no_trace(history: HistoryStore, url: str) -> None:
    put(history, ("2026-09-01", "", 5))

    def rows() -> Iterator[ImportedDay]:
        yield ImportedDay(2, API, "2026-09-01", "", 1)
        yield ImportedDay(3, VOLTO, "2026-09-01", "", 1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        history.import_days(rows(), "import")
    assert history.totals([API, VOLTO]) == {API: Total(5, "2026-09-01")}
    assert history.import_days([ImportedDay(2, API, "2026-09-02", "", 1)], "import") == 1


def test_the_same_day_said_twice_is_refused(history: HistoryStore) -> None:
    days = [ImportedDay(row, API, "2026-09-01", "1.0", row) for row in (2, 3)]
    with pytest.raises(RepeatedRowError) as caught:
        history.import_days(days, "import")
    assert (caught.value.row, caught.value.first) == (3, 2)
    assert history.totals([API]) == {}


def test_two_totals_of_one_package_are_refused(history: HistoryStore) -> None:
    totals = [ImportedTotal(row, API, f"2026-09-0{row}", 1) for row in (2, 3)]
    with pytest.raises(RepeatedRowError) as caught:
        history.import_totals(totals, "import")
    assert (caught.value.row, caught.value.first) == (3, 2)
    assert history.totals([API]) == {}


# --- files ------------------------------------------------------------------------------------


def test_what_is_written_is_there_for_others(history: HistoryStore, url: str) -> None:
    put(history, ("2026-09-01", "", 5))
    reader = open_history(url, readonly=True)
    assert reader.totals([API]) == {API: Total(5, "2026-09-01")}
    with pytest.raises(StoreError):
        put(reader, ("2026-09-01", "", 6))
    reader.close()


def test_a_history_that_is_not_there_reads_as_empty(url: str) -> None:
    reader = open_history(url, readonly=True)
    assert reader.series(API) == []
    assert reader.totals([API]) == {}
    assert not Path(url.removeprefix("sqlite:///")).exists()


def test_several_processes_write_at_once(history: HistoryStore, url: str) -> None:
    program = (
        "import sys\n"
        "from pyfcrawl.stores.history import PackageDays, open_history\n"
        "store = open_history(sys.argv[1])\n"
        "for number in range(40):\n"
        "    days = [('2026-09-01', sys.argv[2], 1)]\n"
        "    store.write([PackageDays(f'pkg:pypi/{sys.argv[2]}-{number}', days, 's')])\n"
    )
    command = [sys.executable, "-c", program, url]
    children = [subprocess.Popen([*command, name]) for name in ("a", "b", "c")]
    assert [child.wait(120) for child in children] == [0, 0, 0]
    every = [f"pkg:pypi/{name}-{number}" for name in "abc" for number in range(40)]
    assert sum(total.downloads for total in history.totals(every).values()) == 120


def test_a_write_that_fails_leaves_no_trace(history: HistoryStore) -> None:
    put(history, ("2026-09-01", "", 5))
    broken = [
        PackageDays(API, [("2026-09-01", "", 6)], "s"),
        PackageDays(VOLTO, [("2026-09-01", "", None)], "s"),  # type: ignore[list-item]
    ]
    with pytest.raises(StoreError, match="HISTORY_URL"):
        history.write(broken)
    assert history.totals([API, VOLTO]) == {API: Total(5, "2026-09-01")}


@pytest.mark.parametrize("url", ["", "redis://x", "sqlite:", "sqlite:///", "history.db"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(ConfigurationError, match="HISTORY_URL"):
        open_history(url)


def test_files_that_are_something_else(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello, I am no database" * 100)
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("PRAGMA application_id = 7")
        other.execute("CREATE TABLE days (x)")
    for path in ("text", "other.db", ".", "text/history.db"):
        for readonly in (False, True):
            if path == "text/history.db" and readonly:
                continue  # isn't there, so empty
            with pytest.raises(StoreError, match="HISTORY_URL"):
                open_history(f"sqlite:///{tmp_path / path}", readonly=readonly)
