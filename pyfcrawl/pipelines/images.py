"""Stage 2: which image of the README shows the package, if any does.

An image that declares its width needs no request. For the others IMAGE_PROBE, off by default,
asks for the first bytes of a few and reads the width there.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
from scrapy.crawler import Crawler

from pyfcrawl.core.images import screenshot, undecided, width_from_bytes
from pyfcrawl.items import PackageItem

#: The size stands in the first kilobytes of every usual format.
_FIRST_BYTES = 65_536

#: Seconds an image may take; it is worth five points of a score.
_TIMEOUT = 10

#: Addresses whose width is remembered within a run.
_REMEMBERED = 10_000


class ScreenshotPipeline:
    """Fills `PackageItem.screenshot_url`."""

    def __init__(self, probe: bool, user_agent: str) -> None:
        self._probe = probe
        self._user_agent = user_agent
        self._widths: dict[str, int] = {}
        self._looks: dict[str, asyncio.Task[None]] = {}
        self._session: aiohttp.ClientSession | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> ScreenshotPipeline:
        """IMAGE_PROBE says whether images without a declared width are looked at."""
        settings = crawler.settings
        return cls(settings.getbool("IMAGE_PROBE"), settings["USER_AGENT"])

    async def process_item(self, item: Any) -> Any:
        """Choose the screenshot; other items pass."""
        if isinstance(item, PackageItem) and item.readme.images:
            images = item.readme.images
            item.screenshot_url = screenshot(images)
            if self._probe and not item.screenshot_url:
                await asyncio.gather(*(self._look(src) for src in undecided(images)))
                item.screenshot_url = screenshot(images, self._widths)
        return item

    async def _look(self, src: str) -> None:
        if src not in self._looks:
            if len(self._looks) >= _REMEMBERED:
                return
            self._looks[src] = asyncio.ensure_future(self._measure(src))
        await asyncio.shield(self._looks[src])

    async def _measure(self, src: str) -> None:
        try:
            width = width_from_bytes(await self._first_bytes(src))
        except Exception:  # an address out of a README may be anything
            return
        if width is not None:
            self._widths[src] = width

    async def _first_bytes(self, src: str) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=16, limit_per_host=4),
                timeout=aiohttp.ClientTimeout(total=_TIMEOUT),
                headers={
                    "User-Agent": self._user_agent,
                    "Range": f"bytes=0-{_FIRST_BYTES - 1}",
                    "Accept": "image/*",
                },
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        async with self._session.get(src) as response:
            return await response.content.read(_FIRST_BYTES) if response.ok else b""

    async def close_spider(self) -> None:
        """End the pooled connections."""
        if self._session is not None:
            await self._session.close()
