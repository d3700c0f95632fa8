"""Which collections a run writes, and how those it built anew come to serve: whole, or not at all.

With `recreate=yes` a run fills new versions beside the collections that serve. They take over only
when the run was clean and doesn't lose more packages by it than REMOVE_LIMIT allows. All here
blocks; the index pipeline calls it in the index's own thread.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pyfcrawl.core.profiles import Profile
from pyfcrawl.core.removals import refusal
from pyfcrawl.pipelines.removals import Limit, lost
from pyfcrawl.stores.index import IndexAddress, IndexWriter
from pyfcrawl.stores.rebuild import build_beside, discard, serve, switch
from pyfcrawl.stores.server import apply_profile

#: The registry that a rebuilding crawl reads.
_CRAWLED = "pypi"

_NOT_CLEAN = (
    "recreate=yes: the crawl did not end clean, so what was indexed before goes on serving; "
    "run it again"
)


class Serving:
    """The collections of one run: `rebuilt` maps those built anew to their new versions.

    `arguments` are the spider's, None for one without: of them `profiles` and `recreate`.
    """

    def __init__(self, address: IndexAddress, arguments: Any, limit: Limit) -> None:
        self._address = address
        self._limit = limit
        self._recreate = bool(arguments and arguments.recreate)
        self._on_the_spot = bool(getattr(arguments, "on_the_spot", False))
        profiles: Iterable[Profile] = arguments.profiles if arguments else ()
        self.profiles = {each.collection: each for each in profiles}
        self.rebuilt: dict[str, str] = {}

    def open(self, writer: IndexWriter) -> None:
        """Make what isn't there, and with `recreate` the versions to fill. Raises StoreError."""
        for collection in self.profiles:
            serve(writer, collection)
            if self._recreate:
                self.rebuilt[collection] = build_beside(writer, collection)

    def documents(self, writer: IndexWriter) -> dict[str, int]:
        """How many documents each collection has. Raises StoreError."""
        found = {name: writer.collection(name) for name in self.profiles}
        return {name: info.documents for name, info in found.items() if info is not None}

    def finish(self, writer: IndexWriter, clean: bool, written: bool) -> str:
        """Put new versions to serve, or throw them away; returns why not, "" if all is well.

        Search rules come last, as packages can be pinned only once they are there. Raises
        StoreError.
        """
        obstacle = "" if clean or not self.rebuilt else _NOT_CLEAN
        obstacle = obstacle or self._too_much_lost(writer)
        for name, profile in self.profiles.items():
            version = self.rebuilt.get(name)
            if version and obstacle:
                discard(writer, version)
                continue
            if written:
                apply_profile(self._address, version or name, profile)
            if version:
                switch(writer, name, version)
        return obstacle

    def _too_much_lost(self, writer: IndexWriter) -> str:
        for name, version in self.rebuilt.items():
            before = writer.package_ids(name, _CRAWLED)
            missing = lost(before, writer.package_ids(version, _CRAWLED), self._limit)
            if missing:
                line = refusal(missing, len(before), name, self._limit.percent)
                how = self.confirmed(name, _CRAWLED, " -a recreate=yes")
                return f"recreate=yes: {line}: what was indexed before goes on serving; {how}"
        return ""

    def confirmed(self, collection: str, spider: str, further: str = "") -> str:
        """What to do when so many removals are right."""
        profile = self.profiles.get(collection)
        if profile is None or self._on_the_spot:
            return "if it is right run the same with -a confirm_removals=yes"
        target = "" if profile.name == collection else f" -a target={collection}"
        command = f"scrapy crawl {spider} -a profile={profile.name}{target}{further}"
        return f"if it is right run {command} -a confirm_removals=yes"
