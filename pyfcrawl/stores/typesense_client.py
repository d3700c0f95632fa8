"""One Typesense server as calls that wait for it: retries, and errors a person can act on.

The official client sends the requests; waiting is done here, because the client's own retries
are short, silent and blind to a server that still loads its data.
"""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
from typesense.configuration import Configuration
from typesense.exceptions import TypesenseClientError
from typesense.sync.api_call import ApiCall

from pyfcrawl.errors import ConfigurationError, StoreError

logger = logging.getLogger(__name__)

_FIRST_DELAY = 0.25
_LONGEST_DELAY = 15.0
#: While it catches up with its log a server is looked at more often than one that is down.
_CATCHING_UP_DELAY = 1.0

#: A server that answered so many seconds ago has not been restarted since.
_TRUSTED = 1.0
#: Deleting an alias that nobody has changes nothing, but is a write like any other.
_BARRIER = "/aliases/pyfcrawl-has-no-such-alias"

#: Answers that a later try may better: overload, a proxy without its server, a server loading.
_PASSING = frozenset({0, 408, 425, 429, 500, 502, 503, 504})
#: Failures inside this process, which no waiting mends.
_HOPELESS = (httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.DecodingError)


@dataclass(frozen=True, slots=True)
class TypesenseAddress:
    """Where the server is. `timeout` and `wait` are seconds: for one answer, and for all tries."""

    host: str
    port: int
    protocol: str
    api_key: str = field(repr=False)
    timeout: float
    wait: float

    def __str__(self) -> str:
        return f"Typesense at {self.host}:{self.port}"

    def check(self) -> None:
        """Raises ConfigurationError naming the setting that can't be used."""
        if self.protocol not in ("http", "https"):
            raise ConfigurationError(
                f"TYPESENSE_PROTOCOL={self.protocol!r} can't be used: give http or https"
            )
        if not isinstance(self.port, int) or not 0 < self.port < 65536:
            raise ConfigurationError(f"TYPESENSE_PORT={self.port!r} is no port: give 1 to 65535")
        if not self.host or not set(self.host).isdisjoint("/?#@ \t\r\n\\"):
            raise ConfigurationError(
                f"TYPESENSE_HOST={self.host!r} is no host: give its name or address alone"
            )
        if not self.api_key or not self.api_key.isascii() or not self.api_key.isprintable():
            raise ConfigurationError(
                "TYPESENSE_API_KEY can't be used: it is empty or holds characters no key has"
            )
        for name, value in (("TYPESENSE_TIMEOUT", self.timeout), ("INDEX_WAIT", self.wait)):
            least = 0 if name == "INDEX_WAIT" else 0.001
            if not isinstance(value, int | float) or not least <= value < float("inf"):
                raise ConfigurationError(
                    f"{name}={value!r} can't be used: give seconds, {least} or more"
                )


