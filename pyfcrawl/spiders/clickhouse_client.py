"""ClickHouse over HTTP (https://clickhouse.com/docs/interfaces/http), one query after the other.

Not Scrapy requests: a password must not travel where requests do (queues, logs), and a page takes
several queries that only mean something together.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies

import aiohttp

from pyfcrawl.batch import bodies
from pyfcrawl.batch.gate import STRAINED, Gate
from pyfcrawl.core import retry_after
from pyfcrawl.core.downloads import days_before
from pyfcrawl.errors import ConfigurationError, SourceError
from pyfcrawl.sources import clickhouse
from pyfcrawl.sources.clickhouse import Query
from pyfcrawl.sources.numbers import CutError, Numbers, Window, pages

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: Days that a run reads: what pypistats gives, too.
_DAYS = 180

#: How often a page whose answer is cut is asked for in all.
_TRIES = 3

#: Seconds before a query is sent again, at first; doubled each time.
_BACKOFF = 0.5

#: Statuses by which a server says who may come in.
_NOT_LET_IN = frozenset({401, 403, 516})


class _AgainError(SourceError):
    """No answer now; asking again makes sense."""


class _SettingsRefusedError(SourceError):
    """The server has settings of its own and keeps them."""


class ClickHouse:
    """A Warehouse; see there."""

    source = clickhouse.SOURCE
    page = clickhouse.PAGE

    def __init__(
        self,
        url: str,
        user: str,
        password: str,
        *,
        gate: Gate,
        user_agent: str = "pyfcrawl",
        timeout: float = 60,
        max_body: int = 32 * 1024 * 1024,
        retries: int = 5,
    ) -> None:
        self._url = _checked(url)
        self._headers = {"User-Agent": user_agent, "X-ClickHouse-User": user}
        if password:
            self._headers["X-ClickHouse-Key"] = password
        self._gate = gate
        self._timeout = timeout
        self._max_body = max_body
        self._retries = retries
        self._strict = dict(clickhouse.STRICT)
        self._session: aiohttp.ClientSession | None = None
        self._newest = ""

    async def window(self, names: Sequence[str], day: str = "") -> Window:
        """See Warehouse; the newest day is the newest that the log has."""
        span = await _whole(lambda: self._span(names))
        self._newest = span.last
        if day and not span.first <= day <= span.last:
            which, found = ("newest", span.last) if day > span.last else ("oldest", span.first)
            raise ConfigurationError(f"day={day}: the {which} day that ClickHouse has is {found}")
        first = day or days_before(self._newest, _DAYS - 1)
        return Window(first, day or self._newest)

    async def _span(self, names: Sequence[str]) -> Window:
        return clickhouse.read_span(await self._ask(clickhouse.span_query(names)))

    async def read(self, names: Sequence[str], window: Window) -> dict[str, Numbers]:
        """See Warehouse."""
        return await _whole(lambda: self._read(names, window))

    async def _read(self, names: Sequence[str], window: Window) -> dict[str, Numbers]:
        horizon = min(window.first, days_before(self._newest, _DAYS - 1))
        query = clickhouse.expected_query(names, window, self._newest, horizon)
        found = clickhouse.read_expected(await self._ask(query), names)
        expected = {name: each for name, (_, each) in found.items()}
        for part in pages(names, expected, clickhouse.MOST_ENTRIES):
            body = await self._ask(clickhouse.days_query(part, window))
            for name, days in clickhouse.read_days(body, part, expected).items():
                found[name][0].days = days
        if window.first == window.last:
            for numbers, _ in found.values():
                numbers.without = [window.first] if numbers.known and not numbers.days else []
        return {name: numbers for name, (numbers, _) in found.items()}

    async def names(self, classifiers: Sequence[str]) -> list[str]:
        """See Warehouse."""
        return await _whole(lambda: self._names(classifiers))

    async def _names(self, classifiers: Sequence[str]) -> list[str]:
        body = await self._ask(clickhouse.how_many_query(classifiers))
        expected = clickhouse.read_how_many(body)
        body = await self._ask(clickhouse.names_query(classifiers))
        return clickhouse.read_names(body, expected)

    # --- asking -------------------------------------------------------------------------------

    async def _ask(self, query: Query) -> bytes:
        """The body of the answer. Raises SourceError when it can't be had, ConfigurationError."""
        for attempt in range(self._retries + 1):
            try:
                return await self._send(query)
            except _SettingsRefusedError:
                logger.info("ClickHouse keeps its own limits; what it cuts is noticed all the same")
                self._strict = {}
            except _AgainError as error:
                if attempt == self._retries:
                    raise
                logger.debug("ClickHouse: %s", error)
                await asyncio.sleep(_BACKOFF * 2**attempt)
        return await self._send(query)

    async def _send(self, query: Query) -> bytes:
        parameters = {f"param_{name}": value for name, value in query.parameters.items()}
        async with self._gate:
            try:
                async with self._client().post(
                    self._url,
                    params=parameters | self._strict,
                    data=query.sql.encode(),
                    allow_redirects=False,  # or the password went along
                ) as response:
                    return await self._answer(response)
            except (TimeoutError, aiohttp.ClientError, OSError) as error:
                self._gate.strain()
                raise _AgainError(_line(error)) from error

    async def _answer(self, response: aiohttp.ClientResponse) -> bytes:
        body = await bodies.read(response, self._max_body)
        if response.status == 200:
            self._gate.good()
            return body
        code = response.headers.get("X-ClickHouse-Exception-Code", "")
        if code in clickhouse.SETTINGS_REFUSED and self._strict:
            raise _SettingsRefusedError(code)
        told = " ".join(body[:300].decode("utf-8", "replace").split())[:200]
        what = f"answered {response.status}{f' ({told})' if told.isprintable() and told else ''}"
        if response.status in _NOT_LET_IN:
            raise ConfigurationError(
                f"ClickHouse {what}; check CLICKHOUSE_USER and CLICKHOUSE_PASSWORD"
            )
        if response.status not in STRAINED:
            raise ConfigurationError(f"CLICKHOUSE_URL={self._url} {what}; check the address")
        self._gate.strain()
        wait = retry_after.seconds(response.headers.get("Retry-After"), time.time())
        if wait:
            self._gate.pause(wait)
        raise _AgainError(what)

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._timeout),
                headers=self._headers,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=bool(getproxies()),
            )
        return self._session

    async def close(self) -> None:
        """See Warehouse."""
        if self._session is not None:
            await self._session.close()
            self._session = None


async def _whole(ask: Callable[[], Awaitable[T]]) -> T:
    """What `ask` gives; when an answer is cut all of it is asked for again, and then given up."""
    for _ in range(_TRIES - 1):
        try:
            return await ask()
        except CutError as error:
            logger.info("ClickHouse cut an answer, asking again: %s", error)
    return await ask()


def _checked(url: str) -> str:
    """The address that queries go to. Nothing secret may be in it, as addresses are told."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname
    except ValueError:
        sound = None
    if not sound:
        raise ConfigurationError(
            "CLICKHOUSE_URL is no http(s) address; give one such as https://clickhouse.example"
        )
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError(
            f"CLICKHOUSE_URL for {parts.hostname} holds more than an address; user and password "
            "go into CLICKHOUSE_USER and CLICKHOUSE_PASSWORD"
        )
    return f"{url.rstrip('/')}/"


def _line(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time (DOWNLOAD_TIMEOUT)"
    return " ".join(str(error).split())[:200] or type(error).__name__
