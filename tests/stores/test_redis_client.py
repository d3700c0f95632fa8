"""A Redis as it is given, reached and told of: whatever goes wrong, one line and no password."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Callable

import pytest
import redis

from pyfcrawl.errors import ConfigurationError, StoreError
from pyfcrawl.stores.redis_client import (
    Patience,
    RedisAddress,
    connect,
    connect_async,
    explain,
    is_passing,
    masked,
)
from tests.ports import free_port
from tests.redis_server import RedisPlace, RedisServer

SECRET = "s3cret/w@rd"
QUOTED = "s3cret%2Fw%40rd"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://a.example", "Redis at a.example:6379"),
        (f"redis://user:{QUOTED}@a.example:6380/3", "Redis at a.example:6380"),
        (f"rediss://:{QUOTED}@a.example/0?ssl_cert_reqs=none", "Redis at a.example:6379"),
        ("unix:///run/redis.sock?db=2", "Redis at /run/redis.sock"),
        ("redis://[::1]:6379/0", "Redis at ::1:6379"),
    ],
)
def test_addresses_that_are_understood(url: str, shown: str) -> None:
    address = RedisAddress.parse(url)
    assert (address.url, str(address)) == (url, shown)
    assert "s3cret" not in repr(address)
    assert RedisAddress.parse(address.whole()) == address
    with connect(address.url, 1) as client:
        assert client.connection_pool.make_connection() is not None


def test_prefix_and_waits_travel_with_the_address() -> None:
    address = RedisAddress.parse("redis://a.example/1?prefix=site-1&wait=7&timeout=0.5&db=2")
    assert (address.prefix, address.wait, address.timeout) == ("site-1", 7.0, 0.5)
    assert address.url == "redis://a.example/1?db=2"
    assert address.for_reading().wait == 5


def test_settings_come_before_what_an_address_says() -> None:
    given = {"REDIS_KEY_PREFIX": "site-1", "REDIS_WAIT": "7", "REDIS_TIMEOUT": 0.5}
    address = RedisAddress.of({"REDIS_URL": "redis://a.example/1?wait=1&prefix=x&db=2", **given})
    assert address == RedisAddress("redis://a.example/1?db=2", "site-1", 7.0, 0.5)


@pytest.mark.parametrize(
    "query", ["db=3&protocol=3&health_check_interval=5", "ssl_cert_reqs=optional&ssl_ca_certs=/x"]
)
def test_what_is_not_refused_the_client_takes(query: str) -> None:
    address = RedisAddress.parse(f"{'rediss' if 'ssl' in query else 'redis'}://a.example?{query}")
    with connect(address.url, 1) as client:
        assert client.connection_pool.make_connection() is not None


@pytest.mark.parametrize(
    "url",
    [
        *("", "a.example:6379", "http://a.example", "redis:///0", "redis://", "redis://a.example:x"),
        *("redis://a.example:99999", "redis://a.example:0", "redis://a.example/first", "unix://"),
        *("redis://a b.example", "redis://a.example/0?what=1", "redis://[::1"),
        *("redis://a.example?wait=long", "redis://a.example?timeout=0", "redis://a.example?wait=nan"),
        *("redis://a.example?prefix=", "redis://a.example?prefix=a*", "redis://a.example?wait"),
        f"redis://:{SECRET}@a.example:6379/0",
        *("redis://:s3cret#1@a.example", "redis://:s3cret?x@a.example", "redis://:s3cret"),
        *("redis://s3cret/x@a.example", "redis://u:s3cret@", "s3cret", "redis://u:s3cret@a@b/x"),
        *("redis://:s3cret @a.example", "redis://:s3cret@a.example/0?passwort=s3cret"),
        *("redis://a.example?db=abc", "redis://a.example?protocol=4", "unix:///s?db=-1"),
        *("redis://a.example?health_check_interval=x", "redis://a.example?ssl_cert_reqs=none"),
        "rediss://a.example?ssl_cert_reqs=maybe",
    ],
)  # fmt: skip
def test_addresses_that_cannot_be_are_refused_without_their_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^REDIS_URL=.* can't be used: ") as caught:
        RedisAddress.parse(url)
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "s3cret" not in masked(url)


def address_of(server: RedisServer, password: str = "", wait: float = 0) -> RedisAddress:
    return RedisAddress(server.url_with(password), wait=wait, timeout=2)


def failure(address: RedisAddress, work: Callable[[redis.Redis], object]) -> str:
    """What is said when this fails, after any waiting."""
    with connect(address.url, address.timeout) as client:
        patience = Patience(address)
        with pytest.raises(StoreError) as caught:
            patience.call(lambda: work(client))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_wrong_password_is_told_at_once_and_not_shown(
    start_redis: Callable[..., RedisServer],
) -> None:
    server = start_redis(password=SECRET)
    for given in ("", "s3cret-wrong"):
        began = time.monotonic()
        said = failure(address_of(server, given, wait=30), lambda client: client.get("x"))
        assert "refuses the password" in said
        assert "REDIS_URL" in said
        assert "s3cret" not in said
        assert time.monotonic() - began < 5


def test_out_of_memory_is_told_at_once(start_redis: Callable[..., RedisServer]) -> None:
    address = address_of(start_redis(maxmemory="3mb"), wait=30)
    for work in (
        lambda client: client.set("x", "x" * 4_000_000),
        lambda client: client.eval("redis.call('SET', 'x', ARGV[1])", 0, "x" * 4_000_000),
    ):
        assert "out of memory" in failure(address, work)


def test_a_replica_is_told(start_redis: Callable[..., RedisServer]) -> None:
    server = start_redis()
    with server.client() as client:
        client.replicaof("127.0.0.1", str(server.port))
        assert "replica" in failure(address_of(server), lambda client: client.set("x", 1))
        assert "replica" in failure(
            address_of(server), lambda client: client.eval("return redis.call('SET', 'x', 1)", 0)
        )
        client.replicaof("NO", "ONE")


def test_a_connection_to_what_became_a_replica_is_dropped(
    start_redis: Callable[..., RedisServer],
) -> None:
    server = start_redis()
    writes: tuple[Callable[[redis.Redis], object], ...] = (
        lambda client: client.set("x", 1),
        lambda client: client.register_script("return redis.call('SET', 'x', 1)")(),
        lambda client: client.pipeline().set("x", 1).execute(),
    )
    with server.client() as other, connect(server.url, 2) as client:
        for write in writes:
            write(client)
            before = client.client_id()
            other.replicaof("127.0.0.1", str(server.port))
            with pytest.raises(redis.RedisError) as caught:
                write(client)
            assert is_passing(caught.value)
            other.replicaof("NO", "ONE")
            assert client.client_id() != before
            write(client)


def test_a_user_without_rights_is_told(start_redis: Callable[..., RedisServer]) -> None:
    server = start_redis()
    with server.client() as client:
        client.acl_setuser("reader", enabled=True, passwords="+s3cret", categories=["+@read"])
    address = RedisAddress(f"redis://reader:s3cret@127.0.0.1:{server.port}", wait=30)
    said = failure(address, lambda client: client.set("x", 1))
    assert "doesn't let this user" in said
    assert "s3cret" not in said


def test_nobody_there_and_somebody_else() -> None:
    away = RedisAddress(f"redis://:s3cret@127.0.0.1:{free_port()}", wait=0)
    said = failure(away, lambda client: client.get("x"))
    assert "can't be reached" in said
    assert "s3cret" not in said
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = RedisAddress(f"redis://127.0.0.1:{silent.getsockname()[1]}", wait=0, timeout=0.2)
        assert "in time" in failure(address, lambda client: client.get("x"))


@pytest.mark.parametrize(
    ("error", "words", "passing"),
    [
        (redis.BusyLoadingError("Redis is loading the dataset in memory"), "still loading", True),
        (redis.ResponseError("MISCONF Errors writing to the AOF file"), "its disk", False),
        (redis.ResponseError("MOVED 1 10.0.0.1:6379"), "cluster", False),
        (redis.ResponseError("BUSY Redis is busy running a script"), "BUSY", True),
        (redis.InvalidResponse("Protocol Error: b'HTTP'"), "no Redis", False),
        (redis.ResponseError("ERR odd s3cret\nthing."), "ERR odd *** thing", False),
    ],
)
def test_what_servers_say_seldom(error: redis.RedisError, words: str, passing: bool) -> None:
    address = RedisAddress("redis://:s3cret@a.example")
    assert words in str(explain(error, address))
    assert "s3cret" not in str(explain(error, address))
    assert is_passing(error) == passing


def test_a_server_that_is_away_is_waited_for_and_told_of_twice(
    start_redis: Callable[..., RedisServer], caplog: pytest.LogCaptureFixture
) -> None:
    server = start_redis()
    address = address_of(server, wait=30)
    patience = Patience(address)
    caplog.set_level(logging.INFO)
    with connect(address.url, 2) as client:
        patience.call(lambda: client.set("x", 1))
        server.kill()
        timer = threading.Timer(1.5, server.start)
        timer.start()
        assert patience.call(lambda: client.get("x")) == "1"
        timer.join()
        said = [each.getMessage() for each in caplog.records if "redis" in each.name]
        assert [("waiting up to 30 s" in each, "is back" in each) for each in said] == [
            (True, False),
            (False, True),
        ]
        caplog.clear()
        server.restart()
        assert patience.call(lambda: client.get("x")) == "1"
        assert caplog.records == []  # a connection lost meanwhile is nobody's concern


def test_who_closes_ends_the_waiting() -> None:
    address = RedisAddress(f"redis://127.0.0.1:{free_port()}", wait=60)
    patience = Patience(address)
    threading.Timer(0.3, patience.close).start()
    began = time.monotonic()
    with connect(address.url, 1) as client, pytest.raises(StoreError):
        patience.call(client.ping)
    assert time.monotonic() - began < 10


def test_the_event_loop_has_a_client_too(redis_place: RedisPlace) -> None:
    async def main() -> str | None:
        async with connect_async(redis_place.url, 2) as client:
            await client.set(f"{redis_place.prefix}:x", "y")
            return await client.get(f"{redis_place.prefix}:x")

    assert asyncio.run(main()) == "y"
