"""How a spider tells what happens: signals to the keeper, counts for the summary, a last line."""

from __future__ import annotations

from typing import Any

from scrapy import Spider
from scrapy.exceptions import CloseSpider


class Reporting(Spider):
    """Mixin for every spider of the project.

    `root_setting` names the setting that says where the spider reads: the remedy to point to when
    nothing could be read.
    """

    root_setting: str = "PYPI_ROOT"

    def fatal(self, line: str) -> CloseSpider:
        """What to raise to end the crawl with this one line, and a status other than zero."""
        assert self.crawler.stats is not None
        self.crawler.stats.set_value("pyfcrawl/error", line)
        return CloseSpider("error")

    def send(self, signal: object, **what: Any) -> None:
        """Send a signal of pyfcrawl.signals."""
        self.crawler.signals.send_catch_log(signal, spider=self, **what)

    def count(self, name: str, number: int = 1) -> None:
        """Add to the counter `pyfcrawl/NAME`."""
        assert self.crawler.stats is not None
        self.crawler.stats.inc_value(f"pyfcrawl/{name}", number)
