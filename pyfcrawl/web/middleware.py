"""What is true of every answer: its headers, a validator, a bound on what may be asked."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from hashlib import blake2b

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Bytes of a query string, and of a path: no form or link of ours comes near.
LONGEST_QUERY = 4096
LONGEST_PATH = 1024

#: No script or style but from our own files, no frames; images of READMEs are anywhere.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' https: data:",
        "object-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    )
)

_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}

#: What is read may change with any crawl; a minute old is fresh.
_CACHE_CONTROL = "public, max-age=60"


class SecurityHeaders:
    """Adds headers to each answer, unless it brings its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)


class Proxy:
    """Takes who asks, and how, from the headers of our proxies in front.

    Anybody may send such headers, so only what our own have added to their end counts: what the
    outermost of `proxies` wrote. If there is less, or no address, it stays the other end of the
    connection. The scheme is often set by one proxy and handed on by the others, not added to: if
    there is less of it, the last one counts.
    """

    def __init__(self, app: ASGIApp, proxies: int = 1) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            clients = _entries(headers, "x-forwarded-for")
            client = self._outermost(clients).strip("[]") if len(clients) >= self._proxies else ""
            scheme = self._outermost(_entries(headers, "x-forwarded-proto")).lower()
            if _is_address(client):
                scope = {**scope, "client": (client, 0)}
            if scheme in ("http", "https"):
                scope = {**scope, "scheme": scheme}
        await self._app(scope, receive, send)

    def _outermost(self, entries: list[str]) -> str:
        return entries[-self._proxies if self._proxies <= len(entries) else -1]


def _entries(headers: Headers, name: str) -> list[str]:
    """What proxies have written, the last one last; one that is empty where there is nothing."""
    return [each.strip() for each in ",".join(headers.getlist(name)).split(",")]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


class Bounds:
    """Refuses what is longer than anybody asks; `refusal` makes the answer."""

    def __init__(self, app: ASGIApp, refusal: Callable[[Request, int], Response]) -> None:
        self._app = app
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "http" and (
            len(scope["query_string"]) > LONGEST_QUERY or len(scope["path"]) > LONGEST_PATH
        ):
            await self._refusal(Request(scope), 414)(scope, receive, send)
            return
        await self._app(scope, receive, send)


class Validators:
    """Gives good answers an ETag and Cache-Control, and answers 304 to who has them already.

    The tag is weak: the same page may go out compressed or not. Only answers in one piece get one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        await self._app(scope, receive, _Answer(Headers(scope=scope), send))


class _Answer:
    """Holds back the start of an answer until its body tells the tag."""

    def __init__(self, asked: Headers, send: Send) -> None:
        self._asked = asked
        self._send = send
        self._start: Message | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if message["status"] == 200:
                self._start = message
                return
        elif self._start is not None:
            start, self._start = self._start, None
            if not message.get("more_body", False):
                message = self._validated(start, message)
            await self._send(start)
        await self._send(message)

    def _validated(self, start: Message, message: Message) -> Message:
        headers = MutableHeaders(scope=start)
        headers.setdefault("Cache-Control", _CACHE_CONTROL)
        if "ETag" not in headers:
            tag = blake2b(message.get("body", b""), digest_size=12).hexdigest()
            headers["ETag"] = f'W/"{tag}"'
        if not _has(self._asked.get("if-none-match", ""), headers["ETag"]):
            return message
        start["status"] = 304
        for name in ("Content-Length", "Content-Type"):
            if name in headers:
                del headers[name]
        return {**message, "body": b""}


def _has(asked: str, tag: str) -> bool:
    """Whether If-None-Match names the tag; weak and strong are the same here (RFC 9110, 13.1.2)."""
    wanted = tag.removeprefix("W/")
    given = (each.strip().removeprefix("W/") for each in asked.split(","))
    return any(each in (wanted, "*") for each in given)
