"""The SQLite index."""

from __future__ import annotations

from tests.stores.contract import IndexContract


class TestSqliteIndex(IndexContract):
    """What any index promises of writing and reading."""
