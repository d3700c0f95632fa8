"""Writes documents into one Typesense collection, one batch at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from pyfcrawl.core.document import BOOKKEEPING, FIELDS, problem_with
from pyfcrawl.stores.index import Document, Patch, Refusal, WriteReport
from pyfcrawl.stores.typesense_packages import Package, Release, lines, load, load_texts
from pyfcrawl.stores.typesense_rows import (
    FACTS,
    GROUPS,
    LISTED,
    check_sendable,
    content_key,
    new_line,
    placed,
    with_more,
)
from pyfcrawl.stores.typesense_schema import CONTENT_KEY, HEAD_TEXTS, IS_HEAD, PACKAGE_KEY, key
from pyfcrawl.stores.typesense_server import Answer, Server, any_of, is_id
from pyfcrawl.stores.values import NotStorableError, is_key, patched_values, shown, whole

_SHARED = frozenset({*LISTED, *FACTS})
#: Fields of the crawl that may differ between the releases of a package.
_OWN = tuple(name for name in FIELDS if name not in _SHARED)

#: How often it is looked whether enrichment went on while new releases were written.
_LOOKS = 5


@dataclass(frozen=True, slots=True)
class Prepared:
    """A sound document: its own fields, those it brings for its package, and its import line.

    The line lacks what depends on the other releases: `with_place` adds it.
    """

    own: dict[str, Any]
    listed: dict[str, Any]
    content_key: str
    line: bytes


def prepared(documents: Iterable[Any], report: WriteReport) -> list[Prepared]:
    """The documents that can be written; the others' refusals are noted. Needs no server."""
    found = []
    for each in documents:
        if not isinstance(each, dict):
            report.refused.append(Refusal("", f"not a document: {shown(each)}"))
            continue
        try:
            found.append(_prepared(each))
        except NotStorableError as error:
            identifier = shown(each.get("identifier") or "")
            report.refused.append(Refusal(identifier, str(error)))
    return found


def _prepared(document: Document) -> Prepared:
    problem = problem_with(document)
    if problem is None and not is_id(document["identifier"]):
        problem = "identifier holds a back-quote or spaces around it, which Typesense can't look up"
    if problem:
        raise NotStorableError(problem)
    values = whole(document, FIELDS)
    own = {name: values[name] for name in _OWN}
    hashed = content_key(own)
    first = {name: value for name, value in own.items() if name not in HEAD_TEXTS}
    line = new_line(own["identifier"], {**first, CONTENT_KEY: hashed})
    return Prepared(own, {name: values[name] for name in LISTED}, hashed, line)


def with_place(given: Prepared, shared: Mapping[str, Any], is_head: bool) -> bytes:
    """The whole import line of a new document, with the package's fields."""
    return with_more(given.line, {**shared, **placed(given.own, is_head), IS_HEAD: is_head})


class CollectionWriter:
    """Upserts, patches and deletes in one collection, which may be named by an alias."""

    def __init__(self, server: Server, collection: str) -> None:
        self._server = server
        self._collection = collection

    # Whole documents

    def upsert(self, documents: Sequence[Prepared]) -> WriteReport:
        """As IndexWriter.upsert, for documents no two of which have the same identifier."""
        return _Upsert(self, documents).run()

    def load(self, package_ids: Iterable[str], fields: Sequence[str] = ()) -> dict[str, Package]:
        """As `typesense_packages.load`, in this collection."""
        return load(self._server, self._collection, package_ids, fields)

    def make(self, batch: Sequence[bytes]) -> list[Answer]:
        """Import new documents."""
        return self._server.import_(self._collection, batch, "emplace")

    def update(self, packages: Iterable[Package]) -> list[tuple[Release, Answer]]:
        """Bring releases up to date; what became of those that were not."""
        chosen = list(packages)
        load_texts(self._server, self._collection, chosen)
        batch = list(lines(chosen))
        answers = self._server.import_(self._collection, [line for _, line in batch], "update")
        result = [(each, answer) for (each, _), answer in zip(batch, answers, strict=True)]
        for each, answer in result:
            if answer.ok:
                each.settled()
        return result

    # Some fields

    def patch(self, patches: Sequence[Patch]) -> WriteReport:
        """As IndexWriter.patch."""
        return _Patching(self, patches).run()

    def owners(self, identifiers: Iterable[str]) -> dict[str, str]:
        """Identifier -> package_id of the documents that exist."""
        stored = self._server.by_id(self._collection, identifiers, ["package_id"])
        return {identifier: each["package_id"] for identifier, each in stored.items()}

    # Removal

    def delete(self, identifiers: Sequence[str]) -> int:
        """As IndexWriter.delete."""
        found = self.owners(identifiers)
        if found:
            self._server.delete_ids(self._collection, list(found))
            self.settle(set(found.values()))
        return len(found)

    def delete_packages(self, package_ids: Sequence[str]) -> int:
        """As IndexWriter.delete_packages."""
        chosen = any_of(PACKAGE_KEY, {key(each) for each in package_ids if is_key(each)})
        if chosen == any_of(PACKAGE_KEY, ()):
            return 0
        (count,) = self._server.count(self._collection, [chosen])
        if count:
            self._server.delete(self._collection, chosen)
        return count

    def settle(self, package_ids: Iterable[str]) -> None:
        """Mark the heads of packages anew."""
        packages = self.load(package_ids)
        for package in packages.values():
            package.spread()
        self.update(packages.values())


