"""Packages as their releases in a Typesense collection tell them.

The server keeps nothing but documents, so what is one for all releases of a package is repeated
on each of them, and one of them is marked as the package's head.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyfcrawl.core.document import FIELDS
from pyfcrawl.stores.typesense_rows import (
    FACTS,
    LISTED,
    change_line,
    content_key,
    placed,
    read,
    stored_names,
)
from pyfcrawl.stores.typesense_schema import CONTENT_KEY, HEAD_TEXTS, IS_HEAD, key
from pyfcrawl.stores.typesense_server import Server

#: What is read of every release of a package that is written to.
_LIGHT = (
    *("identifier", "package_id", "version", "version_sortable", "is_latest"),
    *LISTED,
    *FACTS,
)
_PACKAGE = frozenset({*LISTED, *FACTS})


@dataclass(slots=True)
class Release:
    """A document: what the server has of it, and what it should have.

    `values` holds the fields known here, `changed` the names of those the server has otherwise.
    """

    values: dict[str, Any]
    stored_head: bool = False
    stored_key: str = ""
    changed: set[str] = field(default_factory=set)
    is_head: bool = False

    @property
    def identifier(self) -> str:
        """The document's id."""
        return str(self.values["identifier"])

    def set(self, fields: Mapping[str, Any]) -> bool:
        """Whether these values are new."""
        new = {name for name, value in fields.items() if self.values.get(name) != value}
        self.values.update({name: fields[name] for name in new})
        self.changed |= new
        return bool(new)

    @property
    def moves(self) -> bool:
        """Whether it is to become its package's head, or no longer to be it."""
        return self.is_head != self.stored_head

    @property
    def lacks_texts(self) -> bool:
        """Whether texts that are to be moved or changed are not known here."""
        touched = self.moves or not self.changed.isdisjoint(HEAD_TEXTS)
        return touched and not self.values.keys() >= set(HEAD_TEXTS)

    def line(self) -> bytes | None:
        """The import line that brings the server up to date, None when it is."""
        changes = {name: self.values[name] for name in self.changed}
        if self.moves:
            changes[IS_HEAD] = self.is_head
        if self.moves or not self.changed.isdisjoint(HEAD_TEXTS):
            changes |= placed(self.values, self.is_head)
        if self.changed - _PACKAGE:
            changes[CONTENT_KEY] = content_key(self.values, self.stored_key)
        return change_line(self.identifier, changes, self.values) if changes else None

    def settled(self) -> None:
        """Take note that the server has it all."""
        self.stored_head = self.is_head
        self.changed.clear()


@dataclass(slots=True)
class Package:
    """A package's releases by identifier, and the fields that are one for all of them."""

    releases: dict[str, Release] = field(default_factory=dict)
    listed: dict[str, Any] = field(default_factory=lambda: {n: FIELDS[n].empty for n in LISTED})
    facts: dict[str, Any] = field(default_factory=lambda: {n: FIELDS[n].empty for n in FACTS})

    def gather(self) -> None:
        """Find the shared fields in the releases; should they differ, the head's count most."""
        for each in sorted(self.releases.values(), key=_rank):
            self.listed = {name: each.values[name] for name in LISTED}
            for name in FACTS:
                if each.values[name] != FIELDS[name].empty:
                    self.facts[name] = each.values[name]

    def spread(self) -> None:
        """Give the shared fields of the listing to all releases, and mark the head."""
        head = max(self.releases.values(), key=_rank, default=None)
        for each in self.releases.values():
            each.set(self.listed)
            each.is_head = each is head


def _rank(release: Release) -> tuple[bool, str, str]:
    """What the registry calls latest stands for its package, else the newest."""
    values = release.values
    return (
        values.get("is_latest") is True,
        values.get("version_sortable") or "",
        values["identifier"],
    )


def load(
    server: Server, collection: str, package_ids: Iterable[str], fields: Sequence[str] = ()
) -> dict[str, Package]:
    """package_id -> package, for those that exist; of the releases these fields and a few more."""
    wanted = dict.fromkeys(package_ids)
    names = dict.fromkeys((*_LIGHT, *fields))
    found: dict[str, Package] = {}
    asked = stored_names([*names, IS_HEAD, CONTENT_KEY])
    stored = server.by_package(collection, map(key, wanted), asked)
    for each in stored:
        values = {name: read(FIELDS[name], each) for name in names}
        if values["package_id"] in wanted and values["identifier"] == each["id"]:
            release = Release(values, each.get(IS_HEAD) is True, each.get(CONTENT_KEY) or "")
            package = found.setdefault(values["package_id"], Package())
            package.releases[release.identifier] = release
    for package in found.values():
        package.gather()
    return found


def load_texts(server: Server, collection: str, packages: Iterable[Package]) -> None:
    """Of the releases whose long texts have to change places, read them."""
    releases = [each for package in packages for each in package.releases.values()]
    lacking = {each.identifier: each for each in releases if each.lacks_texts}
    stored = server.by_id(collection, lacking, stored_names(HEAD_TEXTS))
    for identifier, release in lacking.items():
        found = stored.get(identifier, {})
        texts = {name: read(FIELDS[name], found) for name in HEAD_TEXTS}
        release.values = texts | release.values


def lines(packages: Iterable[Package]) -> Iterator[tuple[Release, bytes]]:
    """The releases that are not as they should be, each with the line that makes them so.

    New heads come first: a package with two heads for a moment is better than one with none.
    """
    releases = [each for package in packages for each in package.releases.values()]
    for each in sorted(releases, key=lambda release: not release.is_head):
        line = each.line()
        if line is not None:
            yield each, line
