"""The state in Redis: away, restarted, full, shared; and what others may read in it."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from pyfcrawl.errors import StoreError
from pyfcrawl.stores.redis_client import RedisAddress
from pyfcrawl.stores.redis_state import RedisState
from pyfcrawl.stores.state import Cursor, Pending, Run, open_state
from tests.ports import free_port
from tests.redis_server import RedisPlace, RedisServer

KEY = "pypi/plone"
ROOT = Path(__file__).resolve().parents[2]
NOW = int(time.time())


def fill(state: RedisState) -> None:
    """One of everything."""
    state.advance(KEY, Cursor(9, "s", "e"), {"a": Pending(5, "junk", 100)})
    state.record(Run("pypi", "plone", 1, 2, "finished", {"written": 3}))
    state.remember("k", {"a": {"etag": "x"}})
    state.remember("k", {"b": [1]}, until=NOW + 10**6)


@pytest.fixture
def state(redis_place: RedisPlace):
    with closing(RedisState(RedisAddress(redis_place.url, redis_place.prefix))) as store:
        yield store


def test_all_of_it_is_json_under_one_prefix(state: RedisState, redis_place: RedisPlace) -> None:
    fill(state)
    own = [key.removeprefix(f"{redis_place.prefix}:state:") for key in redis_place.all_keys()]
    writer = next(key for key in own if key.startswith("writer:"))
    assert sorted(own) == sorted(["cursors", "memory:k", f"pending:{KEY}", "runs", "until", writer])
    with redis_place.server.client() as client:
        start = f"{redis_place.prefix}:state:"
        values = [
            *client.hvals(start + "cursors"),
            *client.hvals(start + "memory:k"),
            *client.hvals(start + f"pending:{KEY}"),
            *client.lrange(start + "runs", 0, -1),
        ]
        assert len([json.loads(value) for value in values]) == 5
        assert client.ttl(start + writer) > 0
        assert client.object("encoding", start + writer) == "int"


def test_installations_share_a_server(state: RedisState, redis_place: RedisPlace) -> None:
    fill(state)
    other = RedisPlace(redis_place.server)
    with closing(RedisState(RedisAddress(other.url, other.prefix))) as stranger:
        assert (stranger.cursor(KEY), stranger.pending(KEY), stranger.runs()) == (None, {}, [])
        assert stranger.recall("k") == {}
        stranger.forget("k", ["a"])
        fill(stranger)
    other.clear()
    assert set(state.recall("k")) == {"a", "b"}


def test_what_is_over_takes_no_room(state: RedisState, redis_place: RedisPlace) -> None:
    state.remember("k", {str(number): number for number in range(100)}, until=NOW - 1)
    state.remember("other", {"new": 1})
    assert not any("memory:k" in key or key.endswith("until") for key in redis_place.all_keys())
    state.remember("k", {"a": 1}, until=NOW - 1)
    state.remember("k", {"a": 1})
    state.remember("k", {"b": 1})
    assert state.recall("k") == {"a": 1, "b": 1}


def test_big_serials_and_odd_reasons_stay_what_they_are(state: RedisState) -> None:
    serial = 2**53 - 1
    reason = "“no” \x00 \\ %d \U0001f600"
    for _ in range(2):
        state.advance(KEY, Cursor(serial, "s"), {"%s": Pending(serial, reason, NOW)})
    assert state.pending(KEY) == {"%s": Pending(serial, reason, NOW, 2)}
    state.advance(KEY, Cursor(serial - 1, "s"))
    assert state.cursor(KEY) == Cursor(serial, "s")


def test_tens_of_thousands_are_read_in_few_round_trips(
    start_redis: Callable[..., RedisServer],
) -> None:
    server = start_redis()
    values = {f"package-{number}": {"etag": "x" * 40} for number in range(40_000)}
    with closing(RedisState(RedisAddress(server.url))) as state, server.client() as client:
        state.remember("k", values, until=NOW + 10**6)
        before = client.info("stats")["total_commands_processed"]
        assert state.recall("k") == values
        assert state.recall("k", values) == values
        assert client.info("stats")["total_commands_processed"] - before < 40


def test_a_redis_that_is_killed_and_comes_back_loses_nothing(
    start_redis: Callable[..., RedisServer],
) -> None:
    server = start_redis()
    state = RedisState(RedisAddress(server.url, wait=30, timeout=2))
    fill(state)
    stop, told = threading.Event(), []

    def write() -> None:
        number = 10
        while not stop.is_set():
            state.advance(KEY, Cursor(number, "s"), {f"n{number}": Pending(number, "x", NOW)})
            told.append(number)
            number += 1

    thread = threading.Thread(target=write)
    thread.start()
    for away in (0.0, 1.0, 0.3):
        time.sleep(0.3)
        server.restart(away)
    time.sleep(1)
    stop.set()
    thread.join()
    assert len(told) > 20
    assert state.cursor(KEY) == Cursor(told[-1], "s")
    assert {name: each.attempts for name, each in state.pending(KEY).items()} == {
        "a": 1,
        **{f"n{number}": 1 for number in told},
    }
    assert set(state.recall("k")) == {"a", "b"}
    assert len(state.runs()) == 1
    state.close()


class LossyLine:
    """Stands between a client and a server, and can swallow an answer and hang up."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.swallow = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._port))
            for pair in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        try:
            while data := source.recv(65536):
                if answers and self.swallow:
                    self.swallow -= 1
                    break
                target.sendall(data)
        except OSError:
            pass
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listening.close()


