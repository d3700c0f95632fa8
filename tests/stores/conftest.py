"""Indexes for the tests of stores: real files, each test its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyfcrawl.stores.index import IndexWriter, open_writer
from tests.stores.typesense_server import ServerElsewhere, TypesenseServer, Unavailable


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


@pytest.fixture(scope="session")
def typesense_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[TypesenseServer | ServerElsewhere]:
    """The Typesense server of all tests that don't harm it."""
    try:
        if os.environ.get("TYPESENSE_HOST"):
            server: TypesenseServer | ServerElsewhere = ServerElsewhere()
        else:
            server = TypesenseServer(tmp_path_factory.mktemp("typesense"))
    except Unavailable as reason:
        pytest.skip(str(reason))
    yield server
    server.kill()
