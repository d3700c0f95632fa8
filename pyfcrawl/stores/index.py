"""What an index store must do, whichever server or file is behind it.

`IndexReader` and `IndexWriter` are the only things the rest of pyfcrawl knows of an index.
Both are plain blocking calls: the crawl runs them in a thread of their own. Every store passes
the contract suite in tests/stores/contract.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol
from urllib.parse import urlsplit

from pyfcrawl.errors import ConfigurationError

if TYPE_CHECKING:
    from pyfcrawl.stores.typesense import TypesenseAddress

Document = dict[str, Any]

Operator = Literal["=", "!=", ">=", "<="]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A document or patch the index did not take: its id and why."""

    identifier: str
    reason: str


@dataclass(slots=True)
class WriteReport:
    """What became of a batch of writes; every document is in exactly one of the three."""

    written: int = 0
    unchanged: int = 0
    refused: list[Refusal] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Patch:
    """New values for some fields of one release or of a whole package.

    `target` is a document's `identifier`, or a `package_id` to patch every release of it.
    Fields not named keep their values; a target that does not exist is left alone (never created)
    and counts as unchanged.
    """

    target: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """A collection: `generation` is a fresh random text each time it is made from nothing."""

    name: str
    generation: str
    documents: int
    packages: int


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition on a filterable field. For list fields `=` means "contains".

    Several filters on one field with `=` mean "any of them"; different fields must all hold.
    """

    field: str
    operator: Operator
    value: str | int | float | bool


@dataclass(frozen=True, slots=True)
class Query:
    """A search: words, conditions, order and the page wanted.

    `sort` is "relevance", or a sortable field; `descending` None takes the field's usual way
    (names and relevance ascending/best first, numbers and versions descending). `grouped` gives
    one hit a package: its latest release, or with filters its newest release that fits them.
    `per_page` 0 asks for no hits, but for what is counted. For each of `counts` it is counted how
    many of the hits fit it as well; where filters hold for some releases only, a store may count a
    package by another release that fits all of them.
    """

    text: str = ""
    filters: Sequence[Filter] = ()
    sort: str = "relevance"
    descending: bool | None = None
    page: int = 1
    per_page: int = 20
    grouped: bool = True
    facets: Sequence[str] = ()
    facet_values: int = 20
    counts: Sequence[Filter] = ()


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A page of hits: `found` counts all (packages when grouped).

    `facets` gives per facet field its most frequent values with counts, most frequent first, and
    `counts` what was counted for each of the query's.
    `corrected` maps words of the query that the index doesn't know to the words searched instead.
    """

    found: int
    hits: list[Document]
    facets: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    corrected: dict[str, tuple[str, ...]] = field(default_factory=dict)
    counts: list[int] = field(default_factory=list)


class IndexReader(Protocol):
    """Read side. Raises UnknownCollectionError for a collection that doesn't exist."""

    def collections(self) -> list[CollectionInfo]:
        """All collections by name."""

    def aliases(self) -> dict[str, str]:
        """Alias -> collection."""

    def collection(self, name: str) -> CollectionInfo | None:
        """The collection of that name or alias, None when there is none."""

    def get(self, collection: str, identifier: str) -> Document | None:
        """One whole document."""

    def releases(self, collection: str, package_id: str) -> list[Document]:
        """All documents of a package, newest version first (by version_sortable)."""

    def known(
        self, collection: str, package_ids: Iterable[str], fields: Sequence[str]
    ) -> dict[str, dict[str, Document]]:
        """package_id -> version -> the named fields, for the packages that are indexed.

        Made for "what do we have already": one call for many packages.
        """

    def package_ids(self, collection: str, registry: str) -> dict[str, str]:
        """package_id -> name of every indexed package of a registry."""

    def iterate(
        self, collection: str, fields: Sequence[str] | None = None, latest: bool = False
    ) -> Iterator[Document]:
        """Every document, streaming, ordered by identifier; whole ones, or just some fields.

        `latest` leaves out all but the release that stands for its package.
        """

    def search(self, collection: str, query: Query) -> SearchResult:
        """Search. Raises QueryError for unknown fields, orders and values."""

    def close(self) -> None:
        """Release files and connections; closing twice is fine."""


