"""How the npm spider gets each version's own README, from jsDelivr and in batches.

README.md first; a version without one is asked for its list of files, and for the README in it
under whatever name. When there is none, the packument's stands in: that of the latest version.
Callbacks have to be methods of the spider, so this is a mixin.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import msgspec
from scrapy import Request
from scrapy.http import Response
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from pyfcrawl.batch.fetching import RETRIES_FIRST, SHARED, Context, Fetching
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

#: The methods that take the answers.
STEPS = ("readmes", "file_lists", "other_readmes")

#: Answers that mean "never": jsDelivr refuses packages that are too large, and broken names.
_REFUSED = (400, 403, 451)


class Readmes(Reporting, Fetching):
    """Mixin: `with_readmes` gives the requests, PackageItems come out at the end."""

    cdn_root: str
    data_root: str

    def with_readmes(
        self, items: Sequence[PackageItem], stand_ins: Mapping[str, tuple[str, str]]
    ) -> Iterator[Request]:
        """Requests that end in these items, each with its version's README.

        `stand_ins` are the packuments' READMEs with their content types, by visit.
        """
        targets = []
        wanted: dict[str, Any] = {
            f"readme/{visit}": _metadata(readme) for visit, readme in stand_ins.items()
        }
        for item in items:
            key = f"{item.visit}@{item.version}"
            wanted[key] = pypi_visit.as_context(item)
            if item.visit in stand_ins and "description" not in item.metadata:
                wanted[key][SHARED] = f"readme/{item.visit}"
            targets.append(self._file(key, item.name, item.version, jsdelivr.README))
        yield from self.fetch(targets, "readmes", "readmes", wanted, _FIRST, _SLOT)

    async def readmes(
        self, response: BatchResponse, context: Context
    ) -> AsyncIterator[PackageItem | Request]:
        """READMEs under the usual name; where there is none, a list of files is asked for."""
        for target, body in response.documents:
            yield _item(context, target, body)
        lists = [self._file_list(target.key, context) for target in response.gone]
        for request in self.fetch(lists, "file_lists", "files", context, _FIRST, _SLOT):
            yield request

    async def file_lists(
        self, response: BatchResponse, context: Context
    ) -> AsyncIterator[PackageItem | Request]:
        """Lists of files: the README in each, if there is one, is asked for."""
        for target in response.gone:
            yield _item(context, target)
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
                yield _item(context, target)
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
            yield _item(context, target)
        for target, body in response.documents:
            yield _item(context, target, body)

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
            if given["then"] in STEPS:
                return [_item(given["context"], msgspec.convert(given["target"], Target))]
        return super().single_failed(failure)

    def _file(self, key: str, name: str, version: str, file: str) -> Target:
        url = jsdelivr.file_url(self.cdn_root, name, version, file)
        return Target(url, key, accept=jsdelivr.TEXT, anonymous=True)

    def _file_list(self, key: str, context: Context) -> Target:
        item = context[key]
        url = jsdelivr.files_url(self.data_root, item["name"], item["version"])
        return Target(url, key, anonymous=True)


def _item(context: Context, target: Target, body: bytes = b"") -> PackageItem:
    """The item with the README in `body`; without one there, with what the packument has."""
    given = dict(context[target.key])
    stand_in = context[given.pop(SHARED)] if SHARED in given else {}
    item = PackageItem(**given)
    readme = readme_of(body.decode("utf-8-sig", "replace"), unquote(target.url))
    item.metadata = {**item.metadata, **(_metadata(readme) if readme else stand_in)}
    return item


def _metadata(readme: tuple[str, str]) -> dict[str, str]:
    text, kind = readme
    return {"description": text, "description_content_type": kind}
