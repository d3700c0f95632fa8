"""Which source an address belongs to: rates, pauses and tokens are kept by the roots of settings.

Sources may share a host (a mirror, a proxy, a stand-in), so the host alone doesn't tell them
apart: an address belongs to the longest root that it lies under.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar
from urllib.parse import unquote, urlsplit

from scrapy.settings import BaseSettings

Value = TypeVar("Value")

_PORTS = {"http": 80, "https": 443}


class Roots(Generic[Value]):
    """A value for each root, found by any address under it."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values: dict[str, list[tuple[str, Value]]] = {}
        for root, value in values.items():
            origin, path = _split(root)
            self._values.setdefault(origin, []).append((path.rstrip("/"), value))
        for found in self._values.values():
            found.sort(key=lambda each: len(each[0]), reverse=True)
        self._met: dict[str, list[tuple[str, Value]]] = {}

    def of(self, url: str) -> Value | None:
        """The value of the longest root that `url` lies under, by whole segments of its path.

        None when there is no such root; scheme, host and port have to be the same.
        """
        scheme, _, host, rest = [*url.split("/", 3), "", "", ""][:4]
        origin = f"{scheme}//{host}"  # splitting it further takes ten times as long
        under = self._met.get(origin)
        if under is None:
            under = self._met[origin] = self._values.get(_split(origin)[0], [])
        path = f"/{rest}"
        for root, value in under:
            if not root or path == root or path.startswith((f"{root}/", f"{root}?", f"{root}#")):
                return value if not root or _stays(path) else None
        return None


def _split(url: str) -> tuple[str, str]:
    """Scheme, host and port as one text that is the same for the same place; and the path."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return "", ""
    return f"{parts.scheme}://{parts.hostname}:{port}", parts.path


def _stays(path: str) -> bool:
    """Whether no `..` leads out of the root again: clients resolve them before they ask."""
    if "." not in path and "%2" not in path:
        return True
    return not any(unquote(each) in (".", "..") for each in path.partition("?")[0].split("/"))


def by_root(settings: BaseSettings, table: Mapping[str, str], preferred: str) -> dict[str, str]:
    """Address of each root -> value of the setting that `table` names for it.

    Where roots have one and the same address it is taken for the `preferred` one's.
    """
    names = sorted(table, key=lambda name: name != preferred)
    found: dict[str, str] = {}
    for name in names:
        root = str(settings[name] or "").rstrip("/")
        if root:
            found.setdefault(root, str(settings[table[name]] if table[name] else ""))
    return found
