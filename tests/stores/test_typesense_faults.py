"""A Typesense server that is killed, away, busy, or doesn't know the key."""

from __future__ import annotations

import http.server
import json
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyfcrawl.errors import ConfigurationError, StoreError
from pyfcrawl.stores.index import Patch
from pyfcrawl.stores.typesense import TypesenseAddress, TypesenseReader, TypesenseWriter
from pyfcrawl.stores.typesense_admin import TypesenseAdmin
from tests.ports import free_port
from tests.stores.contract import NAME, document, search
from tests.stores.typesense_server import (
    KEY,
    ServerElsewhere,
    TypesenseServer,
    Unavailable,
)

NOWHERE = TypesenseAddress("127.0.0.1", 9, "http", "a-secret-key", 1.0, 0.6)


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[TypesenseServer]:
    """A server of the test's own, to be killed."""
    try:
        server = TypesenseServer(tmp_path)
    except Unavailable as reason:
        pytest.skip(str(reason))
    yield server
    server.kill()


# killed


def test_killed_in_the_middle_of_imports(mortal: TypesenseServer) -> None:
    """Three times: what was acknowledged is there, and the writer waits and goes on."""
    writer = TypesenseWriter(mortal.address())
    writer.create(NAME)
    ended = threading.Event()

    def kill() -> None:
        for delay in (0.3, 0.9, 0.5):
            if ended.wait(delay):
                return
            mortal.kill()
            mortal.start(wait=False)

    killer = threading.Thread(target=kill)
    killer.start()
    acknowledged: list[str] = []
    # Until all three kills have happened, whatever the machine's speed.
    while killer.is_alive():
        start = len(acknowledged)
        given = [
            document(f"p{n}", main_content=f"word{n} " * 50) for n in range(start, start + 400)
        ]
        report = writer.upsert(NAME, given)
        assert report.written + report.unchanged == 400
        assert report.refused == []
        acknowledged += [each["identifier"] for each in given]
    ended.set()
    killer.join()
    assert [each["identifier"] for each in writer.iterate(NAME, ["identifier"])] == sorted(
        acknowledged
    )
    found = writer.collection(NAME)
    assert found is not None
    assert found.packages == len(acknowledged)
    writer.close()


def test_killed_in_the_middle_of_patches_and_removals(mortal: TypesenseServer) -> None:
    writer = TypesenseWriter(mortal.address())
    writer.create(NAME)
    given = [document(f"p{n}") for n in range(1000)]
    writer.upsert(NAME, given)
    killer = threading.Timer(0.1, lambda: (mortal.kill(), mortal.start(wait=False)))
    killer.start()
    patches = [Patch(each["package_id"], {"github_stars": 7}) for each in given]
    report = writer.patch(NAME, patches)
    assert report.written + report.unchanged == 1000
    killer.join()
    killer = threading.Timer(0.05, lambda: (mortal.kill(), mortal.start(wait=False)))
    killer.start()
    assert writer.delete_packages(NAME, [each["package_id"] for each in given[:500]]) <= 500
    killer.join()
    left = list(writer.iterate(NAME, ["identifier", "github_stars"]))
    assert len(left) == 500
    assert {each["github_stars"] for each in left} == {7}
    writer.close()


def test_a_server_that_was_restarted_unnoticed_is_not_believed_before_it_has_read_its_log(
    mortal: TypesenseServer,
) -> None:
    writer = TypesenseWriter(mortal.address())
    writer.create(NAME)
    text = " ".join(f"word{n}" for n in range(400))
    writer.upsert(NAME, [document(f"p{n}", main_content=text) for n in range(3000)])
    mortal.kill()
    mortal.start()  # until it says it is healthy
    ids = [f"pkg:pypi/p{n}" for n in range(3000)]
    assert len(writer.known(NAME, ids, ["name"])) == 3000
    writer.close()


# away


def test_a_server_that_is_away_is_waited_for_and_then_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reader = TypesenseReader(NOWHERE)
    started = time.monotonic()
    with caplog.at_level(logging.DEBUG), pytest.raises(StoreError) as caught:
        reader.collections()
    assert time.monotonic() - started >= 0.5
    for part in ("127.0.0.1:9", "TYPESENSE_HOST", "TYPESENSE_PORT", "INDEX_WAIT"):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    tries = [each.getMessage() for each in caplog.records if "trying again" in each.getMessage()]
    assert 2 <= len(tries) <= 4
    assert NOWHERE.api_key not in caplog.text + str(caught.value) + repr(NOWHERE) + str(NOWHERE)


