"""A spider that asks for the addresses it is told, for tests of what stands behind all spiders.

It notes every request that is scheduled, answered or given up, with its headers and meta.
"""

from __future__ import annotations

import json
from pathlib import Path

from scrapy import Request, Spider, signals


class AskingSpider(Spider):
    """`scrapy runspider tests/crawl/asking.py -a urls=A,B -a notes=FILE`."""

    name = "asking"
    root_setting = "NPM_ROOT"

    @classmethod
    def from_crawler(cls, crawler, *args, **given):
        spider = super().from_crawler(crawler, *args, **given)
        crawler.signals.connect(spider.scheduled, signals.request_scheduled)
        return spider

    async def start(self):
        for number, url in enumerate(self.urls.split(",")):
            meta = {"anonymous": True} if "anonymous" in url else {}
            yield Request(
                url, self.parse, errback=self.failed, priority=-number, dont_filter=True, meta=meta
            )

    def scheduled(self, request):
        self.note("scheduled", request)

    def parse(self, response):
        self.note("answered", response.request, response.status)

    def failed(self, failure):
        self.note("failed", failure.request)

    def note(self, what, request, status=0):
        row = [what, request.url, status, request.headers.to_unicode_dict(), repr(request.meta)]
        with Path(self.notes).open("a") as file:
            file.write(json.dumps([*row[:3], dict(row[3]), row[4]]) + "\n")
