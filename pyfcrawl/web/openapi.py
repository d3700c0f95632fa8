"""The OpenAPI description (https://spec.openapis.org/oas/v3.1.0) of the table of endpoints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from pyfcrawl import __version__
from pyfcrawl.web.endpoints import JSON, Endpoint
from pyfcrawl.web.models import Problem
from pyfcrawl.web.parameters import Parameters, lists_of

_REFERENCE = "#/components/schemas/{name}"
_TEXT = {"text/plain": {"schema": {"type": "string"}}}
_LIMITS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")

GROUPS = {
    "packages": "Search, and all that is known of a package",
    "downloads": "Download statistics",
    "site": "What is shown here, and how fresh it is",
    "badges": "Pictures with one fact about a package",
    "feeds": "Atom feeds",
}


def description(endpoints: Sequence[Endpoint], root: str) -> dict[str, Any]:
    """The whole description of a site at `root`, e.g. `https://packages.example.org`."""
    answers = [each.answer for each in endpoints if each.answer is not None]
    schemas = msgspec.json.schema_components([*answers, Problem], ref_template=_REFERENCE)[1]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "pyfcrawl",
            "version": __version__,
            "description": "An index of the packages of frameworks' ecosystems. It can only be "
            "read, by anybody. Unknown parameters are refused, empty ones count as not given.",
        },
        "servers": [{"url": root}],
        "tags": [{"name": name, "description": text} for name, text in GROUPS.items()],
        "paths": {each.template: {"get": _operation(each)} for each in endpoints},
        "components": {"schemas": schemas},
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "operationId": f"{endpoint.group}_{endpoint.handler.__name__}",
        "tags": [endpoint.group],
        "summary": endpoint.summary,
        "description": about(endpoint),
        "parameters": list(parameters(endpoint)),
        "responses": dict(_responses(endpoint)),
    }


def about(endpoint: Endpoint) -> str:
    """What it answers, as its handler says."""
    return " ".join((endpoint.handler.__doc__ or "").split())


def in_words(schema: dict[str, Any]) -> str:
    """What a value may be, e.g. `integer, 1 to 100, 20 without`."""
    items = schema.get("items", schema)
    parts = [" | ".join(map(str, items.get("enum", [items.get("format", items.get("type"))])))]
    if "minimum" in items:
        parts.append(f"{items['minimum']} to {items['maximum']}")
    if "maxLength" in items:
        parts.append(f"at most {items['maxLength']} characters")
    if items is not schema:
        parts.append(f"up to {schema['maxItems']} times")
    if schema.get("default"):
        parts.append(f"{schema['default']} without")
    return ", ".join(parts)


def parameters(endpoint: Endpoint) -> Iterable[dict[str, Any]]:
    """The endpoint's parameters as OpenAPI has them."""
    kind = endpoint.parameters
    schemas = _properties(kind)
    required = {each.encode_name for each in msgspec.structs.fields(kind) if each.required}
    for name, schema in schemas.items():
        schema = dict(schema)
        in_path = name in endpoint.in_path
        yield {
            "name": name,
            "in": "path" if in_path else "query",
            "required": in_path or name in required,
            "description": schema.pop("description", ""),
            "schema": schema,
            **({"explode": True, "style": "form"} if name in lists_of(kind) else {}),
        }


def _properties(kind: type[Parameters]) -> dict[str, Any]:
    schemas = msgspec.json.schema_components([kind], ref_template=_REFERENCE)[1]
    properties: dict[str, Any] = schemas[kind.__name__]["properties"]
    return properties


def _responses(endpoint: Endpoint) -> Iterable[tuple[str, dict[str, Any]]]:
    good: dict[str, Any] = {"schema": {"type": "string"}}
    if endpoint.answer is not None:
        good = {"schema": {"$ref": _REFERENCE.format(name=endpoint.answer.__name__)}}
    headers = ["ETag", "Cache-Control", *(_LIMITS if endpoint.limited else ())]
    yield "200", _response("What was asked for", {endpoint.media_type: good}, headers)
    yield "304", _response("It is still what If-None-Match says", {}, ["ETag"])
    yield "400", _response("A parameter is wrong", _problem(endpoint), [])
    if endpoint.in_path or "profile" in _properties(endpoint.parameters):
        missing = {endpoint.media_type: good} if endpoint.group == "badges" else {}
        yield "404", _response("There is no such thing", _problem(endpoint) | missing, [])
    yield "414", _response("The address is longer than anybody needs", {}, [])
    if endpoint.limited:
        headers = ["Retry-After", *_LIMITS]
        yield "429", _response("Too much was asked in a minute", _problem(endpoint), headers)
    yield "503", _response("The index can't be read now", _problem(endpoint), ["Retry-After"])


def _response(text: str, content: dict[str, Any], headers: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"description": text}
    if content:
        found["content"] = content
    if headers:
        found["headers"] = {each: {"schema": {"type": "string"}} for each in headers}
    return found


def _problem(endpoint: Endpoint) -> dict[str, Any]:
    if endpoint.media_type != JSON:
        return dict(_TEXT)
    return {JSON: {"schema": {"$ref": _REFERENCE.format(name="Problem")}}}