class IndexWriter(IndexReader, Protocol):
    """Write side: everything it returns from is durable."""

    def create(self, collection: str) -> CollectionInfo:
        """Make the collection if it isn't there (no error when it is)."""

    def create_like(self, collection: str, generation: str | None) -> CollectionInfo:
        """As `create`; a new collection gets this generation, as the copy of that one it becomes.

        None stands for a fresh one.
        """

    def drop(self, collection: str) -> bool:
        """Remove a collection and its documents; False when there was none."""

    def alias(self, name: str, collection: str) -> None:
        """Point `name` at an existing collection, replacing where it pointed."""

    def upsert(self, collection: str, documents: Iterable[Document]) -> WriteReport:
        """Write whole documents of the crawl.

        Fields owned by enrichment (Owner.GITHUB, Owner.DOWNLOADS) are never touched by it and
        shared by all releases of the package, new ones too. An equal document (bookkeeping
        fields aside) is unchanged. A refused document doesn't keep its neighbours out.
        """

    def patch(self, collection: str, patches: Iterable[Patch]) -> WriteReport:
        """Change some fields of documents that exist; `written` counts patches that changed."""

    def delete(self, collection: str, identifiers: Iterable[str]) -> int:
        """Remove documents; returns how many there were."""

    def delete_packages(self, collection: str, package_ids: Iterable[str]) -> int:
        """Remove all documents and facts of packages; returns how many documents."""


@dataclass(frozen=True, slots=True)
class IndexAddress:
    """Where an index is and how to get in.

    `url` is `sqlite:///relative/path.db`, `sqlite:////absolute/path.db`, or for a Typesense server
    `typesense+http://host:port` (or https), which needs `api_key`. `timeout` is for one answer of
    a server and `wait` for how long it is waited for in all, in seconds.
    """

    url: str
    api_key: str = field(default="", repr=False)
    timeout: float = 10
    wait: float = 300

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> IndexAddress:
        """The address that INDEX_URL, TYPESENSE_API_KEY, TYPESENSE_TIMEOUT, INDEX_WAIT give."""
        return cls(
            url=str(settings["INDEX_URL"]),
            api_key=str(settings["TYPESENSE_API_KEY"] or ""),
            timeout=float(settings["TYPESENSE_TIMEOUT"]),
            wait=float(settings["INDEX_WAIT"]),
        )


def open_reader(address: IndexAddress | str) -> IndexReader:
    """The index at `address` (or a URL that needs no more) for reading.

    An index that doesn't exist yet has no collections. Raises ConfigurationError for a URL of
    another kind, StoreError when what is there can't be read.
    """
    where = _address(address)
    if where.url.startswith("typesense+"):
        from pyfcrawl.stores.typesense import TypesenseReader

        return TypesenseReader(typesense_address(where))
    from pyfcrawl.stores.sqlite import SqliteReader

    return SqliteReader(_sqlite_path(where.url))


def open_writer(address: IndexAddress | str) -> IndexWriter:
    """The index at `address` for writing, made if it isn't there; addresses as open_reader."""
    where = _address(address)
    if where.url.startswith("typesense+"):
        from pyfcrawl.stores.typesense import TypesenseWriter

        return TypesenseWriter(typesense_address(where))
    from pyfcrawl.stores.sqlite import SqliteWriter

    return SqliteWriter(_sqlite_path(where.url))


def _address(given: IndexAddress | str) -> IndexAddress:
    return given if isinstance(given, IndexAddress) else IndexAddress(given)


def typesense_address(address: IndexAddress) -> TypesenseAddress:
    """What a Typesense client needs of an address. Raises ConfigurationError for a broken one."""
    from pyfcrawl.stores.typesense import TypesenseAddress

    try:
        parts = urlsplit(address.url.removeprefix("typesense+"))
        host, port = parts.hostname or "", parts.port or 8108
    except ValueError as error:
        raise ConfigurationError(
            f"index URL {ascii(address.url)[:200]} can't be used ({error}): give "
            "typesense+http://host:port, or TYPESENSE_HOST and TYPESENSE_PORT"
        ) from error
    return TypesenseAddress(
        host=host,
        port=port,
        protocol=parts.scheme,
        api_key=address.api_key,
        timeout=address.timeout,
        wait=address.wait,
    )


def _sqlite_path(url: str) -> str:
    scheme, _, path = str(url).partition(":///")
    if scheme != "sqlite" or not path or "\0" in path:
        raise ConfigurationError(
            f"index URL {ascii(url)[:200]} can't be used: give sqlite:///relative/path.db,"
            " sqlite:////absolute/path.db or typesense+http://host:port"
        )
    return path
