"""What a run over npm is for: the collections, what leads there, what is known of packuments."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pyfcrawl.core.names import normalized
from pyfcrawl.core.profiles import Profile
from pyfcrawl.errors import UnknownCollectionError
from pyfcrawl.sources.npm import REGISTRY, lowered, scope_of
from pyfcrawl.spiders.npm_arguments import Arguments
from pyfcrawl.stores.index import IndexReader
from pyfcrawl.stores.state import StateReader


@dataclass(frozen=True, slots=True)
class Selection:
    """One collection of a run.

    `scope` says what validators vouch for: which packages belong, and which generation of the
    collection. `indexed` maps the normalised names of its packages from npm to the names as
    written, `validators` names to what is remembered of them.
    """

    profile: Profile
    scope: str
    pending: tuple[str, ...]
    indexed: Mapping[str, str]
    validators: Mapping[str, Any]
    keywords: frozenset[str]

    @property
    def collection(self) -> str:
        """The collection's name."""
        return self.profile.collection

    @property
    def key(self) -> str:
        """Under which the state store keeps what is pending."""
        return f"{REGISTRY}/{self.collection}"

    @property
    def kind(self) -> str:
        """Under which the state store keeps validators."""
        return f"validators/{self.key}"

    def holds(self, name: str) -> bool:
        """Whether the package is in the collection."""
        return normalized(name, REGISTRY) in self.indexed

    def wants(self, name: str, keywords: frozenset[str]) -> bool:
        """Whether a package with this name and these keywords (`lowered`) belongs here."""
        return scope_of(name) in self.profile.npm_scopes or bool(self.keywords & keywords)

    def validator(self, name: str, etag: str, modified: str, belongs: bool) -> dict[str, Any]:
        """What to remember of a packument."""
        return {"scope": self.scope, "etag": etag, "modified": modified, "belongs": belongs}

    def remembered(self, name: str) -> tuple[str, str] | None:
        """ETag and time of change of the packument that the collection is in step with."""
        known = self.validators.get(name)
        if not isinstance(known, dict) or known.get("scope") != self.scope:
            return None
        if known.get("belongs") is not self.holds(name):
            return None  # somebody took it out of the index since, or put it there
        return str(known.get("etag") or ""), str(known.get("modified") or "")


def agreed(selections: Sequence[Selection], name: str) -> tuple[str, str]:
    """ETag and time of change that all collections are in step with; "" for each they are not."""
    known = {each.remembered(name) for each in selections}
    if len(known) != 1:
        return "", ""
    return known.pop() or ("", "")


def open_selections(
    profiles: Iterable[Profile],
    serving: Mapping[str, str],
    reader: IndexReader,
    state: StateReader,
) -> list[Selection]:
    """The selections of a run; `serving` maps collections to those to use in their place.

    Raises UnknownCollectionError when a collection isn't there.
    """
    actual = (
        replace(each, collection=serving.get(each.collection, each.collection)) for each in profiles
    )
    return [_select(each, reader, state) for each in actual]


def _select(profile: Profile, reader: IndexReader, state: StateReader) -> Selection:
    found = reader.collection(profile.collection)
    if found is None:
        raise UnknownCollectionError(f"collection {profile.collection!r} is not in the index")
    key = f"{REGISTRY}/{profile.collection}"
    names = reader.package_ids(profile.collection, REGISTRY).values()
    return Selection(
        profile=profile,
        scope=f"{_fingerprint(profile)}:{found.generation}",
        pending=tuple(state.pending(key)),
        indexed={normalized(name, REGISTRY): name for name in names},
        validators=state.recall(f"validators/{key}"),
        keywords=lowered(profile.npm_keywords),
    )


def _fingerprint(profile: Profile) -> str:
    """16 hex digits that change when other packages on npm may belong than before."""
    deciding = [sorted(lowered(profile.npm_keywords)), sorted(set(profile.npm_scopes))]
    return hashlib.sha256(json.dumps(deciding).encode()).hexdigest()[:16]


def worklist(
    arguments: Arguments,
    selections: Sequence[Selection],
    discovered: Sequence[str],
    discovers: bool,
) -> list[str]:
    """The packages to visit, each once: pending ones, new ones, then those known already.

    Those pending count where the run `discovers` packages itself, and does not begin with names.
    """
    indexed = {key: name for each in selections for key, name in each.indexed.items()}
    known = {name for each in selections for name in each.validators}
    names = list(arguments.names)
    if discovers:
        names = [name for each in selections for name in each.pending]
        names += sorted(discovered, key=known.__contains__)
    if not arguments.names:
        names += indexed.values()
    # npm once took names that differ in case alone; here they are one package.
    spelled = {normalized(name, REGISTRY): name for name in reversed(names)}
    order = dict.fromkeys(normalized(name, REGISTRY) for name in names)
    listed = [indexed.get(key, spelled[key]) for key in order if arguments.match in key]
    return listed[: arguments.limit]
