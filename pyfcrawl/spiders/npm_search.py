"""How the npm spider finds packages: every page of every search, as ordinary requests.

Each search goes from page to page until it has seen all results or the pages repeat. Callbacks
have to be methods of the spider, so this is a mixin.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from scrapy import Request
from scrapy.http import Response
from twisted.python.failure import Failure

from pyfcrawl.batch.fetching import Fetching, reason_of
from pyfcrawl.batch.gate import GateClosedError
from pyfcrawl.errors import SourceError
from pyfcrawl.sources.npm_search import Hit, Page, read_search, search_url
from pyfcrawl.spiders.reporting import Reporting

#: Results that are read of one search at most: a registry without end must not hold up a run.
_MOST = 100_000


@dataclass(slots=True)
class Found:
    """What the searches gave: hits by name, and the searches that could not be read to the end."""

    hits: dict[str, Hit] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


class Searching(Reporting, Fetching):
    """Mixin: `search` gives the first requests, `found` waits for the last answer."""

    npm_root: str

    def search(self, texts: Iterable[str]) -> Iterator[Request]:
        """The first page of each search."""
        self._open = list(texts)
        self._found = Found()
        self._seen: dict[str, set[str]] = {text: set() for text in self._open}
        self._searched: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        for text in tuple(self._open):
            yield self._search_page(text, 0)

    async def found(self) -> Found:
        """What all searches gave."""
        await self._searched
        return self._found

    def _search_page(self, text: str, start: int) -> Request:
        return Request(
            search_url(self.npm_root, text, start),
            headers={"Accept": "application/json"},
            callback=self.parse_search,
            errback=self.search_failed,
            dont_filter=True,
            cb_kwargs={"text": text, "start": start},
        )

    def parse_search(self, response: Response, text: str, start: int) -> Request | None:
        """A page of results; the next one, if there is more to come."""
        try:
            page = read_search(response.body)
        except SourceError as error:
            again = self.retry(response, "unreadable search results")
            if again is None:
                self._over(text, str(error))
            return again
        seen = self._seen[text]
        new = [hit for hit in page.hits if hit.name not in seen]
        seen.update(hit.name for hit in new)
        self._found.hits.update((hit.name, hit) for hit in new)
        following = start + page.count
        if new and following < min(_total(page), _MOST):
            return self._search_page(text, following)
        self._over(text)
        return None

    def search_failed(self, failure: Failure) -> None:
        """A page that can't be had ends its search, and the run is told of the gap."""
        if isinstance(failure.value, GateClosedError):
            return  # the crawl is ending
        text = failure.request.cb_kwargs["text"]  # type: ignore[attr-defined]
        self._over(text, reason_of(failure))

    def _over(self, text: str, problem: str = "") -> None:
        if problem:
            self.logger.warning("The search for %s was cut short: %s", text, problem)
            self._found.failed[text] = problem
        self._open.remove(text)
        if not self._open:
            self._searched.set_result(None)


def _total(page: Page) -> int:
    """The number of results there are; without it one more page is always worth a try."""
    return _MOST if page.total is None else page.total
