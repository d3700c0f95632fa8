"""The stand-in's HTTP side: PyPI's routes, other sources beside them, faults on request.

Written on asyncio's bare protocol, because a server that costs more than the crawl it feeds
measures itself. HTTP/1.1 with one request at a time per connection, as PyPI's clients do.
"""

from __future__ import annotations

import asyncio
import gzip
import importlib
import json
import time
from collections.abc import Iterable
from dataclasses import replace
from email.utils import formatdate
from hashlib import blake2b
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any
from urllib.parse import unquote

from packaging.utils import canonicalize_name

from tests.standin.faults import JSON, JUNK, Answer, Fault, huge
from tests.standin.registry import Registry

#: What else is served beside PyPI, under which first segment of the path: a name by which tests
#: reach its operations, its module and class. Made when first asked for.
MOUNTS = {
    "npm": ("npm", "tests.standin.npm", "NpmRegistry"),
    "npm-downloads": ("npm", "tests.standin.npm", "NpmRegistry"),
    "jsdelivr": ("npm", "tests.standin.npm", "NpmRegistry"),
    "jsdelivr-data": ("npm", "tests.standin.npm", "NpmRegistry"),
    "github": ("github", "tests.standin.forges", "Forges"),
    "gitlab": ("github", "tests.standin.forges", "Forges"),
    "codeberg": ("github", "tests.standin.forges", "Forges"),
    "pypistats": ("stats", "tests.standin.stats", "Stats"),
    "clickhouse": ("stats", "tests.standin.stats", "Stats"),
}

SIMPLE = "application/vnd.pypi.simple.v1+json"


