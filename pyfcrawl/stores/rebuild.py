"""Builds a collection anew beside the one that serves, and puts it in its place.

Everybody reads and writes a collection by its name. Once that name is an alias of a version
(plone -> plone-1), another version can be built while the first one serves, and taking over is
one step that no reader notices.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pyfcrawl.errors import PyfcrawlError, StoreError
from pyfcrawl.stores.index import CollectionInfo, IndexWriter, WriteReport
from pyfcrawl.stores.rebuild_copy import Copy
from pyfcrawl.stores.rebuild_names import Serving, leftovers, next_version, serving_as, unknown

#: Told what happens, a line at a time.
Say = Callable[[str], object]

#: Looks for what was written meanwhile; a crawl that goes on would keep us for ever.
_MOST_PASSES = 6


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did: `version` serves as `names` in place of `replaced`."""

    names: tuple[str, ...]
    version: str
    replaced: str
    documents: int
    kept: bool


def serve(writer: IndexWriter, name: str) -> CollectionInfo:
    """The collection that serves as `name`; when there is none, an empty one with that alias.

    Raises StoreError.
    """
    found = writer.collection(name)
    if found is not None:
        return found
    # Somebody else may be at the same, or was ended half-way: then the version is there, empty.
    info = writer.collection(f"{name}-1")
    if info is None or info.documents or info.name in writer.aliases().values():
        info = writer.create(next_version(writer, name))
    writer.alias(name, info.name)
    return writer.collection(name) or info


def recreate(
    writer: IndexWriter,
    name: str,
    keep_old: bool = False,
    say: Say = lambda _: None,
    ready: Say = lambda _: None,
    in_flight: float = 0.5,
) -> Rebuilt:
    """Copy what serves as `name` into a new version with the current schema, which takes over.

    What is written to the old one meanwhile reaches the new one, too. Ended by anything before
    the new one took over, the old one serves as before and nothing is left. `ready` is told the
    name of the new version when it is full, but doesn't serve yet. `in_flight` is how many
    seconds a write may take that was sent before the change. Raises UnknownCollectionError and
    StoreError.
    """
    serving = serving_as(writer, name)
    _check_kept(serving, keep_old)
    version = next_version(writer, serving.base)
    for each in leftovers(writer, serving):
        say(f"{each} does not serve: unless it is being built, scrapy manage delete {each}")
    if serving.plain:
        say(f"{serving.info.name} is no alias yet: it will be missing for a moment, this once")
    with _half_made(writer, version, serving):
        _make(writer, version, serving, keep_old)
        copy = Copy(writer, serving.info.name, version)
        _fill(copy, serving, say)
        copy.check()
        ready(version)
        _catch_up(copy, serving, say)
        _hand_over(writer, serving, version)
    _finish(writer, serving, version, copy, keep_old, say, in_flight)
    return Rebuilt(serving.names, version, serving.info.name, copy.documents, keep_old)


def build_beside(writer: IndexWriter, name: str) -> str:
    """An empty next version beside what serves as `name`, to be filled by a crawl."""
    base = name if writer.collection(name) is None else serving_as(writer, name).base
    return writer.create(next_version(writer, base)).name


def switch(
    writer: IndexWriter,
    name: str,
    version: str,
    keep_old: bool = False,
    crawled: str = "pypi",
    say: Say = lambda _: None,
    in_flight: float = 0.5,
) -> None:
    """Let `version`, filled by a crawl, serve as `name`; what did so before is dropped.

    What that crawl does not bring is taken over before: enrichment, and the documents of other
    registries than `crawled`. Raises StoreError; unless the new version took over, the old one
    serves as before.
    """
    if writer.collection(name) is None:
        writer.alias(name, version)
        return
    serving = serving_as(writer, name)
    _check_kept(serving, keep_old)
    copy = Copy(writer, serving.info.name, version, crawled=crawled)
    copy.follow()
    _catch_up(copy, serving, say)
    with _undone(writer, serving, version):
        _hand_over(writer, serving, version)
    _finish(writer, serving, version, copy, keep_old, say, in_flight)


def discard(writer: IndexWriter, version: str) -> bool:
    """Remove a version that does not serve; whether there was one to remove."""
    found = writer.collection(version)
    if found is None or found.name != version or version in writer.aliases().values():
        return False
    return writer.drop(version)


def migrate(
    writer: IndexWriter, source: str, target: str, say: Say = lambda _: None
) -> WriteReport:
    """Copy all documents of one collection into another, made when it isn't there.

    What else the target holds stays; what enrichment found out about a package comes along.
    Refused documents are in the report. Raises UnknownCollectionError and StoreError.
    """
    found = writer.collection(source)
    if found is None:
        raise unknown(source)
    there = writer.collection(target)
    if there is not None and there.name == found.name:
        raise StoreError(f"{source} and {target} are one collection: name another target")
    goal = there.name if there else writer.create(target).name
    copy = Copy(writer, found.name, goal, strict=False)
    copy.follow()
    say(f"{copy.documents:,} documents of {found.name} looked at")
    return copy.report


