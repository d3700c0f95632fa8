"""Documents to rows and back: what a document's values look like inside the SQLite index."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from pyfcrawl.core.document import BOOKKEEPING, Field, Type
from pyfcrawl.errors import QueryError
from pyfcrawl.stores.index import Document
from pyfcrawl.stores.spelling import name_key
from pyfcrawl.stores.sqlite_schema import Layout, Tables, quoted

#: Below this many characters compressing the body doesn't pay.
_COMPRESS_FROM = 600


def fingerprint(layout: Layout, values: Mapping[str, Any]) -> bytes:
    """Hash of the release's values; bookkeeping fields don't count."""
    content = [values[f.name] for f in layout.release if f.name not in BOOKKEEPING]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def document_row(layout: Layout, values: Mapping[str, Any]) -> list[Any]:
    """Values of `_key`, `_bare` and the columns."""
    name = values["name"]
    bare = name.rpartition("/")[2]
    return [name_key(name), name_key(bare), *(values[f.name] for f in layout.columns)]


def text_row(layout: Layout, values: Mapping[str, Any]) -> tuple[str | None, ...]:
    """What the full-text index reads, one value a text column."""
    return tuple(_searchable(field, values[field.name]) for field in layout.texts)


def _searchable(field: Field, value: Any) -> str | None:
    if field.type is Type.STRINGS:
        return "\n".join(value)
    # The name also as one word: who types `ploneapi` means plone.api.
    if field.name == "name":
        bare = value.rpartition("/")[2]
        forms = dict.fromkeys((value, name_key(value), name_key(bare)))
        return " ".join(form for form in forms if form)
    return None if value is None else str(value)


def body(layout: Layout, values: Mapping[str, Any]) -> str | bytes:
    """The fields that are neither column nor text, as JSON; compressed when long."""
    return _packed(_known(layout.body, values))


def facts(layout: Layout, values: Mapping[str, Any]) -> str:
    """The package fields that have no column, as JSON."""
    return json.dumps(_known(layout.facts, values), separators=(",", ":"))


def _known(fields: Iterable[Field], values: Mapping[str, Any]) -> dict[str, Any]:
    return {f.name: values[f.name] for f in fields if values[f.name] != f.empty}


def _packed(content: dict[str, Any]) -> str | bytes:
    text = json.dumps(content, separators=(",", ":"))
    return text if len(text) < _COMPRESS_FROM else zlib.compress(text.encode(), 1)


def unpacked(cell: str | bytes | None) -> dict[str, Any]:
    """The fields of a body or of facts."""
    if cell is None:
        return {}
    text = zlib.decompress(cell) if isinstance(cell, bytes) else cell
    try:
        result: dict[str, Any] = msgspec.json.decode(text)
    except msgspec.DecodeError:  # json alone knows NaN, and halves of surrogate pairs
        result = json.loads(text)
    return result


def labels(layout: Layout, values: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Per label field the texts it is found and counted by, each once."""
    return {field.name: _label_texts(values[field.name]) for field in layout.labels}


def _label_texts(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, list):
        return tuple(dict.fromkeys(value))
    return (label_text(value),)


def label_text(value: Any) -> str:
    """The text a single value is counted by."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class Projection:
    """Reads some fields, or all of them, of the documents that a query selects.

    `select` is the list of columns, `source` the tables to read them from: `d` documents, `p`
    packages and, only where a field asks for it, `t` texts.
    """

    def __init__(self, layout: Layout, tables: Tables, fields: Sequence[str] | None = None) -> None:
        """Raises QueryError for a field that doesn't exist."""
        wanted = layout.fields if fields is None else fields
        self._fields = [_named(layout, name) for name in wanted]
        names = {field.name for field in self._fields}
        self._cells: list[tuple[str, Callable[[Any], Any] | None]] = []
        self._columns: list[str] = []
        for prefix, group in (("d", layout.columns), ("p", layout.package_columns)):
            for field in group:
                if field.name in names:
                    self._add(prefix, field)
        for field in layout.texts:
            if field.name in names & layout.text_only:
                self._add("t", field)
        for column, group in (("t._body", layout.body), ("p._facts", layout.facts)):
            if any(field.name in names for field in group):
                self._columns.append(column)
        self.select = ", ".join(self._columns) or "NULL"
        self.source = f"{tables.documents} d JOIN {tables.packages} p ON p._id = d._package" + (
            f" JOIN {tables.texts} t ON t._id = d._id" if "t." in self.select else ""
        )

    def _add(self, prefix: str, field: Field) -> None:
        self._columns.append(f"{prefix}.{quoted(field.name)}")
        self._cells.append((field.name, bool if field.type is Type.BOOL else None))

    def document(self, row: Sequence[Any]) -> Document:
        """The document of a row whose first cells are those of `select`."""
        values: dict[str, Any] = {}
        for (name, convert), cell in zip(self._cells, row, strict=False):
            values[name] = cell if convert is None or cell is None else convert(cell)
        for cell in row[len(self._cells) : len(self._columns)]:
            values.update(unpacked(cell))
        return {f.name: values.get(f.name, f.empty) for f in self._fields}


def _named(layout: Layout, name: str) -> Field:
    field = layout.fields.get(name) if isinstance(name, str) else None
    if field is None:
        raise QueryError(f"field {ascii(name)[:80]} is not a field of the document")
    return field
