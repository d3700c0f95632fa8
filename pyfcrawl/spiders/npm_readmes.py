"""How the npm spider gets each version's own README, from jsDelivr and in batches.

README.md first; a version without one is asked for its list of files, and for the README in it
under whatever name. When there is none, the packument's stays (if it has one for that version).
Callbacks have to be methods of the spider, so this is a mixin.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any
from urllib.parse import unquote

import msgspec
from scrapy import Request
from scrapy.http import Response
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from pyfcrawl.batch.fetching import RETRIES_FIRST, Context, Fetching
from pyfcrawl.batch.messages import BatchResponse, Target
from pyfcrawl.errors import SourceError
from pyfcrawl.items import PackageItem
from pyfcrawl.sources import jsdelivr, pypi_visit
from pyfcrawl.sources.npm import readme_of
from pyfcrawl.spiders.reporting import Reporting

#: What was begun gets done before further packages.
_FIRST = 10
#: jsDelivr's batches wait for none of npm's.
_SLOT = "beside"

_STEPS = ("readmes", "file_lists", "other_readmes")

#: Answers that mean "never": jsDelivr refuses packages that are too large, and broken names.
_REFUSED = (400, 403, 451)


class Readmes(Reporting, Fetching):
    """Mixin: `with_readmes` gives the requests, PackageItems come out at the end."""

    cdn_root: str
    data_root: str

    def with_readmes(self, items: Sequence[PackageItem]) -> Iterator[Request]:
        """Requests that end in these items, each with its version's README."""
        targets = []
        wanted = {}
        for item in items:
            key = f"{item.visit}@{item.version}"
            wanted[key] = pypi_visit.as_context(item)
            targets.append(self._file(key, item.name, item.version, jsdelivr.README))
        yield from self.fetch(targets, "readmes", "readmes", wanted, _FIRST, _SLOT)

    async def readmes(
        self, response: BatchResponse, context: Context
    ) -> AsyncIterator[PackageItem | Request]:
        """READMEs under the usual name; where there is none, a list of files is asked for."""
        for target, body in response.documents:
            yield _described(context[target.key], target, body)
        lists = [self._file_list(target.key, context) for target in response.gone]
        for request in self.fetch(lists, "file_lists", "files", context, _FIRST, _SLOT):
            yield request

    async def file_lists(
        self, response: BatchResponse, context: Context
    ) -> AsyncIterator[PackageItem | Request]:
        """Lists of files: the README in each, if there is one, is asked for."""
        for target in response.gone:
            yield PackageItem(**context[target.key])
        others = []
        for target, body in response.documents:
            try:
                name = jsdelivr.find_readme(body)
            except SourceError as error:
                again = self.again(response, target, "file_lists", context, str(error))
                if again:
                    yield again
                continue
            if name is None or name == jsdelivr.README:  # the latter was not there a moment ago
                yield PackageItem(**context[target.key])
            else:
                item = context[target.key]
                others.append(self._file(target.key, item["name"], item["version"], name))
        for request in self.fetch(others, "other_readmes", "others", context, _FIRST, _SLOT):
            yield request

    async def other_readmes(
        self, response: BatchResponse, context: Context
    ) -> AsyncIterator[PackageItem]:
        """READMEs under unusual names."""
        for target in response.gone:
            yield PackageItem(**context[target.key])
        for target, body in response.documents:
            yield _described(context[target.key], target, body)

    def again(
        self, response: Response, target: Target, then: str, context: Context, reason: str
    ) -> Request | None:
        """Ask again for what was answered with junk; None when that was done often enough."""
        if response.url.startswith("batch:"):
            return self._single(target, then, context, RETRIES_FIRST)
        again = self.retry(response, reason)
        if again is None:
            self.give_up(target, then, context, reason)
        return again

    def single_failed(self, failure: Failure) -> Any:
        """See Fetching; a version that jsDelivr will never serve goes without its own README."""
        error = failure.value
        if isinstance(error, HttpError) and error.response.status in _REFUSED:
            given = failure.request.cb_kwargs  # type: ignore[attr-defined]
            if given["then"] in _STEPS:
                key = msgspec.convert(given["target"], Target).key
                return [PackageItem(**given["context"][key])]
        return super().single_failed(failure)

    def _file(self, key: str, name: str, version: str, file: str) -> Target:
        url = jsdelivr.file_url(self.cdn_root, name, version, file)
        return Target(url, key, accept=jsdelivr.TEXT, anonymous=True)

    def _file_list(self, key: str, context: Context) -> Target:
        item = context[key]
        url = jsdelivr.files_url(self.data_root, item["name"], item["version"])
        return Target(url, key, anonymous=True)


def _described(context: dict[str, Any], target: Target, body: bytes) -> PackageItem:
    """The item with the README; an empty one doesn't replace what the packument has."""
    item = PackageItem(**context)
    readme = readme_of(body.decode("utf-8-sig", "replace"), unquote(target.url))
    if readme:
        text, kind = readme
        item.metadata = {**item.metadata, "description": text, "description_content_type": kind}
    return item
