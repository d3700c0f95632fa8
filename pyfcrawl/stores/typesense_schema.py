"""What a Typesense collection indexes, derived from the field table.

Only what is searched, filtered, faceted or sorted is indexed, because the index is held in
memory; everything else is merely stored. Typesense compares words where exactness is needed: to
it `plone.api` and `plone-api` are the same. So every field that is filtered by or counted has a
companion here that holds hashes of its values.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from pyfcrawl.core.document import FIELDS, Field, Type, Use

#: Words end at these, so that plone.api, plone-api and plone_api are found by `plone` and `api`.
TOKEN_SEPARATORS = (".", "-", "_", "/", "@", ":", ",", "(", ")", "<", ">", "=", '"', "'", "`")
#: And these belong to words: C, C++ and C# are three.
SYMBOLS = ("+", "#")

#: Package a release belongs to: for groups, sibling releases and removal.
PACKAGE_KEY = "package_key"
#: Whether the release stands for its package where a package is one hit.
IS_HEAD = "is_head"
#: What the crawl wrote, to know unchanged documents by.
CONTENT_KEY = "content_key"
#: Hashes of the values of fields that are filtered by but not counted.
EXACT_KEYS = "exact_keys"
#: The name without its separators: who types `ploneapi` means plone.api.
NAME_JOINED = "name_joined"

#: Long texts that are indexed on the release that stands for its package, and only kept on its
#: others: their words are half the memory, and on the others `description` has them too.
HEAD_TEXTS = ("first_chapter", "main_content", "changelog")
#: Where the others keep them: an object, stored and not indexed.
OLDER_TEXTS = "older_texts"

#: Text fields that clients of such an index name in their queries though we search others.
_SEARCHED_BY_CLIENTS = frozenset({"description"})
#: Facets counted as they are, by clients and by us: no two values of these closed vocabularies
#: have the same words. The others are counted by their companions.
COUNTED_AS_THEY_ARE = frozenset(
    {"classifiers", "framework_versions", "python_versions", "registry"}
)
#: Fields that clients group hits by, which the server does by facets.
_GROUPED_BY_CLIENTS = frozenset({"name_sortable"})
#: Found by `id` and by PACKAGE_KEY.
_FOUND_OTHERWISE = frozenset({"identifier", "package_id"})

_TEXTS = frozenset({Type.STRING, Type.STRINGS})
_NUMBERS = frozenset({Type.INT, Type.FLOAT})

#: Fields counted as facets, with a companion of hashes each.
FACETS = tuple(field for field in FIELDS.values() if Use.FACET in field.uses)
#: Other texts filtered by: their hashes share EXACT_KEYS.
EXACT = tuple(
    field
    for field in FIELDS.values()
    if field.type in _TEXTS
    and Use.FILTER in field.uses
    and field not in FACETS
    and field.name not in _FOUND_OTHERWISE
)
#: Numbers filtered by: whether one has a value can't be asked of Typesense otherwise.
NUMBERS = tuple(
    field for field in FIELDS.values() if field.type in _NUMBERS and Use.FILTER in field.uses
)

_GENERATION = "generation_"

#: Hashes kept, 3 MB at most: classifiers and versions come again and again.
_REMEMBERED = 8192


def counted(name: str) -> str:
    """By which field a facet is counted."""
    return name if name in COUNTED_AS_THEY_ARE else facet_key(name)


def facet_key(name: str) -> str:
    """Name of a facet field's companion."""
    return f"{name}_key"


def has_key(name: str) -> str:
    """Name of the companion that tells whether a number has a value."""
    return f"has_{name}"


@lru_cache(maxsize=_REMEMBERED)
def key(text: str) -> str:
    """Hash of a text as one word, 64 bits: values of a field never meet by chance."""
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def exact_key(name: str, value: str) -> str:
    """What EXACT_KEYS holds for a field's value."""
    return key(f"{name}={value}")


def schema(name: str, generation: str | None = None) -> dict[str, Any]:
    """The schema of a new collection; `generation` only to keep that of a collection copied."""
    mark = _GENERATION + (generation or uuid.uuid4().hex)
    return {
        "name": name,
        "fields": [*_table_fields(), *_companions(), _stored_only(mark)],
        "token_separators": list(TOKEN_SEPARATORS),
        "symbols_to_index": list(SYMBOLS),
    }


def _table_fields() -> Iterable[dict[str, Any]]:
    for field in FIELDS.values():
        if field.name in _FOUND_OTHERWISE or not _is_indexed(field):
            continue
        is_facet = field.name in COUNTED_AS_THEY_ARE | _GROUPED_BY_CLIENTS
        yield _indexed(field.name, field.type.value, is_facet, Use.SORT in field.uses)


def _is_indexed(field: Field) -> bool:
    used = bool(field.uses) or field.name in _SEARCHED_BY_CLIENTS
    return used and field.type is not Type.JSON


def _companions() -> Iterable[dict[str, Any]]:
    yield _indexed(PACKAGE_KEY, "string", facet=True)
    yield _indexed(IS_HEAD, "bool")
    yield _indexed(EXACT_KEYS, "string[]")
    yield _indexed(NAME_JOINED, "string")
    for field in FACETS:
        is_facet = field.name not in COUNTED_AS_THEY_ARE
        yield _indexed(facet_key(field.name), field.type.value, is_facet)
    for field in NUMBERS:
        yield _indexed(has_key(field.name), "bool")


def _indexed(name: str, type_: str, facet: bool = False, sort: bool = False) -> dict[str, Any]:
    return {
        "name": name,
        "type": type_,
        "facet": facet,
        "index": True,
        "optional": True,
        "sort": sort,
    }


def _stored_only(name: str) -> dict[str, Any]:
    return _indexed(name, "bool") | {"index": False}


def generation_of(retrieved: Mapping[str, Any]) -> str:
    """The generation of a collection, kept as the name of a field that no document has.

    It comes to be with the collection in one step, on servers of every version. A collection
    made by something else goes by the moment it was made.
    """
    for name in _by_name(retrieved):
        if name.startswith(_GENERATION):
            return name.removeprefix(_GENERATION)
    return f"{retrieved.get('created_at')}-{retrieved.get('name')}"


def differences(retrieved: Mapping[str, Any]) -> list[str]:
    """How the schema that a server has differs from ours, each difference in a few words.

    Attributes of schemas and fields that only newer servers know don't count.
    """
    asked = schema(str(retrieved.get("name")), generation_of(retrieved))
    found = _by_name(retrieved)
    result = [
        f"{name} is {retrieved.get(name)!r}, not {asked[name]!r}"
        for name in ("token_separators", "symbols_to_index")
        if retrieved.get(name) != asked[name]
    ]
    for field in asked["fields"]:
        there = found.pop(field["name"], None)
        if there is None:
            result.append(f"field {field['name']} is missing")
            continue
        result += [
            f"field {field['name']}: {attribute} is {there.get(attribute)!r}, not {value!r}"
            for attribute, value in field.items()
            if there.get(attribute) != value
        ]
    return result + [f"field {name} is not ours" for name in found]


def missing_companions(retrieved: Mapping[str, Any]) -> list[str]:
    """Names of companions that a collection lacks: without them nothing in it is exact."""
    found = _by_name(retrieved)
    return [field["name"] for field in _companions() if field["name"] not in found]


def _by_name(retrieved: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    fields = retrieved.get("fields") or ()
    return {str(field.get("name")): field for field in fields}
