"""Indexes for the tests of stores: real files, each test its own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pyfcrawl.stores.index import IndexWriter, open_writer
from tests.redis_server import RedisPlace


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the test's index file is, or will be."""
    return tmp_path / "index.db"


@pytest.fixture
def writer(path: Path) -> Iterator[IndexWriter]:
    """An empty SQLite index, open for writing."""
    opened = open_writer(f"sqlite:///{path}")
    yield opened
    opened.close()


@pytest.fixture(scope="session", params=["sqlite", "redis"])
def new_state_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], str]]:
    """Gives addresses of state stores that nobody has used, of each kind of store in turn."""
    if request.param == "sqlite":
        directory = tmp_path_factory.mktemp("states")
        yield lambda: f"sqlite:///{directory / uuid.uuid4().hex / 'state.db'}"
        return
    server = request.getfixturevalue("redis_server")
    places: list[RedisPlace] = []

    def new() -> str:
        places.append(RedisPlace(server))
        return f"{server.url}?prefix={places[-1].prefix}&wait=20"

    yield new
    for place in places:
        place.clear()


@pytest.fixture
def state_url(new_state_url: Callable[[], str]) -> str:
    """The address of this test's own state store."""
    return new_state_url()
