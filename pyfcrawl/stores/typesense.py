"""The served index: a Typesense server, for galleries in browsers and crawls on many machines.

The server speaks for itself what is durable: an import it has acknowledged survives its death.
What a collection looks like inside stands in typesense_schema.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from pyfcrawl.core.document import Field
from pyfcrawl.errors import StoreError
from pyfcrawl.stores import typesense_stream as stream
from pyfcrawl.stores.conditions import planned
from pyfcrawl.stores.index import (
    CollectionInfo,
    Document,
    Patch,
    Query,
    SearchResult,
    WriteReport,
)
from pyfcrawl.stores.typesense_client import Connection
from pyfcrawl.stores.typesense_client import TypesenseAddress as TypesenseAddress
from pyfcrawl.stores.typesense_rows import document, fields_named, stored_names
from pyfcrawl.stores.typesense_schema import (
    IS_HEAD,
    differences,
    facet_key,
    generation_of,
    key,
    missing_companions,
    schema,
)
from pyfcrawl.stores.typesense_search import Labels, Search
from pyfcrawl.stores.typesense_server import BATCH, PAGE, Server, any_of, check_name
from pyfcrawl.stores.typesense_write import CollectionWriter
from pyfcrawl.stores.values import chunks, is_key

T = TypeVar("T")


class TypesenseReader:
    """IndexReader over a Typesense server, for any number of threads.

    The server itself follows aliases, each time it is asked, so that one may be switched and what
    it pointed at be removed while somebody reads.
    """

    def __init__(self, address: TypesenseAddress) -> None:
        """Nothing is asked of the server yet. Raises ConfigurationError for a wrong address."""
        self.address = address
        self._server = Server(Connection(address))
        self._labels = Labels()

    def collections(self) -> list[CollectionInfo]:
        """As IndexReader.collections. Collections that pyfcrawl didn't make have no packages."""
        found = sorted(self._server.collections(), key=lambda each: str(each["name"]))
        return [self._info(each) for each in found]

    def aliases(self) -> dict[str, str]:
        """As IndexReader.aliases."""
        found = self._server.aliases()
        return {name: found[name] for name in sorted(found)}

    def collection(self, name: str) -> CollectionInfo | None:
        """As IndexReader.collection."""
        found = self._server.collection(name)
        return self._info(found) if found else None

    def get(self, collection: str, identifier: str) -> Document | None:
        """As IndexReader.get."""
        found = self._server.by_id(collection, [identifier]).get(identifier)
        return document(found, fields_named(None)) if found else None

    def releases(self, collection: str, package_id: str) -> list[Document]:
        """As IndexReader.releases."""
        self._server.known(collection)
        if not is_key(package_id):
            return []
        stored = self._server.by_package(collection, [key(package_id)])
        found = [document(each, fields_named(None)) for each in stored]
        found = [each for each in found if each["package_id"] == package_id]
        found.sort(key=lambda each: (each["version_sortable"] or "", each["version"]), reverse=True)
        return found

    def known(
        self, collection: str, package_ids: Iterable[str], fields: Sequence[str]
    ) -> dict[str, dict[str, Document]]:
        """As IndexReader.known. Raises QueryError for a field that doesn't exist."""
        chosen = fields_named(fields)
        self._server.known(collection)
        wanted = dict.fromkeys(filter(is_key, package_ids))
        found: dict[str, dict[str, Document]] = {}
        stored = self._server.by_package(
            collection, map(key, wanted), stored_names([*fields, "package_id", "version"])
        )
        for each in stored:
            if each["package_id"] in wanted:
                releases = found.setdefault(each["package_id"], {})
                releases[each["version"]] = document(each, chosen)
        return found

    def package_ids(self, collection: str, registry: str) -> dict[str, str]:
        """As IndexReader.package_ids."""
        self._server.known(collection)
        if not is_key(registry):
            return {}
        chosen = f"{any_of(facet_key('registry'), [key(registry)])} && {IS_HEAD}:=true"
        stored = self._server.export(collection, ["package_id", "name"], chosen)
        return {each["package_id"]: each["name"] for each in stored}

    def iterate(
        self, collection: str, fields: Sequence[str] | None = None, latest: bool = False
    ) -> Iterator[Document]:
        """As IndexReader.iterate. Raises QueryError for a field that doesn't exist.

        Holds the ids of all documents, and of the documents themselves a page. What is written
        meanwhile may be seen.
        """
        chosen = fields_named(fields)
        self._server.known(collection)
        return self._pages(collection, chosen, fields, f"{IS_HEAD}:=true" if latest else None)

    def _pages(
        self,
        collection: str,
        chosen: list[Field],
        names: Sequence[str] | None,
        condition: str | None,
    ) -> Iterator[Document]:
        found = self._server.export(collection, [], condition)
        identifiers = sorted(each["id"] for each in found)
        wanted = None if names is None else stored_names(names)
        for page in chunks(identifiers, PAGE):
            stored = self._server.by_id(collection, page, wanted)
            for identifier in page:
                if identifier in stored:
                    yield document(stored[identifier], chosen)

    def search(self, collection: str, query: Query) -> SearchResult:
        """As IndexReader.search. `corrected` stays empty: the server doesn't tell."""
        plan = planned(query)
        return Search(self._server, collection, plan, self._labels).run()

    def close(self) -> None:
        """As IndexReader.close."""
        self._server.connection.close()

    def _info(self, retrieved: dict[str, Any]) -> CollectionInfo:
        name = str(retrieved["name"])
        packages = 0
        if not missing_companions(retrieved):
            (packages,) = self._server.count(name, [f"{IS_HEAD}:=true"])
        documents = int(retrieved["num_documents"])
        return CollectionInfo(name, generation_of(retrieved), documents, packages)


