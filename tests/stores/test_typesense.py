"""The Typesense index: what every index promises, on a real server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pyfcrawl.stores.index import IndexWriter
from pyfcrawl.stores.typesense import TypesenseWriter
from tests.stores.contract import IndexContract, search, texts_of
from tests.stores.search_contract import SearchContract
from tests.stores.typesense_server import ServerElsewhere, TypesenseServer


@pytest.fixture
def writer(typesense_server: TypesenseServer | ServerElsewhere) -> Iterator[IndexWriter]:
    """An index without collections, open for writing."""
    opened = TypesenseWriter(typesense_server.address())
    yield opened
    opened.close()
    cleaner = TypesenseWriter(typesense_server.address())
    for each in cleaner.collections():
        cleaner.drop(each.name)
    cleaner.close()


class TestTypesenseIndex(IndexContract):
    """What any index promises of writing and reading."""


class TestTypesenseSearch(SearchContract):
    """What any index promises of its search, but for a few things the server can't do.

    It orders names by their letters and digits alone, so @plone/volto is not the first but the
    last. It misses short words of which the first or second letter was left out.
    """

    TELLS_CORRECTIONS = False

    def test_a_package_is_one_hit_its_latest_release(self, writer: IndexWriter) -> None:
        assert texts_of(search(writer, sort="name")) == [
            "collective.easyform 4.1",
            "plone.api 2.0",
            "plone.restapi 9.0",
            "@plone/volto 17.0",
        ]

    @pytest.mark.parametrize(
        ("sort", "descending", "expected"),
        [
            ("name", None, "easyform api restapi volto"),
            ("name", True, "volto restapi api easyform"),
            ("relevance", None, "easyform api restapi volto"),
            ("stars", None, "restapi api easyform volto"),
            ("stars", False, "api restapi easyform volto"),
            ("downloads", None, "api easyform restapi volto"),
            ("health", None, "api restapi easyform volto"),
            ("released", None, "restapi api easyform volto"),
            ("upload_timestamp", False, "easyform api restapi volto"),
            ("version", None, "volto restapi easyform api"),
        ],
    )
    def test_orders(
        self, writer: IndexWriter, sort: str, descending: bool | None, expected: str
    ) -> None:
        super().test_orders(writer, sort, descending, expected)

    @pytest.mark.parametrize(
        ("typed", "meant", "name"),
        [
            ("hypremedia", "hypermedia", "plone.restapi"),
            ("hypemedia", "hypermedia", "plone.restapi"),
            ("hyperrmedia", "hypermedia", "plone.restapi"),
            ("hyperxedia", "hypermedia", "plone.restapi"),
            ("hpyermeida", "hypermedia", "plone.restapi"),
            ("xypermedixa", "hypermedia", "plone.restapi"),
            ("recat", "react", "@plone/volto"),
            ("vollto", "volto", "@plone/volto"),
            ("colectiveeasyfrom", "collectiveeasyform", "collective.easyform"),
        ],
    )
    def test_typos_are_forgiven_and_told(
        self, writer: IndexWriter, typed: str, meant: str, name: str
    ) -> None:
        super().test_typos_are_forgiven_and_told(writer, typed, meant, name)
