"""`scrapy profiles`: which ecosystems can be indexed, and whether profiles.yaml is in order."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from rich.table import Table
from rich.text import Text
from scrapy.commands import ScrapyCommand

from pyfcrawl.commands import output
from pyfcrawl.commands.frame import Frame
from pyfcrawl.core.classifiers import unknown
from pyfcrawl.core.profiles import Profile, select
from pyfcrawl.errors import ConfigurationError


class Command(Frame, ScrapyCommand):
    """Lists and checks profiles, or shows some in full."""

    examples = ("scrapy profiles", "scrapy profiles plone")
    usual_target = "all"

    def syntax(self) -> str:
        """See ScrapyCommand."""
        return "[options] [NAME ...]"

    def short_desc(self) -> str:
        """See ScrapyCommand."""
        return "List and check the profiles"

    def long_desc(self) -> str:
        """See ScrapyCommand."""
        return (
            "List and check the profiles, or show those named in full. A classifier nobody knows "
            "is told with the nearest known one, and the exit status is 1."
        )

    def carry_out(self, words: list[str], opts: argparse.Namespace) -> int:
        """See Frame."""
        chosen = list(self.profiles().values())
        names = words if opts.profile_name is None else [*words, opts.profile_name]
        if names:
            chosen = select(self.profiles(), ",".join(names))
        if opts.target is not None:
            chosen = _with_collection(chosen, opts.target)
        if names or opts.target is not None:
            for each in chosen:
                output.show(_details(each), "")
        else:
            output.show(_overview(chosen))
        output.flush()
        return 1 if _complain(chosen) else 0


def _with_collection(profiles: Iterable[Profile], collection: str) -> list[Profile]:
    found = [each for each in profiles if each.collection == collection]
    if not found:
        raise ConfigurationError(f"-t {collection}: no profile has this collection")
    return found


def _complain(profiles: Iterable[Profile]) -> int:
    """Report each unknown classifier; returns how many there are."""
    problems = [
        (profile, classifier, nearest)
        for profile in profiles
        for classifier, nearest in unknown(profile.classifiers)
    ]
    for profile, classifier, nearest in problems:
        hint = f"did you mean {nearest!r}?" if nearest else "nothing comes close"
        output.report(
            ConfigurationError(
                f"profile {profile.name!r}: classifier {classifier!r} is not known; {hint}"
            )
        )
    return len(problems)


def _overview(profiles: Iterable[Profile]) -> Table:
    rows = [
        (
            Text(output.plain(each.name), "bold"),
            output.plain(each.title),
            output.plain(each.collection),
            output.plain(", ".join(each.classifiers)),
            output.plain(", ".join([*each.npm_keywords, *each.npm_scopes])) or "-",
        )
        for each in profiles
    ]
    headings = ("Profile", "Title", "Collection", "Classifiers", "npm")
    widest = dict(zip(headings, (16, 14, 16, 24, 80), strict=True))
    return output.table(headings, rows, widest=widest)


def _details(profile: Profile) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    rows: tuple[tuple[str, Iterable[str]], ...] = (
        ("profile", [profile.name]),
        ("title", [profile.title]),
        ("collection", [profile.collection]),
        ("classifiers", profile.classifiers),
        ("npm keywords", profile.npm_keywords),
        ("npm scopes", profile.npm_scopes),
        ("quickstart", profile.quickstart),
    )
    for name, values in rows:
        text = "\n".join(output.plain(each) for each in values)
        table.add_row(Text(name, "bold"), Text(text or "-"))
    return table
