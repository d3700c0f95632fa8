"""What a run is for: the collections, the classifiers that lead there, how far each is in step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pyfcrawl.core.names import normalized
from pyfcrawl.core.profiles import Profile
from pyfcrawl.core.screening import WantedClassifiers
from pyfcrawl.errors import UnknownCollectionError
from pyfcrawl.stores.index import IndexReader
from pyfcrawl.stores.state import Cursor, Pending, StateReader

REGISTRY = "pypi"


@dataclass(frozen=True, slots=True)
class Selection:
    """One collection of a run.

    `scope` says what its cursor vouches for; `cursor` is None when there is none that does.
    `indexed` holds the normalised names of the packages the collection has from PyPI.
    """

    profile: Profile
    scope: str
    cursor: Cursor | None
    pending: dict[str, Pending]
    indexed: frozenset[str]
    wanted: WantedClassifiers

    @property
    def collection(self) -> str:
        """The collection's name."""
        return self.profile.collection

    @property
    def key(self) -> str:
        """Under which the state store keeps its cursor."""
        return f"{REGISTRY}/{self.collection}"

    @property
    def serial(self) -> int:
        """The serial up to which everything is done or pending; -1, below all, before a run."""
        return self.cursor.serial if self.cursor else -1


def open_selections(
    profiles: Iterable[Profile],
    latest_only: bool,
    serving: Mapping[str, str],
    reader: IndexReader,
    state: StateReader,
) -> list[Selection]:
    """The selections of a run; `serving` maps collections to those to use in their place.

    With `latest_only` the run indexes each project's latest release and no other.

    Raises UnknownCollectionError when a collection isn't there.
    """
    return [
        _select(
            replace(profile, collection=serving.get(profile.collection, profile.collection)),
            latest_only,
            reader,
            state,
        )
        for profile in profiles
    ]


def _select(
    profile: Profile, latest_only: bool, reader: IndexReader, state: StateReader
) -> Selection:
    found = reader.collection(profile.collection)
    if found is None:
        raise UnknownCollectionError(f"collection {profile.collection!r} is not in the index")
    basis = f"{profile.fingerprint()}:{found.generation}"
    scope = f"{basis}:latest" if latest_only else basis
    key = f"{REGISTRY}/{profile.collection}"
    cursor = state.cursor(key)
    # A cursor kept while all releases were indexed vouches for the latest ones too.
    if cursor and cursor.scope not in (scope, basis):
        cursor = None
    indexed = reader.package_ids(profile.collection, REGISTRY).values()
    return Selection(
        profile=profile,
        scope=scope,
        cursor=cursor,
        pending=state.pending(key),
        indexed=frozenset(normalized(name) for name in indexed),
        wanted=WantedClassifiers(profile.classifiers),
    )


def all_classifiers(selections: Iterable[Selection]) -> list[str]:
    """The classifiers that lead into any of the collections."""
    return sorted({each for selection in selections for each in selection.profile.classifiers})