class _Upsert:
    """One batch of whole documents on its way."""

    def __init__(self, writer: CollectionWriter, documents: Sequence[Prepared]) -> None:
        self._writer = writer
        self._documents = documents
        self._packages = writer.load(each.own["package_id"] for each in documents)
        self._known = frozenset(self._packages)
        self._new: dict[str, Prepared] = {}
        self._report = WriteReport()

    def run(self) -> WriteReport:
        for each in self._documents:
            if self._take(each):
                self._report.written += 1
            else:
                self._report.unchanged += 1
        self._spread()
        self._make(list(self._new.values()))
        # Those the server refused are no longer among their package's releases.
        self._spread()
        self._update()
        self._share_facts()
        return self._report

    def _take(self, given: Prepared) -> bool:
        """Whether the document brings anything new."""
        identifier, package_id = given.own["identifier"], given.own["package_id"]
        package = self._packages.setdefault(package_id, Package())
        news = package.listed != given.listed
        package.listed = given.listed
        release = package.releases.get(identifier)
        if release is None:
            package.releases[identifier] = Release(given.own | package.listed | package.facts)
            self._new[identifier] = given
            return True
        if release.stored_key == given.content_key:
            return news
        release.values.update(given.own)
        release.changed |= given.own.keys()
        return True

    def _spread(self) -> None:
        for package in self._packages.values():
            package.spread()

    def _make(self, documents: Sequence[Prepared]) -> None:
        """Write new documents, with the facts known of their package."""
        batch = []
        for each in documents:
            release = self._release(each)
            package = self._packages[each.own["package_id"]]
            batch.append(with_place(each, package.facts | package.listed, release.is_head))
        for each, answer in zip(documents, self._writer.make(batch), strict=True):
            if answer.ok:
                self._release(each).settled()
            else:
                del self._packages[each.own["package_id"]].releases[each.own["identifier"]]
                self._refuse(each.own["identifier"], answer.reason)

    def _release(self, given: Prepared) -> Release:
        return self._packages[given.own["package_id"]].releases[given.own["identifier"]]

    def _refuse(self, identifier: str, reason: str) -> None:
        self._report.refused.append(Refusal(identifier, reason))
        self._report.written -= 1

    def _update(self) -> None:
        given = {each.own["identifier"]: each for each in self._documents}
        vanished = []
        for release, answer in self._writer.update(self._packages.values()):
            mine = given.get(release.identifier)
            if mine is None or answer.ok:
                continue
            if answer.missing:
                vanished.append(mine)  # removed by somebody else since it was looked up
            else:
                self._refuse(release.identifier, answer.reason)
        self._make(vanished)

    def _share_facts(self) -> None:
        """Enrichment that came to a package while its new releases were written."""
        late = {each.own["package_id"] for each in self._new.values()} & self._known
        if not late:
            return
        # Looked at again after writing: what was written may have been out of date by then.
        for _ in range(_LOOKS):
            fresh = self._writer.load(late)
            news = [self._catches_up(package) for package in fresh.values()]
            if not any(news):
                break
            self._writer.update(fresh.values())

    def _catches_up(self, package: Package) -> bool:
        """Give a package's new releases the facts of its old ones; whether any lacked them."""
        releases = package.releases.values()
        old = next((each for each in releases if each.identifier not in self._new), None)
        news = False
        for each in releases:
            each.is_head = each.stored_head
            if old is not None and each.identifier in self._new:
                news |= each.set({name: old.values[name] for name in FACTS})
        return news


