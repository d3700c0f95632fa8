"""Typesense's endpoints as calls in our words: collections, aliases, documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec

from pyfcrawl.errors import StoreError, UnknownCollectionError
from pyfcrawl.stores.typesense_client import Connection, NotFoundError, RequestError
from pyfcrawl.stores.values import bounded, chunks, is_key

#: Hits a page, the server's limit.
PAGE = 250
#: Searches in one request, the server's limit.
_MOST_SEARCHES = 50
#: Documents and bytes of one import: larger ones are hardly faster and block the server's others.
BATCH = 500
_MOST_BYTES = 8_000_000

#: How often an alias may be moved while one write is on its way.
_SWITCHES = 3

_LONGEST_NAME = 100
#: Characters of ids in one filter.
_LONGEST_FILTER = 12_000
#: What an id must not hold for a filter to find it.
_UNQUOTABLE = "`"

Stored = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one imported document: `missing` when there was none to update."""

    ok: bool
    missing: bool = False
    reason: str = ""


def is_name(name: Any) -> bool:
    """Whether it may be the name of a collection or alias."""
    sound = is_key(name) and name.isprintable() and name == name.strip()
    return bool(sound and name.strip(".") and len(name) <= _LONGEST_NAME)


def check_name(name: Any) -> None:
    """Raises StoreError for what can't be the name of a collection or alias."""
    if not is_name(name):
        raise StoreError(
            f"collection name {ascii(name)[:80]} can't be used: give 1 to {_LONGEST_NAME}"
            " printable characters without spaces around them"
        )


def is_id(value: Any) -> bool:
    """Whether it may be the id of a document: a text that can be put in a filter."""
    return is_key(value) and bool(value) and value == value.strip() and _UNQUOTABLE not in value


def any_of(field: str, keys: Iterable[str]) -> str:
    """A filter for documents whose field is, or contains, one of the keys."""
    return f"{field}:=[{','.join(keys)}]"


def ids_filter(identifiers: Iterable[str]) -> str:
    """A filter for documents by id; each must pass `is_id`."""
    return any_of("id", (f"`{each}`" for each in identifiers))


