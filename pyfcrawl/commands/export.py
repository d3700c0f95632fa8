"""`scrapy export`: the whole collection, one JSON line a document."""

from __future__ import annotations

import argparse

from scrapy.commands import ScrapyCommand

from pyfcrawl.commands import output
from pyfcrawl.commands.frame import Frame, no_words


class Command(Frame, ScrapyCommand):
    """Streams documents to stdout, and nothing else."""

    examples = (
        "scrapy export > plone.jsonl",
        "scrapy export -p django | jq -r 'select(.is_latest).name'",
    )

    def syntax(self) -> str:
        """See ScrapyCommand."""
        return "[options]"

    def short_desc(self) -> str:
        """See ScrapyCommand."""
        return "Print every document as a line of JSON"

    def long_desc(self) -> str:
        """See ScrapyCommand."""
        return "Print every document of a collection on stdout: JSON lines in UTF-8, by identifier."

    def carry_out(self, words: list[str], opts: argparse.Namespace) -> int:
        """See Frame."""
        no_words(words)
        with self.collection(opts) as (reader, info, _):
            for document in reader.iterate(info.name):
                output.show_json(document)
        return 0