class RequestError(StoreError):
    """The server refuses a request for what it asks; no retry helps. `status` is HTTP's."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class NotFoundError(RequestError):
    """What the request is about does not exist."""


class Connection:
    """Sends requests to one server, from any number of threads.

    A server that is down, overloaded or still loading is waited for, with a growing pause and a
    log line for each try, up to `address.wait` seconds from the first failure of a request. So
    every request must be one that may be sent twice.
    """

    def __init__(self, address: TypesenseAddress) -> None:
        """Nothing is sent yet. Raises ConfigurationError for an address that can't be one."""
        address.check()
        self.address = address
        host = f"[{address.host}]" if ":" in address.host.strip("[]") else address.host
        self._call = ApiCall(
            Configuration(
                {
                    "nodes": [{"host": host, "port": address.port, "protocol": address.protocol}],
                    "api_key": address.api_key,
                    "connection_timeout_seconds": address.timeout,
                    "num_retries": 0,
                }
            )
        )
        self._closed = threading.Event()
        #: When the server last answered, by the monotonic clock; long ago if it has to catch up.
        self._answered = -math.inf
        self._tells_status = True
        # It tells of every single request, at INFO.
        quiet = logging.getLogger("httpx")
        if quiet.level == logging.NOTSET:
            quiet.setLevel(logging.WARNING)

    def close(self) -> None:
        """End, whoever waits; closing twice is fine."""
        self._closed.set()
        self._call.close()

    def send(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
    ) -> str:
        """The text of the answer. `body` is sent as it is if bytes, as JSON otherwise.

        Raises NotFoundError, RequestError for other refusals, and StoreError when the key is
        refused or the server doesn't come back.
        """
        content = body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)
        patience = _Patience(self)
        while True:
            try:
                if time.monotonic() - self._answered > _TRUSTED:
                    self._catch_up(patience)
                answer = self._send_once(method, path, params, content)
            except _PassingError as error:
                self._answered = -math.inf
                patience.wait(str(error))
            else:
                self._answered = time.monotonic()
                return answer

    def json(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        holds: Sequence[str] = (),
    ) -> dict[str, Any]:
        """The answer's JSON object, which must hold these names; errors as `send`."""
        answer = self._decoded(self.send(method, path, params, body))
        if not isinstance(answer, dict) or any(name not in answer for name in holds):
            raise self._stranger()
        return answer

    def json_list(self, path: str) -> list[Any]:
        """The answer's JSON array, of a GET; errors as `send`."""
        answer = self._decoded(self.send("GET", path))
        if not isinstance(answer, list):
            raise self._stranger()
        return answer

    def _decoded(self, text: str) -> Any:
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError:
            raise self._stranger() from None

    def _stranger(self) -> StoreError:
        return StoreError(
            f"what answers at {self.address.host}:{self.address.port} is no Typesense server: check"
            " TYPESENSE_HOST and TYPESENSE_PORT"
        )

    def _catch_up(self, patience: _Patience) -> None:
        """Wait until a server that was restarted has read its log to the end.

        Until then it may say that it is healthy, but serves only part of its documents. What others
        write to it meanwhile is not waited for: only what its log held at the first look.
        """
        self._send_once("GET", "/health", None, None)
        if self._answered == -math.inf:
            self._pass_barrier()
        logged, queued = self._log()
        end = logged
        while queued and logged - queued < end:
            patience.wait(f"{queued} writes are still to be loaded", _CATCHING_UP_DELAY)
            logged, queued = self._log()

    def _pass_barrier(self) -> None:
        """Write what changes nothing: the server takes writes off its log in their order.

        Right after a start its log may not be in the queue yet, which is empty then.
        """
        if self._tells_status:
            with contextlib.suppress(RequestError, _RefusedKeyError):
                self._send_once("DELETE", _BARRIER, None, None)

    def _log(self) -> tuple[int, int]:
        """Length of the server's log, and how many writes of it are not in its index yet."""
        if not self._tells_status:
            return 0, 0
        try:
            status = msgspec.json.decode(self._send_once("GET", "/status", None, None))
            return int(status["committed_index"]), int(status["queued_writes"])
        except (RequestError, _RefusedKeyError, msgspec.DecodeError, LookupError, TypeError):
            # A key that may only search, or a server that doesn't tell.
            self._tells_status = False
            return 0, 0

    def _send_once(
        self, method: str, path: str, params: Mapping[str, Any] | None, content: bytes | None
    ) -> str:
        """Raises _PassingError for what a later try may better; else as `send`."""
        if self._closed.is_set():
            raise StoreError(f"the connection to {self.address} is closed")
        try:
            return self._request(method, path, dict(params or {}), content)
        except TypesenseClientError as error:
            raise self._refusal(error) from None
        except _HOPELESS as error:
            # Their texts may quote what was sent, the key among it.
            reason = type(error).__name__
            raise StoreError(f"{self.address} can't be asked ({reason})") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise _PassingError(self._hidden(f"{type(error).__name__}: {error}")) from None
        except AttributeError:
            # What the client makes of an error that is JSON, but no object.
            raise _PassingError("an answer that makes no sense") from None
        except ValueError:
            raise self._stranger() from None
        except RuntimeError:
            # httpx's way to say that the client was closed meanwhile.
            raise StoreError(f"the connection to {self.address} is closed") from None

    def _request(
        self, method: str, path: str, params: dict[str, Any], content: bytes | None
    ) -> str:
        call = self._call
        if method == "GET":
            return call.get(path, str, False, params)
        if method == "POST":
            return call.post(path, str, False, params, content)
        # For the other methods the client offers decoded answers only.
        if method == "DELETE":
            answer: Any = call.delete(path, dict[str, Any], params)
        elif method == "PUT":
            answer = call.put(path, dict[str, Any], content or b"{}", params)
        else:
            answer = call.patch(path, dict[str, Any], content or b"{}", params)
        return msgspec.json.encode(answer).decode()

    def _refusal(self, error: TypesenseClientError) -> Exception:
        status = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        reason = self._hidden(str(error.args[-1] if error.args else error))
        if status in _PASSING:
            return _PassingError(f"HTTP {status}: {reason}" if status else reason)
        if status in (401, 403):
            return _RefusedKeyError(
                f"{self.address} refuses the key (HTTP {status}): check TYPESENSE_API_KEY, and"
                " that this key may do more than search"
            )
        kind = NotFoundError if status == 404 else RequestError
        return kind(f"{self.address} refuses a request (HTTP {status}): {reason}", status)

    def _hidden(self, text: str) -> str:
        """A foreign text as one line of bounded length, without the key."""
        return " ".join(text.replace(self.address.api_key, "***").split())[:300]

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than until the connection is closed."""
        self._closed.wait(seconds)


class _PassingError(Exception):
    """A failure that a later try may not meet."""


class _RefusedKeyError(StoreError):
    """The key is wrong, or may not do what was asked."""


class _Patience:
    """The pauses between the tries of one request."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._delay = _FIRST_DELAY
        self._deadline: float | None = None

    def wait(self, reason: str, most: float = _LONGEST_DELAY) -> None:
        """Pause and say why. Raises StoreError when waiting has been long enough."""
        address = self._connection.address
        now = time.monotonic()
        if self._deadline is None:
            self._deadline = now + address.wait
        left = self._deadline - now
        if left <= 0:
            raise StoreError(
                f"{address} doesn't answer as it should for {address.wait:g} s ({reason}):"
                " check TYPESENSE_HOST, TYPESENSE_PORT and TYPESENSE_PROTOCOL, or raise INDEX_WAIT"
            )
        delay = min(self._delay, most, left)
        logger.warning("%s: %s; trying again in %.3g s", address, reason, delay)
        self._connection.pause(delay)
        self._delay = min(self._delay * 2, _LONGEST_DELAY)
