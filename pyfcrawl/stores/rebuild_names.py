"""Which collection serves as which name, and what the versions of a collection are called."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pyfcrawl.errors import UnknownCollectionError
from pyfcrawl.stores.index import CollectionInfo, IndexReader


@dataclass(frozen=True, slots=True)
class Serving:
    """A collection that serves, the aliases it serves as, and what its versions are called.

    `plain`: its own name is one that people use, so it can't be kept beside a new version.
    """

    info: CollectionInfo
    aliases: tuple[str, ...]
    base: str
    plain: bool

    @property
    def names(self) -> tuple[str, ...]:
        """All names by which people know it."""
        return (*self.aliases, self.info.name) if self.plain else self.aliases


def serving_as(reader: IndexReader, name: str) -> Serving:
    """What serves as `name`. Raises UnknownCollectionError."""
    info = reader.collection(name)
    if info is None:
        raise unknown(name)
    aliases = reader.aliases()
    names = tuple(alias for alias, collection in aliases.items() if collection == info.name)
    numbered = re.fullmatch(r"(.+)-[0-9]+", info.name)
    if names and numbered and numbered[1] in aliases:
        return Serving(info, names, numbered[1], plain=False)
    return Serving(info, names, info.name, plain=True)


def unknown(name: str) -> UnknownCollectionError:
    """The error for a name that is neither collection nor alias."""
    return UnknownCollectionError(
        f"collection {ascii(name)[:80]} is not in the index; scrapy manage collections lists"
        " those that are"
    )


def next_version(reader: IndexReader, base: str) -> str:
    """The next version's name: no version of that number or a higher one is there."""
    taken = {number for number, _ in versions(reader, base)}
    number = max(taken, default=0) + 1
    while f"{base}-{number}" in reader.aliases():
        number += 1
    return f"{base}-{number}"


def leftovers(reader: IndexReader, serving: Serving) -> Iterator[str]:
    """Versions newer than the one that serves: being built, or left by a killed rebuild."""
    known = {serving.info.name, *reader.aliases().values()}
    current = serving.info.name.rpartition("-")[2] if not serving.plain else "0"
    for number, name in sorted(versions(reader, serving.base)):
        if name not in known and number > int(current):
            yield name


def versions(reader: IndexReader, base: str) -> Iterator[tuple[int, str]]:
    """Number and name of the collections called `base`-1, `base`-2 and so on."""
    for each in reader.collections():
        start, _, number = each.name.rpartition("-")
        if start == base and number.isdecimal() and number.isascii():
            yield int(number), each.name
