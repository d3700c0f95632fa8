"""Which packages a run of `pypistats` reads, and in which order: those longest not read first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pyfcrawl.core.names import normalized
from pyfcrawl.spiders.pypistats_arguments import Arguments
from pyfcrawl.stores.index import IndexReader
from pyfcrawl.stores.state import StateReader

REGISTRY = "pypi"

#: Under which the state remembers when a round through all packages began; see `Work`.
ROUND = "pypistats/round"

#: Seconds for which a round that was broken off can be taken up again.
ROUND_LASTS = 86_400

#: Packages looked up in the index at a time.
_GROUP = 500


@dataclass(slots=True)
class Package:
    """An indexed package: where it is, and when its downloads were last read (0: never)."""

    name: str
    collections: list[str]
    updated: int


@dataclass(slots=True)
class Work:
    """What a run is to do.

    `packages` are those to read, in order, `left` how many `limit` cut off, `skipped` how many
    were read lately. `began` is when the round began that this run belongs to, 0 without one.
    `unknown` are names asked for that no collection has, `settled` names pending from before that
    are no longer indexed.
    """

    packages: list[Package]
    left: int = 0
    skipped: int = 0
    began: int = 0
    unknown: list[str] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)


def plan_work(arguments: Arguments, reader: IndexReader, state: StateReader, now: int) -> Work:
    """Read index and state. Raises StoreError, UnknownCollectionError."""
    collections = [each.collection for each in arguments.profiles]
    known = _indexed(collections, reader)
    keys = [state_key(each) for each in collections]
    settled = {name for key in keys for name in state.pending(key)} - known.keys()
    wanted = [known[name] for name in arguments.names if name in known]
    packages = wanted if arguments.names else list(known.values())
    began = _began(arguments, packages, state, now)
    horizon = began if arguments.max_age is None else now - arguments.max_age
    due = [each for each in packages if not horizon or each.updated < horizon]
    due.sort(key=lambda each: (each.updated, each.name))
    return Work(
        packages=due[: arguments.limit],
        left=max(0, len(due) - (arguments.limit or len(due))),
        skipped=len(packages) - len(due),
        began=began,
        unknown=[name for name in arguments.names if name not in known],
        settled=sorted(settled),
    )


def state_key(collection: str) -> str:
    """Under which the state keeps what is pending of a collection."""
    return f"pypistats/{collection}"


def round_key(arguments: Arguments) -> str:
    """Under which the state remembers the round of these collections."""
    return ",".join(sorted(each.collection for each in arguments.profiles))


def _began(arguments: Arguments, packages: Sequence[Package], state: StateReader, now: int) -> int:
    """When the round began that a run before this one left unfinished, 0 for a new one."""
    if not arguments.in_rounds:
        return 0
    key = round_key(arguments)
    began = state.recall(ROUND, [key], now).get(key)
    if not isinstance(began, int) or all(each.updated >= began for each in packages):
        return 0
    return began


def _indexed(collections: Iterable[str], reader: IndexReader) -> dict[str, Package]:
    """Normalised name -> package, of all PyPI packages in the collections."""
    found: dict[str, Package] = {}
    for collection in collections:
        ids = reader.package_ids(collection, REGISTRY)
        updated = _updated(collection, list(ids), reader)
        for package, written in ids.items():
            name, when = normalized(written), updated.get(package, 0)
            each = found.setdefault(name, Package(name, [], when))
            each.collections.append(collection)
            each.updated = min(each.updated, when)
    return found


def _updated(collection: str, ids: list[str], reader: IndexReader) -> dict[str, int]:
    result: dict[str, int] = {}
    for start in range(0, len(ids), _GROUP):
        group = ids[start : start + _GROUP]
        for package, releases in reader.known(collection, group, ("download_updated",)).items():
            times = (each.get("download_updated") or 0 for each in releases.values())
            result[package] = min(times, default=0)
    return result
