"""Searching the SQLite index."""

from __future__ import annotations

from tests.stores.search_contract import SearchContract


class TestSqliteSearch(SearchContract):
    """What any index promises of its search."""
