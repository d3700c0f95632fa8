"""Names of packages and the ids made from them.

A package's id is its Package URL (https://github.com/package-url/purl-spec) with the name
normalised by PEP 503, so ids of PyPI and npm never collide and spellings of one project never
part. Two names that normalise alike are one project to PyPI, and one id here.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from packageurl import PackageURL
from packaging.utils import canonicalize_name


def normalized(name: str, registry: str = "pypi") -> str:
    """The name as the registry compares it: PEP 503 for PyPI, lower case for npm."""
    return canonicalize_name(name) if registry == "pypi" else name.lower()


def normalized_all(names: Iterable[str]) -> list[str]:
    """`normalized` for PyPI's whole listing at once, some thirty times as fast as one by one.

    Same result as mapping `normalized` over names. Raises ValueError for a name with a line
    break, which no registry allows.
    """
    given = list(names)
    if not given:
        return []
    text = "\n".join(given).lower().replace("_", "-").replace(".", "-")
    while "--" in text:
        text = text.replace("--", "-")
    result = text.split("\n")
    if len(result) != len(given):
        raise ValueError("a project name holds a line break")
    return result


def package_id(registry: str, name: str) -> str:
    """Package URL of a package, e.g. `pkg:pypi/plone-api` or `pkg:npm/%40plone/volto`."""
    return _purl(registry, name, None)


def release_id(registry: str, name: str, version: str) -> str:
    """Package URL of a release, e.g. `pkg:pypi/plone-api@2.0.0`."""
    return _purl(registry, name, version)


@lru_cache(8192)
def _purl(registry: str, name: str, version: str | None) -> str:
    scope, _, bare = normalized(name, registry).rpartition("/")
    return PackageURL(registry, scope or None, bare, version).to_string()