# The steps of a rebuild


def _check_kept(serving: Serving, keep_old: bool) -> None:
    if keep_old and serving.plain:
        raise StoreError(
            f"--keep-old: {serving.info.name} is a collection's own name, which its new version"
            " needs as alias; copy it first with scrapy manage migrate"
        )


def _make(writer: IndexWriter, version: str, serving: Serving, keep_old: bool) -> None:
    """A copy that takes its original's place in full counts as the same: cursors stay good.

    A second one beside it would be taken for current though it isn't, and to an own name
    something may be written in the moment it stands for nothing.
    """
    if not keep_old and not serving.plain:
        writer.create_like(version, serving.info.generation)
    else:
        writer.create(version)


def _fill(copy: Copy, serving: Serving, say: Say) -> None:
    copy.follow()
    say(f"{copy.documents:,} documents of {serving.info.name} copied")


def _catch_up(copy: Copy, serving: Serving, say: Say) -> None:
    """Copy what was written meanwhile, until nothing was; what still comes is for the end."""
    for _ in range(_MOST_PASSES):
        changes = copy.follow()
        if not changes:
            return
        say(f"{changes:,} changes meanwhile copied")
    if serving.plain:
        raise StoreError(
            f"{serving.info.name} is being written to without a pause: end the crawl and try again"
        )


def _hand_over(writer: IndexWriter, serving: Serving, version: str) -> None:
    aliases = writer.aliases()
    moved = [alias for alias in serving.aliases if aliases.get(alias) != serving.info.name]
    if moved:
        raise StoreError(f"alias {moved[0]} was changed by somebody else meanwhile: try again")
    for alias in serving.aliases:
        writer.alias(alias, version)
    if serving.plain:
        writer.drop(serving.info.name)
        # From here on the new version is all there is.
        try:
            writer.alias(serving.info.name, version)
        except PyfcrawlError:
            _alias_at_last(writer, serving.info.name, version)
        except BaseException:
            _alias_at_last(writer, serving.info.name, version)
            raise


def _alias_at_last(writer: IndexWriter, name: str, version: str) -> None:
    try:
        writer.alias(name, version)
    except PyfcrawlError as error:
        raise StoreError(
            f"{version} has all documents of {name}, but doesn't serve as {name} ({error}); run"
            f" scrapy manage alias {name} {version}"
        ) from error


@contextmanager
def _undone(writer: IndexWriter, serving: Serving, version: str) -> Iterator[None]:
    """When something goes wrong inside, the old one serves again, and errors say if not."""
    try:
        yield
    except BaseException as error:
        try:
            _serve_again(writer, serving, version)
        except PyfcrawlError as second:
            raise StoreError(f"{error or 'interrupted'}; {second}") from error
        raise


@contextmanager
def _half_made(writer: IndexWriter, version: str, serving: Serving) -> Iterator[None]:
    """When something goes wrong inside, the new version is removed, and errors say if not."""
    try:
        with _undone(writer, serving, version):
            yield
    except BaseException as error:
        try:
            # An own name that was given up already leaves the new version as all there is.
            if not serving.plain or _is_there(writer, serving.info.name):
                discard(writer, version)
        except PyfcrawlError:
            raise StoreError(
                f"{error or 'interrupted'}; what was made is left, remove it with scrapy manage"
                f" delete {version}"
            ) from error
        raise


def _serve_again(writer: IndexWriter, serving: Serving, version: str) -> None:
    if _is_there(writer, serving.info.name):
        for alias, collection in writer.aliases().items():
            if collection == version and alias in serving.aliases:
                writer.alias(alias, serving.info.name)


def _is_there(writer: IndexWriter, name: str) -> bool:
    found = writer.collection(name)
    return found is not None and found.name == name


def _finish(
    writer: IndexWriter,
    serving: Serving,
    version: str,
    copy: Copy,
    keep_old: bool,
    say: Say,
    in_flight: float,
) -> None:
    """Bring over what reached the old one until the change, then remove it."""
    if serving.plain:
        return  # gone
    old = serving.info.name
    try:
        time.sleep(in_flight)
        for _ in range(_MOST_PASSES):
            changes = copy.merge()
            if not changes:
                break
            say(f"{changes:,} last changes copied")
        if not keep_old:
            writer.drop(old)
    except BaseException as error:
        told = (
            f"{version} serves now, but what was written to {old} in the last moment may be"
            f" missing in it: crawl with mode=full, then run scrapy manage delete {old}"
        )
        if isinstance(error, PyfcrawlError):
            raise StoreError(f"{error}; {told}") from error
        say(told)
        raise