def test_closing_ends_a_wait() -> None:
    reader = TypesenseReader(TypesenseAddress("127.0.0.1", 9, "http", "k", 1.0, 600.0))
    threading.Timer(0.3, reader.close).start()
    with pytest.raises(StoreError, match="closed"):
        reader.collections()


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers from a script, one a request, the last one for ever; notes what was asked."""

    script: list[tuple[int, str]]
    asked: list[tuple[str, str, str]]

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.asked.append((self.command, self.path, self.rfile.read(length).decode()))
        status, text = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def scripted(*script: tuple[int, str]) -> tuple[http.server.ThreadingHTTPServer, type[Answers]]:
    """A server that answers so."""
    handler = type("Scripted", (Answers,), {"script": list(script), "asked": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, handler


def address(server: http.server.ThreadingHTTPServer) -> TypesenseAddress:
    return TypesenseAddress("127.0.0.1", server.server_port, "http", "a-secret-key", 5.0, 5.0)


def test_overload_and_loading_pass() -> None:
    busy = [(503, '{"message": "Not Ready or Lagging"}'), (500, "{}"), (429, "{}"), (502, "<html>")]
    server, handler = scripted(*busy, ok(9, 0))
    reader = TypesenseReader(address(server))
    assert reader.aliases() == {}
    assert len(handler.asked) == len(busy) + 4
    reader.close()
    server.shutdown()


def ok(logged: int, queued: int) -> tuple[int, str]:
    """An answer that does for health, status and aliases."""
    status = {"ok": True, "committed_index": logged, "queued_writes": queued, "aliases": []}
    return 200, json.dumps(status)


@pytest.mark.parametrize(
    ("looks", "fitting"),
    [
        ([(30, 0)], "idle"),
        ([(30, 6), (30, 6), (30, 6), (30, 5), (30, 1), (30, 0)], "slow to load, to the end"),
        ([(30, 3), (32, 4), (35, 5)], "busy: what came later is not waited for"),
        ([(30, 3), (0, 0)], "restarted once more: its next answer tells"),
    ],
)
def test_what_the_log_held_is_waited_for_and_nothing_else(
    looks: list[tuple[int, int]], fitting: str
) -> None:
    server, handler = scripted(ok(0, 0), ok(0, 0), *(ok(*each) for each in looks), ok(99, 9))
    reader = TypesenseReader(address(server))
    assert reader.aliases() == {}
    paths = [path.partition("?")[0] for _, path, _ in handler.asked]
    barrier = "/aliases/pyfcrawl-has-no-such-alias"
    assert paths == ["/health", barrier, *["/status"] * len(looks), "/aliases"], fitting
    reader.close()
    server.shutdown()


@pytest.mark.parametrize("text", ["<html>hello</html>", "", "\0", '"', "[]", "null", "7"])
def test_something_else_on_that_port_is_told_of(text: str) -> None:
    server, _ = scripted((200, text))
    reader = TypesenseReader(address(server))
    for call in (reader.aliases, lambda: reader.get(NAME, "x"), lambda: reader.collection(NAME)):
        with pytest.raises(StoreError):
            call()
    reader.close()
    server.shutdown()


# keys


def test_a_wrong_key_stops_at_once(
    typesense_server: TypesenseServer | ServerElsewhere, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = "wrong-but-secret"
    writer = TypesenseWriter(typesense_server.address(api_key=wrong, wait=300.0))
    calls = [
        writer.collections,
        lambda: writer.create(NAME),
        lambda: writer.upsert(NAME, [document("a")]),
        lambda: search(writer, "a"),
        lambda: writer.get(NAME, "x"),
    ]
    with caplog.at_level(logging.DEBUG):
        for call in calls:
            with pytest.raises(StoreError, match="TYPESENSE_API_KEY") as caught:
                call()
            assert wrong not in str(caught.value)
            assert "\n" not in str(caught.value)
    assert "trying again" not in caplog.text
    assert wrong not in caplog.text
    writer.close()


def test_a_key_that_may_only_search_searches_and_does_nothing_else(
    typesense_server: TypesenseServer | ServerElsewhere,
) -> None:
    full = TypesenseWriter(typesense_server.address())
    full.create(NAME)
    full.upsert(NAME, [document("a", keywords=["k"])])
    admin = TypesenseAdmin(typesense_server.address())
    key, secret = admin.add_key([NAME])
    writer = TypesenseWriter(typesense_server.address(api_key=secret, wait=300.0))
    assert search(writer, "a", facets=["keywords"]).facets == {"keywords": [("k", 1)]}
    assert writer.get(NAME, document("a")["identifier"]) is not None
    for call in (
        writer.collections,
        lambda: writer.create(NAME),
        lambda: writer.drop(NAME),
        lambda: writer.upsert(NAME, [document("b")]),
        lambda: writer.delete_packages(NAME, ["x"]),
    ):
        with pytest.raises(StoreError, match="TYPESENSE_API_KEY") as caught:
            call()
        assert secret not in str(caught.value)
    assert admin.delete_key(key.id)
    full.drop(NAME)
    for each in (full, writer, admin):
        each.close()


def test_an_address_that_can_not_be_is_named() -> None:
    sound: dict[str, Any] = {
        "host": "localhost",
        "port": 8108,
        "protocol": "http",
        "api_key": "some-key",
        "timeout": 5.0,
        "wait": 300.0,
    }
    TypesenseReader(TypesenseAddress(**sound)).close()
    TypesenseReader(TypesenseAddress(**sound | {"host": "::1"})).close()
    for name, value, setting in (
        ("host", "", "TYPESENSE_HOST"),
        ("host", "http://localhost", "TYPESENSE_HOST"),
        ("host", "a b", "TYPESENSE_HOST"),
        ("port", 0, "TYPESENSE_PORT"),
        ("port", "8108", "TYPESENSE_PORT"),
        ("protocol", "ftp", "TYPESENSE_PROTOCOL"),
        ("api_key", "", "TYPESENSE_API_KEY"),
        ("api_key", "secret\nline", "TYPESENSE_API_KEY"),
        ("api_key", "sécret", "TYPESENSE_API_KEY"),
        ("timeout", 0, "TYPESENSE_TIMEOUT"),
        ("wait", -1, "INDEX_WAIT"),
        ("wait", float("nan"), "INDEX_WAIT"),
    ):
        with pytest.raises(ConfigurationError, match=setting) as caught:
            TypesenseReader(TypesenseAddress(**sound | {name: value}))
        assert "\n" not in str(caught.value)
        assert "cret" not in str(caught.value)


def test_the_key_shows_nowhere() -> None:
    shown = repr(TypesenseAddress("localhost", 8108, "http", KEY, 5.0, 300.0))
    assert KEY not in shown
    assert json.dumps("localhost").strip('"') in shown
