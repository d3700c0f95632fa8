"""How a spider tells what happens: signals to the keeper, counts for the summary, a last line."""

from __future__ import annotations

from typing import Any

from scrapy import Spider
from scrapy import signals as scrapy_signals
from scrapy.exceptions import CloseSpider

from pyfcrawl.spiders.sharing import Alone, Share


class Reporting(Spider):
    """Mixin for every spider of the project.

    `root_setting` names the setting that says where the spider reads: the remedy to point to when
    nothing could be read.
    """

    root_setting: str = "PYPI_ROOT"

    #: With whom the run is shared; the scheduler puts itself here when there may be others.
    share: Share = Alone()

    @property
    def divisible(self) -> bool:
        """Whether workers may divide this run's visits among them."""
        return False

    async def room(self) -> None:
        """Wait until further visits are needed: all at once they take 200 MB."""
        engine = self.crawler.engine
        if self.share.divided:
            await self.share.room()
        elif engine is not None and engine.needs_backout():
            await self.crawler.signals.wait_for(scrapy_signals.scheduler_empty)

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
