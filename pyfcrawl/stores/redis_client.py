"""One Redis server: its address checked, clients for it, and its errors in words.

Everything of ours in a Redis is under one prefix, so that it can be shared. The client's own
retries are short, silent and blind to what a command may have done already, so they are off:
whoever calls knows what may be sent twice, and says in the log that it waits.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from pyfcrawl.errors import ConfigurationError, StoreError

if TYPE_CHECKING:
    import redis.asyncio

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

_PORT = 6379
_FIRST_DELAY = 0.1
_LONGEST_DELAY = 5.0
#: Whoever only reads is a person at a terminal, or a crawl that has not begun.
READERS_WAIT = 5.0

#: What the query of an address may hold: ours, and those of the client that make sense here.
_OURS = frozenset({"prefix", "wait", "timeout"})
_CLIENTS = frozenset(
    {
        *("db", "username", "password", "protocol", "client_name", "health_check_interval"),
        *("ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname"),
    }
)

#: These count as errors of the connection, but no waiting mends them.
_REFUSED = (redis.AuthenticationError, redis.exceptions.AuthorizationError)

#: First words of errors that a later try may better: loading, failing over, busy.
_PASSING = ("LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "NOREPLICAS")


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where a Redis is and how to use it. `wait`, `timeout`: seconds, for all tries and for one.

    `url` may hold a password and is never shown; str() gives what may be.
    """

    url: str = field(repr=False)
    prefix: str = "pyfcrawl"
    wait: float = 300.0
    timeout: float = 10.0

    @classmethod
    def parse(cls, url: str, setting: str = "REDIS_URL") -> RedisAddress:
        """Of an address whose query may hold `prefix`, `wait` and `timeout` besides.

        Raises ConfigurationError, which names the setting and shows no password.
        """
        try:
            wrong = _what_is_wrong(url)
        except ValueError:
            wrong = "it can't be read; in a password, write other characters than letters as %XX"
        if wrong:
            raise ConfigurationError(
                f"{setting}={masked(url)} can't be used: {wrong}; give redis://[:PASSWORD@]HOST:"
                "PORT/DB, rediss:// for TLS, or unix:///PATH"
            )
        place, _, query_text = url.partition("?")
        query = dict(parse_qsl(query_text, keep_blank_values=True))
        ours: dict[str, Any] = {name: query.pop(name) for name in _OURS & query.keys()}
        for name in {"wait", "timeout"} & ours.keys():
            ours[name] = float(ours[name])
        return cls(f"{place}?{urlencode(query)}" if query else place, **ours)

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> RedisAddress:
        """What REDIS_URL, REDIS_KEY_PREFIX, REDIS_WAIT and REDIS_TIMEOUT give; they come first."""
        return replace(
            cls.parse(str(settings["REDIS_URL"])),
            prefix=str(settings["REDIS_KEY_PREFIX"]),
            wait=float(settings["REDIS_WAIT"]),
            timeout=float(settings["REDIS_TIMEOUT"]),
        )

    def whole(self) -> str:
        """All of it as one text, which `parse` reads."""
        ours = urlencode({"prefix": self.prefix, "wait": self.wait, "timeout": self.timeout})
        return f"{self.url}{'&' if '?' in self.url else '?'}{ours}"

    def for_reading(self) -> RedisAddress:
        """The same for one who only reads, and doesn't wait long."""
        return replace(self, wait=min(self.wait, READERS_WAIT))

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        if parts.scheme == "unix":
            return f"Redis at {parts.path}"
        return f"Redis at {parts.hostname}:{parts.port or _PORT}"


def masked(url: str) -> str:
    """An address as it may be shown: no user, password or query."""
    scheme, found, rest = url.partition("://")
    # Of one that can't be read, any part may be a piece of a password.
    hidden = f"{scheme}://..." if found and scheme.isalnum() else "..."
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return hidden
    if "@" in rest.rpartition("@")[0] or "@" in parts.path + parts.query + parts.fragment:
        return hidden
    if not found or (scheme != "unix" and not host):
        return hidden
    return f"{scheme}://{host or ''}{f':{port}' if port else ''}{parts.path}"