class Service:
    """Answers requests out of a registry and keeps the log of them."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.release_json = True
        self.gzip = False
        self.latency = 0.0
        self.serials = True
        self.validators = True
        self.faults: list[Fault] = []
        self._mounted: dict[str, Any] = {}
        self._listing: tuple[int, bytes] | None = None
        self._frozen = False
        self.reset()

    def reset(self) -> None:
        """Forget the log and the counters."""
        self.log: list[list[Any]] = []  # [seconds, method, path, status, fault, request headers]
        self.sent = self.connections = self.in_flight = self.peak = 0

    def load(self, registry: Registry) -> None:
        """Serve another registry from now on."""
        self.registry, self._listing = registry, None

    def configure(self, **values: Any) -> None:
        """Set release_json, gzip, latency, serials or validators."""
        for name, value in values.items():
            if name not in ("release_json", "gzip", "latency", "serials", "validators"):
                raise KeyError(f"no option {name!r}")
            setattr(self, name, value)
        self._listing = None

    def freeze_listing(self, frozen: bool = True) -> None:
        """Keep serving the listing as it is now, whatever changes: PyPI caches it."""
        if frozen:
            self.listing()
        self._frozen = frozen

    def counters(self) -> dict[str, int]:
        """Requests, bytes sent, connections opened, most requests in flight at once."""
        return {
            "requests": len(self.log),
            "bytes": self.sent,
            "connections": self.connections,
            "peak": self.peak,  # only counted while answers are delayed
        }

    def listing(self) -> bytes:
        """Body of the JSON Simple index root."""
        serial = self.registry.serial
        if self._listing and (self._frozen or self._listing[0] == serial):
            return self._listing[1]
        rows = ",".join(
            f'{{{self._serial(serial)}"name":{_quoted(name)}}}'
            for name, serial in self.registry.listed()
        )
        meta = f'{{{self._serial(self.registry.serial)}"api-version":"1.4"}}'
        body = f'{{"meta":{meta},"projects":[{rows}]}}'.encode()
        self._listing = serial, body
        return body

    def strike(self, path: str) -> Fault | None:
        """The first fault that hits this request."""
        return next((fault for fault in self.faults if fault.strikes(path)), None)

    def mounted(self, name: str) -> Any:
        """What is reached by a name of MOUNTS, such as `npm` or `github`.

        An object with `answer(method, path, head, body) -> Answer`: the path is without the
        mount's own segment, the head in lower case, and the attribute `mount` says meanwhile which
        of its mounts was asked. All else that is public are operations for tests.
        """
        if name not in self._mounted:
            module, kind = next(where for each, *where in MOUNTS.values() if each == name)
            self._mounted[name] = getattr(importlib.import_module(module), kind)()
        return self._mounted[name]

    def answer(self, path: str, head: bytes, method: str = "GET", body: bytes = b"") -> Answer:
        """The answer to a request; `head` is in lower case."""
        mount, _, rest = path[1:].partition("/")
        if mount in MOUNTS:
            source = self.mounted(MOUNTS[mount][0])
            source.mount = mount
            answer = source.answer(method, f"/{rest}", head, body)
        else:
            answer = self._pypi(path, head)
        return self._finished(answer, head)

    def _pypi(self, path: str, head: bytes) -> Answer:
        parts = path.partition("?")[0].split("/")
        if parts == ["", "simple", ""]:
            answer = self._simple(head)
        elif parts[1:2] == ["pypi"] and parts[-1] == "json" and len(parts) in (4, 5):
            answer = self._json(unquote(parts[2]), *map(unquote, parts[3:-1]))
        elif path in ("/rss/updates.xml", "/rss/packages.xml"):
            answer = self._feed(parts[2].removesuffix(".xml"))
        elif parts == ["", "simple"]:
            answer = Answer(301, headers=(("Location", "/simple/"),))
        else:
            answer = not_found()
        return answer

    def _finished(self, answer: Answer, head: bytes) -> Answer:
        """The same as a conditional request, or one that takes gzip, gets it."""
        if not self.validators:
            answer = replace(answer, etag="")
        if answer.etag and header(head, b"if-none-match") == answer.etag.lower():
            return replace(answer, status=304, body=b"")
        if self.gzip and answer.body and "gzip" in header(head, b"accept-encoding"):
            packed = gzip.compress(answer.body, 1)
            encoding = ("Content-Encoding", "gzip")
            return replace(answer, body=packed, headers=(*answer.headers, encoding))
        return answer

    def _serial(self, serial: int) -> str:
        return f'"_last-serial":{serial},' if self.serials else ""

    def _simple(self, head: bytes) -> Answer:
        if SIMPLE not in header(head, b"accept"):
            return Answer(body=b"<!doctype html><title>Simple index</title>", type="text/html")
        body = self.listing()
        serial = self._listing[0] if self._listing else 0
        return Answer(
            200, body, SIMPLE, (("X-PyPI-Last-Serial", str(serial)),), etag=f'"listing-{serial}"'
        )

    def _feed(self, kind: str) -> Answer:
        body = self.registry.feed(kind)
        return Answer(200, body, "text/xml", etag=f'"{blake2b(body, digest_size=12).hexdigest()}"')

    def _json(self, name: str, version: str | None = None) -> Answer:
        normal = canonicalize_name(name)
        if normal != name:
            tail = f"{version}/json" if version else "json"
            return Answer(301, headers=(("Location", f"/pypi/{normal}/{tail}"),))
        if version is None:
            body = self.registry.page(normal)
        else:
            body = self.registry.release_page(normal, version) if self.release_json else None
        return not_found() if body is None else page(body)

    def other(self, path: str) -> Answer:
        """The page of some other project than the one asked for."""
        for name, _ in self.registry.listed():
            body = self.registry.page(canonicalize_name(name))
            if body and f"/{canonicalize_name(name)}/" not in path:
                return page(body)
        return not_found()

    def stale(self, path: str, head: bytes) -> Answer:
        """The project page before its last change, or with a lower serial if there was none.

        Only project pages go stale this way; `freeze_listing` does it for the listing.
        """
        parts = path.split("/")
        project = self.registry.project(unquote(parts[2])) if len(parts) == 4 else None
        if project is None or not (project.past or project.releases):
            return self.answer(path, head)
        if project.past:
            return page(project.past[-1].encode())
        body = json.loads(project.page())
        return page(json.dumps(body | {"last_serial": project.serial - 1}).encode())


def page(body: bytes) -> Answer:
    """A JSON page with the headers PyPI adds."""
    found = body.find(b'"last_serial":')
    serial = body[found + 14 : found + 30].lstrip().partition(b",")[0].decode().rstrip("}")
    etag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
    return Answer(200, body, JSON, (("X-PyPI-Last-Serial", serial),), etag)


def not_found() -> Answer:
    """PyPI's 404."""
    return Answer(404, b'{"message": "Not Found"}')


def header(head: bytes, name: bytes) -> str:
    """Value of a request header, "" when it is missing; `head` in lower case."""
    at = head.find(b"\r\n" + name + b":")
    if at < 0:
        return ""
    start = at + len(name) + 3
    end = head.find(b"\r\n", start)
    return head[start : end if end >= 0 else len(head)].strip().decode("latin-1")


