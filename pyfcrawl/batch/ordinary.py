"""Scrapy's own downloader and handler for ordinary requests, aware of sources that have to wait.

What waits for one source must hold up no other. So it doesn't count among the requests that may be
under way at once; and a request that was let through, but still stands in the downloader's queue
(AutoThrottle) when its source asks to be left alone, goes back to wait like the others.
"""

from __future__ import annotations

from scrapy import Request
from scrapy.core.downloader import Downloader
from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.crawler import Crawler
from scrapy.http import Response

from pyfcrawl.batch.gate import PausedError, gates_of


class PatientDownloader(Downloader):
    """Takes further requests, up to HELD_REQUESTS, while those it has can only wait."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._held_at_most = crawler.settings.getint("HELD_REQUESTS")

    def needs_backout(self) -> bool:
        """See Scrapy."""
        if not super().needs_backout():
            return False
        if not self._held_at_most:
            return True
        gates = gates_of(self.crawler)
        held = sum(gates.of(each.url).held for each in self.active)
        return len(self.active) - min(held, self._held_at_most) >= self.total_concurrency


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
