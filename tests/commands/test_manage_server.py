"""`scrapy manage` on a real Typesense server: rebuilds, keys, synonyms and pins, snapshots."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from pyfcrawl.stores.typesense import TypesenseWriter
from pyfcrawl.stores.typesense_admin import TypesenseAdmin
from tests.commands.shell import Result, Shell, document, error_of
from tests.stores.typesense_server import ServerElsewhere, TypesenseServer

PROFILES = """\
profiles:
  plone:
    classifiers: ["Framework :: Plone"]
    search:
      synonyms:
        - [form, questionnaire]
      pinned:
        forms: [z.last, "@plone/form", not.there]
  django:
    classifiers: ["Framework :: Django"]
"""


class Served:
    """Runs `scrapy manage` for the server."""

    def __init__(self, shell: Shell, server: TypesenseServer | ServerElsewhere) -> None:
        self.shell = shell
        self.address = server.address()
        shell.data.mkdir(parents=True)
        self.profiles = shell.data / "profiles.yaml"
        self.profiles.write_text(PROFILES)

    def __call__(self, *words: str) -> Result:
        return self.shell(
            "manage",
            *words,
            PROFILES_FILE=str(self.profiles),
            TYPESENSE_HOST=self.address.host,
            TYPESENSE_PORT=str(self.address.port),
            TYPESENSE_PROTOCOL=self.address.protocol,
            TYPESENSE_API_KEY=self.address.api_key,
        )

    def done(self, *words: str) -> str:
        result = self(*words)
        assert (result.returncode, result.stderr) == (0, "")
        return result.stdout

    def error(self, *words: str) -> str:
        return error_of(self(*words))

    def writer(self) -> closing[TypesenseWriter]:
        return closing(TypesenseWriter(self.address))

    def request(self, method: str, path: str, key: str, **more: Any) -> httpx.Response:
        base = f"{self.address.protocol}://{self.address.host}:{self.address.port}"
        return httpx.request(method, base + path, headers={"X-TYPESENSE-API-KEY": key}, **more)

    def search(self, collection: str, words: str, key: str = "") -> list[str]:
        """Names of the hits, as a browser gets them."""
        params = {"q": words, "query_by": "name,summary", "per_page": 50}
        path = f"/collections/{collection}/documents/search"
        answer = self.request("GET", path, key or self.address.api_key, params=params)
        assert answer.status_code == 200, answer.text
        return [each["document"]["name"] for each in answer.json()["hits"]]


@pytest.fixture
def served(shell: Shell, typesense_server: TypesenseServer | ServerElsewhere) -> Iterator[Served]:
    """plone-1 serves as plone and packages; other has its own name only."""
    made = Served(shell, typesense_server)
    with made.writer() as writer:
        writer.create("plone-1")
        writer.create("other")
        writer.alias("plone", "plone-1")
        writer.alias("packages", "plone-1")
        names = ("a.form", "b.form", "z.last")
        documents = [document(each, summary=f"{each} makes forms") for each in names]
        writer.upsert("plone", [*documents, document("@plone/form", registry="npm")])
        writer.upsert("other", [document("secret")])
    yield made
    with made.writer() as writer, closing(TypesenseAdmin(made.address)) as admin:
        for each in writer.collections():
            writer.drop(each.name)
        made_here = admin.list_keys()
        for key in made_here:
            admin.delete_key(key.id)


def test_looking(served: Served) -> None:
    assert served.done("collections", "--names") == "other\nplone-1\n"
    lines = served.done("collections").splitlines()
    assert lines[3].split() == ["plone-1", "4", "4", "packages,", "plone"]
    expected = {"packages": "plone-1", "plone": "plone-1"}
    assert json.loads(served.done("aliases", "--json")) == expected


def test_a_rebuild_brings_the_profiles_search_along(served: Served) -> None:
    before = served.search("plone", "questionnaire")
    assert before == []
    text = served.done("recreate", "-t", "packages")
    assert "not.there is pinned in profile plone, but not in plone-2" in text
    assert text.endswith("plone-2 serves as packages, plone now: 4 documents; plone-1 is gone\n")
    assert served.done("collections", "--names") == "other\nplone-2\n"
    assert "a.form" in served.search("plone", "questionnaire")
    assert served.search("packages", "forms")[:2] == ["z.last", "@plone/form"]
    assert "plone-3 serves" in served.done("recreate")
    assert served.search("plone", "forms")[:2] == ["z.last", "@plone/form"]


def test_search_is_applied_after_an_edit(served: Served) -> None:
    text = served.done("apply-search", "-p", "plone")
    assert text.splitlines() == [
        "not.there is pinned in profile plone, but not in plone-1",
        "plone-1 has 1 group of synonyms and pinned packages for 1 query",
    ]
    assert served.search("plone", "forms")[:2] == ["z.last", "@plone/form"]
    served.profiles.write_text(PROFILES.replace("z.last, ", "").replace(", not.there", ""))
    assert "not.there" not in served.done("apply-search", "-t", "packages")
    assert served.search("plone", "forms")[0] == "@plone/form"
    served.profiles.write_text(PROFILES.partition("    search:")[0])
    assert "0 groups of synonyms and" in served.done("apply-search")
    assert served.search("plone", "questionnaire") == []
    assert "no profile has this collection" in served.error("apply-search", "-t", "other")
    served.profiles.write_text(PROFILES)
    assert "not crawled yet" in served.error("apply-search", "-p", "django")


def test_a_key_searches_one_collection_and_nothing_else(served: Served) -> None:
    first, told, key = served.done("add-key", "-p", "plone", "--expires", "30d").splitlines()
    assert first.startswith("Key ")
    assert " may search plone until 20" in first
    assert "once" in told
    assert "a.form" in served.search("plone", "forms", key)
    for method, path in (
        ("GET", "/collections/other/documents/search?q=*&query_by=name"),
        ("GET", "/collections/packages/documents/search?q=*&query_by=name"),
        ("GET", "/collections/plone/documents/export"),
        ("DELETE", "/collections/plone"),
        ("GET", "/keys"),
        ("GET", "/collections"),
    ):
        assert served.request(method, path, key).status_code in (401, 403), path
    served.done("recreate")
    assert "a.form" in served.search("plone", "forms", key)


def test_keys_are_listed_without_their_secrets(served: Served) -> None:
    value = "a-key-of-my-own-choice-0123456789"
    text = served.done("add-key", "-t", "packages", "--value", value)
    number = text.split()[1]
    assert text.splitlines()[-1] == value
    table, shown = served.done("keys"), served.done("keys", "--json")
    assert value not in table + shown
    assert value[:4] + "..." in table
    (listed,) = json.loads(shown)
    assert (str(listed["id"]), listed["collections"]) == (number, ["packages"])
    assert listed["actions"] == ["documents:search"]
    assert served.search("packages", "forms", value)
    assert served.done("delete-key", number) == f"Key {number} is deleted\n"
    assert f"there is no key {number}" in served.error("delete-key", number)
    assert served.done("keys").startswith("No keys but")
    path = "/collections/packages/documents/search?q=*&query_by=name"
    assert served.request("GET", path, value).status_code == 401


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("-t", "nowhere"), "collection 'nowhere' is not in the index"),
        (("-p", "django"), "profile 'django' is not crawled yet"),
        (("-p", "djano"), "did you mean 'django'"),
        (("--value", "short"), "16 or more characters"),
        (("--value", "with a space in the middle"), "16 or more characters"),
        (("--expires", "tomorrow"), "--expires 'tomorrow' is no time"),
        (("--expires", "2001-01-01"), "is past"),
    ],
)
def test_keys_that_can_not_be(served: Served, words: tuple[str, ...], part: str) -> None:
    assert part in served.error("add-key", *words)
    assert served.done("keys", "--json") == "[]\n"


def test_a_snapshot_is_made_by_the_server(served: Served, tmp_path: Path) -> None:
    path = tmp_path / "backup"
    assert served.done("snapshot", str(path)).startswith(f"{path}, on the server, holds")
    if served.address.host == "127.0.0.1":
        assert any(path.iterdir())
    assert "snapshot needs a PATH" in served.error("snapshot")
    assert "absolute path" in served.error("snapshot", "relative/path")


def test_a_wrong_key_is_told_in_one_line(served: Served) -> None:
    result = served("collections", "-s", "TYPESENSE_API_KEY=wrong")
    error = error_of(result)
    assert "TYPESENSE_API_KEY" in error


def test_deleting(served: Served) -> None:
    assert "is an alias of 'plone-1'" in served.error("delete", "plone", "--force")
    assert served.done("delete", "plone-1", "--force") == "plone-1 is deleted\n"
    assert served.done("aliases") == "No aliases yet.\n"
    assert served.done("migrate", "other", "copy").startswith("1 document of other written")
    assert served.done("collections", "--names") == "copy\nother\n"