def _what_is_wrong(url: str) -> str:
    """Why an address can't be used, "" when it can. Raises ValueError when it can't be read."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    if parts.scheme not in ("redis", "rediss", "unix"):
        return "it is no address of a Redis"
    if any(each.isspace() for each in url) or parts.fragment or "@" in parts.path:
        return "it holds a character that must be written as %XX"
    if parts.scheme == "unix":
        place = "" if parts.path.strip("/") else "it names no file"
    else:
        database = unquote(parts.path).strip("/")
        place = "" if parts.hostname and parts.port != 0 else "it names no host"
        place = place or ("" if database.isdecimal() or not database else "a database is a number")
    return place or _wrong_query(query, secure=parts.scheme == "rediss")


def _wrong_query(query: dict[str, str], secure: bool) -> str:
    unknown = query.keys() - _OURS - _CLIENTS
    if unknown:
        return f"nobody knows {', '.join(sorted(unknown))} in it"
    if "prefix" in query and not is_prefix(query["prefix"]):
        return "its prefix (REDIS_KEY_PREFIX) is empty or not made of letters, digits and -_.:"
    for name, least in (("wait", 0.0), ("timeout", 0.001)):
        if name in query and not _is_number(query[name], least):
            return f"its {name} (REDIS_{name.upper()}) is no number of seconds"
    return _wrong_for_client(query, secure)


def _wrong_for_client(query: dict[str, str], secure: bool) -> str:
    """What the client itself would refuse, with an error of its own."""
    for name in ("db", "health_check_interval"):
        if name in query and not query[name].isdecimal():
            return f"its {name} is no number"
    if query.get("protocol", "2") not in ("2", "3"):
        return "its protocol is neither 2 nor 3"
    given = sorted(name for name in query if name.startswith("ssl_"))
    if given and not secure:
        return f"{given[0]} is for rediss:// alone"
    if query.get("ssl_cert_reqs", "none") not in ("none", "optional", "required"):
        return "its ssl_cert_reqs is neither none, optional nor required"
    return ""


def _is_number(text: str, least: float) -> bool:
    try:
        return least <= float(text) < float("inf")
    except ValueError:
        return False


def is_prefix(text: str) -> bool:
    """Whether all our keys may begin with it: `*` and `?` would mean others' keys as well."""
    return bool(text) and text.isascii() and text.translate(str.maketrans("", "", "-_.:")).isalnum()


def connect(url: str, timeout: float) -> redis.Redis:
    """A blocking client, used by any thread; nothing is sent yet. `timeout`: seconds an answer."""
    return redis.Redis.from_url(url, **_options(timeout), retry=Retry(NoBackoff(), 0))


def connect_async(url: str, timeout: float) -> redis.asyncio.Redis:
    """A client for the event loop that runs; nothing is sent yet."""
    import redis.asyncio
    from redis.asyncio.retry import Retry as AsyncRetry

    return redis.asyncio.Redis.from_url(url, **_options(timeout), retry=AsyncRetry(NoBackoff(), 0))


def _options(timeout: float) -> dict[str, Any]:
    return {
        "decode_responses": True,
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        # Not sent again, but its connection is dropped: after a fail-over it leads to a replica.
        "retry_on_error": [redis.ReadOnlyError],
    }


def is_passing(error: redis.RedisError) -> bool:
    """Whether a later try may go well: the server is away, loads, or is failing over."""
    if isinstance(error, _REFUSED):
        return False
    if isinstance(error, redis.ConnectionError | redis.TimeoutError):
        return "CERTIFICATE_VERIFY_FAILED" not in str(error)
    if isinstance(error, redis.exceptions.NoScriptError):
        return True  # it was restarted between being asked for a script and running it
    return any(f"{word} " in f"{_code(error)} {error}" for word in _PASSING)


def _code(error: Exception) -> str:
    """The word that the server put first, where the client has taken it off."""
    return str(getattr(error, "status_code", "") or "")


