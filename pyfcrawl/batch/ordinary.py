"""Scrapy's own handler for ordinary requests, which looks once more before it asks.

A request that was let through may still stand in the downloader's queue (AutoThrottle) when its
source asks to be left alone: it goes back, to wait where it holds up nobody else.
"""

from __future__ import annotations

from scrapy import Request
from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.crawler import Crawler
from scrapy.http import Response

from pyfcrawl.batch.gate import PausedError, gates_of


class OrdinaryDownloadHandler(HTTP11DownloadHandler):
    """For http and https."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._gates = gates_of(crawler)

    async def download_request(self, request: Request) -> Response:
        """See Scrapy. Raises PausedError, on which PolitenessMiddleware sends it round again."""
        if self._gates.of(request.url).paused:
            raise PausedError
        return await super().download_request(request)