class Server:
    """The endpoints. All raise StoreError as Connection does."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    # Collections and aliases

    def collections(self) -> list[dict[str, Any]]:
        """The schemas of all collections."""
        return self.connection.json_list("/collections")

    def collection(self, name: Any) -> dict[str, Any] | None:
        """Schema, true name and number of documents of a collection, by its name or an alias."""
        if not is_name(name):
            return None
        try:
            return self.connection.json("GET", _path(name), holds=("name", "fields"))
        except NotFoundError:
            return None

    def known(self, name: Any) -> dict[str, Any]:
        """As `collection`. Raises UnknownCollectionError when there is none."""
        found = self.collection(name)
        if found is None:
            raise self.unknown(name)
        return found

    def unknown(self, name: Any) -> UnknownCollectionError:
        """The error for a name that is neither collection nor alias."""
        return UnknownCollectionError(
            f"collection {ascii(name)[:80]} is not in {self.connection.address}: crawl its"
            " profile first"
        )

    def make_collection(self, schema: dict[str, Any]) -> bool:
        """Whether it was made just now: not when it was there."""
        try:
            self.connection.send("POST", "/collections", body=schema)
        except RequestError as error:
            if error.status != 409:
                raise
            return False
        return True

    def drop_collection(self, name: str) -> None:
        """Remove a collection, by its true name; an alias would be followed."""
        try:
            self.connection.send("DELETE", _path(name))
        except NotFoundError:
            return

    def aliases(self) -> dict[str, str]:
        """Alias -> collection; also those whose collection is no more."""
        found = self.connection.json("GET", "/aliases", holds=["aliases"])["aliases"]
        return {each["name"]: each["collection_name"] for each in found}

    def set_alias(self, name: str, collection: str) -> None:
        """Point an alias at a collection. The server checks nothing: see TypesenseWriter.alias."""
        path = f"/aliases/{quote(name, safe='')}"
        self.connection.send("PUT", path, body={"collection_name": collection})

    def drop_alias(self, name: str) -> bool:
        """Whether there was such an alias."""
        try:
            self.connection.send("DELETE", f"/aliases/{quote(name, safe='')}")
        except NotFoundError:
            return False
        return True

    # Documents

    def search(self, collection: str, searches: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The results of searches in one collection, in their order."""
        if not is_name(collection):
            raise self.unknown(collection)
        results: list[dict[str, Any]] = []
        for chunk in chunks(searches, _MOST_SEARCHES):
            body = {"searches": [{"collection": collection, **each} for each in chunk]}
            answer = self.connection.json("POST", "/multi_search", body=body, holds=["results"])
            results += answer["results"]
        for each in results:
            if "error" in each:
                raise self._search_error(collection, each)
        return results

    def _search_error(self, collection: str, result: dict[str, Any]) -> StoreError:
        reason = " ".join(str(result["error"]).split())[:300]
        if result.get("code") == 404 and reason.rstrip(".").lower() == "not found":
            return self.unknown(collection)
        return RequestError(
            f"{self.connection.address} can't search collection {collection}: {reason} (if its"
            f" schema is older than this program: scrapy manage recreate {collection})",
            int(result.get("code") or 0),
        )

    def count(self, collection: str, filters: Sequence[str]) -> list[int]:
        """How many documents each filter lets through."""
        searches = [{"q": "*", "filter_by": each, "per_page": 0} for each in filters]
        return [int(each["found"]) for each in self.search(collection, searches)]

    def by_id(
        self, collection: str, identifiers: Iterable[str], fields: Sequence[str] | None = None
    ) -> dict[str, Stored]:
        """Identifier -> stored document, for those that exist; whole ones, or just some fields."""
        wanted = dict.fromkeys(each for each in identifiers if is_id(each))
        found: dict[str, Stored] = {}
        for chunk in bounded(wanted, PAGE, _LONGEST_FILTER):
            # An export is faster, a search may be as long as need be and asks for less rights.
            if len(chunk) == 1:
                found |= self._one(collection, chunk[0], fields)
            else:
                stored = self.export(collection, fields, ids_filter(chunk))
                found |= {each["id"]: each for each in stored}
        return found

    def _one(
        self, collection: str, identifier: str, fields: Sequence[str] | None
    ) -> dict[str, Stored]:
        query: dict[str, Any] = {"q": "*", "filter_by": ids_filter([identifier]), "per_page": 1}
        if fields is not None:
            query["include_fields"] = ",".join({*fields, "id"})
        (result,) = self.search(collection, [query])
        return {hit["document"]["id"]: hit["document"] for hit in result["hits"]}

    def export(
        self, collection: str, fields: Sequence[str] | None = None, filter_by: str | None = None
    ) -> Iterator[Stored]:
        """Stored documents in no particular order; whole ones, or just some fields."""
        params = {}
        if fields is not None:
            params["include_fields"] = ",".join({*fields, "id"})
        if filter_by is not None:
            params["filter_by"] = filter_by
        try:
            text = self.connection.send("GET", _path(collection, "documents/export"), params)
        except NotFoundError:
            raise self.unknown(collection) from None
        try:
            for line in text.split("\n"):
                if line:
                    yield msgspec.json.decode(line)
        except msgspec.DecodeError:
            raise StoreError(
                f"{self.connection.address} cut an export of {collection} short: try again"
            ) from None

    def by_package(
        self, collection: str, keys: Iterable[str], fields: Sequence[str] | None = None
    ) -> Iterator[Stored]:
        """Stored documents of the packages with these keys, in no particular order."""
        for chunk in chunks(keys, PAGE):
            yield from self.export(collection, fields, any_of("package_key", chunk))

    def import_(self, collection: str, lines: Sequence[bytes], action: str) -> list[Answer]:
        """Import documents, each given as JSON in UTF-8; one answer each, in their order.

        `action` is emplace (merge, make what is missing) or update (merge, make nothing); others
        can't be sent twice or lose fields.
        """
        answers: list[Answer] = []
        for part in bounded(lines, BATCH, _MOST_BYTES):
            answers += self._import_part(collection, part, action)
        return answers

    def _import_part(self, collection: str, lines: list[bytes], action: str) -> list[Answer]:
        params = {"action": action, "dirty_values": "coerce_or_reject"}
        text = self._write("POST", collection, "documents/import", params, b"\n".join(lines))
        answers = [_answer(line) for line in text.split("\n") if line]
        if len(answers) != len(lines):
            raise StoreError(
                f"{self.connection.address} answered {len(answers)} of {len(lines)} documents"
                f" imported into {collection}: look into the server's log"
            )
        return answers

    def delete(self, collection: str, filter_by: str) -> None:
        """Remove the documents that a filter lets through."""
        self._write("DELETE", collection, "documents", {"filter_by": filter_by})

    def _write(
        self,
        method: str,
        collection: str,
        rest: str,
        params: dict[str, Any],
        body: bytes | None = None,
    ) -> str:
        """Write under the collection's true name, whatever alias is given.

        A server that starts reads its log in one line for each name. What was written by an alias
        may come before the alias is there, and would be lost without a word.
        """
        for _ in range(_SWITCHES):
            path = _path(str(self.known(collection)["name"]), rest)
            try:
                return self.connection.send(method, path, params, body)
            except NotFoundError:
                continue  # dropped since: the alias stands for another one now
        raise self.unknown(collection)

    def delete_ids(self, collection: str, identifiers: Iterable[str]) -> None:
        """Remove documents by id; each must pass `is_id`."""
        for chunk in bounded(identifiers, PAGE, _LONGEST_FILTER):
            self.delete(collection, ids_filter(chunk))


def _path(collection: str, rest: str = "") -> str:
    return f"/collections/{quote(collection, safe='')}" + (f"/{rest}" if rest else "")


def _answer(line: str) -> Answer:
    if line == '{"success":true}':
        return Answer(True)
    try:
        answer = msgspec.json.decode(line)
    except msgspec.DecodeError:
        answer = {"error": f"an answer that is no JSON: {line[:80]!r}"}
    if answer.get("success") is True:
        return Answer(True)
    reason = " ".join(str(answer.get("error", "for no reason it tells")).split())[:300]
    return Answer(False, answer.get("code") == 404, reason)
