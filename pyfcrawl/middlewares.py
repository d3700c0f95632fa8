"""What every ordinary request goes through: the gates that batches go through, and tokens."""

from __future__ import annotations

import time

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response

from pyfcrawl.batch.gate import Gates, PausedError, gates_of, own_root
from pyfcrawl.batch.tokens import Tokens


class PolitenessMiddleware:
    """Keeps ordinary requests within a source's rate, and off it while it asked to be left alone.

    Stands between the retry middleware and the downloader, so that a 429's Retry-After is heeded
    before the request is tried again. Waiting for one source holds up no other.
    """

    def __init__(self, gates: Gates) -> None:
        self._gates = gates

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> PolitenessMiddleware:
        """SOURCE_RATES and RETRY_AFTER_MAX bound rate and waiting."""
        return cls(gates_of(crawler))

    async def process_request(self, request: Request) -> None:
        """Wait for the source's turn. Raises GateClosedError when the crawl ends meanwhile."""
        if request.url.startswith("http"):
            await self._gates.of(request.url).turn()

    async def process_response(self, request: Request, response: Response) -> Response:
        """Note how the source is, and a Retry-After."""
        if request.url.startswith("http"):
            wait = (response.headers.get("Retry-After") or b"").decode("latin-1")
            self._gates.of(request.url).answered(response.status, wait, time.time())
        return response

    async def process_exception(self, request: Request, exception: Exception) -> Request | None:
        """No answer at all is strain too; what was not even sent waits for its turn again."""
        if isinstance(exception, PausedError):
            return request.replace(dont_filter=True)
        if request.url.startswith("http") and not isinstance(exception, IgnoreRequest):
            self._gates.of(request.url).strain()
        return None


class TokenMiddleware:
    """Puts a token on a request as it goes out, and takes it off when it comes back.

    Stands next to the network: whoever copies, retries, redirects, queues or logs the request sees
    it without. `anonymous` in its meta keeps it without at all.
    """

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> TokenMiddleware:
        """SOURCE_TOKENS says which root gets which."""
        return cls(Tokens.of_settings(crawler.settings, own_root(crawler)))

    async def process_request(self, request: Request) -> None:
        """Put it on."""
        if not request.meta.get("anonymous") and (token := self._tokens.header(request.url)):
            request.headers["Authorization"] = token

    async def process_response(self, request: Request, response: Response) -> Response:
        """Take it off."""
        self._take_off(request)
        return response

    async def process_exception(self, request: Request, exception: Exception) -> None:
        """Take it off."""
        self._take_off(request)

    def _take_off(self, request: Request) -> None:
        if self._tokens.header(request.url):
            request.headers.pop("Authorization", None)
