"""Politeness of ordinary requests: the same gates that batches go through."""

from __future__ import annotations

import time

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response

from pyfcrawl.batch.gate import GateClosedError, Gates, gates_of
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
        """Wait for the host's turn."""
        if request.url.startswith("http"):
            try:
                await self._gates.of(request.url).turn()
            except GateClosedError:
                raise IgnoreRequest("the crawl was stopped") from None

    async def process_response(self, request: Request, response: Response) -> Response:
        """Note a Retry-After."""
        if response.status in (429, 503) and request.url.startswith("http"):
            header = (response.headers.get("Retry-After") or b"").decode("latin-1")
            wait = retry_after.seconds(header, time.time())
            if wait:
                self._gates.of(request.url).pause(wait)
        return response
