"""`scrapy import-downloads`: download numbers that no counter gives any more, out of a CSV file.

Scrapy names a command after its module, hence the dash.
"""

# ruff: noqa: N999

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from scrapy.commands import ScrapyCommand

from pyfcrawl.commands import output
from pyfcrawl.commands.downloads_csv import DAYS, TOTALS, DownloadsFile
from pyfcrawl.commands.frame import Frame, one_word
from pyfcrawl.errors import ConfigurationError, StoreError
from pyfcrawl.stores.history import HistoryStore, RepeatedRowError, open_history
from pyfcrawl.stores.index import IndexAddress, IndexWriter, Patch, WriteReport, open_writer

#: What the history says of where these numbers came from.
_SOURCE = "import"

#: Packages whose totals are looked up and written at a time.
_GROUP = 500


class Command(Frame, ScrapyCommand):
    """Takes totals or days of downloads from a CSV file."""

    examples = (
        "scrapy import-downloads totals.csv",
        "scrapy import-downloads --registry npm days.csv -p plone",
        "zcat days.csv.gz | scrapy import-downloads -",
    )

    def syntax(self) -> str:
        """See ScrapyCommand."""
        return "[options] FILE.csv"

    def short_desc(self) -> str:
        """See ScrapyCommand."""
        return "Import download numbers from a CSV file"

    def long_desc(self) -> str:
        """See ScrapyCommand."""
        return (
            f"Import downloads from a CSV file (- for stdin) with the columns {TOTALS} or {DAYS}, "
            "and bring download_total of the packages in the index up to date. A file is imported "
            "whole or not at all, and importing it again changes nothing."
        )

    def add_own_options(self, parser: argparse.ArgumentParser) -> None:
        """See Frame."""
        parser.add_argument(
            "--registry",
            choices=("pypi", "npm"),
            default="pypi",
            help="where the packages are from (default: pypi)",
        )

    def carry_out(self, words: list[str], opts: argparse.Namespace) -> int:
        """See Frame."""
        name = one_word(words, "FILE.csv, or - for stdin")
        today = datetime.fromtimestamp(time.time(), UTC).date().isoformat()
        with self.collection(opts) as (_, _, target):  # before anything is taken
            pass
        with ExitStack() as opened:
            stream = opened.enter_context(_opened(name))
            file = DownloadsFile(stream, _label(name), opts.registry, today)
            history = open_history(self._settings["HISTORY_URL"])
            opened.enter_context(closing(history))
            packages = _take(file, history)
            writer = open_writer(IndexAddress.of(self._settings))
            opened.enter_context(closing(writer))
            report = bring_up_to_date(history, writer, target.collection, opts.registry)
        for refusal in report.refused:
            output.report(StoreError(f"the index refused {refusal.identifier}: {refusal.reason}"))
        output.line(
            f"{output.count(file.rows, 'row')} of {output.count(packages, 'package')} imported; "
            f"download_total of {output.count(report.written, 'package')} in {target.collection} "
            "changed"
        )
        return 1 if report.refused else 0


def _label(name: str) -> str:
    return "stdin" if name == "-" else output.plain(name)


@contextmanager
def _opened(name: str) -> Iterator[TextIO]:
    """The file as text, whatever put a mark of its encoding in front."""
    if name == "-":
        yield TextIOWrapper(sys.stdin.buffer, "utf-8-sig", newline="")
        return
    try:
        data = Path(name).open("rb")  # noqa: SIM115 - closed with the text around it
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigurationError(f"{_label(name)} can't be read: {why}") from None
    with TextIOWrapper(data, "utf-8-sig", newline="") as stream:
        yield stream


def _take(file: DownloadsFile, history: HistoryStore) -> int:
    """All rows of the file into the history; returns how many packages they are of."""
    try:
        if file.totals:
            return history.import_totals(file.read_totals(), _SOURCE)
        return history.import_days(file.read_days(), _SOURCE)
    except RepeatedRowError as error:
        raise file.wrong(f"it says the same as line {error.first}", error.row) from None


def bring_up_to_date(
    history: HistoryStore, writer: IndexWriter, collection: str, registry: str
) -> WriteReport:
    """Set download_total and download_total_since of a collection's packages from the history."""
    report = WriteReport()
    packages = list(writer.package_ids(collection, registry))
    for start in range(0, len(packages), _GROUP):
        totals = history.totals(packages[start : start + _GROUP])
        patches = [
            Patch(
                package,
                {"download_total": total.downloads, "download_total_since": total.since},
            )
            for package, total in totals.items()
        ]
        if patches:
            part = writer.patch(collection, patches)
            report.written += part.written
            report.refused += part.refused
    return report
