"""`scrapy show`: all that the index knows of one package, as JSON."""

from __future__ import annotations

import argparse

from scrapy.commands import ScrapyCommand

from pyfcrawl.commands import output
from pyfcrawl.commands.frame import Frame, one_word
from pyfcrawl.core.names import package_id
from pyfcrawl.errors import PyfcrawlError, QueryError
from pyfcrawl.stores.index import Document, Filter, IndexReader, Query

_NEAR = 3


class Command(Frame, ScrapyCommand):
    """Prints the document of a package's latest release, or of every release."""

    examples = (
        "scrapy show plone.api",
        "scrapy show Plone_API --all-versions",
        "scrapy show @plone/volto --registry npm -p plone",
    )

    def syntax(self) -> str:
        """See ScrapyCommand."""
        return "[options] NAME"

    def short_desc(self) -> str:
        """See ScrapyCommand."""
        return "Print a package's document as JSON"

    def long_desc(self) -> str:
        """See ScrapyCommand."""
        return (
            "Print the document of a package's latest release as JSON. Any spelling of the name "
            "will do: Plone_API is plone.api."
        )

    def add_own_options(self, parser: argparse.ArgumentParser) -> None:
        """See Frame."""
        parser.add_argument(
            "--all-versions", action="store_true", help="a list of all releases, newest first"
        )
        parser.add_argument(
            "--registry", choices=("pypi", "npm"), default="pypi", help="default: pypi"
        )

    def carry_out(self, words: list[str], opts: argparse.Namespace) -> int:
        """See Frame."""
        name = one_word(words, "NAME of a package")
        with self.collection(opts) as (reader, info, _):
            found = _releases(reader, info.name, opts.registry, name)
            if not found:
                near = _near(reader, info.name, opts.registry, name)
                hint = f"; near: {', '.join(near)}" if near else "; try: scrapy search"
                raise QueryError(f"package {name[:80]!r} is not in {info.name!r}{hint}")
        output.show_json(found if opts.all_versions else _latest(found), indent=2)
        return 0


def _releases(reader: IndexReader, collection: str, registry: str, name: str) -> list[Document]:
    try:
        identifier = package_id(registry, name.strip())
    except ValueError:  # nothing that could be a name
        return []
    return reader.releases(collection, identifier)


def _latest(releases: list[Document]) -> Document:
    return next((each for each in releases if each.get("is_latest")), releases[0])


def _near(reader: IndexReader, collection: str, registry: str, name: str) -> list[str]:
    """Names of packages that a search for this one finds."""
    query = Query(text=name, filters=[Filter("registry", "=", registry)], per_page=_NEAR)
    try:
        return [output.plain(hit["name"]) for hit in reader.search(collection, query).hits]
    except PyfcrawlError:  # it's only for the hint
        return []
