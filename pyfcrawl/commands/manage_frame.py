"""What the subcommands of `scrapy manage` have in common."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from scrapy.exceptions import UsageError

from pyfcrawl.commands import output
from pyfcrawl.commands.frame import Frame, HelpFormatter, Target
from pyfcrawl.errors import ConfigurationError
from pyfcrawl.stores.index import CollectionInfo, IndexAddress, IndexWriter, open_writer


class Manager(Frame):
    """The command as its subcommands see it."""

    @property
    def address(self) -> IndexAddress:
        """Where the index is."""
        return IndexAddress.of(self._settings)

    def existing(self, name: str) -> CollectionInfo:
        """The collection of that name or alias; makes no index. Raises UnknownCollectionError."""
        return self.found(Target(name))

    def found(self, target: Target) -> CollectionInfo:
        """The collection meant. Raises UnknownCollectionError when it isn't there."""
        with self.open_index() as reader:
            info = reader.collection(target.collection)
            if info is None:
                raise target.missing(reader)
            return info

    def open_writer(self) -> closing[IndexWriter]:
        """The index, for writing; made if it isn't there."""
        return closing(open_writer(self.address))


def say(text: str) -> None:
    """Print a line, however long it is, at once."""
    output.line(text)
    output.flush()


def agreed(what: str) -> bool:
    """Ask whether to do it. Raises ConfigurationError when there is nobody to ask."""
    what = output.plain(what)
    if sys.stdin is None or not sys.stdin.isatty():
        raise ConfigurationError(f"{what}: nobody is there to be asked; repeat it with --force")
    print(f"{what[:1].upper()}{what[1:]}? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def no_options(_: argparse.ArgumentParser) -> None:
    """For a subcommand without options of its own."""


@dataclass(frozen=True, slots=True)
class Action:
    """A subcommand: what it is called, its help, its options, and what it does.

    `targeted`: whether it is about the collection that -p or -t name.
    """

    name: str
    short: str
    long: str
    examples: tuple[str, ...]
    run: Callable[[Manager, argparse.Namespace], int]
    options: Callable[[argparse.ArgumentParser], None] = no_options
    targeted: bool = False

    def add_to(self, parsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        """Make its parser. What is given ahead of the subcommand's name counts, too."""
        parser = parsers.add_parser(
            self.name, help=self.short, description=self.long, formatter_class=HelpFormatter
        )
        self.options(parser)
        if self.targeted:
            target = parser.add_mutually_exclusive_group()
            target.add_argument(
                "-p",
                "--profile-name",
                metavar="PROFILE",
                default=argparse.SUPPRESS,
                help="whose collection to use (default: DEFAULT_PROFILE)",
            )
            target.add_argument(
                "-t",
                "--target",
                metavar="COLLECTION",
                default=argparse.SUPPRESS,
                help="a collection or alias, by its own name",
            )
        parser.add_argument(
            "-s",
            dest="more_settings",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="set/override setting (may be repeated)",
        )
        parser.set_defaults(action=self)
        lines = "\n".join(f"  {each}" for each in self.examples)
        parser.add_argument_group("Examples", lines)

    def check(self, opts: argparse.Namespace) -> None:
        """Raises UsageError when -p or -t make no sense with it."""
        given = [flag for flag, value in _target_options(opts) if value is not None]
        if given and not self.targeted:
            raise UsageError(f"{self.name} takes no {given[0]}")
        if len(given) > 1:
            raise UsageError("give -p or -t, not both")


def _target_options(opts: argparse.Namespace) -> tuple[tuple[str, str | None], ...]:
    return (("-p", opts.profile_name), ("-t", opts.target))