class Connection(asyncio.Protocol):
    """One client connection."""

    def __init__(self, service: Service, control: Any) -> None:
        self.service, self.control = service, control
        self.buffer = b""
        self.tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.service.connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        for task in self.tasks:
            task.cancel()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            size = int(header(head.lower(), b"content-length") or 0) if head[:1] == b"P" else 0
            if len(self.buffer) < end + 4 + size:
                return
            body, self.buffer = self.buffer[end + 4 : end + 4 + size], self.buffer[end + 4 + size :]
            self.handle(head, body)

    def handle(self, head: bytes, body: bytes) -> None:
        """One whole request."""
        method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
        path = rest.rpartition(" ")[0]
        if path == "/_control":
            self.service.connections -= 1
            self.transport.write(self.control(body).bytes())
            return
        service, fault = self.service, self.service.strike(path)
        row = [time.monotonic(), method, path, 0, fault and fault.kind, head.decode("latin-1")]
        service.log.append(row)
        if fault or service.latency:
            task = asyncio.ensure_future(self.misbehave(row, head.lower(), body, fault))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        else:
            self.send(row, service.answer(path, head.lower(), method, body))

    def send(self, row: list[Any], answer: Answer) -> None:
        """Write an answer and account for it."""
        data = answer.bytes()
        row[3] = answer.status
        self.service.sent += len(data)
        self.transport.write(data)

    async def misbehave(
        self, row: list[Any], head: bytes, body: bytes, fault: Fault | None
    ) -> None:
        """Answer late, and as the fault says."""
        service = self.service
        service.in_flight += 1
        service.peak = max(service.peak, service.in_flight)
        try:
            await asyncio.sleep(service.latency)
            if fault is None:
                self.send(row, service.answer(row[2], head, row[1], body))
            elif fault.kind in _ENDINGS:
                await self.end_badly(row, service.answer(row[2], head, row[1], body), fault)
            else:
                self.send(row, faulty(service, row, head, body, fault))
        finally:
            service.in_flight -= 1

    async def end_badly(self, row: list[Any], answer: Answer, fault: Fault) -> None:
        """The faults that are more than a strange answer."""
        seconds = fault.options.get("seconds")
        if fault.kind == "reset":
            self.transport.abort()
        elif fault.kind == "cut":
            half = answer.body[: len(answer.body) // 2]
            self.send(row, replace(answer, body=half, length=len(answer.body)))
            self.transport.close()
        elif fault.kind == "drip":
            await self.drip(row, answer, 0.5 if seconds is None else seconds)
        else:
            await asyncio.sleep(seconds or (3600 if fault.kind == "hang" else 1))
            self.send(row, answer)

    async def drip(self, row: list[Any], answer: Answer, seconds: float) -> None:
        """Send the head, then a byte at a time."""
        self.send(row, replace(answer, body=b"", length=len(answer.body)))
        for nth in range(len(answer.body)):
            self.transport.write(answer.body[nth : nth + 1])
            await asyncio.sleep(seconds)


def faulty(service: Service, row: list[Any], head: bytes, body: bytes, fault: Fault) -> Answer:
    """The strange answer a fault stands for."""
    method, path = row[1:3]
    if fault.kind.isdigit():
        after, seconds = (fault.options.get(each) for each in ("retry_after", "retry_at"))
        if seconds is not None:
            after = formatdate(time.time() + seconds, usegmt=True)
        extra = () if after is None else (("Retry-After", str(after)),)
        return Answer(int(fault.kind), b"please go away", "text/plain", extra)
    if fault.kind == "truncated":
        whole = service.answer(path, head, method, body)
        return replace(whole, body=whole.body[: len(whole.body) * 2 // 3])
    if fault.kind == "junk":
        junk = JUNK[(fault.done - 1) % len(JUNK)]
        return Answer(200, junk, "text/html" if junk[:1] == b"<" else JSON)
    if fault.kind == "loop":
        return Answer(302, headers=(("Location", path),))
    if fault.kind in ("huge", "bomb"):
        return huge(fault.options.get("size", 64 * 2**20), fault.kind == "bomb")
    return service.stale(path, head) if fault.kind == "stale" else service.other(path)


_ENDINGS = {"hang", "slow", "drip", "cut", "reset"}

KINDS: Iterable[str] = ("truncated", "junk", "loop", "huge", "bomb", "stale", "wrong", *_ENDINGS)
