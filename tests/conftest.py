"""What every test may rely on: untimed examples, servers, no real registry reached by accident."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.redis_server import ELSEWHERE, RedisElsewhere, RedisPlace, RedisServer, Unavailable
from tests.stores.typesense_server import ServerElsewhere, TypesenseServer
from tests.stores.typesense_server import Unavailable as NoTypesense

# Examples are not timed: a slow or busy machine proves nothing about the code.
settings.register_profile("pyfcrawl", deadline=None, print_blob=True)
settings.load_profile("pyfcrawl")

# Whatever a developer has set for daily use must not decide about a test, and a test that
# forgets to name its stand-in gets a refused connection. Port 9 is "discard": nobody answers.
_NOWHERE = "http://127.0.0.1:9"
ROOTS = (
    *("PYPI_ROOT", "NPM_ROOT", "NPM_DOWNLOADS_ROOT", "JSDELIVR_CDN_ROOT", "JSDELIVR_DATA_ROOT"),
    *("GITHUB_API_ROOT", "GITLAB_API_ROOT", "CODEBERG_API_ROOT", "PYPISTATS_ROOT"),
    "CLICKHOUSE_URL",
)
for _name in ROOTS:
    os.environ[_name] = _NOWHERE
for _name in ("NPM_AUTH_TOKEN", "GITHUB_TOKEN", "CLICKHOUSE_PASSWORD", "BIGQUERY_PROJECT"):
    os.environ[_name] = ""  # nor is one of a .env sent anywhere


def pytest_xdist_auto_num_workers() -> int:
    """Workers of `-n auto`, as `make test` asks for.

    Two a core, as a test with servers and crawls in processes of their own mostly waits, and each
    with a Typesense server; none but this process when TYPESENSE_HOST names one for all.
    """
    return 0 if os.environ.get("TYPESENSE_HOST") else min(2 * (os.cpu_count() or 1), 16)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout's directory."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def typesense_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[TypesenseServer | ServerElsewhere]:
    """The Typesense server of all tests that don't harm it."""
    try:
        if os.environ.get("TYPESENSE_HOST"):
            server: TypesenseServer | ServerElsewhere = ServerElsewhere()
        else:
            server = TypesenseServer(tmp_path_factory.mktemp("typesense"))
    except NoTypesense as reason:
        pytest.skip(str(reason))
    yield server
    server.kill()


@pytest.fixture(scope="session")
def redis_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RedisServer | RedisElsewhere]:
    """The Redis of all tests that don't harm it."""
    try:
        server = RedisElsewhere() if ELSEWHERE else RedisServer(tmp_path_factory.mktemp("redis"))
    except Unavailable as reason:
        pytest.skip(str(reason))
    yield server
    server.kill()


@pytest.fixture
def redis_place(redis_server: RedisServer | RedisElsewhere) -> Iterator[RedisPlace]:
    """A part of it that is this test's own."""
    place = RedisPlace(redis_server)
    yield place
    place.clear()


@pytest.fixture
def start_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., RedisServer]]:
    """Starts servers that are this test's own, to be killed, locked or filled up."""
    servers: list[RedisServer] = []

    def start(password: str = "", maxmemory: str = "") -> RedisServer:
        try:
            servers.append(RedisServer(tmp_path_factory.mktemp("redis"), password, maxmemory))
        except Unavailable as reason:
            pytest.skip(str(reason))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()
