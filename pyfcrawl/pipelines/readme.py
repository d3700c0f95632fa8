"""Stage 1: a release's README as sanitised HTML and as sections for search."""

from __future__ import annotations

import os
from typing import Any

from scrapy.crawler import Crawler

from pyfcrawl.items import PackageItem
from pyfcrawl.pipelines.pool import RenderPool


class ReadmePipeline:
    """Fills `PackageItem.readme`."""

    def __init__(self, pool: RenderPool) -> None:
        self._pool = pool

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> ReadmePipeline:
        """RENDER_WORKERS and RENDER_TIMEOUT decide about the worker processes."""
        settings = crawler.settings
        workers = settings.getint("RENDER_WORKERS") or max(1, (os.cpu_count() or 2) - 1)
        return cls(RenderPool(workers, settings.getfloat("RENDER_TIMEOUT")))

    async def process_item(self, item: Any) -> Any:
        """Render and split; other items pass."""
        if isinstance(item, PackageItem):
            text = item.metadata.get("description")
            kind = item.metadata.get("description_content_type")
            if isinstance(text, str):
                kind = kind if isinstance(kind, str) else None
                item.readme = await self._pool.digest(text, kind)
        return item

    async def close_spider(self) -> None:
        """End the workers."""
        await self._pool.close()