class TypesenseWriter(TypesenseReader):
    """IndexWriter over a Typesense server. Its methods may be called from any thread."""

    def __init__(self, address: TypesenseAddress) -> None:
        """As TypesenseReader."""
        super().__init__(address)
        self._lock = threading.RLock()

    def create(self, collection: str) -> CollectionInfo:
        """As IndexWriter.create. Raises StoreError for a name that can't be one, and when the
        server has the collection with another schema than ours."""
        return self.create_like(collection, None)

    def create_like(self, collection: str, generation: str | None) -> CollectionInfo:
        """As `create`; a new collection gets this generation, as a copy of that one does."""
        check_name(collection)
        found = self._server.collection(collection)
        if found is None:
            made = self._server.make_collection(schema(collection, generation))
            found = self._server.known(collection)
            if made and (different := differences(found)):
                self._server.drop_collection(collection)
                raise StoreError(
                    f"{self._server.connection.address} made collection {collection} otherwise"
                    f" than asked: {_listed(different)}; use a server this program knows"
                )
        self._check_companions(found)
        return self._info(found)

    def _check_companions(self, retrieved: dict[str, Any]) -> None:
        missing = missing_companions(retrieved)
        if missing:
            raise StoreError(
                f"collection {retrieved['name']} in {self._server.connection.address} lacks"
                f" {_listed(missing)}: rebuild it with scrapy manage recreate {retrieved['name']}"
            )

    def drop(self, collection: str) -> bool:
        """As IndexWriter.drop; aliases of the collection go with it."""
        found = self._server.collection(collection)
        if found is None:
            return False
        for alias, target in self._server.aliases().items():
            if target == found["name"]:
                self._server.drop_alias(alias)
        self._server.drop_collection(found["name"])
        return True

    def alias(self, name: str, collection: str) -> None:
        """As IndexWriter.alias. Raises StoreError for a name that a collection has."""
        check_name(name)
        if any(each["name"] == name for each in self._server.collections()):
            raise StoreError(f"alias {name} is the name of a collection: choose another name")
        self._server.set_alias(name, str(self._server.known(collection)["name"]))

    def upsert(self, collection: str, documents: Iterable[Document]) -> WriteReport:
        """As IndexWriter.upsert, in batches of up to 500, two of them under way at once."""
        self._check_companions(self._server.known(collection))
        with self._lock:
            return stream.upsert(CollectionWriter(self._server, collection), documents)

    def patch(self, collection: str, patches: Iterable[Patch]) -> WriteReport:
        """As IndexWriter.patch, in batches of up to 500."""
        report = WriteReport()
        for part in self._each(collection, patches, CollectionWriter.patch):
            stream.add(report, part)
        return report

    def delete(self, collection: str, identifiers: Iterable[str]) -> int:
        """As IndexWriter.delete."""
        return sum(self._each(collection, identifiers, CollectionWriter.delete))

    def delete_packages(self, collection: str, package_ids: Iterable[str]) -> int:
        """As IndexWriter.delete_packages."""
        return sum(self._each(collection, package_ids, CollectionWriter.delete_packages, PAGE))

    def _each(
        self,
        collection: str,
        values: Iterable[Any],
        action: Callable[[CollectionWriter, list[Any]], T],
        size: int = BATCH,
    ) -> Iterator[T]:
        self._check_companions(self._server.known(collection))
        writer = CollectionWriter(self._server, collection)
        for batch in chunks(values, size):
            with self._lock:
                result = action(writer, batch)
            yield result


def _listed(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - 5} more" if len(texts) > 5 else ""
    return ", ".join(texts[:5]) + more