def test_a_write_whose_answer_was_lost_is_done_once(
    start_redis: Callable[..., RedisServer],
) -> None:
    line = LossyLine(start_redis().port)
    with closing(RedisState(RedisAddress(f"redis://127.0.0.1:{line.port}", wait=20))) as state:
        fill(state)  # so that its scripts are known
        line.swallow = 1
        state.advance(KEY, Cursor(10, "s"), {"a": Pending(6, "again", 200)})
        line.swallow = 1
        state.record(Run("pypi", "plone", 3, 4, "finished"))
        assert line.swallow == 0
        assert state.pending(KEY) == {"a": Pending(6, "again", 100, 2)}
        assert [run.started for run in state.runs()] == [3, 1]
    line.close()


_WRITER = """
import sys
from pyfcrawl.stores.state import Cursor, Pending, open_state
store = open_state(sys.argv[1])
for n in range(300):
    failed = {name: Pending(n, "x", n) for name in ("both", f"{sys.argv[2]}-{n}")}
    store.advance("k", Cursor(n, "s"), failed)
    store.remember("k", {f"{sys.argv[2]}-{n}": n})
store.close()
"""


def test_processes_write_at_once(state: RedisState, redis_place: RedisPlace) -> None:
    url = f"{redis_place.url}?prefix={redis_place.prefix}"
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, url, name], cwd=ROOT) for name in "ab"
    ]
    assert [each.wait(120) for each in writers] == [0, 0]
    assert state.cursor("k") == Cursor(299, "s")
    pending = state.pending("k")
    assert pending["both"].attempts == 600
    assert len(pending) == 601
    assert len(state.recall("k")) == 600


def test_a_user_needs_no_more_than_the_documentation_says(
    start_redis: Callable[..., RedisServer],
) -> None:
    line = re.search(r"`ACL SETUSER (.+?)`", (ROOT / "docs" / "redis.md").read_text())
    assert line is not None
    server = start_redis()
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", *line[1].split())
        client.acl_setuser("default", enabled=False)
    name, secret = re.match(r"(\w+) .*>(\S+)", line[1]).groups()  # type: ignore[union-attr]
    address = RedisAddress(f"redis://{name}:{secret}@127.0.0.1:{server.port}", wait=5)
    with closing(RedisState(address)) as state:
        fill(state)
        state.forget("k", ["a"])
        assert (set(state.recall("k")), len(state.pending(KEY))) == ({"b"}, 1)


@pytest.mark.parametrize("readonly", [True, False])
def test_what_cannot_be_opened_is_told_without_the_password(
    start_redis: Callable[..., RedisServer], readonly: bool
) -> None:
    server = start_redis(password="s3cret")
    for url, words in (
        (server.url_with("s3cret-wrong"), "refuses the password"),
        (f"redis://:s3cret@127.0.0.1:{free_port()}/0?wait=0.5", "can't be reached"),
    ):
        with pytest.raises(StoreError, match=words) as caught:
            open_state(url, readonly)
        assert "s3cret" not in str(caught.value)
    open_state(server.url, readonly).close()


def test_a_full_server_refuses_at_once_and_half_a_write_is_none(
    start_redis: Callable[..., RedisServer],
) -> None:
    server = start_redis(maxmemory="4mb")
    with closing(RedisState(RedisAddress(server.url, wait=60))) as state:
        fill(state)
        with server.client() as client:
            client.config_set("maxmemory", "1mb")
        began = time.monotonic()
        for write in (
            lambda: state.advance(KEY, Cursor(10, "s"), {"b": Pending(1, "x", 1)}),
            lambda: state.remember("k", {"c": 1}),
            lambda: state.record(Run("pypi", "plone", 3, 4, "finished")),
        ):
            with pytest.raises(StoreError, match="out of memory"):
                write()
        assert time.monotonic() - began < 5
        assert state.cursor(KEY) == Cursor(9, "s", "e")
        assert (list(state.pending(KEY)), len(state.runs())) == (["a"], 1)
        assert set(state.recall("k")) == {"a", "b"}
        with server.client() as client:
            client.config_set("maxmemory", "0")
        state.advance(KEY, Cursor(10, "s"))
        assert state.cursor(KEY) == Cursor(10, "s")


def test_a_reader_waits_for_seconds_only() -> None:
    began = time.monotonic()
    with pytest.raises(StoreError, match="can't be reached"):
        open_state(f"redis://127.0.0.1:{free_port()}?wait=300", readonly=True)
    assert 4 < time.monotonic() - began < 15