def explain(error: redis.RedisError, address: RedisAddress) -> StoreError:
    """The error as one line that says what to do; never with the password."""
    said = _said(error, address)
    for matches, remedy in _REMEDIES:
        if matches(error, said):
            return StoreError(remedy.format(at=address, said=said))
    return StoreError(f"{address} refuses what was asked: {said}")


def _said(error: Exception, address: RedisAddress) -> str:
    said = " ".join(str(error).split()) or type(error).__name__
    parts = urlsplit(address.url)
    query = dict(parse_qsl(parts.query))
    for secret in (parts.password, unquote(parts.password or ""), query.get("password")):
        said = said.replace(secret, "***") if secret else said
    return said.rstrip(".")


def _kind(*kinds: type[Exception], word: str = "") -> Callable[[Exception, str], bool]:
    """Whether an error is of these kinds, or its text, as a script's, holds the server's word."""
    return lambda error, said: isinstance(error, kinds) or bool(word and word in said)


_REMEDIES: tuple[tuple[Callable[[Exception, str], bool], str], ...] = (
    (
        _kind(*_REFUSED, word="NOAUTH"),
        "{at} refuses the password, or wants one (it is not shown); check the one in REDIS_URL",
    ),
    (
        _kind(redis.exceptions.NoPermissionError, word="NOPERM"),
        "{at} doesn't let this user do it ({said}); give it all commands on the keys under "
        "REDIS_KEY_PREFIX",
    ),
    (
        _kind(redis.OutOfMemoryError, word="OOM "),
        "{at} is out of memory and refuses writes; raise its maxmemory, or make room in it",
    ),
    (
        _kind(redis.ReadOnlyError, word="READONLY"),
        "{at} is a replica that takes no writes; name the primary in REDIS_URL",
    ),
    (
        _kind(redis.BusyLoadingError, word="LOADING"),
        "{at} is still loading its data; try again, or raise REDIS_WAIT",
    ),
    (
        _kind(word="MISCONF"),
        "{at} can't save its data and refuses writes; look at its log and its disk",
    ),
    (
        _kind(redis.exceptions.ClusterError, redis.exceptions.MovedError, word="MOVED"),
        "{at} is part of a cluster, which is not supported; name a single server in REDIS_URL",
    ),
    (
        _kind(redis.InvalidResponse),
        "what answers is no Redis ({at}); check host and port in REDIS_URL",
    ),
    (
        _kind(redis.TimeoutError),
        "{at} doesn't answer in time; check REDIS_URL and the network, or raise REDIS_TIMEOUT",
    ),
    (
        _kind(redis.ConnectionError),
        "{at} can't be reached ({said}); start it, or check REDIS_URL",
    ),
)


class Patience:
    """Carries out calls that may be sent twice, and waits for a server that is away.

    Safe for threads; a wait is told in the log once when it begins and once when it is over.
    """

    def __init__(self, address: RedisAddress) -> None:
        self._address = address
        self._closed = threading.Event()

    def close(self) -> None:
        """End, whoever waits."""
        self._closed.set()

    def call(self, work: Callable[[], Result]) -> Result:
        """The result of `work`. Raises StoreError, at once for what no waiting mends."""
        began, delay, told = time.monotonic(), _FIRST_DELAY, False
        while True:
            try:
                result = work()
            except redis.RedisError as error:
                left = began + self._address.wait - time.monotonic()
                if not is_passing(error) or left <= 0 or self._closed.is_set():
                    raise explain(error, self._address) from None
                # The first failure may only be a connection that the server closed long ago.
                if delay > _FIRST_DELAY and not told:
                    told = True
                    self._tell(error)
                self._closed.wait(min(delay * random.uniform(0.5, 1), left))  # noqa: S311
                delay = min(delay * 2, _LONGEST_DELAY)
            else:
                if told:
                    logger.info("%s is back after %.0f s", self._address, time.monotonic() - began)
                return result

    def _tell(self, error: redis.RedisError) -> None:
        reason = explain(error, self._address)
        logger.warning("%s; waiting up to %g s for it", reason, self._address.wait)
