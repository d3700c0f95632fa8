"""What may be asked for: parameters as typed structs, read from an address.

A struct says name, type, bounds and meaning of each parameter once. Requests are checked by it,
and the API's description is made of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar, get_origin

import msgspec
from msgspec import Struct
from starlette.datastructures import QueryParams

_WHERE = re.compile(r"(?P<what>.*) - at `\$\.(?P<name>\w+).*", re.DOTALL)
_NAMED = re.compile(r"Object (?P<what>missing|contains).* `(?P<name>.*)`", re.DOTALL)

_SHOWN = 80


class ParameterError(ValueError):
    """A parameter is wrong; the text names it, says what was given and what it may be."""


class Parameters(Struct, kw_only=True, forbid_unknown_fields=True):
    """Base of all: unknown parameters are refused, so that a slip of the pen is noticed."""


P = TypeVar("P", bound=Parameters)


def read(kind: type[P], path: Mapping[str, Any], query: QueryParams) -> P:
    """The parameters of a request; empty ones, as forms send them, count as not given.

    Raises ParameterError.
    """
    lists = lists_of(kind)
    known = {each.encode_name for each in msgspec.structs.fields(kind)}
    given: dict[str, Any] = {}
    for name in query:
        if name in path:
            raise ParameterError(
                f"{_shown(name)} is in the path already: leave it out of the query"
            )
        values = [each for each in query.getlist(name) if each]
        if not values and name in known:
            continue
        if name not in lists and len(values) > 1:
            raise ParameterError(f"{_shown(name)} is given {len(values)} times: give it once")
        given[name] = values if name in lists else "".join(values)
    given |= path
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise ParameterError(_told(str(error), given, kind)) from None


def lists_of(kind: type[Parameters]) -> set[str]:
    """Names of the parameters that may be given several times."""
    return {each.encode_name for each in msgspec.structs.fields(kind) if _is_list(each.type)}


def _is_list(type_: Any) -> bool:
    return get_origin(getattr(type_, "__origin__", type_)) is tuple or get_origin(type_) is tuple


def _told(problem: str, given: Mapping[str, Any], kind: type[Parameters]) -> str:
    """The library's complaint in words for who wrote the address."""
    if found := _WHERE.fullmatch(problem):
        name = found["name"]
        what = found["what"].replace("`", "")
        return f"{name}={_shown(given.get(name))} can't be used: {what[:1].lower()}{what[1:]}"
    found = _NAMED.fullmatch(problem)
    known = ", ".join(each.encode_name for each in msgspec.structs.fields(kind))
    if found and found["what"] == "missing":
        return f"{found['name']} is missing"
    name = found["name"] if found else ""
    return f"{_shown(name)} is not a parameter here: there are {known}"


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else ", ".join(map(str, value or ()))
    return ascii(text[:_SHOWN])
