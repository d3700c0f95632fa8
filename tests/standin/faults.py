"""Answers, and what can be wrong with them."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

JSON = "application/json"
_REASONS = {200: "OK", 301: "Moved Permanently", 302: "Found", 304: "Not Modified"}

JUNK = (
    b"<!doctype html><html><body><h1>Down for maintenance</h1></body></html>",
    b"{}",
    b"null",
    b"[]",
    b'{"info":null}',
    b'{"info":{"name":7,"version":[],"classifiers":"none"},"last_serial":"x","releases":[],"urls":5}',
    b'{"info":{"name":"\xff\xfe","version":"1.0"}}',
    b"",
    b'{"meta":null,"projects":{"name":1},"info":[],"releases":{"1.0":null},"last_serial":null}',
    b"[" * 100_000,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response about to be sent; `length` lies about the body's length when it is given."""

    status: int = 200
    body: bytes = b""
    type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    etag: str = ""
    length: int | None = None

    def bytes(self) -> bytes:
        """The whole response, head and body."""
        size = len(self.body) if self.length is None else self.length
        head = (
            f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Whatever')}\r\n"
            f"Content-Type: {self.type}\r\nContent-Length: {size}\r\n"
        )
        if self.etag:
            head += f"ETag: {self.etag}\r\n"
        for name, value in self.headers:
            head += f"{name}: {value}\r\n"
        return head.encode() + b"\r\n" + self.body


@dataclass(slots=True)
class Fault:
    """What goes wrong for which requests; see `Upstream.fault` for the kinds."""

    kind: str
    rate: float = 1.0
    path_prefix: str = ""
    paths: list[str] | None = None
    seed: int = 0
    times: int | None = None
    first: int | None = None
    options: dict[str, Any] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    done: int = 0

    def strikes(self, path: str) -> bool:
        """Whether this request is hit: the same for every run with the same seed, in any order."""
        if not path.startswith(self.path_prefix) or (self.paths and path not in self.paths):
            return False
        nth = self.seen[path] = self.seen.get(path, 0) + 1
        if (self.times is not None and self.done >= self.times) or nth > (self.first or nth):
            return False
        dice = blake2b(f"{self.seed} {path} {nth}".encode(), digest_size=4).digest()
        if int.from_bytes(dice, "big") >= self.rate * 2**32:
            return False
        self.done += 1
        return True


def huge(size: int, packed: bool) -> Answer:
    """Valid JSON of `size` bytes, as it is or gzipped to a thousandth."""
    body = b'{"info":{"description":"' + b"x" * size + b'"}}'
    if not packed:
        return Answer(200, body)
    return Answer(200, gzip.compress(body, 6), headers=(("Content-Encoding", "gzip"),))
