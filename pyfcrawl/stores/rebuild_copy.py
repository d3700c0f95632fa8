"""Copies a collection that is being written to, and follows it until both are the same.

What was seen of the source is remembered as hashes: one for each owner of fields, because each
owner writes without knowledge of the others. They tell what changed in the source since, and,
once clients write to the target as well, which side has the newer value.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Mapping
from typing import Any

from pyfcrawl.core.document import BOOKKEEPING, FIELDS, Level, Owner, Type
from pyfcrawl.errors import StoreError
from pyfcrawl.stores.index import Document, IndexWriter, Patch, WriteReport
from pyfcrawl.stores.values import IDENTITY, chunks

_BATCH = 500
_SAMPLE = 200
_DIGEST = 8

_ENRICHMENT = (Owner.GITHUB, Owner.DOWNLOADS)

#: Owner -> fields.
_Groups = dict[Owner, tuple[str, ...]]


def _groups(level: Level) -> _Groups:
    names = {
        owner: tuple(f.name for f in FIELDS.values() if (f.owner, f.level) == (owner, level))
        for owner in Owner
    }
    return {owner: fields for owner, fields in names.items() if fields}


_RELEASE = _groups("release")
_PACKAGE = _groups("package")
_SHARED = tuple(name for names in _PACKAGE.values() for name in names)
_FACTS = tuple(name for owner in _ENRICHMENT for name in _PACKAGE[owner])


def _digests(fields: Mapping[str, Any], groups: _Groups) -> bytes:
    """A hash for each group, one behind the other. When something was computed doesn't count."""
    return b"".join(_digest(fields, names) for names in groups.values())


def _digest(fields: Mapping[str, Any], names: Iterable[str]) -> bytes:
    values = [_plain(name, fields[name]) for name in names if name not in BOOKKEEPING]
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST).digest()


def _plain(name: str, value: Any) -> Any:
    is_number = FIELDS[name].type is Type.FLOAT and value is not None
    return float(value) if is_number else value


def _newer(
    fields: Mapping[str, Any], groups: _Groups, mine: bytes, before: bytes, theirs: bytes
) -> dict[str, Any]:
    """The fields of the groups that changed here (`mine`) since `before`, but not there."""
    result: dict[str, Any] = {}
    for number, names in enumerate(groups.values()):
        part = slice(number * _DIGEST, (number + 1) * _DIGEST)
        if mine[part] != before[part] == theirs[part]:
            result.update((name, fields[name]) for name in names if name not in IDENTITY)
    return result


_NO_FACTS = _digests({name: FIELDS[name].empty for name in _SHARED}, _PACKAGE)


