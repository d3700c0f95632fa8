"""`scrapy search`: find packages by words, conditions and order."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace

from rich.table import Table
from rich.text import Text
from scrapy.commands import ScrapyCommand

from pyfcrawl.commands import output
from pyfcrawl.commands.frame import Frame
from pyfcrawl.errors import QueryError
from pyfcrawl.stores.conditions import planned
from pyfcrawl.stores.index import Document, Filter, Operator, Query, SearchResult

_MOST = 250
_FILTER = re.compile(r"\s*(?P<field>\w+)\s*(?P<operator>>=|<=|!=|=)(?P<value>.*)", re.DOTALL)
_OPERATORS: dict[str, Operator] = {"=": "=", "!=": "!=", ">=": ">=", "<=": "<="}

#: What people call fields.
ALIASES = {
    "framework": "framework_versions",
    "python": "python_versions",
    "latest": "is_latest",
    "released": "upload_timestamp",
    "health": "health_score",
    "license": "license_expression",
    "classifier": "classifiers",
    "keyword": "keywords",
    "scope": "npm_scope",
    "prerelease": "version_is_prerelease",
    "stars": "github_stars",
    "downloads": "download_last_month",
}


class Command(Frame, ScrapyCommand):
    """Prints hits as a table or as JSON."""

    examples = (
        "scrapy search form builder",
        "scrapy search --filter framework='Plone 6.1' --filter python=3.12",
        "scrapy search --filter 'released>=2026-01-01' --sort health --reverse",
        "scrapy search multilingual -p plone -n 5 --json",
    )

    def syntax(self) -> str:
        """See ScrapyCommand."""
        return "[options] [WORD ...]"

    def short_desc(self) -> str:
        """See ScrapyCommand."""
        return "Search the index by words and conditions"

    def long_desc(self) -> str:
        """See ScrapyCommand."""
        return (
            "Search the index: one line a package, with its latest release or, when there are "
            "filters, the newest that fits them. Without words everything is found. Typos are "
            "forgiven, the last word may be the beginning of one."
        )

    def add_own_options(self, parser: argparse.ArgumentParser) -> None:
        """See Frame."""
        parser.add_argument(
            "--filter",
            action="append",
            default=[],
            metavar="CONDITION",
            help="FIELD=VALUE, FIELD!=VALUE, FIELD>=VALUE or FIELD<=VALUE; may be repeated: of "
            "several with = on one field any will do. Short names: " + ", ".join(ALIASES),
        )
        parser.add_argument(
            "--sort",
            default="relevance",
            metavar="FIELD",
            help="relevance (default), name, released, health, downloads, stars, version or any "
            "sortable field; best, newest or highest first, names from a to z",
        )
        parser.add_argument("--reverse", action="store_true", help="the other way round")
        parser.add_argument(
            "-n", type=int, default=20, metavar="N", help=f"hits a page, 1 to {_MOST} (default: 20)"
        )
        parser.add_argument("--page", type=int, default=1, metavar="N", help="default: 1")
        parser.add_argument(
            "--all-releases", action="store_true", help="every release that fits, not packages"
        )
        parser.add_argument("--json", action="store_true", help="whole documents, as JSON")

    def carry_out(self, words: list[str], opts: argparse.Namespace) -> int:
        """See Frame."""
        query = _query(words, opts)
        with self.collection(opts) as (reader, info, _):
            result = reader.search(info.name, query)
        if opts.json:
            output.show_json(_as_json(result, query), indent=2)
        else:
            output.show(*_corrections(result), *_hits(result), _footer(result, query))
        return 0


def _query(words: list[str], opts: argparse.Namespace) -> Query:
    """The query asked for. Raises QueryError."""
    if not 1 <= opts.n <= _MOST:
        raise QueryError(f"-n {opts.n} is not between 1 and {_MOST}; --page shows further hits")
    if opts.page < 1:
        raise QueryError(f"--page {opts.page} is no page; the first is 1")
    query = Query(
        text=" ".join(words),
        filters=[parsed_filter(each) for each in opts.filter],
        sort=opts.sort,
        page=opts.page,
        per_page=opts.n,
        grouped=not opts.all_releases,
    )
    usual = planned(query).descending
    return replace(query, descending=not usual) if opts.reverse else query


def parsed_filter(text: str) -> Filter:
    """A condition as typed, e.g. `python=3.12`. Raises QueryError when it is none."""
    found = _FILTER.fullmatch(text)
    if not found:
        raise QueryError(
            f"--filter {text[:80]!r} is no condition; "
            "write FIELD=VALUE, FIELD!=VALUE, FIELD>=VALUE or FIELD<=VALUE"
        )
    field = ALIASES.get(found["field"], found["field"])
    value = found["value"].strip()
    if field == "python_versions" and value[:1].isdigit():
        value = f"Python {value}"
    return Filter(field, _OPERATORS[found["operator"]], value)


def _as_json(result: SearchResult, query: Query) -> dict[str, object]:
    return {
        "found": result.found,
        "page": query.page,
        "per_page": query.per_page,
        "corrected": result.corrected,
        "hits": result.hits,
    }


def _corrections(result: SearchResult) -> list[Text]:
    return [
        Text(f"Nothing has {output.plain(word)!r}; searched for {_either(instead)}", "yellow")
        for word, instead in result.corrected.items()
    ]


def _either(words: tuple[str, ...]) -> str:
    return " or ".join(repr(output.plain(each)) for each in words)


def _hits(result: SearchResult) -> list[Table]:
    return [hits_table(result.hits)] if result.hits else []


def hits_table(hits: list[Document]) -> Table:
    """Packages as a table: name, version, when it was released, health score, summary."""
    return output.table(
        ("Name", "Version", "Released", "Health", "Summary"),
        [
            (
                Text(output.plain(hit.get("name")), "bold"),
                output.plain(hit.get("version")),
                output.day(hit.get("upload_timestamp")),
                _health(hit.get("health_score")),
                output.plain(hit.get("summary")),
            )
            for hit in hits
        ],
        right=("Health",),
        widest={"Name": 32, "Version": 14},
    )


def _health(score: int | None) -> Text:
    if score is None:
        return Text("-")
    return Text(str(score), "green" if score >= 70 else "yellow" if score >= 40 else "red")


def _footer(result: SearchResult, query: Query) -> str:
    what = output.count(result.found, "package" if query.grouped else "release")
    if not result.found:
        return "Nothing found."
    first = (query.page - 1) * query.per_page + 1
    last = first + len(result.hits) - 1
    if not result.hits:
        return f"{what} found, none on page {query.page}"
    if len(result.hits) == result.found:
        return f"{what} found"
    more = f"; more with --page {query.page + 1}" if last < result.found else ""
    return f"{what} found, {first:,} to {last:,} shown{more}"
