"""Politeness of ordinary requests: the same gates that batches go through."""

from __future__ import annotations

import time

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response

from pyfcrawl.batch.gate import STRAINED, Gates, gates_of
from pyfcrawl.core import retry_after


class PolitenessMiddleware:
    """Keeps ordinary requests within a host's rate, and off it while it asked to be left alone.

    Stands between the retry middleware and the downloader, so that a 429's Retry-After is heeded
    before the request is tried again. Waiting for one host holds up no other.
    """

    def __init__(self, gates: Gates) -> None:
        self._gates = gates

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> PolitenessMiddleware:
        """PYPI_MAX_RPS and RETRY_AFTER_MAX bound rate and waiting."""
        return cls(gates_of(crawler))

    async def process_request(self, request: Request) -> None:
        """Wait for the host's turn. Raises GateClosedError when the crawl ends meanwhile."""
        if request.url.startswith("http"):
            await self._gates.of(request.url).turn()

    async def process_response(self, request: Request, response: Response) -> Response:
        """Note how the host is, and a Retry-After."""
        if request.url.startswith("http"):
            gate = self._gates.of(request.url)
            if response.status not in STRAINED:
                gate.good()
                return response
            gate.strain()
            header = (response.headers.get("Retry-After") or b"").decode("latin-1")
            wait = retry_after.seconds(header, time.time())
            if wait and response.status in (429, 503):
                gate.pause(wait)
        return response

    async def process_exception(self, request: Request, exception: Exception) -> None:
        """No answer at all is strain too."""
        if request.url.startswith("http") and not isinstance(exception, IgnoreRequest):
            self._gates.of(request.url).strain()