class Copy:
    """A copy of one collection in another.

    `crawled` names a registry whose documents the target has from elsewhere: of those packages
    only what enrichment found out is copied. `strict` stops at a document that the target
    refuses; else it is noted in `report`.
    """

    def __init__(
        self,
        writer: IndexWriter,
        source: str,
        target: str,
        crawled: str | None = None,
        strict: bool = True,
    ) -> None:
        self.report = WriteReport()
        self._writer = writer
        self._source = source
        self._target = target
        self._crawled = crawled
        self._strict = strict
        self._merging = False
        #: Identifier or package_id -> hashes of what the source had when it was last seen.
        self._documents: dict[str, bytes] = {}
        self._packages: dict[str, bytes] = {}
        self._changes = 0

    @property
    def documents(self) -> int:
        """How many documents the source had when it was last seen."""
        return len(self._documents)

    def follow(self) -> int:
        """Bring the target, which nobody else writes to, up to the source.

        Returns how many documents and packages had changed since the last call.
        """
        return self._pass()

    def merge(self) -> int:
        """As `follow`, when others write to the target: what they changed meanwhile stays."""
        self._merging = True
        return self._pass()

    def check(self) -> None:
        """Raises StoreError when the target is not what was copied: its size, and a sample."""
        found = self._writer.collection(self._target)
        count = found.documents if found else 0
        if count != len(self._documents):
            raise StoreError(
                f"{self._target} has {count:,} documents and not {len(self._documents):,} as were"
                f" copied from {self._source}: try again, and see whether something writes to it"
            )
        identifiers = list(self._documents)
        for each in random.SystemRandom().sample(identifiers, min(_SAMPLE, len(identifiers))):
            self._check_document(each)

    def _check_document(self, identifier: str) -> None:
        found = self._writer.get(self._target, identifier)
        same = found is not None and (
            _digests(found, _RELEASE) == self._documents[identifier]
            and _digests(found, _PACKAGE) == self._packages.get(found["package_id"])
        )
        if not same:
            raise StoreError(
                f"{identifier} in {self._target} is not as it was copied from {self._source}:"
                " try again, and see whether something else writes there"
            )

    # One pass over the source

    def _pass(self) -> int:
        self._changes = 0
        unseen, unseen_packages = set(self._documents), set(self._packages)
        for batch in chunks(self._writer.iterate(self._source), _BATCH):
            self._take(batch)
            unseen.difference_update(each["identifier"] for each in batch)
            unseen_packages.difference_update(each["package_id"] for each in batch)
        for gone in chunks(sorted(unseen), _BATCH):
            # Not seen once is not gone: a server may have been on its way up again.
            self._remove([each for each in gone if self._writer.get(self._source, each) is None])
        for each in unseen_packages:
            del self._packages[each]
        return self._changes

    def _take(self, batch: list[Document]) -> None:
        shared = _shared(batch)
        documents = {
            each["identifier"]: each | shared[each["package_id"]]
            for each in batch
            if each["registry"] != self._crawled
        }
        digests = {name: _digests(each, _RELEASE) for name, each in documents.items()}
        news = {name for name, each in digests.items() if self._documents.get(name) != each}
        self._write_documents({name: documents[name] for name in news}, digests)
        self._documents.update((name, digests[name]) for name in news)

        package_digests = {name: _digests(each, _PACKAGE) for name, each in shared.items()}
        changed = {n for n, each in package_digests.items() if self._packages.get(n) != each}
        others = {each["package_id"] for each in batch if each["registry"] == self._crawled}
        self._write_packages({name: shared[name] for name in changed}, package_digests, others)
        self._packages.update((name, package_digests[name]) for name in changed)
        self._changes += len(news) + len(changed - {documents[n]["package_id"] for n in news})

    def _write_documents(
        self, documents: Mapping[str, Document], digests: Mapping[str, bytes]
    ) -> None:
        if not self._merging:
            self._upsert(documents.values())
            return
        patches: list[Patch] = []
        fresh: list[Document] = []
        for name, each in documents.items():
            before, theirs = self._documents.get(name), self._writer.get(self._target, name)
            if before is None and theirs is None:
                fresh.append(each)
            elif before is not None and theirs is not None:
                there = _digests(theirs, _RELEASE)
                if fields := _newer(each, _RELEASE, digests[name], before, there):
                    patches.append(Patch(name, fields))
        self._upsert(fresh)
        self._patch(patches)

    def _write_packages(
        self,
        packages: Mapping[str, Mapping[str, Any]],
        digests: Mapping[str, bytes],
        others: set[str],
    ) -> None:
        """`others`: packages of which only the facts are copied."""
        there = self._digests_there(packages) if self._merging else None
        patches: list[Patch] = []
        for name, fields in packages.items():
            before = self._packages.get(name, _NO_FACTS)
            theirs = before if there is None else there.get(name)
            if theirs is not None:
                newer = _newer(fields, _PACKAGE, digests[name], before, theirs)
                # What the listing says of a new package came with its documents.
                if name in others or name not in self._packages:
                    newer = {field: newer[field] for field in _FACTS if field in newer}
                patches += [Patch(name, newer)] if newer else []
        self._patch(patches)

    def _digests_there(self, package_ids: Iterable[str]) -> dict[str, bytes]:
        """package_id -> hashes of what the target has, for the packages it has."""
        found = self._writer.known(self._target, package_ids, _SHARED)
        return {
            name: _digests(next(iter(releases.values())), _PACKAGE)
            for name, releases in found.items()
        }

    def _remove(self, identifiers: list[str]) -> None:
        doomed = identifiers
        if self._merging:
            doomed = [each for each in identifiers if self._is_untouched(each)]
        self._writer.delete(self._target, doomed)
        for each in identifiers:
            del self._documents[each]
        self._changes += len(identifiers)

    def _is_untouched(self, identifier: str) -> bool:
        theirs = self._writer.get(self._target, identifier)
        return theirs is not None and _digests(theirs, _RELEASE) == self._documents[identifier]

    # Writing

    def _upsert(self, documents: Iterable[Document]) -> None:
        self._note(self._writer.upsert(self._target, list(documents)))

    def _patch(self, patches: Iterable[Patch]) -> None:
        report = self._writer.patch(self._target, list(patches))
        self._note(WriteReport(refused=report.refused))

    def _note(self, report: WriteReport) -> None:
        if report.refused and self._strict:
            first = report.refused[0]
            raise StoreError(
                f"{self._target} refuses {first.identifier}: {first.reason}; crawl that project"
                f" anew or delete it from {self._source}"
            )
        self.report.written += report.written
        self.report.unchanged += report.unchanged
        self.report.refused += report.refused


def _shared(batch: Iterable[Document]) -> dict[str, dict[str, Any]]:
    """package_id -> its package-level fields, as the release says that stands for it.

    All releases of a package should say the same; a write that was cut short may have left them
    apart.
    """
    heads: dict[str, Document] = {}
    for each in batch:
        head = heads.get(each["package_id"])
        if head is None or _rank(each) > _rank(head):
            heads[each["package_id"]] = each
    return {package: {name: head[name] for name in _SHARED} for package, head in heads.items()}


def _rank(document: Document) -> tuple[bool, str, str]:
    latest = document["is_latest"] is True
    return latest, document["version_sortable"] or "", document["identifier"] or ""
