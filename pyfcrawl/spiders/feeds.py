"""How a spider reads PyPI's feeds: conditionally, and without losing heart over a bad answer.

Callbacks have to be methods of the spider, so this is a mixin.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator
from typing import Any

from scrapy import Request
from scrapy.http import Response
from twisted.python.failure import Failure

from pyfcrawl.batch.fetching import Fetching, reason_of
from pyfcrawl.batch.gate import GateClosedError
from pyfcrawl.errors import SourceError
from pyfcrawl.sources import rss
from pyfcrawl.sources.rss import FEEDS, Feed

_ACCEPTED = "application/rss+xml, application/xml;q=0.9, text/xml;q=0.9"

#: Header of an answer -> that by which the next request is made conditional on it.
_VALIDATORS = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}


class ReadingFeeds(Fetching):
    """Mixin: yield `feed_requests`, then await `feeds_read`, as often as wanted."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._looked: dict[str, asyncio.Future[Feed | None]] = {}
        #: Feed -> headers with which an unchanged one is answered with 304.
        self._validators: dict[str, dict[str, str]] = {}

    @abstractmethod
    def feed_unreadable(self, line: str) -> None:
        """There is no look, or no whole one, at a feed this time; `line` says why."""

    def feed_requests(self, root: str) -> Iterator[Request]:
        """A request for each feed under the registry's root."""
        loop = asyncio.get_running_loop()
        self._looked = {feed: loop.create_future() for feed in FEEDS}
        return (self._feed_request(root, feed) for feed in FEEDS)

    async def feeds_read(self) -> dict[str, Feed]:
        """The feeds by name, as soon as all answers are there; only what changed and was read."""
        found = {name: await looked for name, looked in self._looked.items()}
        return {name: feed for name, feed in found.items() if feed is not None}

    def _feed_request(self, root: str, feed: str) -> Request:
        return Request(
            rss.feed_url(root, feed),
            headers={"Accept": _ACCEPTED, **self._validators.get(feed, {})},
            callback=self.parse_feed,
            errback=self.feed_failed,
            dont_filter=True,
            priority=1,
            meta={"handle_httpstatus_list": [304], "download_maxsize": rss.LARGEST},
            cb_kwargs={"feed": feed},
        )

    async def parse_feed(self, response: Response, feed: str) -> AsyncIterator[Request]:
        """A feed's answer; one that is cut or no feed is asked for again, a few times."""
        if response.status == 304:
            self._answer(feed, None)
            return
        try:
            found = await asyncio.to_thread(rss.read_feed, response.body, feed)
            problem = "" if found.whole else "it is cut or garbled"
        except SourceError as error:
            found, problem = None, str(error)
        again = self.retry(response, "unreadable feed") if problem else None
        if again is not None:
            yield again
            return
        if problem:
            self._no_look(response.url, feed, problem)
        else:
            self._validators[feed] = _conditions(response)
        self._answer(feed, found)

    def feed_failed(self, failure: Failure) -> None:
        """There was no answer, or an error of the server, for good."""
        if isinstance(failure.value, GateClosedError):
            return  # the crawl is ending
        request: Request = failure.request  # type: ignore[attr-defined]
        feed = request.cb_kwargs["feed"]
        self._no_look(request.url, feed, reason_of(failure))
        self._answer(feed, None)

    def _answer(self, feed: str, found: Feed | None) -> None:
        if not self._looked[feed].done():  # given up, when the crawl is stopped meanwhile
            self._looked[feed].set_result(found)

    def _no_look(self, url: str, feed: str, reason: str) -> None:
        self._validators.pop(feed, None)
        self.feed_unreadable(f"the feed {url} can't be read ({reason})")


def _conditions(response: Response) -> dict[str, str]:
    found = {
        ours: (response.headers.get(theirs) or b"").decode("latin-1")
        for theirs, ours in _VALIDATORS.items()
    }
    return {name: value for name, value in found.items() if value.isprintable() and value}
