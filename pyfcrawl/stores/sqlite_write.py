"""Writes documents into the tables of one collection, inside a transaction that is open."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from pyfcrawl.core.document import BOOKKEEPING, Type, problem_with
from pyfcrawl.stores import sqlite_rows as rows
from pyfcrawl.stores.index import Document, Patch, Refusal, WriteReport
from pyfcrawl.stores.sqlite_fulltext import FullText
from pyfcrawl.stores.sqlite_labels import Labels, marks, select_in
from pyfcrawl.stores.sqlite_schema import Layout, Tables, listed, quoted
from pyfcrawl.stores.values import NotStorableError, is_key, patched_values, shown, whole


@dataclass(slots=True)
class _Package:
    """A package's row: its number and its package-level fields."""

    number: int
    values: dict[str, Any]


@dataclass(slots=True)
class _Change:
    """A document to write: its number (None for a new one), values and their fingerprint."""

    number: int | None
    package: _Package
    values: dict[str, Any]
    fingerprint: bytes


class CollectionWriter:
    """Upserts, patches and deletes in one collection. Make a new one for each transaction."""

    def __init__(
        self,
        db: sqlite3.Connection,
        layout: Layout,
        tables: Tables,
        terms: AbstractSet[str] = frozenset(),
    ) -> None:
        """`terms`: words that are surely in the terms table already, which saves time."""
        self._db = db
        self._layout = layout
        self._tables = tables
        self._labels = Labels(db, layout, tables)
        self._fulltext = FullText(db, layout, tables, terms)
        self._whole = rows.Projection(layout, tables)
        #: Packages whose documents' index entries hold package fields that changed.
        self._outdated: set[int] = set()

    @property
    def learned(self) -> AbstractSet[str]:
        """Words that are in the terms table once the transaction is committed."""
        return self._fulltext.learned

    def upsert(self, documents: Sequence[Document]) -> WriteReport:
        """As IndexWriter.upsert; an identifier must not occur twice."""
        report = WriteReport()
        sound = list(self._sound(documents, report))
        before = self._stored(values["identifier"] for values in sound)
        packages = self._packages("_package_id", {values["package_id"] for values in sound})
        changes = []
        for values in sound:
            package_id = values["package_id"]
            if package_id not in packages:
                packages[package_id] = self._new_package(package_id)
            package = packages[package_id]
            listing = {f.name: values[f.name] for f in self._layout.listed}
            news = self._update_package(package, listing)
            old = before.get(values["identifier"])
            change = self._change(old, package, values)
            if change:
                changes.append(change)
            if change or news:
                report.written += 1
            else:
                report.unchanged += 1
        self._write(changes)
        return report

    def patch(self, patches: Iterable[Patch]) -> WriteReport:
        """As IndexWriter.patch."""
        report = WriteReport()
        for patch in patches:
            try:
                changed = self._patch(patch)
            except NotStorableError as error:
                report.refused.append(Refusal(shown(patch.target), str(error)))
                continue
            if changed:
                report.written += 1
            else:
                report.unchanged += 1
        return report

    def delete(self, identifiers: Iterable[str]) -> int:
        """As IndexWriter.delete."""
        stored = self._stored(filter(is_key, identifiers))
        gone = {number: package for number, package, _ in stored.values()}
        self._write([], gone)
        return len(gone)

    def delete_packages(self, package_ids: Iterable[str]) -> int:
        """As IndexWriter.delete_packages."""
        packages = self._packages("_package_id", filter(is_key, package_ids))
        sql = f"SELECT _id, _package FROM {self._tables.documents} WHERE _package IN ({{}})"
        gone = dict(select_in(self._db, sql, [each.number for each in packages.values()]))
        self._write([], gone)
        return len(gone)

    def _sound(
        self, documents: Iterable[Document], report: WriteReport
    ) -> Iterator[dict[str, Any]]:
        """The documents that can be written, completed; the others' refusals are noted."""
        for document in documents:
            if not isinstance(document, dict):
                report.refused.append(Refusal("", f"not a document: {shown(document)}"))
                continue
            problem = problem_with(document)
            if problem is None:
                try:
                    yield whole(document, self._layout.fields)
                    continue
                except NotStorableError as error:
                    problem = str(error)
            report.refused.append(Refusal(shown(document.get("identifier") or ""), problem))

    def _change(
        self, old: tuple[int, int, bytes] | None, package: _Package, values: dict[str, Any]
    ) -> _Change | None:
        """What is to be written for a document, None when it is stored as it is."""
        number, owner, known = old or (None, None, None)
        if self._layout.kept:
            stored = dict(self._load([number])).get(number, {}) if number is not None else {}
            values |= {f.name: stored.get(f.name, f.empty) for f in self._layout.kept}
        new = rows.fingerprint(self._layout, values)
        if (new, package.number) == (known, owner):
            return None
        return _Change(number, package, values, new)

    def _patch(self, patch: Patch) -> bool:
        """Whether the patch changed anything. Raises NotStorableError."""
        fields = patched_values(patch, self._layout.fields)
        number, package = self._target(patch.target)
        if package is None:
            return False
        shared = {name: fields[name] for name in fields if self._layout.is_shared(name)}
        own = {name: value for name, value in fields.items() if name not in shared}
        news = self._update_package(package, shared)
        changes = list(self._patched(number, package, own)) if own else []
        self._write(changes)
        return news or bool(changes)

    def _target(self, target: str) -> tuple[int | None, _Package | None]:
        """Document (None: all of the package) and package of a target; no package if unknown."""
        number, owner, _ = self._stored([target]).get(target, (None, None, None))
        if owner is None:
            found = self._packages("_package_id", [target])
        else:
            found = self._packages("_id", [owner])
        return number, next(iter(found.values()), None)

    def _patched(
        self, number: int | None, package: _Package, fields: dict[str, Any]
    ) -> Iterator[_Change]:
        numbers = [number] if number is not None else self._releases([package.number])
        for each, values in self._load(numbers):
            new = values | fields
            fingerprint = rows.fingerprint(self._layout, new)
            if fingerprint != rows.fingerprint(self._layout, values):
                yield _Change(each, package, new, fingerprint)

    def _stored(self, identifiers: Iterable[str]) -> dict[str, tuple[int, int, bytes]]:
        """Identifier -> number, package's number and fingerprint of the documents that exist."""
        sql = (
            f"SELECT identifier, _id, _package, _hash FROM {self._tables.documents}"
            " WHERE identifier IN ({})"
        )
        return {row[0]: row[1:] for row in select_in(self._db, sql, identifiers)}

    def _releases(self, packages: Iterable[int]) -> list[int]:
        sql = f"SELECT _id FROM {self._tables.documents} WHERE _package IN ({{}})"
        return [row[0] for row in select_in(self._db, sql, packages)]

    def _load(self, numbers: Iterable[int]) -> Iterator[tuple[int, dict[str, Any]]]:
        """Number and whole document, package fields included."""
        whole = self._whole
        sql = f"SELECT {whole.select}, d._id FROM {whole.source} WHERE d._id IN ({{}})"
        for row in select_in(self._db, sql, numbers):
            yield row[-1], whole.document(row)

    def _packages(self, column: str, keys: Iterable[Any]) -> dict[str, _Package]:
        """package_id -> package, for those that exist."""
        fields = self._layout.package_columns
        columns = "".join(f", {quoted(each.name)}" for each in fields)
        sql = (
            f"SELECT _package_id, _id, _facts{columns} FROM {self._tables.packages}"
            f" WHERE {column} IN ({{}})"
        )
        found = {}
        for package_id, number, facts, *cells in select_in(self._db, sql, keys):
            values = {each.name: each.empty for each in self._layout.package}
            values |= rows.unpacked(facts)
            for each, cell in zip(fields, cells, strict=True):
                is_truth = each.type is Type.BOOL and cell is not None
                values[each.name] = bool(cell) if is_truth else cell
            found[package_id] = _Package(number, values)
        return found

    def _new_package(self, package_id: str) -> _Package:
        cursor = self._db.execute(
            f"INSERT INTO {self._tables.packages} (_package_id) VALUES (?)", [package_id]
        )
        empty = {each.name: each.empty for each in self._layout.package}
        return _Package(cursor.lastrowid or 0, empty)

    def _update_package(self, package: _Package, fields: Mapping[str, Any]) -> bool:
        """Whether any of the fields was new; bookkeeping doesn't count."""
        changed = {name for name, value in fields.items() if package.values[name] != value}
        if not changed - BOOKKEEPING:
            return False
        package.values.update(fields)
        columns = self._layout.package_columns
        sets = "".join(f", {quoted(each.name)}=?" for each in columns)
        self._db.execute(
            f"UPDATE {self._tables.packages} SET _facts=?{sets} WHERE _id=?",
            [
                rows.facts(self._layout, package.values),
                *(package.values[each.name] for each in columns),
                package.number,
            ],
        )
        if changed & self._layout.package_indexed:
            self._outdated.add(package.number)
        return True

    def _write(self, changes: list[_Change], gone: Mapping[int, int] | None = None) -> None:
        """Write the changes and remove the documents in `gone` (number -> package's number)."""
        gone = gone or {}
        changes = changes + self._reindexed(changes)
        if not changes and not gone:
            return
        existing = [change.number for change in changes if change.number is not None]
        owners = self._owners(existing)
        texts = self._texts(existing)
        following = self._last_number()
        writes, pending = [], []
        for change in changes:
            text = rows.text_row(self._layout, change.values | change.package.values)
            if change.number is None:
                following += 1
                number = following
            else:
                number = change.number
            if texts.get(number) != text or owners.get(number) != change.package.number:
                pending.append(number)
            writes.append((number, change, text))
        self._fulltext.forget([*(n for n in pending if n in owners), *gone])
        self._remove(gone)
        self._insert(writes)
        touched = {change.package.number for change in changes}
        self._fulltext.settle({*touched, *owners.values(), *gone.values()}, pending)

    def _reindexed(self, changes: list[_Change]) -> list[_Change]:
        """The documents, other than those, whose index entries hold changed package fields."""
        if not self._outdated:
            return []
        numbers = set(self._releases(self._outdated)) - {change.number for change in changes}
        packages = self._packages("_id", self._outdated)
        self._outdated.clear()
        return [
            _Change(
                number,
                packages[values["package_id"]],
                values,
                rows.fingerprint(self._layout, values),
            )
            for number, values in self._load(numbers)
        ]

    def _owners(self, numbers: Iterable[int]) -> dict[int, int]:
        sql = f"SELECT _id, _package FROM {self._tables.documents} WHERE _id IN ({{}})"
        return dict(select_in(self._db, sql, numbers))

    def _texts(self, numbers: Iterable[int]) -> dict[int, tuple[str | None, ...]]:
        columns = listed(self._layout.texts)
        sql = f"SELECT _id, {columns} FROM {self._tables.texts} WHERE _id IN ({{}})"
        return {row[0]: row[1:] for row in select_in(self._db, sql, numbers)}

    def _last_number(self) -> int:
        sql = f"SELECT coalesce(max(_id), 0) FROM {self._tables.documents}"
        return int(self._db.execute(sql).fetchone()[0])

    def _remove(self, numbers: Iterable[int]) -> None:
        keys = [(number,) for number in numbers]
        self._labels.remove(number for (number,) in keys)
        for table in (self._tables.documents, self._tables.texts):
            self._db.executemany(f"DELETE FROM {table} WHERE _id=?", keys)

    def _insert(self, writes: Sequence[tuple[int, _Change, tuple[str | None, ...]]]) -> None:
        """Put the rows in place of those with the same numbers."""
        documents, texts, labels = [], [], {}
        for number, change, text in writes:
            columns = rows.document_row(self._layout, change.values)
            documents.append((number, change.package.number, *columns, change.fingerprint))
            texts.append((number, *text, rows.body(self._layout, change.values)))
            labels[number] = rows.labels(self._layout, change.values | change.package.values)
        for table, values in ((self._tables.documents, documents), (self._tables.texts, texts)):
            if values:
                sql = f"INSERT OR REPLACE INTO {table} VALUES ({marks(values[0])})"
                self._db.executemany(sql, values)
        self._labels.write(labels)
