"""`scrapy crawl` with an exit status: bad input is refused in one line, a failed run says so."""

from __future__ import annotations

import argparse
import gc
import logging
from typing import Any

from scrapy import Spider
from scrapy.commands.crawl import Command as ScrapyCrawl
from scrapy.exceptions import UsageError

from pyfcrawl.addons import check_settings, derive_settings
from pyfcrawl.commands import report
from pyfcrawl.errors import PyfcrawlError

#: Loggers that list components and settings at every start; at DEBUG they still do.
_PRELUDE = ("scrapy.addons", "scrapy.middleware", "scrapy.crawler")


class Command(ScrapyCrawl):
    """Scrapy's own command, with arguments checked first and failures told last."""

    def long_desc(self) -> str:
        """For `scrapy crawl -h`."""
        return (
            "Run a spider. Example: scrapy crawl pypi -a profile=plone. "
            "Exit status: 0 clean, 1 when the crawl could not do its work or the index refused "
            "documents, 2 for wrong usage."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Scrapy's, and ours."""
        super().add_options(parser)
        parser.add_argument(
            "--check",
            action="store_true",
            help="only say whether arguments and settings are in order; nothing is fetched",
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Check, crawl, and set the exit status."""
        if len(args) != 1:
            raise UsageError("name one spider; 'scrapy list' shows them")
        assert self.crawler_process is not None
        assert self.settings is not None
        try:
            spider = self.crawler_process.spider_loader.load(args[0])
        except KeyError:
            known = ", ".join(self.crawler_process.spider_loader.list())
            raise UsageError(
                f"there is no spider {args[0]!r}; there are {known}", print_help=False
            ) from None
        try:
            derive_settings(self.settings)
            check_settings(self.settings)
            check = getattr(spider, "check", None)
            if check is not None:
                check(self.settings, opts.spargs)
        except PyfcrawlError as error:
            report(error)
            self.exitcode = 1
            return
        if not opts.check:
            self._crawl(spider, opts)

    def _crawl(self, spider: type[Spider], opts: argparse.Namespace) -> None:
        assert self.crawler_process is not None
        assert self.settings is not None
        # Scrapy makes a record of every message and drops it at the end; this stops it earlier.
        logging.getLogger("scrapy").setLevel(self.settings["LOG_LEVEL"])
        if self.settings["LOG_LEVEL"] == "INFO":
            for name in _PRELUDE:
                logging.getLogger(name).setLevel(logging.WARNING)
        # A crawl makes tens of millions of short-lived objects and few cycles: looking for cycles
        # every 700 objects, as Python does, is a quarter of its CPU time.
        gc.freeze()
        gc.set_threshold(100_000, 20, 50)
        crawler = self._create_crawler(spider)
        self.crawler_process.crawl(crawler, **opts.spargs)
        self.crawler_process.start()
        self.exitcode = 1 if self.crawler_process.bootstrap_failed else self._judge(crawler.stats)

    @staticmethod
    def _judge(stats: Any) -> int:
        error = stats.get_value("pyfcrawl/error")
        if error:
            report(PyfcrawlError(error))
        return 1 if error or stats.get_value("pyfcrawl/refused") else 0
