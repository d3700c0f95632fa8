"""The state in a file: files of others, of before, and none at all."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from pyfcrawl.errors import StoreError
from pyfcrawl.stores.state import Cursor, SqliteState, open_state

KEY = "pypi/plone"
NOW = int(time.time())


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "state.db"


@pytest.fixture
def state(path):
    store = open_state(f"sqlite:///{path}")
    yield store
    store.close()


def test_a_reader_makes_no_file(path):
    reader = open_state(f"sqlite:///{path}", readonly=True)
    assert (reader.cursor(KEY), reader.pending(KEY), reader.runs()) == (None, {}, [])
    reader.close()
    assert not path.exists()


def test_a_file_whose_maker_was_killed_before_its_tables(path):
    path.parent.mkdir()
    for journal in ("", "PRAGMA journal_mode = WAL"):
        path.unlink(missing_ok=True)
        connection = sqlite3.connect(path)
        connection.execute(journal)
        connection.close()
        path.touch()
        reader = open_state(f"sqlite:///{path}", readonly=True)
        assert (reader.cursor(KEY), reader.pending(KEY), reader.runs()) == (None, {}, [])
        reader.close()
        open_state(f"sqlite:///{path}").close()


@pytest.mark.parametrize("readonly", [True, False])
def test_a_file_that_is_no_database(tmp_path, readonly):
    path = tmp_path / "state.db"
    path.write_bytes(b"not a database " * 1000)
    with pytest.raises(StoreError, match=r"state\.db can't be"):
        open_state(f"sqlite:///{path}", readonly).cursor(KEY)


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="DATA_DIR"):
        open_state(f"sqlite:///{tmp_path / 'file' / 'state.db'}")


def test_what_is_over_takes_no_room(state: SqliteState, path: Path) -> None:
    state.remember("k", {str(number): number for number in range(100)}, until=NOW - 1)
    state.remember("k", {"new": 1})
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM memory").fetchone() == (1,)
    connection.close()


def test_a_state_of_before_gets_its_place_for_it(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    state = SqliteState(path)
    state.advance("pypi/plone", Cursor(5, "s"))
    state.close()
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE memory")
    connection.close()
    reading = open_state(f"sqlite:///{path}", readonly=True)
    assert reading.recall("k", ["a"]) == {}
    reading.close()
    state = SqliteState(path)
    state.remember("k", {"a": 1})
    assert state.recall("k") == {"a": 1}
    assert state.cursor("pypi/plone") == Cursor(5, "s")
    state.close()


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    SqliteState(path).close()
    state = open_state(f"sqlite:///{path}")
    state.close()
    with pytest.raises(StoreError, match="DATA_DIR"):
        state.remember("k", {"a": 1})
