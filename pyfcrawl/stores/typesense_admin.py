"""What a person does to a Typesense server: keys, snapshots, aliases, synonyms and pins."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pyfcrawl.errors import ConfigurationError, StoreError
from pyfcrawl.stores.typesense_client import Connection, NotFoundError, TypesenseAddress
from pyfcrawl.stores.typesense_schema import IS_HEAD, PACKAGE_KEY, key
from pyfcrawl.stores.typesense_server import Server, any_of
from pyfcrawl.stores.values import is_key

#: From this version on synonyms and curation are sets of their own that collections refer to
#: (https://typesense.org/docs/30.0/api/synonyms.html).
_SETS_FROM = 30
#: Rules of ours begin so; others are left alone.
_OURS = "pyfcrawl-"
_FEWEST_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the server, without its secret; `expires` is Unix time in seconds."""

    id: int
    description: str
    actions: tuple[str, ...]
    collections: tuple[str, ...]
    prefix: str
    expires: int


@dataclass(frozen=True, slots=True)
class Synonym:
    """Words that find each other; with a `root`, that finds them but they not it."""

    words: tuple[str, ...]
    root: str = ""


@dataclass(frozen=True, slots=True)
class Pin:
    """Packages, by package_id, that come first when somebody searches for exactly `query`."""

    query: str
    packages: tuple[str, ...]


