"""What all our commands have in common: options, settings, the index, errors and exit status.

Exit status: 0 done, 1 an error a person can act on, 2 wrong usage, 130 ended with Ctrl-C.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from scrapy.commands import ScrapyHelpFormatter
from scrapy.exceptions import UsageError

from pyfcrawl.addons import derive_settings
from pyfcrawl.commands import output
from pyfcrawl.core.profiles import Profile, load_profiles, select
from pyfcrawl.errors import ConfigurationError, PyfcrawlError, UnknownCollectionError
from pyfcrawl.stores.index import CollectionInfo, IndexAddress, IndexReader, open_reader

if TYPE_CHECKING:
    from scrapy.commands import ScrapyCommand as _Base
else:
    _Base = object  # a subclass of ScrapyCommand would be taken for a command

INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Target:
    """The collection a command is about: as `-t` or a profile names it, and how to fill it."""

    collection: str
    profile: Profile | None = None

    def missing(self, reader: IndexReader) -> UnknownCollectionError:
        """The error for a collection that is not in the index."""
        if self.profile:
            return UnknownCollectionError(
                f"profile {self.profile.name!r} is not crawled yet; run: {self.remedy}"
            )
        known = sorted({*(each.name for each in reader.collections()), *reader.aliases()})
        return UnknownCollectionError(
            f"collection {self.collection!r} is not in the index; "
            f"there are: {', '.join(known) or 'none yet'}"
        )

    @property
    def remedy(self) -> str:
        """The crawl that makes the collection."""
        name = self.profile.name if self.profile else "NAME"
        return f"scrapy crawl pypi -a profile={name}"


class HelpFormatter(ScrapyHelpFormatter):
    """Scrapy's help, with the line ends of examples kept."""

    def format_part_strings(self, part_strings: list[str]) -> list[str]:
        """Style usage and sections only: a line that ends with a colon need not be a heading."""
        first = part_strings[0] if part_strings else ""
        if first == "\n" or first.startswith("usage: "):
            return super().format_part_strings(part_strings)
        return part_strings

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines = text.splitlines()
        return "\n".join(
            line if line.startswith(" ") else textwrap.fill(line, width) for line in lines
        )


class Frame(_Base):
    """Mix-in for a command: `class Command(Frame, ScrapyCommand)`; its work is in `carry_out`."""

    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    #: Command lines for the help.
    examples: ClassVar[tuple[str, ...]] = ()
    #: What -p and -t are when not given.
    usual_target: ClassVar[str] = "DEFAULT_PROFILE"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Options of all commands, then the command's own, then examples."""
        super().add_options(parser)
        parser.formatter_class = HelpFormatter
        target = parser.add_mutually_exclusive_group()
        target.add_argument(
            "-p",
            "--profile-name",
            metavar="PROFILE",
            help=f"whose collection to use (default: {self.usual_target})",
        )
        target.add_argument(
            "-t", "--target", metavar="COLLECTION", help="a collection or alias, by its own name"
        )
        self.add_own_options(parser)
        lines = "\n".join(f"  {each}" for each in self.examples)
        parser.add_argument_group("Examples", lines)

    def add_own_options(self, parser: argparse.ArgumentParser) -> None:
        """Options only this command has."""

    def carry_out(self, words: list[str], opts: argparse.Namespace) -> int:
        """Do the work; `words` are the arguments that are no options. Returns the exit status."""
        raise NotImplementedError

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Carry out the command, with errors told in one line."""
        words = _words(args)
        try:
            derive_settings(self._settings)
            self.exitcode = self.carry_out(words, opts)
            output.flush()
        except BrokenPipeError:
            output.let_go()
        except KeyboardInterrupt:
            self.exitcode = INTERRUPTED
        except PyfcrawlError as error:
            output.report(error)
            self.exitcode = 1

    # --- what commands work with --------------------------------------------------------------

    @property
    def _settings(self) -> Any:
        assert self.settings is not None  # set by Scrapy
        return self.settings

    def profiles(self) -> dict[str, Profile]:
        """All profiles. Raises ConfigurationError."""
        return load_profiles(Path(self._settings["PROFILES_FILE"]))

    def target(self, opts: argparse.Namespace) -> Target:
        """The one collection to use. Raises ConfigurationError for an unknown profile."""
        if opts.target is not None:
            return Target(opts.target)
        usual = self._settings["DEFAULT_PROFILE"]
        names = usual if opts.profile_name is None else opts.profile_name
        chosen = select(self.profiles(), names)
        if len(chosen) > 1:
            raise ConfigurationError(f"profile={names!r} names several; choose one with -p")
        return Target(chosen[0].collection, chosen[0])

    def open_index(self) -> closing[IndexReader]:
        """The index, for reading. Raises StoreError."""
        return closing(open_reader(IndexAddress.of(self._settings)))

    @contextmanager
    def collection(
        self, opts: argparse.Namespace
    ) -> Iterator[tuple[IndexReader, CollectionInfo, Target]]:
        """The index and the collection to use. Raises UnknownCollectionError when it's missing."""
        target = self.target(opts)
        with self.open_index() as reader:
            info = reader.collection(target.collection)
            if info is None:
                raise target.missing(reader)
            yield reader, info, target


def one_word(words: list[str], what: str) -> str:
    """The only argument. Raises UsageError when there is another number of them."""
    if len(words) != 1 or not words[0].strip():
        raise UsageError(f"give one {what}")
    return words[0]


def no_words(words: list[str]) -> None:
    """Raises UsageError when there are arguments."""
    if words:
        raise UsageError(f"{words[0]!r}: this command takes options only")


def _words(args: list[str]) -> list[str]:
    """Arguments without options; after `--` everything is one. Raises UsageError."""
    end = args.index("--") if "--" in args else len(args)
    for each in args[:end]:
        if each.startswith("-") and each != "-":
            raise UsageError(f"unknown option {each}")
    return args[:end] + args[end + 1 :]
