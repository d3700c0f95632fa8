"""Carries out batches: many GETs over one pooled asyncio client, politely.

Bodies that can't match are dropped here, before the spider sees them, so that a crawl's memory is
bounded by the batch and not by the registry.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies

import aiohttp
import msgspec
from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response

from pyfcrawl.batch import bodies
from pyfcrawl.batch.gate import Gate, GateClosedError, Gates, gates_of, own_root
from pyfcrawl.batch.messages import Batch, BatchResponse, Failure, Target
from pyfcrawl.batch.tokens import Tokens
from pyfcrawl.core.screening import WantedClassifiers
from pyfcrawl.errors import SourceError

logger = logging.getLogger(__name__)

_GONE = frozenset({404, 410})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

#: Redirects followed for one GET.
_HOPS = 10


class BadStatusError(SourceError):
    """Any status but 200, 404, 410, and 304 where it was asked for; or redirects without end."""


#: What may go wrong with a GET; anything else is a bug, and shows its traceback.
_EXPECTED = (SourceError, GateClosedError, TimeoutError, aiohttp.ClientError, OSError)


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer worth having: its status is 200, 304, 404 or 410."""

    status: int
    body: bytes = b""
    etag: str = ""


@dataclass(slots=True)
class _Tally:
    requests: int = 0
    size: int = 0


class BatchDownloadHandler:
    """Scrapy's download handler for the `batch:` scheme."""

    lazy = True

    def __init__(
        self,
        crawler: Crawler,
        gates: Gates,
        timeout: float,
        max_body: int,
        user_agent: str,
        tokens: Tokens,
    ) -> None:
        self._crawler = crawler
        self._gates = gates
        self._tokens = tokens
        self._timeout = timeout
        self._max_body = max_body
        self._user_agent = user_agent
        self._session: aiohttp.ClientSession | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> BatchDownloadHandler:
        """Read the settings; see settings.py for what each means."""
        settings = crawler.settings
        return cls(
            crawler,
            gates_of(crawler),
            timeout=settings.getfloat("DOWNLOAD_TIMEOUT"),
            max_body=settings.getint("BATCH_MAX_BODY"),
            user_agent=settings["USER_AGENT"],
            tokens=Tokens.of_settings(settings, own_root(crawler)),
        )

    async def download_request(self, request: Request) -> Response:
        """Answer a batch request with a BatchResponse; single GETs that fail are listed in it."""
        batch = msgspec.json.decode(request.body, type=Batch)
        wanted = None if batch.classifiers is None else WantedClassifiers(tuple(batch.classifiers))
        answers = BatchResponse(request.url, request=request)
        tally = _Tally()
        gets = (self._get(target, wanted, answers, tally) for target in batch.targets)
        await asyncio.gather(*gets)
        self._count(tally, len(answers.failures))
        return answers

    def _count(self, tally: _Tally, failures: int) -> None:
        stats = self._crawler.stats
        assert stats is not None
        stats.inc_value("pyfcrawl/batch/batches")
        stats.inc_value("pyfcrawl/batch/requests", tally.requests)
        stats.inc_value("pyfcrawl/batch/bytes", tally.size)
        stats.inc_value("pyfcrawl/batch/failures", failures)

    async def _get(
        self,
        target: Target,
        wanted: WantedClassifiers | None,
        answers: BatchResponse,
        tally: _Tally,
    ) -> None:
        try:
            gate = self._gates.of(target.url)
            async with gate:
                tally.requests += 1
                answer = await self._follow(target, gate)
            tally.size += len(answer.body)
            if answer.status in _GONE:
                answers.gone.append(target)
            elif answer.status == 304:
                answers.unchanged.append(target)
            else:
                answers.sort_in(target, answer.body, wanted, answer.etag)
        except Exception as error:
            # Whatever it is: one target must not take the batch's others down.
            if not isinstance(error, _EXPECTED):
                logger.exception("%s: unexpected", target.url)
            retry = not isinstance(error, bodies.TooLargeError)
            answers.failures.append(Failure(target, _reason(error), retry))

    async def _follow(self, target: Target, gate: Gate) -> _Answer:
        """The answer for a target, redirects followed: each with the token that its place gets."""
        url = target.url
        for _ in range(_HOPS):
            try:
                answer = await self._ask(url, target, gate)
            except (TimeoutError, aiohttp.ClientError, OSError):
                gate.strain()
                raise
            if isinstance(answer, _Answer):
                return answer
            url = answer
            elsewhere = self._gates.of(url)
            if elsewhere is not gate:
                gate = elsewhere
                await gate.turn()
        raise BadStatusError(f"more than {_HOPS} redirects")

    async def _ask(self, url: str, target: Target, gate: Gate) -> _Answer | str:
        """The answer to one request, or the address it leads to."""
        headers = target.headers
        if not target.anonymous and (token := self._tokens.header(url)):
            headers["Authorization"] = token
        async with self._client().get(url, headers=headers, allow_redirects=False) as response:
            status = response.status
            if status == 200:
                body = await bodies.read(response, self._max_body)
                gate.good()
                return _Answer(200, body, response.headers.get("ETag", ""))
            gate.answered(status, response.headers.get("Retry-After"), time.time())
            if status in _GONE or (status == 304 and target.etag):
                return _Answer(status)
            if status in _REDIRECTS:
                return _place(url, response.headers.get("Location", ""))
            raise BadStatusError(f"answered {status}")

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300),
                timeout=aiohttp.ClientTimeout(total=self._timeout),
                headers={"User-Agent": self._user_agent},
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=bool(getproxies()),
            )
        return self._session

    async def close(self) -> None:
        """End the pooled connections."""
        if self._session is not None:
            await self._session.close()


def _place(url: str, location: str) -> str:
    """The address a redirect leads to."""
    with contextlib.suppress(ValueError):
        place = urljoin(url, location)
        if location and urlsplit(place).scheme in ("http", "https"):
            return place
    raise BadStatusError("redirected to no address")


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time (DOWNLOAD_TIMEOUT)"
    if isinstance(error, GateClosedError):
        return "the crawl was stopped"
    text = " ".join(str(error).split()).encode("ascii", "backslashreplace").decode()
    return text[:200] or type(error).__name__
