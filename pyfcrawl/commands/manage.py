"""`scrapy manage`: look after collections, keys and the queue, without stopping anything."""

from __future__ import annotations

import argparse

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from pyfcrawl.commands.manage_collections import ACTIONS as OF_COLLECTIONS
from pyfcrawl.commands.manage_frame import Action, Manager
from pyfcrawl.commands.manage_queue import ACTIONS as OF_QUEUES
from pyfcrawl.commands.manage_server import ACTIONS as OF_SERVERS

ACTIONS: tuple[Action, ...] = (*OF_COLLECTIONS, *OF_SERVERS, *OF_QUEUES)


class Command(Manager, ScrapyCommand):
    """Hands over to the subcommand."""

    examples = (
        "scrapy manage collections",
        "scrapy manage recreate -p plone",
        "scrapy manage recreate --help",
    )

    def syntax(self) -> str:
        """See ScrapyCommand."""
        return "[options] SUBCOMMAND ..."

    def short_desc(self) -> str:
        """See ScrapyCommand."""
        return "Look after collections, aliases, keys and the queue"

    def long_desc(self) -> str:
        """See ScrapyCommand."""
        return (
            "List, rebuild, copy and delete collections while they serve, back the index up, give "
            "out keys, and look at the runs that workers share. Each subcommand has a help of its "
            "own: scrapy manage SUBCOMMAND --help."
        )

    def add_own_options(self, parser: argparse.ArgumentParser) -> None:
        """See Frame."""
        parsers = parser.add_subparsers(
            title="Subcommands", metavar="SUBCOMMAND", prog="scrapy manage"
        )
        for each in ACTIONS:
            each.add_to(parsers)

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        """Settings may stand before and behind the subcommand."""
        opts.set = [*opts.set, *getattr(opts, "more_settings", ())]
        super().process_options(args, opts)

    def carry_out(self, words: list[str], opts: argparse.Namespace) -> int:
        """See Frame."""
        action: Action | None = getattr(opts, "action", None)
        if action is None:
            raise UsageError(f"name a subcommand: {', '.join(each.name for each in ACTIONS)}")
        if words:
            raise UsageError(f"{action.name}: {words[0]!r} is a word too many")
        action.check(opts)
        return action.run(self, opts)
