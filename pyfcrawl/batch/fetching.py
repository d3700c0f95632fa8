"""How a spider fetches many addresses: in batches, and what fails in one as ordinary requests.

Callbacks have to be methods of the spider (queues name them), so this is a mixin. A spider names
the method that takes the answers; every answer reaches it as a BatchResponse, whether it came in
a batch or alone.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from scrapy import Request, Spider
from scrapy.downloadermiddlewares.retry import get_retry_request
from scrapy.http import Response
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from pyfcrawl.batch.gate import GateClosedError
from pyfcrawl.batch.messages import (
    SHARED_WORK,
    Batch,
    BatchResponse,
    Target,
    batch_request,
)

#: What was begun gets done before anything new.
RETRIES_FIRST = 20

#: Target key -> what the method that takes the answer needs to know; JSON values only. What several
#: have in common is there once, under a key that each of them has as SHARED.
Context = Mapping[str, Any]
SHARED = "shared"


class Fetching(Spider):
    """Mixin for spiders that fetch in batches of `batch_size` (1: ordinary requests only)."""

    batch_size: int = 1

    @abstractmethod
    def screen(self, then: str) -> list[str] | None:
        """The classifiers that answers for the method `then` are screened by, if they are."""

    @abstractmethod
    def give_up(self, target: Target, then: str, context: Context, reason: str) -> None:
        """`target` could not be fetched, and won't be in this run."""

    def fetch(
        self,
        targets: Sequence[Target],
        then: str,
        label: str,
        context: Context | None = None,
        priority: int = 0,
        slot: str = "batch",
        shared: bool = False,
    ) -> Iterator[Request]:
        """Requests for `targets`; their answers go to the method named `then`, with context.

        `slot` is one of DOWNLOAD_SLOTS: batches of one wait for each other. What is `shared` may
        be carried out by any worker of a divided run; the keys of targets are visits then.
        """
        for request in self._requests_for(targets, then, label, context or {}, priority, slot):
            if shared:
                request.meta[SHARED_WORK] = True
            yield request

    def _requests_for(
        self,
        targets: Sequence[Target],
        then: str,
        label: str,
        context: Context,
        priority: int,
        slot: str,
    ) -> Iterator[Request]:
        if self.batch_size == 1:
            yield from (self._single(each, then, context, priority) for each in targets)
            return
        for start in range(0, len(targets), self.batch_size):
            chunk = list(targets[start : start + self.batch_size])
            yield batch_request(
                Batch(chunk, self.screen(then)),
                self.parse_batch,
                self.batch_failed,
                label=f"{label}-{start}" if start else label,
                slot=slot,
                priority=priority,
                cb_kwargs={"then": then, "context": _part_of(context, chunk)},
            )

    def _single(self, target: Target, then: str, context: Context, priority: int) -> Request:
        return Request(
            target.url,
            headers=target.headers,
            callback=self.parse_single,
            errback=self.single_failed,
            dont_filter=True,
            priority=priority,
            meta={
                "handle_httpstatus_list": [404, 410, *([304] if target.etag else [])],
                "download_maxsize": self.settings.getint("BATCH_MAX_BODY"),
                **({"anonymous": True} if target.anonymous else {}),
            },
            cb_kwargs={
                "target": msgspec.to_builtins(target),
                "then": then,
                "context": _part_of(context, [target]),
            },
        )

    async def parse_batch(
        self, response: BatchResponse, then: str, context: dict[str, Any]
    ) -> AsyncIterator[Any]:
        """A batch's answers; what failed in it is asked for again as ordinary requests."""
        for failure in response.failures:
            if failure.retry:
                yield self._single(failure.target, then, context, RETRIES_FIRST)
            else:
                self.give_up(failure.target, then, context, failure.reason)
        async for each in getattr(self, then)(response, context):
            yield each

    async def parse_single(
        self, response: Response, target: list[Any], then: str, context: dict[str, Any]
    ) -> AsyncIterator[Any]:
        """The answer to an ordinary request: a batch of one, whose failure is retried."""
        asked = msgspec.convert(target, Target)
        answers = BatchResponse.of_single(response, asked, self.screen(then))
        for failure in answers.failures:
            again = failure.retry and self.retry(response, failure.reason)
            if again:
                yield again
            else:
                self.give_up(asked, then, context, failure.reason)
        async for each in getattr(self, then)(answers, context):
            yield each

    def retry(self, response: Response, reason: str) -> Request | None:
        """The same request again, None when it was tried often enough (RETRY_TIMES)."""
        assert response.request is not None
        # The reason becomes part of a stats key: keep what differs by project out of it.
        kind = reason.partition(" (")[0].partition(":")[0]
        return get_retry_request(response.request, spider=self, reason=kind)

    def batch_failed(self, failure: Failure) -> None:
        """A whole batch came to nothing."""
        if isinstance(failure.value, GateClosedError):
            return  # the crawl is ending: what is open stays open
        request: Request = failure.request  # type: ignore[attr-defined]
        for target in msgspec.json.decode(request.body, type=Batch).targets:
            self.give_up(target, reason=reason_of(failure), **request.cb_kwargs)

    def single_failed(self, failure: Failure) -> None:
        """An ordinary request failed for good."""
        if isinstance(failure.value, GateClosedError):
            return  # as above
        given = failure.request.cb_kwargs  # type: ignore[attr-defined]
        target = msgspec.convert(given["target"], Target)
        self.give_up(target, given["then"], given["context"], reason_of(failure))


def reason_of(failure: Failure) -> str:
    """One line on why a request failed."""
    error = failure.value
    if isinstance(error, HttpError):
        return f"answered {error.response.status}"
    text = " ".join(str(error).split())
    return text[:200].rstrip(".") or type(error).__name__


def _part_of(context: Context, targets: Sequence[Target]) -> dict[str, Any]:
    part = {each.key: context[each.key] for each in targets if each.key in context}
    shared = (each[SHARED] for each in part.values() if isinstance(each, dict) and SHARED in each)
    return part | {key: context[key] for key in shared}
