"""Requests as JSON text, so that a queue holds nothing that could be executed when it is read.

The serializer that scrapy-redis's queues take in the place of pickle: `dumps` and `loads` of the
dictionaries that `Request.to_dict` makes. Bodies of batches are long lists of much the same, so
they are deflated.
"""

from __future__ import annotations

import base64
import zlib
from typing import Any

import msgspec

from pyfcrawl.errors import StoreError

#: Bodies shorter than this are kept as they are.
_SHORT = 256

#: What must never lie in a queue; it is put on a request as it goes out.
_SECRET = frozenset({b"authorization", b"cookie", b"proxy-authorization"})

_DEFAULTS: dict[str, Any] = {
    "method": "GET",
    "headers": {},
    "body": b"",
    "cookies": {},
    "meta": {},
    "encoding": "utf-8",
    "priority": 0,
    "dont_filter": False,
    "flags": [],
    "cb_kwargs": {},
}


def dumps(request: dict[str, Any]) -> bytes:
    """JSON of a request's dictionary, values that are the usual ones left out.

    Raises TypeError when its meta or cb_kwargs hold what JSON has no form for.
    """
    told = {
        name: value
        for name, value in request.items()
        if name not in _DEFAULTS or value != _DEFAULTS[name]
    }
    if "headers" in told:
        told["headers"] = [
            [name.decode("latin-1"), [each.decode("latin-1") for each in values]]
            for name, values in told["headers"].items()
            if name.lower() not in _SECRET
        ]
    if "body" in told:
        told["body"] = _packed(told["body"])
    return msgspec.json.encode(told)


def loads(text: bytes | str) -> dict[str, Any]:
    """The dictionary that `dumps` was given. Raises StoreError for anything else."""
    try:
        told: dict[str, Any] = msgspec.json.decode(text)
        told["headers"] = {
            name.encode("latin-1"): [each.encode("latin-1") for each in values]
            for name, values in told.get("headers", [])
        }
        told["body"] = _unpacked(told["body"]) if "body" in told else b""
        if "_class" in told:  # would have Scrapy import whatever it names
            raise ValueError("it names a class")
    except (msgspec.DecodeError, TypeError, ValueError, AttributeError, zlib.error) as error:
        raise StoreError(
            f"a request in the queue can't be read ({error}); 'scrapy manage queue purge' drops "
            "what is there, and the next crawl finds it again"
        ) from error
    return {name: told.get(name, usual) for name, usual in _DEFAULTS.items()} | told


def _packed(body: bytes) -> dict[str, str]:
    if len(body) < _SHORT:
        return {"latin-1": body.decode("latin-1")}
    return {"deflate": base64.b64encode(zlib.compress(body, 6)).decode("ascii")}


def _unpacked(packed: dict[str, str]) -> bytes:
    if "latin-1" in packed:
        return packed["latin-1"].encode("latin-1")
    return zlib.decompress(base64.b64decode(packed["deflate"], validate=True))
