"""Addresses of the site's own pages, for a profile."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, urlencode

from pyfcrawl.core.profiles import Profile
from pyfcrawl.stores.index import Document

Parameters = Iterable[tuple[str, str]]


class Links:
    """Addresses that stay in the profile; the one the site begins with needs no naming."""

    def __init__(self, profile: Profile, is_default: bool) -> None:
        self._name = profile.name
        self._profile = [] if is_default else [("profile", profile.name)]

    @property
    def fields(self) -> list[tuple[str, str]]:
        """What forms must send along, name and value."""
        return self._profile

    def to(self, path: str, parameters: Parameters = ()) -> str:
        """An address with parameters, those that are empty left out."""
        query = urlencode([*((k, v) for k, v in parameters if v), *self._profile])
        return f"{quote(path, safe='/@~')}?{query}" if query else quote(path, safe="/@~")

    def search(self, parameters: Parameters = ()) -> str:
        """The search page."""
        return self.to("/", parameters)

    def package(self, document: Document) -> str:
        """A package's page."""
        return self.to(f"/package/{reference(document)}")

    def badge(self, document: Document, kind: str) -> str:
        """A badge of a package; without a registry a name with a scope is npm's, others PyPI's."""
        name, registry = document["name"], document["registry"]
        told = "" if registry == ("npm" if name.startswith("@") else "pypi") else registry
        return self.to(f"/badge/{name}/{kind}", [("registry", told)])

    def raw(self, document: Document) -> str:
        """All that is known of a package, as JSON."""
        return self.to(f"/raw/{reference(document)}")

    def releases(self, document: Document) -> str:
        """All releases of a package, as JSON: the profile is part of the path."""
        return quote(f"/api/v1/{self._name}/packages/{reference(document)}/releases", safe="/@~")

    def person(self, name: str) -> str:
        """A person's page."""
        return self.to("/person", [("name", name)])

    def compare(self, packages: Iterable[Document]) -> str:
        """These packages side by side."""
        return self.to("/compare", [("p", reference(each)) for each in packages])


def reference(document: Document) -> str:
    """How addresses name a package, e.g. `pypi/plone.api`."""
    return f"{document['registry']}/{document['name']}"
