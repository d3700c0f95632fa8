"""The Simple index against what the collections of a run hold: what to visit, what to doubt."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from scrapy import Request

from pyfcrawl.errors import SourceError
from pyfcrawl.sources import pypi
from pyfcrawl.spiders.selection import Selection
from pyfcrawl.spiders.worklist import Entry

logger = logging.getLogger(__name__)

#: A listing that lost more than this share of its projects since the last run is a broken one.
_SHRUNK = 0.5

#: Below this many projects only an empty listing is doubted.
_MANY = 1000


def listing_request(
    root: str,
    selections: Sequence[Selection],
    callback: Callable[..., Any],
    errback: Callable[..., Any],
) -> Request:
    """The request for the Simple index; conditional when all of `selections` are in step with it.

    Without selections it is asked for whatever was there before.
    """
    headers = {"Accept": pypi.SIMPLE_JSON}
    if etag := _validator(selections):
        headers["If-None-Match"] = etag
    return Request(
        pypi.index_url(root),
        headers=headers,
        callback=callback,
        errback=errback,
        dont_filter=True,
        meta={"handle_httpstatus_list": [304]},
    )


def _validator(selections: Sequence[Selection]) -> str:
    """The ETag to ask the listing with: "" when an unchanged listing would still mean work."""
    etags = {each.cursor.etag if each.cursor else "" for each in selections}
    if len(etags) != 1 or any(each.pending for each in selections):
        return ""
    return etags.pop()


def read_listing(
    body: bytes, selections: Sequence[Selection], everything: bool, containing: str
) -> pypi.Listing:
    """The listing's projects above the lowest cursor (all with `everything`).

    Raises SourceError when it can't be read, or can't be believed: a cursor that followed a
    broken listing would leave changes behind for ever.
    """
    above = -1 if everything else min(each.serial for each in selections)
    expected = {name for each in selections for name in each.indexed}
    listing = pypi.read_listing(body, above, expected, containing)
    if listing.count and not listing.serial:
        logger.warning("The listing gives no serials, so every run has to visit every project")
        listing = pypi.read_listing(body, -1, expected, containing)
    before = max((each.cursor.listed for each in selections if each.cursor), default=0)
    if listing.count < before * _SHRUNK and (before > _MANY or not listing.count):
        raise SourceError(f"only {listing.count} projects listed, {before} the last time")
    return listing


def unlisted(selections: Sequence[Selection], listing: pypi.Listing) -> list[Entry]:
    """Visits outside the listing's serial order: names pending, then names no longer listed."""
    pending: dict[str, int] = {}
    for selection in selections:
        for name, each in selection.pending.items():
            pending[name] = max(each.serial, pending.get(name, 0))
    if pending:
        for name in pending.keys() & set(listing.names):
            del pending[name]  # changed since: visited in its turn, with the newer serial
    gone = dict.fromkeys(sorted(listing.missing - pending.keys()), 0)
    return list((pending | gone).items())
