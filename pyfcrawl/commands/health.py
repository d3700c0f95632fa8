"""`scrapy health`: compute health scores anew, as time passes, without fetching anything."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice

from rich.console import Console
from rich.progress import track
from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from pyfcrawl.commands import output
from pyfcrawl.commands.frame import INTERRUPTED, Frame, no_words
from pyfcrawl.errors import StoreError
from pyfcrawl.pipelines.health import changed_health
from pyfcrawl.stores.index import Document, IndexAddress, IndexWriter, Refusal, open_writer

#: Documents looked at between two writes.
_GROUP = 500


class Command(Frame, ScrapyCommand):
    """Scores every document and writes those that changed."""

    examples = ("scrapy health", "scrapy health -p django -l 1000")

    def syntax(self) -> str:
        """See ScrapyCommand."""
        return "[options]"

    def short_desc(self) -> str:
        """See ScrapyCommand."""
        return "Compute health scores anew, without fetching"

    def long_desc(self) -> str:
        """See ScrapyCommand."""
        return (
            "Compute the health score of every document anew from what the index holds, and write "
            "those that changed: a release that was recent may not be so any more. Ctrl-C ends it; "
            "what is written stays."
        )

    def add_own_options(self, parser: argparse.ArgumentParser) -> None:
        """See Frame."""
        parser.add_argument(
            "-l", "--limit", type=int, metavar="N", help="only the first N documents"
        )

    def carry_out(self, words: list[str], opts: argparse.Namespace) -> int:
        """See Frame."""
        no_words(words)
        limit = _checked_limit(opts.limit)
        with self.collection(opts) as (_, info, target):  # before the writer makes a file
            total = info.documents if limit is None else min(limit, info.documents)
        tally = Tally()
        with closing(open_writer(IndexAddress.of(self._settings))) as writer:
            try:
                # By the name it was asked for: a rebuild may put another version there meanwhile.
                documents = _watched(islice(writer.iterate(target.collection), limit), total)
                rescore(writer, target.collection, documents, int(time.time()), tally)
            except KeyboardInterrupt:
                tally.interrupted = True
        return _conclude(tally)


@dataclass(slots=True)
class Tally:
    """How many documents were looked at and changed; what the index refused."""

    seen: int = 0
    changed: int = 0
    refused: list[Refusal] = field(default_factory=list)
    interrupted: bool = False


def rescore(
    writer: IndexWriter, collection: str, documents: Iterable[Document], now: int, tally: Tally
) -> None:
    """Score the documents as of `now` and write, in groups, what changed; counts into `tally`."""
    remaining = iter(documents)
    while group := list(islice(remaining, _GROUP)):
        patches = [patch for each in group if (patch := changed_health(each, now))]
        if patches:
            report = writer.patch(collection, patches)
            tally.changed += report.written
            tally.refused += report.refused
        tally.seen += len(group)


def _checked_limit(limit: int | None) -> int | None:
    if limit is not None and limit < 1:
        raise UsageError(f"-l {limit} is not 1 or more")
    return limit


def _watched(documents: Iterable[Document], total: int) -> Iterable[Document]:
    """The same documents, with a bar on stderr for who watches."""
    console = Console(file=sys.stderr)
    return track(
        documents,
        "Scoring",
        total=total,
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _conclude(tally: Tally) -> int:
    for refusal in tally.refused:
        output.report(StoreError(f"the index refused {refusal.identifier}: {refusal.reason}"))
    ended = "; interrupted, the rest is as before" if tally.interrupted else ""
    output.show(f"{output.count(tally.seen, 'document')} scored, {tally.changed:,} changed{ended}")
    if tally.interrupted:
        return INTERRUPTED
    return 1 if tally.refused else 0
