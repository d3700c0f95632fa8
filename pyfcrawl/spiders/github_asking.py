"""One request after another to a host that has limits: waits them out, or says that it won't.

A limit is no failure of what was asked: the same request is sent again when the host may be asked
again. When that is further away than a run waits, nothing more is asked of that host's limit.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable

from scrapy import Request
from scrapy.http import Response

from pyfcrawl.batch.gate import GateClosedError
from pyfcrawl.sources.github import limit_wait, remaining

logger = logging.getLogger(__name__)

#: Limits told in a row, each waited out as asked, before the host is left alone.
_PATIENCE = 10

#: Look-ups of one host that fail in a row before the rest isn't tried.
HOPELESS = 10

#: Bytes of an answer; those of fifty repositories have thirty thousand.
_MAX_BODY = 8 * 1024 * 1024

_HEADERS = (
    *("retry-after", "x-ratelimit-remaining", "x-ratelimit-reset"),
    *("ratelimit-remaining", "ratelimit-reset"),
)


class LimitReachedError(Exception):
    """Nothing more may be asked before `until` (Unix seconds), and that is too long to wait."""

    def __init__(self, until: float) -> None:
        super().__init__(f"limit reached until {until:.0f}")
        self.until = until


class TokenRefusedError(Exception):
    """The host doesn't know the token that was sent."""


class UnansweredError(Exception):
    """No usable answer; the text says why."""


class Asker:
    """Sends requests through `download` (the downloader with its middlewares).

    `pause` holds all further requests to an address's root for some seconds, `longest` is how
    long a limit is waited out, `tries` how often a request is sent that gets no sound answer.
    """

    def __init__(
        self,
        download: Callable[[Request], Awaitable[Response]],
        pause: Callable[[str, float], None],
        longest: float,
        tries: int,
    ) -> None:
        self._download = download
        self._pause = pause
        self._longest = longest
        self._tries = tries
        self._closed: dict[str, float] = {}

    @property
    def tries(self) -> int:
        """How often a request is sent that gets no sound answer."""
        return self._tries

    async def ask(
        self, request: Request, limit: str, waits: Callable[[Response], float | None] | None = None
    ) -> Response:
        """The answer to one request, sent again after each limit; any other status counts.

        `limit` names what is counted together. `waits` says how long an answer wants to be waited
        for, None when it doesn't. Raises LimitReachedError, TokenRefusedError, UnansweredError.
        """
        waits = waits or told_wait
        until = time.time()
        for _ in range(_PATIENCE):
            self._check(limit)
            response = await self._send(request)
            if response.status == 401:
                raise TokenRefusedError
            wait = waits(response)
            if wait is None:
                self._look_ahead(response, request.url, limit)
                return response
            until = time.time() + wait
            self._hold(request.url, limit, wait)
        self._closed[limit] = until
        raise LimitReachedError(until)

    async def insist(self, request: Request, limit: str) -> Response:
        """As `ask`, several times if need be; an answer of 5xx is no answer."""
        reason = ""
        for _ in range(self._tries):
            try:
                response = await self.ask(request, limit)
            except UnansweredError as error:
                reason = str(error)
                continue
            if response.status < 500:
                return response
            reason = f"answered {response.status}"
        raise UnansweredError(reason)

    def _check(self, limit: str) -> None:
        if limit in self._closed:
            raise LimitReachedError(self._closed[limit])

    def _hold(self, url: str, limit: str, wait: float) -> None:
        if wait > self._longest:
            self._closed[limit] = time.time() + wait
            raise LimitReachedError(self._closed[limit])
        logger.info("%s: a limit is reached, waiting %.0f s", limit, wait)
        self._pause(url, wait)

    def _look_ahead(self, response: Response, url: str, limit: str) -> None:
        """The last request that was free: what comes next waits, or doesn't come."""
        headers = _headers(response)
        if remaining(headers) != 0:
            return
        wait = limit_wait(403, headers, b"", time.time()) or 0
        if wait > self._longest:
            self._closed[limit] = time.time() + wait
        else:
            self._pause(url, wait)

    async def _send(self, request: Request) -> Response:
        # A fresh copy each time: middlewares mark those they have seen.
        meta = {"dont_retry": True, "download_maxsize": _MAX_BODY}
        try:
            return await self._download(request.replace(meta=meta, dont_filter=True))
        except GateClosedError:
            raise
        except Exception as error:  # of any transport, or a redirect that leads nowhere
            logger.debug("%s", request.url, exc_info=True)
            reason = " ".join(str(error).split())[:200].rstrip(".")
            raise UnansweredError(reason or type(error).__name__) from error


def told_wait(response: Response) -> float | None:
    """Seconds that an answer of 403 or 429 asks to wait for, None when it is about something else.

    Likewise for a GraphQL answer, when its reader found that it is limited.
    """
    if response.status == 200:
        return None
    return limit_wait(response.status, _headers(response), response.body, time.time())


def limited_wait(response: Response, reset: int | None) -> float | None:
    """The same for an answer of 200 that says in its body that a limit is reached."""
    return limit_wait(200, _headers(response), response.body, time.time(), reset)


def _headers(response: Response) -> dict[str, str]:
    found = {name: response.headers.get(name) for name in _HEADERS}
    return {name: value.decode("latin-1") for name, value in found.items() if value}
