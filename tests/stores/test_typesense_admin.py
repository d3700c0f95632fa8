"""Keys, snapshots, synonyms and pins of a Typesense server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyfcrawl.errors import ConfigurationError, StoreError, UnknownCollectionError
from pyfcrawl.stores.typesense import TypesenseReader, TypesenseWriter
from pyfcrawl.stores.typesense_admin import Pin, Synonym, TypesenseAdmin
from tests.stores.contract import document, names_of, search, texts_of
from tests.stores.test_typesense_faults import address, scripted
from tests.stores.typesense_server import ServerElsewhere, TypesenseServer

Running = TypesenseServer | ServerElsewhere


@pytest.fixture
def admin(typesense_server: Running) -> Iterator[TypesenseAdmin]:
    """With the key that may do all."""
    opened = TypesenseAdmin(typesense_server.address())
    yield opened
    for each in opened.list_keys():
        opened.delete_key(each.id)
    opened.close()


@pytest.fixture
def writer(typesense_server: Running) -> Iterator[TypesenseWriter]:
    """An index with the collections packages and packages.x."""
    opened = TypesenseWriter(typesense_server.address())
    for name in ("packages", "packages.x", "packagesax"):
        opened.create(name)
    yield opened
    for each in opened.collections():
        opened.drop(each.name)
    opened.close()


def may_search(server: Running, secret: str, collection: str) -> bool:
    reader = TypesenseReader(server.address(api_key=secret))
    try:
        reader.get(collection, "x")
    except StoreError:
        return False
    finally:
        reader.close()
    return True


def test_a_version_is_told(admin: TypesenseAdmin) -> None:
    assert admin.version()[0].isdigit()


def test_keys_fit_their_collections_alone(
    admin: TypesenseAdmin, writer: TypesenseWriter, typesense_server: Running
) -> None:
    writer.alias("live", "packages")
    key, secret = admin.add_key(["live", "packages.x"], "for the gallery")
    fits = {
        name: may_search(typesense_server, secret, name)
        for name in ("live", "packages", "packages.x", "packagesax")
    }
    assert fits == {"live": True, "packages": False, "packages.x": True, "packagesax": False}
    assert [each for each in admin.list_keys() if each.id == key.id] == [key]
    assert key.description == "for the gallery"
    assert key.actions == ("documents:search",)
    assert secret.startswith(key.prefix)
    assert admin.delete_key(key.id)
    assert not admin.delete_key(key.id)
    assert not may_search(typesense_server, secret, "live")


def test_a_key_of_ones_own_that_expires(
    admin: TypesenseAdmin, writer: TypesenseWriter, typesense_server: Running
) -> None:
    mine = "a-value-of-my-own-choice"
    soon = int(time.time()) + 3600
    key, secret = admin.add_key(["packages"], value=mine, expires=soon)
    assert (secret, key.expires) == (mine, soon)
    assert may_search(typesense_server, mine, "packages")
    past, gone = admin.add_key(["packages"], expires=int(time.time()) - 10)
    assert past.expires < time.time()
    assert not may_search(typesense_server, gone, "packages")


def test_keys_that_can_not_be(admin: TypesenseAdmin, writer: TypesenseWriter) -> None:
    with pytest.raises(UnknownCollectionError):
        admin.add_key(["nowhere"])
    with pytest.raises(ConfigurationError):
        admin.add_key([])
    for value in ("", "short", "with spaces in it, long", "ünicode-but-long-enough"):
        with pytest.raises(ConfigurationError) as caught:
            admin.add_key(["packages"], value=value)
        assert not value or value not in str(caught.value)
    assert admin.list_keys() == []


def test_a_snapshot_holds_the_documents(
    admin: TypesenseAdmin, writer: TypesenseWriter, typesense_server: Running, tmp_path: Path
) -> None:
    if isinstance(typesense_server, ServerElsewhere):
        pytest.skip("the snapshot would be on another machine")
    writer.upsert("packages", [document("a"), document("b")])
    copy = tmp_path / "copy"
    admin.snapshot(str(copy))
    restored = TypesenseServer(copy)
    reader = TypesenseReader(restored.address())
    assert [each["name"] for each in reader.iterate("packages")] == ["a", "b"]
    reader.close()
    restored.kill()


@pytest.mark.parametrize("path", ["", "relative", "/a\nb", None, "\ud800"])
def test_snapshots_that_can_not_be(admin: TypesenseAdmin, path: Any) -> None:
    with pytest.raises(ConfigurationError):
        admin.snapshot(path)


def test_aliases_as_they_are(admin: TypesenseAdmin, writer: TypesenseWriter) -> None:
    admin.set_alias("live", "packages")
    assert admin.aliases() == {"live": "packages"}
    assert admin.drop_alias("live")
    assert not admin.drop_alias("live")
    assert writer.collection("packages") is not None


def test_synonyms_and_pins_are_replaced(admin: TypesenseAdmin, writer: TypesenseWriter) -> None:
    given = [document(name, summary=name) for name in ("walrus", "unicorn", "narwhal")]
    writer.upsert("packages", given)
    assert search(writer, "odobenus").found == 0
    pins = [Pin("sea", (given[2]["package_id"], "pkg:pypi/gone", given[0]["package_id"]))]
    words = [Synonym(("odobenus", "walrus")), Synonym(("monoceros",), root="unicorn")]
    assert admin.apply_search("packages", words, pins) == ["pkg:pypi/gone"]
    assert names_of(search(writer, "odobenus ")) == ["walrus"]
    assert names_of(search(writer, "sea")) == ["narwhal", "walrus"]
    writer.upsert("packages", [document("horse", summary="monoceros")])
    assert set(names_of(search(writer, "unicorn "))) == {"horse", "unicorn"}
    assert names_of(search(writer, "monoceros ")) == ["horse"]
    writer.upsert("packages", [document("narwhal", "2.0")])
    writer.alias("live", "packages")
    assert admin.apply_search("live", words[1:], pins) == ["pkg:pypi/gone"]
    assert search(writer, "odobenus ").found == 0
    assert texts_of(search(writer, "sea")) == ["narwhal 2.0", "walrus 1.0"]
    assert admin.apply_search("packages") == []
    assert search(writer, "sea").found == 0


def test_rules_of_others_stay(admin: TypesenseAdmin, writer: TypesenseWriter) -> None:
    path = "/collections/packages/synonyms/theirs"
    writer._server.connection.send("PUT", path, body={"synonyms": ["a", "b"]})
    admin.apply_search("packages", [Synonym(("c", "d"))])
    admin.apply_search("packages")
    assert writer._server.connection.json("GET", path)["id"] == "theirs"


def test_since_version_30_rules_are_sets() -> None:
    """No such server is among the requirements: what is asked of one is looked at."""
    schema = {"name": "packages-1", "fields": [], "synonym_sets": ["theirs"], "curation_sets": []}
    asks = {"ok": True, "committed_index": 9, "queued_writes": 0, "version": "30.1", **schema}
    server, handler = scripted((200, json.dumps(asks)))
    admin = TypesenseAdmin(address(server))
    admin.apply_search("packages", [Synonym(("a", "b"))])
    admin.close()
    server.shutdown()
    sent = [
        (method, path, body) for method, path, body in handler.asked if method in ("PUT", "PATCH")
    ]
    (method, path, body), patch = sent
    assert (method, path) == ("PUT", "/synonym_sets/pyfcrawl-packages-1")
    assert [each["synonyms"] for each in json.loads(body)["items"]] == [["a", "b"]]
    assert patch[:2] == ("PATCH", "/collections/packages-1")
    assert json.loads(patch[2]) == {"synonym_sets": ["theirs", "pyfcrawl-packages-1"]}
