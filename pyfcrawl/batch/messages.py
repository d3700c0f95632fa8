"""The batch request and its response: plain JSON in, a Scrapy response with the documents out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from scrapy import Request
from scrapy.http import Response

from pyfcrawl.core.screening import StaleError, WantedClassifiers, read_head
from pyfcrawl.errors import SourceError

#: In the meta of a request that any worker of a divided run may carry out.
SHARED_WORK = "shared_work"


class Target(msgspec.Struct, array_like=True, frozen=True):
    """One GET of a batch.

    `key` is what the spider knows it by, `name` the project the answer must be about ("": it may
    be anything), `floor` the least serial it must carry. With a screen, `keep` hands it over even
    when it doesn't match (the project is indexed, so its absence would mean something). `etag`
    is what the answer had the last time: the same one again comes back as unchanged. `accept` is
    what to ask for where it is not JSON; `anonymous` asks without a token whatever the address.
    """

    url: str
    key: str
    name: str = ""
    floor: int = 0
    keep: bool = False
    etag: str = ""
    accept: str = ""
    anonymous: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """What this GET is sent with, beside what all are."""
        headers = {"Accept": self.accept or "application/json"}
        return headers | ({"If-None-Match": self.etag} if self.etag else {})


class Batch(msgspec.Struct):
    """What a batch request's body says. Without `classifiers` nothing is screened."""

    targets: list[Target]
    classifiers: list[str] | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A GET that gave nothing usable. `retry` says whether asking again now makes sense."""

    target: Target
    reason: str
    retry: bool = True


def batch_request(
    batch: Batch,
    callback: Callable[..., Any],
    errback: Callable[..., Any],
    label: str,
    slot: str = "batch",
    **rest: Any,
) -> Request:
    """The Scrapy request for a batch; `label` tells it apart in the log."""
    return Request(
        f"batch://{slot}/{label}",
        method="POST",
        body=msgspec.json.encode(batch),
        callback=callback,
        errback=errback,
        dont_filter=True,
        meta={"download_slot": slot, "autothrottle_dont_adjust_delay": True, "dont_retry": True},
        **rest,
    )


def visits_of(request: Request) -> list[str]:
    """The keys of what a request fetches, be it a batch or one of a batch turned off."""
    if request.url.startswith("batch:"):
        return [each.key for each in msgspec.json.decode(request.body, type=Batch).targets]
    target = request.cb_kwargs.get("target")
    return [msgspec.convert(target, Target).key] if target else []


class BatchResponse(Response):
    """The answers of one batch.

    `documents` are (target, body) of sound answers that may matter, `unmatched` the targets whose
    sound answer doesn't match, `gone` those answered 404 or 410, `unchanged` those with an `etag`
    answered 304, `failures` all others. `etags` maps the keys of documents to their ETags, where
    there are any.
    """

    __slots__ = ("documents", "etags", "failures", "gone", "unchanged", "unmatched")

    def __init__(self, url: str, **rest: Any) -> None:
        super().__init__(url, **rest)
        self.documents: list[tuple[Target, bytes]] = []
        self.unmatched: list[Target] = []
        self.gone: list[Target] = []
        self.unchanged: list[Target] = []
        self.etags: dict[str, str] = {}
        self.failures: list[Failure] = []

    def sort_in(
        self, target: Target, body: bytes, wanted: WantedClassifiers | None, etag: str = ""
    ) -> None:
        """Put the body of a 200 where it belongs; without `wanted` any project matches.

        A target without a name takes any body as it is.
        """
        if wanted is None and not target.name:
            self._keep(target, body, etag)
            return
        try:
            head = read_head(body, target.name, target.floor)
        except SourceError as error:
            retry = not isinstance(error, StaleError)
            self.failures.append(Failure(target, str(error), retry))
            return
        if wanted is None or target.keep or wanted.match(head.info.classifiers):
            self._keep(target, body, etag)
        else:
            self.unmatched.append(target)

    def _keep(self, target: Target, body: bytes, etag: str) -> None:
        self.documents.append((target, body))
        # Anything else is no ETag (RFC 9110, 8.8.3), and could not travel in a queue.
        if etag.isascii() and etag.isprintable() and etag:
            self.etags[target.key] = etag

    @classmethod
    def of_single(
        cls, response: Response, target: Target, classifiers: list[str] | None
    ) -> BatchResponse:
        """The answer to an ordinary request for `target`, as a batch of one."""
        answers = cls(response.url, request=response.request)
        if response.status in (404, 410):
            answers.gone.append(target)
        elif response.status == 304:
            answers.unchanged.append(target)
        else:
            wanted = None if classifiers is None else WantedClassifiers(tuple(classifiers))
            etag = (response.headers.get("ETag") or b"").decode("latin-1")
            answers.sort_in(target, response.body, wanted, etag)
        return answers