class _Patching:
    """One batch of patches on its way."""

    def __init__(self, writer: CollectionWriter, patches: Sequence[Patch]) -> None:
        self._writer = writer
        self._report = WriteReport()
        self._sound = list(self._checked(patches))
        fields = self._needed()
        targets = [target for target, _ in self._sound]
        self._packages = writer.load(targets, fields)
        ids = [each for each in targets if each not in self._packages]
        self._owners = writer.owners(ids)
        self._packages |= writer.load(set(self._owners.values()) - self._packages.keys(), fields)
        #: Identifier -> targets of the patches that changed it.
        self._blame: dict[str, list[str]] = {}

    def run(self) -> WriteReport:
        shared: set[str] = set()
        for target, fields in self._sound:
            if self._apply(target, fields):
                self._report.written += 1
                shared |= fields.keys() & FACTS
            else:
                self._report.unchanged += 1
        for package in self._packages.values():
            package.spread()
        self._write()
        if shared:
            self._reach_new_releases(shared)
        return self._report

    def _checked(self, patches: Sequence[Patch]) -> Iterator[tuple[str, dict[str, Any]]]:
        for patch in patches:
            try:
                values = patched_values(patch, FIELDS)
                check_sendable(values)
                yield patch.target, values
            except NotStorableError as error:
                self._report.refused.append(Refusal(shown(patch.target), str(error)))

    def _needed(self) -> list[str]:
        """The fields whose hashes the patches may change."""
        patched = {name for _, fields in self._sound for name in fields} - _SHARED
        owners = {FIELDS[name].owner for name in patched}
        names = [name for owner, group in GROUPS.items() if owner in owners for name in group]
        return [*names, *(BOOKKEEPING & patched)]

    def _apply(self, target: str, fields: Mapping[str, Any]) -> bool:
        """Whether the patch changes anything."""
        package = self._packages.get(self._owners.get(target, target))
        if package is None:
            return False
        shared = {name: value for name, value in fields.items() if name in _SHARED}
        own = {name: value for name, value in fields.items() if name not in _SHARED}
        one = package.releases.get(target)
        changed = self._set(package.releases.values(), shared, target)
        package.listed.update((name, value) for name, value in shared.items() if name in LISTED)
        package.facts.update((name, value) for name, value in shared.items() if name in FACTS)
        chosen = [one] if one is not None else list(package.releases.values())
        return self._set(chosen, own, target) or changed

    def _set(self, releases: Iterable[Release], fields: Mapping[str, Any], target: str) -> bool:
        changed = False
        for each in releases:
            real = {n: v for n, v in fields.items() if n not in BOOKKEEPING}
            if any(each.values[name] != value for name, value in real.items()):
                each.set(fields)
                self._blame.setdefault(each.identifier, []).append(target)
                changed = True
        return changed

    def _write(self) -> None:
        failed: dict[str, str] = {}
        for release, answer in self._writer.update(self._packages.values()):
            if not answer.ok and not answer.missing:
                for target in self._blame.get(release.identifier, ()):
                    failed.setdefault(target, answer.reason)
        self._report.refused += [Refusal(target, reason) for target, reason in failed.items()]
        self._report.written -= len(failed)

    def _reach_new_releases(self, names: AbstractSet[str]) -> None:
        """Give the facts to releases that were made while the others were written."""
        fresh = self._writer.load(self._packages)
        for package_id, package in fresh.items():
            for each in package.releases.values():
                each.set({name: self._packages[package_id].facts[name] for name in names})
                each.is_head = each.stored_head
        self._writer.update(fresh.values())
