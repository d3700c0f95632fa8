"""The subcommands of `scrapy manage` that work on any index: collections, aliases, copies."""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime
from pathlib import Path

from pyfcrawl.commands import output
from pyfcrawl.commands.frame import INTERRUPTED
from pyfcrawl.commands.manage_frame import Action, Manager, agreed, say
from pyfcrawl.commands.manage_server import furnish, server_snapshot
from pyfcrawl.errors import ConfigurationError, StoreError
from pyfcrawl.stores.index import CollectionInfo
from pyfcrawl.stores.rebuild import migrate, recreate
from pyfcrawl.stores.server import is_server
from pyfcrawl.stores.sqlite_snapshot import snapshot

# --- looking -----------------------------------------------------------------------------------


def _list_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON")


def _collections_options(parser: argparse.ArgumentParser) -> None:
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--names", action="store_true", help="nothing but names, one a line")
    form.add_argument("--json", action="store_true", help="as JSON")


def _collections(command: Manager, opts: argparse.Namespace) -> int:
    with command.open_index() as reader:
        found = reader.collections()
        aliases = reader.aliases()
    served = {
        each.name: [alias for alias, name in aliases.items() if name == each.name] for each in found
    }
    if opts.json:
        output.show_json([_as_json(each, served[each.name]) for each in found], indent=2)
    elif opts.names:
        for each in found:
            say(each.name)
    elif found:
        rows = [
            (
                output.plain(each.name),
                f"{each.packages:,}",
                f"{each.documents:,}",
                output.plain(", ".join(served[each.name])),
            )
            for each in found
        ]
        headings = ("Collection", "Packages", "Documents", "Serves as")
        output.show(output.table(headings, rows, right=headings[1:3]))
    else:
        say("No collections yet.")
    return 0


def _as_json(info: CollectionInfo, aliases: list[str]) -> dict[str, object]:
    return {
        "name": info.name,
        "aliases": aliases,
        "packages": info.packages,
        "documents": info.documents,
        "generation": info.generation,
    }


def _aliases(command: Manager, opts: argparse.Namespace) -> int:
    with command.open_index() as reader:
        aliases = reader.aliases()
        known = {each.name for each in reader.collections()}
    if opts.json:
        output.show_json(aliases, indent=2)
    elif aliases:
        rows = [
            (output.plain(name), output.plain(target) + ("" if target in known else " (missing)"))
            for name, target in aliases.items()
        ]
        output.show(output.table(("Alias", "Collection"), rows))
    else:
        say("No aliases yet.")
    return 0


# --- changing ----------------------------------------------------------------------------------


def _alias_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("alias", metavar="NAME", help="the alias to set")
    parser.add_argument("collection", metavar="COLLECTION", help="what it is to stand for")


def _alias(command: Manager, opts: argparse.Namespace) -> int:
    info = command.existing(opts.collection)
    with command.open_writer() as writer:
        before = writer.aliases().get(opts.alias)
        writer.alias(opts.alias, info.name)
    was = f", before it was {before}" if before and before != info.name else ""
    say(f"{opts.alias} is {info.name} now{was}")
    return 0


def _recreate_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--keep-old", action="store_true", help="don't drop the version that served until now"
    )


def _recreate(command: Manager, opts: argparse.Namespace) -> int:
    target = command.target(opts)
    old = command.found(target).name
    with command.open_writer() as writer:
        try:
            done = recreate(
                writer,
                target.collection,
                keep_old=opts.keep_old,
                say=say,
                ready=lambda version: furnish(command, target, version),
            )
        except KeyboardInterrupt:
            info = writer.collection(target.collection)
            if info:
                say(f"interrupted; {info.name} serves as {target.collection}")
            return INTERRUPTED
    kept = f"{old} is kept" if done.kept else f"{old} is gone"
    say(
        f"{done.version} serves as {', '.join(done.names)} now:"
        f" {output.count(done.documents, 'document')}; {kept}"
    )
    return 0


def _migrate_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SOURCE", help="the collection to copy from")
    parser.add_argument(
        "destination", metavar="TARGET", help="the collection to copy to; made if need be"
    )