class TypesenseAdmin:
    """Needs a key that may do everything; all methods raise StoreError as the index does."""

    def __init__(self, address: TypesenseAddress) -> None:
        """Nothing is asked of the server yet. Raises ConfigurationError for a wrong address."""
        self._server = Server(Connection(address))

    def close(self) -> None:
        """Release connections; closing twice is fine."""
        self._server.connection.close()

    def version(self) -> str:
        """The server's version, e.g. `0.24.1` or `30.0`."""
        return str(self._server.connection.json("GET", "/debug").get("version", ""))

    # Keys

    def list_keys(self) -> list[Key]:
        """All keys but the one the server was started with, by their number."""
        found = self._server.connection.json("GET", "/keys", holds=["keys"])["keys"]
        return sorted((_key(each) for each in found), key=lambda each: each.id)

    def add_key(
        self,
        collections: Sequence[str],
        description: str = "",
        value: str | None = None,
        expires: int | None = None,
    ) -> tuple[Key, str]:
        """A new key that may only search these collections or aliases, and its secret.

        The secret is shown this once. A key for an alias goes on fitting when the alias is
        switched, but doesn't fit the collection behind it. `expires` is Unix time in seconds.
        Raises UnknownCollectionError, and ConfigurationError for a secret that is too short.
        """
        for each in collections:
            self._server.known(each)
        if not collections:
            raise ConfigurationError("a key needs a collection: name at least one")
        body: dict[str, Any] = {
            "description": description or f"search in {', '.join(collections)}",
            "actions": ["documents:search"],
            # The server takes them for regular expressions.
            "collections": [re.escape(each).replace(r"\-", "-") for each in collections],
        }
        if value is not None:
            body["value"] = _secret(value)
        if expires is not None:
            body["expires_at"] = expires
        made = self._server.connection.json("POST", "/keys", body=body, holds=["id", "value"])
        return _key(made), str(made["value"])

    def delete_key(self, number: int) -> bool:
        """Take a key back; False when there was none of that number."""
        try:
            self._server.connection.send("DELETE", f"/keys/{int(number)}")
        except NotFoundError:
            return False
        return True

    # Backup

    def snapshot(self, path: str) -> None:
        """Write a snapshot into a directory of the *server's* machine, made if missing.

        The server doesn't tell when it can't write there: look into the directory.
        """
        if not is_key(path) or not path.startswith("/") or not path.isprintable():
            raise ConfigurationError(
                f"snapshot path {ascii(path)[:80]} can't be used: give an absolute path on the"
                " server's machine"
            )
        params = {"snapshot_path": path}
        answer = self._server.connection.json("POST", "/operations/snapshot", params)
        if answer.get("success") is not True:
            raise StoreError(f"{self._server.connection.address} made no snapshot in {path}")

    # Aliases

    def aliases(self) -> dict[str, str]:
        """Alias -> collection, also those whose collection is no more."""
        return self._server.aliases()

    def set_alias(self, name: str, collection: str) -> None:
        """Point an alias at a collection; nothing is checked."""
        self._server.set_alias(name, collection)

    def drop_alias(self, name: str) -> bool:
        """Remove an alias, not its collection; False when there was none."""
        return self._server.drop_alias(name)

    # Synonyms and pins

    def apply_search(
        self, collection: str, synonyms: Iterable[Synonym] = (), pins: Iterable[Pin] = ()
    ) -> list[str]:
        """Make these the synonyms and pins of a collection, in place of those applied before.

        Pins name documents: they follow a package's new release when they are applied again.
        Returns the package_ids of pins that the collection doesn't have.
        """
        name = str(self._server.known(collection)["name"])
        missing: list[str] = []
        words = {each["id"]: each for each in map(_synonym, synonyms)}
        rules = {each["id"]: each for pin in pins for each in self._rules(name, pin, missing)}
        if _major(self.version()) >= _SETS_FROM:
            self._apply_sets(name, list(words.values()), list(rules.values()))
        else:
            self._replace(name, "synonyms", words)
            self._replace(name, "overrides", rules)
        return missing

    def _rules(self, collection: str, pin: Pin, missing: list[str]) -> list[dict[str, Any]]:
        heads = f"{any_of(PACKAGE_KEY, map(key, pin.packages))} && {IS_HEAD}:=true"
        found = {
            each["package_id"]: each["id"]
            for each in self._server.export(collection, ["package_id"], heads)
        }
        missing += [each for each in pin.packages if each not in found]
        wanted = [found[each] for each in pin.packages if each in found]
        includes = [{"id": each, "position": place} for place, each in enumerate(wanted, 1)]
        rule = {"query": pin.query, "match": "exact"}
        ruled = {"id": _OURS + key(pin.query), "rule": rule, "includes": includes}
        return [ruled] if includes else []

    def _replace(self, collection: str, kind: str, wanted: Mapping[str, Mapping[str, Any]]) -> None:
        """Before sets: rules of one collection, each an object of its own."""
        path = f"/collections/{quote(collection, safe='')}/{kind}"
        there = self._server.connection.json("GET", path, holds=[kind])[kind]
        for name in {each["id"] for each in there} - wanted.keys():
            if name.startswith(_OURS):
                self._server.connection.send("DELETE", f"{path}/{quote(name, safe='')}")
        for name, each in wanted.items():
            body = {field: value for field, value in each.items() if field != "id"}
            self._server.connection.send("PUT", f"{path}/{quote(name, safe='')}", body=body)

    def _apply_sets(
        self, collection: str, words: list[dict[str, Any]], rules: list[dict[str, Any]]
    ) -> None:
        """Since sets: one of each kind for the collection, which refers to it."""
        path = f"/collections/{quote(collection, safe='')}"
        mine = _OURS + collection
        retrieved = self._server.known(collection)
        changes = {}
        for kind, items in (("synonym_sets", words), ("curation_sets", rules)):
            before = list(retrieved.get(kind) or ())
            others = [each for each in before if each != mine]
            if items:
                body = {"items": items}
                self._server.connection.send("PUT", f"/{kind}/{quote(mine, safe='')}", body=body)
            after = [*others, *([mine] if items else [])]
            if after != before:
                changes[kind] = after
        if changes:
            self._server.connection.send("PATCH", path, body=changes)


def _key(given: Mapping[str, Any]) -> Key:
    return Key(
        int(given["id"]),
        str(given.get("description", "")),
        tuple(given.get("actions", ())),
        tuple(given.get("collections", ())),
        str(given.get("value_prefix") or given.get("value", ""))[:4],
        int(given.get("expires_at", 0)),
    )


def _secret(value: str) -> str:
    sound = isinstance(value, str) and value.isascii() and value.isprintable()
    if not sound or " " in value or len(value) < _FEWEST_CHARACTERS:
        raise ConfigurationError(
            f"the value given can't be a key: give {_FEWEST_CHARACTERS} or more characters without"
            " spaces, or none to have one made"
        )
    return value


def _synonym(given: Synonym) -> dict[str, Any]:
    content: dict[str, Any] = {"synonyms": list(given.words)}
    if given.root:
        content["root"] = given.root
    return {"id": _OURS + key("\n".join((given.root, *given.words))), **content}


def _major(version: str) -> int:
    """0 for what is no number, such as a nightly build's name: the older way is tried."""
    found = re.match(r"\d+", version.removeprefix("v"))
    return int(found[0]) if found else 0
