"""What only a served index has, by the address of any index: administration, search rules."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from typing import TYPE_CHECKING

from pyfcrawl.core.names import package_id
from pyfcrawl.core.profiles import Profile
from pyfcrawl.errors import ConfigurationError
from pyfcrawl.stores.index import IndexAddress, IndexReader, open_reader, typesense_address

if TYPE_CHECKING:
    from pyfcrawl.stores.typesense_admin import TypesenseAdmin


def is_server(address: IndexAddress) -> bool:
    """Whether the index is a Typesense server, not the embedded one."""
    return address.url.startswith("typesense+")


def open_admin(address: IndexAddress, what: str = "this") -> TypesenseAdmin:
    """The server's administration. Raises ConfigurationError on the embedded index: no `what`."""
    if not is_server(address):
        raise ConfigurationError(
            f"{what} needs a Typesense server, and TYPESENSE_HOST is empty: the embedded index"
            " does without"
        )
    from pyfcrawl.stores.typesense_admin import TypesenseAdmin

    return TypesenseAdmin(typesense_address(address))


def apply_profile(address: IndexAddress, collection: str, profile: Profile) -> list[str]:
    """Give a collection the profile's synonyms and pins, in place of those it had from one.

    Pins are for packages the collection has by now; returns the names of the others. Does
    nothing on the embedded index. Raises StoreError.
    """
    if not is_server(address):
        return []
    from pyfcrawl.stores.typesense_admin import Pin, Synonym

    with closing(open_reader(address)) as reader:
        ids = _package_ids(reader, collection, (n for p in profile.pinned for n in p.packages))
    pins = [Pin(each.query, tuple(ids[name] for name in each.packages)) for each in profile.pinned]
    synonyms = [Synonym(each.words, each.root) for each in profile.synonyms]
    with closing(open_admin(address)) as admin:
        missing = set(admin.apply_search(collection, synonyms, pins))
    return [name for name, each in ids.items() if each in missing]


def _package_ids(reader: IndexReader, collection: str, names: Iterable[str]) -> dict[str, str]:
    """Name -> package_id: of PyPI, unless the name is npm's or the collection has only that."""
    both = {name: (package_id("pypi", name), package_id("npm", name)) for name in names}
    known = reader.known(collection, (each for ids in both.values() for each in ids), [])
    return {
        name: npm if name.startswith("@") or (pypi not in known and npm in known) else pypi
        for name, (pypi, npm) in both.items()
    }