def _migrate(command: Manager, opts: argparse.Namespace) -> int:
    command.existing(opts.source)
    with command.open_writer() as writer:
        report = migrate(writer, opts.source, opts.destination)
    for refusal in report.refused:
        output.report(StoreError(f"the index refused {refusal.identifier}: {refusal.reason}"))
    say(
        f"{output.count(report.written, 'document')} of {opts.source} written to"
        f" {opts.destination}, {report.unchanged:,} were there already"
    )
    return 1 if report.refused else 0


def _delete_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("collection", metavar="COLLECTION", help="by its own name, not an alias")
    parser.add_argument("--force", action="store_true", help="don't ask")


def _delete(command: Manager, opts: argparse.Namespace) -> int:
    info = command.existing(opts.collection)
    if info.name != opts.collection:
        raise ConfigurationError(
            f"{opts.collection!r} is an alias of {info.name!r}: name the collection itself"
        )
    with command.open_index() as reader:
        names = [alias for alias, name in reader.aliases().items() if name == info.name]
    what = f"{info.name} with {output.count(info.documents, 'document')}" + (
        f", which serves as {', '.join(names)}" if names else ""
    )
    if not opts.force and not agreed(f"delete {what}"):
        say(f"{info.name} is not deleted")
        return 1
    with command.open_writer() as writer:
        writer.drop(info.name)
    say(f"{info.name} is deleted")
    return 0


# --- backup ------------------------------------------------------------------------------------


def _snapshot_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path",
        metavar="PATH",
        nargs="?",
        help="where to: a new file (default: index-DATE-TIME.db beside the index); with"
        " Typesense a directory of the server's",
    )


def _snapshot(command: Manager, opts: argparse.Namespace) -> int:
    if is_server(command.address):
        return server_snapshot(command, opts.path)
    with command.open_index():  # tells a URL that can't be used
        index = Path(command.address.url.partition(":///")[2])
    moment = datetime.fromtimestamp(time.time(), UTC).strftime("%Y%m%d-%H%M%S")
    target = Path(opts.path) if opts.path else index.with_name(f"index-{moment}.db")
    size = snapshot(index, target)
    say(f"{target} holds the index as it is now, {size / 1e6:,.1f} MB")
    return 0


ACTIONS = (
    Action(
        "collections",
        "list collections",
        "List all collections with their size and the aliases they serve as.",
        ("scrapy manage collections", "scrapy manage collections --names"),
        _collections,
        _collections_options,
    ),
    Action(
        "aliases",
        "list aliases",
        "List all aliases with the collections they stand for.",
        ("scrapy manage aliases", "scrapy manage aliases --json"),
        _aliases,
        _list_options,
    ),
    Action(
        "alias",
        "let an alias stand for a collection",
        "Set an alias, or point it at another collection: readers and crawls that use the name"
        " use that one from now on.",
        ("scrapy manage alias packages plone", "scrapy manage alias plone plone-1"),
        _alias,
        _alias_options,
    ),
    Action(
        "recreate",
        "rebuild a collection beside itself and switch",
        "Make a new version of a collection (NAME-1, NAME-2, ...) with the schema of today, copy"
        " all documents, compare, and let it serve in place of the old one. Reading and writing"
        " go on meanwhile. If anything fails before the switch, the old one serves as before.",
        ("scrapy manage recreate -p plone", "scrapy manage recreate -t packages --keep-old"),
        _recreate,
        _recreate_options,
        targeted=True,
    ),
    Action(
        "migrate",
        "copy all documents to another collection",
        "Copy all documents of a collection, and what enrichment found out about their packages,"
        " to another one, which is made if it isn't there. Other documents there stay.",
        ("scrapy manage migrate plone plone-copy",),
        _migrate,
        _migrate_options,
    ),
    Action(
        "delete",
        "delete a collection",
        "Delete a collection with all its documents and aliases, after asking.",
        ("scrapy manage delete plone-1", "scrapy manage delete plone-1 --force"),
        _delete,
        _delete_options,
    ),
    Action(
        "snapshot",
        "back the index up",
        "Copy the whole index as it is now, while it is read and written: the embedded one to a"
        " new file, Typesense's data to a directory on its server.",
        ("scrapy manage snapshot /backup/index.db", "scrapy manage snapshot"),
        _snapshot,
        _snapshot_options,
    ),
)
