"""Documents as Typesense stores them, and back: companions added, nothing lost or made up."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from pyfcrawl.core.document import BOOKKEEPING, FIELDS, Field, Owner, Type
from pyfcrawl.errors import QueryError
from pyfcrawl.stores.index import Document
from pyfcrawl.stores.spelling import name_key
from pyfcrawl.stores.typesense_schema import (
    EXACT,
    EXACT_KEYS,
    FACETS,
    HEAD_TEXTS,
    NAME_JOINED,
    NUMBERS,
    OLDER_TEXTS,
    PACKAGE_KEY,
    exact_key,
    facet_key,
    has_key,
    key,
)
from pyfcrawl.stores.values import NotStorableError

ENRICHMENT = frozenset({Owner.GITHUB, Owner.DOWNLOADS})
#: Package fields: those that a crawl's documents bring, and those that enrichment brings.
_SHARED = tuple(field for field in FIELDS.values() if field.level == "package")
LISTED = tuple(field.name for field in _SHARED if field.owner not in ENRICHMENT)
FACTS = tuple(field.name for field in _SHARED if field.owner in ENRICHMENT)
#: Fields an upsert writes.
CRAWLED = tuple(field.name for field in FIELDS.values() if field.owner not in ENRICHMENT)


#: For more bytes than this hashlib lets go of the interpreter for a moment. Doing so thousands of
#: times a second starves other threads, which always come a little late.
_SLICE = 2000


def _hashed(owner: Owner) -> tuple[str, ...]:
    return tuple(
        field.name
        for field in FIELDS.values()
        if field.level == "release" and field.owner is owner and field.name not in BOOKKEEPING
    )


#: The release's fields by owner: each group is hashed by itself, so that a patch of one need not
#: read the others.
GROUPS = {owner: _hashed(owner) for owner in Owner if owner not in ENRICHMENT}


def content_key(values: Mapping[str, Any], before: str | None = None) -> str:
    """The hashes of the release's fields, one a group; bookkeeping doesn't count.

    Of a group that `values` hasn't whole, the hash of `before` is kept.
    """
    kept = (before or "").split(".")
    kept += [""] * (len(GROUPS) - len(kept))
    return ".".join(
        _fingerprint(values, names) if all(name in values for name in names) else old
        for names, old in zip(GROUPS.values(), kept, strict=False)
    )


def _fingerprint(values: Mapping[str, Any], names: Iterable[str]) -> str:
    content = _encoded({name: values[name] for name in names}, order="sorted")
    found = hashlib.blake2b(digest_size=8)
    for start in range(0, len(content), _SLICE):
        found.update(content[start : start + _SLICE])
    return found.hexdigest()


def companions(values: Mapping[str, Any]) -> dict[str, Any]:
    """What is stored beside these fields so that they can be compared exactly."""
    result: dict[str, Any] = {}
    for field in FACETS:
        if field.name in values:
            result[facet_key(field.name)] = _facet_keys(field, values[field.name])
    for field in NUMBERS:
        if field.name in values:
            result[has_key(field.name)] = None if values[field.name] is None else True
    if all(field.name in values for field in EXACT):
        result[EXACT_KEYS] = [
            exact_key(field.name, value) for field in EXACT for value in _texts(values[field.name])
        ]
    if "package_id" in values:
        result[PACKAGE_KEY] = key(values["package_id"])
    if "name" in values:
        name = values["name"]
        forms = dict.fromkeys((name_key(name), name_key(name.rpartition("/")[2])))
        result[NAME_JOINED] = " ".join(form for form in forms if form)
    return result


def _facet_keys(field: Field, value: Any) -> Any:
    if field.type is Type.STRINGS:
        return [key(each) for each in _texts(value)]
    return None if value is None else key(value)


def _texts(value: Any) -> Iterable[str]:
    """The texts of a text field, each once."""
    if value is None:
        return ()
    return dict.fromkeys(value) if isinstance(value, list) else (value,)


def placed(texts: Mapping[str, Any], is_head: bool) -> dict[str, Any]:
    """The HEAD_TEXTS as a package's head has them, or as its other releases do.

    None stands for what the release must not have in that place.
    """
    if is_head:
        return {**{name: texts[name] for name in HEAD_TEXTS}, OLDER_TEXTS: None}
    older = {name: texts[name] for name in HEAD_TEXTS if texts[name] is not None}
    return {**dict.fromkeys(HEAD_TEXTS), OLDER_TEXTS: older or None}


def new_line(identifier: str, values: Mapping[str, Any]) -> bytes:
    """A document to be made, as an import takes it. Raises NotStorableError.

    Fields without a value are left out: over a null in a new document the server fails half-way.
    """
    content = {"id": identifier, **values, **companions(values)}
    return _encoded({name: value for name, value in content.items() if value is not None})


def with_more(line: bytes, values: Mapping[str, Any]) -> bytes:
    """A new document's line with more fields; none of them must be in it."""
    content = {**values, **companions(values)}
    more = _encoded({name: value for name, value in content.items() if value is not None})
    return line if more == b"{}" else line[:-1] + b"," + more[1:]


def change_line(identifier: str, changes: Mapping[str, Any], values: Mapping[str, Any]) -> bytes:
    """Changed fields of an old document, whose other fields are in `values`.

    Here null removes a value. Raises NotStorableError.
    """
    content = {"id": identifier, **changes, **companions(changes)}
    if any(field.name in changes for field in EXACT):
        content[EXACT_KEYS] = companions({**values, **changes})[EXACT_KEYS]
    return _encoded(content)


def check_sendable(values: Mapping[str, Any]) -> None:
    """Raises NotStorableError for values that can't be sent."""
    _encoded(values)


def _encoded(content: Mapping[str, Any], order: Literal["sorted"] | None = None) -> bytes:
    try:
        return msgspec.json.encode(content, order=order)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        name = next((name for name, value in content.items() if not _is_json(value)), "a field")
        raise NotStorableError(f"{name} can't be sent as JSON: {error}") from None


def _is_json(value: Any) -> bool:
    try:
        msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return False
    return True


def document(stored: Mapping[str, Any], fields: Sequence[Field]) -> Document:
    """The fields of a stored document as they were written."""
    return {field.name: read(field, stored) for field in fields}


def read(field: Field, stored: Mapping[str, Any]) -> Any:
    """A field's value in a stored document."""
    value = stored.get(field.name)
    if value is None and field.name in HEAD_TEXTS:
        older = stored.get(OLDER_TEXTS)
        value = older.get(field.name) if isinstance(older, dict) else None
    return field.empty if value is None else value


def stored_names(names: Iterable[str]) -> list[str]:
    """What has to be asked of the server to read these fields."""
    chosen = list(names)
    return [*chosen, OLDER_TEXTS] if not set(HEAD_TEXTS).isdisjoint(chosen) else chosen


def fields_named(names: Sequence[str] | None) -> list[Field]:
    """The fields of these names, None: all. Raises QueryError for one that doesn't exist."""
    return list(FIELDS.values()) if names is None else [_field_named(name) for name in names]


def _field_named(name: Any) -> Field:
    field = FIELDS.get(name) if isinstance(name, str) else None
    if field is None:
        raise QueryError(f"field {ascii(name)[:80]} is not a field of the document")
    return field
