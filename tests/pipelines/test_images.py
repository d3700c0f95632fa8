"""IMAGE_PROBE: widths read from the first bytes of real images on a real server."""

from __future__ import annotations

import asyncio
import struct
import zlib

import pytest
from aiohttp import web

from pyfcrawl.core.readme import digest
from pyfcrawl.items import PackageItem
from pyfcrawl.pipelines.images import ScreenshotPipeline


def png(width: int, height: int = 10) -> bytes:
    """A PNG of that size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + b"\0" * 3 * width for _ in range(height)))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


class Images:
    """Serves wide.png, small.png, broken.png, and whatever hangs; counts requests."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.ranges: list[str | None] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        self.ranges.append(request.headers.get("Range"))
        bodies = {"/wide.png": png(640), "/small.png": png(40), "/broken.png": b"no image"}
        if request.path not in bodies:
            raise web.HTTPNotFound
        return web.Response(body=bodies[request.path], content_type="image/png")


def probe(*markdown: str, enabled: bool = True) -> tuple[list[str], Images]:
    """The screenshots chosen for READMEs (`{root}` stands for the server), and the server."""

    async def run() -> tuple[list[str], Images]:
        images = Images()
        app = web.Application()
        app.router.add_get("/{name}", images.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        root = f"http://127.0.0.1:{runner.addresses[0][1]}"
        stage = ScreenshotPipeline(enabled, "test")
        chosen = []
        for text in markdown:
            item = PackageItem("pypi", "a", "1", ["c"], {}, {})
            item.readme = digest(text.format(root=root), "text/markdown")
            await stage.process_item(item)
            chosen.append(item.screenshot_url.replace(root, ""))
        await stage.close_spider()
        await runner.cleanup()
        return chosen, images

    return asyncio.run(run())


def test_the_first_wide_image_is_the_screenshot():
    chosen, images = probe("![a]({root}/small.png) ![b]({root}/wide.png)")
    assert chosen == ["/wide.png"]
    assert all(each and each.startswith("bytes=0-") for each in images.ranges)


@pytest.mark.parametrize("name", ["small.png", "broken.png", "missing.png"])
def test_others_are_none(name: str):
    chosen, _ = probe("![a]({root}/" + name + ")")
    assert chosen == [""]


def test_a_declared_width_needs_no_request():
    chosen, images = probe('<img src="{root}/missing.png" width="300">')
    assert chosen == ["/missing.png"]
    assert images.asked == []


def test_an_image_is_asked_for_once_a_run():
    chosen, images = probe(*["![a]({root}/wide.png)"] * 3)
    assert chosen == ["/wide.png"] * 3
    assert images.asked == ["/wide.png"]


def test_off_it_asks_for_nothing():
    chosen, images = probe("![a]({root}/wide.png)", enabled=False)
    assert chosen == [""]
    assert images.asked == []


def test_an_unreachable_server_is_no_failure():
    chosen, _ = probe("![a](http://127.0.0.1:9/wide.png)")
    assert chosen == [""]
