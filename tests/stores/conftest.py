"""Indexes for the tests of stores: real files, each test its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pyfcrawl.stores.index import IndexWriter, open_writer


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
