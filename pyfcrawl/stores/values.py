"""What every index store does to values on their way in: checks, keys, lists of bounded size."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sized
from itertools import islice
from typing import Any, TypeVar

from pyfcrawl.core.document import Field, Type, is_text, problem_with_fields
from pyfcrawl.stores.index import Patch

T = TypeVar("T")
S = TypeVar("S", bound=Sized)

#: What says which document it is; with another value it would be another document.
IDENTITY = frozenset({"identifier", "package_id", "registry", "name", "version"})

#: To look them up in their class takes longer than to compare with them.
_FLOAT, _JSON = Type.FLOAT, Type.JSON

#: JSON nested deeper could be written but, from a deeper call stack, not be read again.
_DEEPEST = 64
_NESTING = (dict, list, tuple)
#: Keys that can't be put in order are none of JSON's.
_SORTING = json.JSONEncoder(sort_keys=True)


class NotStorableError(ValueError):
    """A value that has its field's type, but that JSON or a float can't hold."""


def is_key(value: Any) -> bool:
    """Whether it may be the id of anything: a text that UTF-8 can encode."""
    return is_text(value)


def shown(value: Any) -> str:
    """A name for a refusal, of bounded length; `ascii` for what is no sound text."""
    return value[:200] if is_key(value) else ascii(value)[:200]


def patched_values(patch: Patch, table: Mapping[str, Field]) -> dict[str, Any]:
    """A patch's fields as they are stored. Raises NotStorableError."""
    if not is_key(patch.target):
        raise NotStorableError("target is not a document's or package's id")
    if not isinstance(patch.fields, Mapping):
        raise NotStorableError("fields is not a mapping")
    fields = dict(patch.fields)
    problem = problem_with_fields(fields)
    identity = sorted(IDENTITY & fields.keys())
    if not problem and identity:
        problem = f"{identity[0]} is part of the document's identity and can't be patched"
    if problem:
        raise NotStorableError(problem)
    return stored_values(fields, table)


def stored_values(fields: Mapping[str, Any], table: Mapping[str, Field]) -> dict[str, Any]:
    """The given fields as they will read back. Raises NotStorableError naming the field."""
    return {
        name: table[name].empty if value is None else _stored(table[name], value)
        for name, value in fields.items()
    }


def whole(document: Mapping[str, Any], table: Mapping[str, Field]) -> dict[str, Any]:
    """Every field of `table`, missing ones empty. Raises NotStorableError."""
    given = document.get
    return {
        name: field.empty if (value := given(name)) is None else _stored(field, value)
        for name, field in table.items()
    }


def _stored(field: Field, value: Any) -> Any:
    """A value as it will read back; None is none."""
    if field.type is _FLOAT:
        return _finite(field, value)
    if field.type is _JSON:
        _check_json(field, value)
    return value


def _finite(field: Field, value: Any) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        raise NotStorableError(f"{field.name} is too large") from None
    return number if math.isfinite(number) else None


def _check_json(field: Field, value: Any) -> None:
    try:
        text = _SORTING.encode(value)
        is_shallow = text.count("[") + text.count("{") <= _DEEPEST or _is_shallow(value)
    except (TypeError, ValueError):
        raise NotStorableError(f"{field.name} is not a JSON value") from None
    except RecursionError:
        is_shallow = False
    if not is_shallow:
        raise NotStorableError(f"{field.name} is nested deeper than {_DEEPEST} levels")


def _is_shallow(value: Any) -> bool:
    """Whether a JSON value is not nested too deeply."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for each in level
            if isinstance(each, _NESTING)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return not any(isinstance(each, _NESTING) for each in level)


def chunks(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most `size` values, none of them empty."""
    iterator = iter(values)
    while chunk := list(islice(iterator, size)):
        yield chunk


def bounded(values: Iterable[S], count: int, length: int) -> Iterator[list[S]]:
    """Lists of at most `count` values and `length` in all; a longer value stands alone."""
    part: list[S] = []
    total = 0
    for value in values:
        if part and (len(part) >= count or total + len(value) > length):
            yield part
            part, total = [], 0
        part.append(value)
        total += len(value)
    if part:
        yield part
