"""Who may import whom. docs/architecture.md explains the rooms; this is where they are fixed.

The modules are parsed, not imported, so that an import in a function or under TYPE_CHECKING
counts like any other.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "pyfcrawl"

#: Room -> rooms it may import, besides itself, `errors` and the package's own `__version__`.
MAY_IMPORT = {
    "": set(),
    "errors": set(),
    "signals": set(),
    "settings": set(),
    "core": set(),
    "items": {"core"},
    "sources": {"core", "items"},
    "stores": {"core", "items"},
    "batch": {"core"},
    "spiders": {"core", "items", "sources", "batch", "signals", "stores (read)"},
    "pipelines": {"core", "items", "stores", "signals"},
    "scheduling": {"core", "items", "stores", "batch", "signals"},
    "extensions": {"core", "items", "stores", "batch", "signals"},
    "middlewares": {"core", "items", "stores", "batch"},
    "web": {"core", "stores (read)"},
    "timetable": {"core", "stores"},
}
#: May import every room but the settings, and are imported by no other.
UNBOUND = {"commands", "addons"}
ROOMS = MAY_IMPORT.keys() | UNBOUND

#: What "stores (read)" stands for: names that can't change an index or a state store.
READING = {
    "pyfcrawl.stores.index": {
        *("open_reader", "IndexAddress", "IndexReader", "Document", "CollectionInfo"),
        *("Query", "Filter", "Operator", "SearchResult"),
    },
    "pyfcrawl.stores.state": {"open_state", "StateReader", "Cursor", "Pending", "Run"},
    "pyfcrawl.stores.history": {"open_history", "HistoryReader", "CountedDay", "Total"},
    "pyfcrawl.stores.standing": {
        *("Gap", "GAPS", "gaps_of", "Standing", "SourceStanding", "standing", "runs_of"),
    },
}

#: Pure rooms take what they need as arguments, so these modules mean nothing good there.
PURE = {"core", "items", "sources", "errors", "signals"}
IMPURE_MODULES = {
    *("scrapy", "twisted", "asyncio", "redis", "scrapy_redis", "typesense", "sqlite3"),
    *("aiohttp", "requests", "httpx", "urllib3", "socket", "ssl", "http.client"),
    *("http.server", "urllib.request", "os", "dotenv", "subprocess", "multiprocessing"),
    *("threading", "tempfile", "shutil", "time", "random", "secrets", "locale", "logging"),
}
#: Asking the clock, of whatever class: datetime.now(), date.today().
CLOCKS = {"now", "utcnow", "today"}
#: Stores work without Scrapy, so that a program without a crawl can use them.
WITHOUT_SCRAPY = PURE | {"stores", "web", "timetable"}

ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module; `name` is what is taken from it, "" for the module itself."""

    line: int
    module: str
    name: str = ""


def room_of(module: str) -> str:
    """`core` for pyfcrawl.core.names, "" for pyfcrawl itself."""
    return module.partition(".")[2].partition(".")[0]


def imports(tree: ast.AST, module: str, is_package: bool = False) -> Iterator[Import]:
    """All imports of a module, relative ones made absolute, submodules told from names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, module, is_package)
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                if base == PACKAGE and room_of(whole) in ROOMS:
                    yield Import(node.lineno, whole)
                else:
                    yield Import(node.lineno, base, alias.name)


def _base(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    package = parts[: len(parts) - node.level + is_package]
    return ".".join([*package, *([node.module] if node.module else [])])


def violations(module: str, source: str, is_package: bool = False) -> list[str]:
    """What in a module's source breaks the rules, each with its line."""
    tree = ast.parse(source)
    room = room_of(module)
    if room not in ROOMS:
        return [f"room {room!r} is not in the rules: add it to them"]
    found = [
        f"line {each.line}: {module} may not import {each.module} {each.name}".rstrip()
        for each in imports(tree, module, is_package)
        if not _may_import(room, each)
    ]
    return [*found, *_environment(tree, room), *_clocks(tree, room), *_open_states(tree, room)]


def _may_import(room: str, each: Import) -> bool:
    if each.module.split(".")[0] != PACKAGE:
        return not _is_foreign(room, each)
    target = room_of(each.module)
    if target == room or (target in {"", "errors"} and each.name != "*"):
        return True
    if room in UNBOUND:
        # Settings are read from the crawler: those imported know nothing of `-s NAME=VALUE`.
        return target in ROOMS - {"settings"}
    if target in MAY_IMPORT[room]:
        return True
    reads = f"{target} (read)" in MAY_IMPORT[room]
    return reads and each.name in READING.get(each.module, ())


def _is_foreign(room: str, each: Import) -> bool:
    """Whether a module from outside the project has no business in this room."""
    whole = f"{each.module}.{each.name}"
    modules = {each.module.split(".")[0], each.module, whole}
    if room in PURE and modules & IMPURE_MODULES:
        return True
    return room in WITHOUT_SCRAPY and bool(modules & {"scrapy", "twisted"})


def _environment(tree: ast.AST, room: str) -> Iterator[str]:
    if room == "settings":
        return
    for node in ast.walk(tree):
        read = isinstance(node, ast.Attribute) and node.attr in ENVIRONMENT
        taken = isinstance(node, ast.ImportFrom) and (
            node.module == "dotenv"
            or (node.module == "os" and any(each.name in ENVIRONMENT for each in node.names))
        )
        whole = isinstance(node, ast.Import) and any(each.name == "dotenv" for each in node.names)
        if read or taken or whole:
            yield f"line {node.lineno}: only settings.py reads the environment"


def _clocks(tree: ast.AST, room: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if room in PURE and isinstance(node, ast.Attribute) and node.attr in CLOCKS:
            yield f"line {node.lineno}: {room} may not ask the clock (.{node.attr}): pass `now` in"


def _open_states(tree: ast.AST, room: str) -> Iterator[str]:
    """Rooms that only read must say so when they open the state or the history."""
    if room in UNBOUND | {"stores"} or "stores" in MAY_IMPORT[room]:
        return
    for node in ast.walk(tree):
        opened = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
        if not isinstance(node, ast.Call) or opened not in ("open_state", "open_history"):
            continue
        flag = {each.arg: each.value for each in node.keywords}.get("readonly")
        if not (isinstance(flag, ast.Constant) and flag.value is True):
            yield f"line {node.lineno}: {room} calls {opened} without readonly=True"


def modules() -> Iterator[tuple[str, Path]]:
    """Every module of the package with its file."""
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


MODULES = dict(modules())


@pytest.mark.parametrize("module", MODULES)
def test_every_module_keeps_to_its_room(module: str) -> None:
    path = MODULES[module]
    source = path.read_text(encoding="utf-8")
    assert violations(module, source, path.name == "__init__.py") == []


def test_the_rooms_are_found() -> None:
    found = {room_of(module) for module in MODULES}
    assert {"core", "stores", "spiders", "pipelines", "batch", "settings", "errors"} <= found


BAD = (
    ("core.x", "from pyfcrawl.items import PackageItem"),
    ("core.x", "from pyfcrawl import items"),
    ("core.x", "import pyfcrawl.stores.index"),
    ("core.x", "from ..stores import index"),
    ("core.x", "from .. import items"),
    ("core.x", "def f():\n    from pyfcrawl.sources import pypi"),
    ("core.x", "from pyfcrawl.signals import work_failed"),
    ("core.x", "import time"),
    ("core.x", "from time import time"),
    ("core.x", "import os"),
    ("core.x", "import random"),
    ("core.x", "import urllib.request"),
    ("core.x", "from urllib import request"),
    ("core.x", "from scrapy.http import Response"),
    ("core.x", "from datetime import datetime\nsince = datetime.now()"),
    ("core.x", "import datetime\nsince = datetime.date.today()"),
    ("sources.x", "import aiohttp"),
    ("sources.x", "from pyfcrawl.stores.index import open_reader"),
    ("items", "from pyfcrawl.sources import pypi"),
    ("stores.x", "import scrapy"),
    ("stores.x", "from pyfcrawl.sources import pypi"),
    ("batch.x", "from pyfcrawl.items import PackageItem"),
    ("batch.x", "from pyfcrawl.signals import work_failed"),
    ("spiders.x", "from pyfcrawl.stores.index import open_writer"),
    ("spiders.x", "from pyfcrawl.stores.index import IndexReader, IndexWriter"),
    ("spiders.x", "from pyfcrawl.stores.index import *"),
    ("spiders.x", "from pyfcrawl.stores import index"),
    ("spiders.x", "import pyfcrawl.stores.index"),
    ("spiders.x", "from pyfcrawl.stores.sqlite import SqliteReader"),
    ("spiders.x", "from pyfcrawl.stores.state import StateStore"),
    ("spiders.x", "from pyfcrawl.stores.state import open_state\nopen_state(url)"),
    ("spiders.x", "from pyfcrawl.pipelines.index import IndexPipeline"),
    ("pipelines.x", "from pyfcrawl.sources import pypi"),
    ("pipelines.x", "from pyfcrawl.spiders.pypi import PypiSpider"),
    ("extensions.x", "from pyfcrawl.pipelines.index import IndexPipeline"),
    ("middlewares", "from pyfcrawl.signals import work_failed"),
    ("web.x", "from pyfcrawl.items import PackageItem"),
    ("web.x", "from pyfcrawl.stores.index import open_writer"),
    ("timetable.x", "from pyfcrawl.spiders.pypi import PypiSpider"),
    ("timetable.x", "from pyfcrawl.items import GoneItem"),
    ("timetable.x", "import scrapy"),
    ("web.x", "from pyfcrawl.stores.history import HistoryStore"),
    ("web.x", "from pyfcrawl.stores.history import open_history\nopen_history(url)"),
    ("web.x", "from pyfcrawl.spiders.gaps import Windows"),
    ("web.x", "import scrapy"),
    ("extensions.x", "import pyfcrawl.settings"),
    ("commands.x", "from pyfcrawl import settings"),
    ("commands.x", "from pyfcrawl.settings import DATA_DIR"),
    ("stores.x", "from pyfcrawl.addons import place_files"),
    ("pipelines.x", "from pyfcrawl.commands import report"),
    ("settings", "from pyfcrawl.core import names"),
    ("stores.x", "import os\nhome = os.environ['HOME']"),
    ("stores.x", "import os\nhome = os.getenv('HOME')"),
    ("commands.x", "from os import environ"),
    ("commands.x", "from dotenv import load_dotenv"),
    ("errors", "from pyfcrawl.core import names"),
    ("elsewhere.x", ""),
    ("core.x", "from pyfcrawl.elsewhere import thing"),
)


@pytest.mark.parametrize(("module", "source"), BAD)
def test_the_checker_sees_a_violation(module: str, source: str) -> None:
    assert len(violations(f"{PACKAGE}.{module}", source)) == 1


GOOD = (
    (
        "core.x",
        "from pyfcrawl.errors import SourceError\nfrom pyfcrawl.core.names import normalized",
    ),
    ("core.x", "from . import names\nfrom .names import normalized"),
    ("core.x", "from datetime import UTC, datetime\nmoment = datetime.fromtimestamp(now, UTC)"),
    ("core.x", "from urllib.parse import urlsplit\nimport re"),
    ("items", "from pyfcrawl.core.readme import EMPTY"),
    ("sources.x", "from pyfcrawl.items import GoneItem\nfrom pyfcrawl import errors"),
    ("spiders.x", "from pyfcrawl.stores.index import IndexReader, open_reader"),
    ("spiders.x", "from pyfcrawl.stores.state import open_state\nopen_state(u, readonly=True)"),
    ("spiders.x", "from pyfcrawl import signals\nimport asyncio, time"),
    ("pipelines.x", "from pyfcrawl.stores.index import open_writer"),
    ("extensions.x", "from pyfcrawl.stores.state import open_state\nopen_state(url)"),
    ("timetable.x", "from pyfcrawl.stores.state import StateStore\nimport time, subprocess"),
    ("commands.x", "from pyfcrawl.stores.state import open_state\nopen_state(url)"),
    ("web.x", "from pyfcrawl.stores.history import open_history\nopen_history(u, readonly=True)"),
    ("web.x", "from pyfcrawl.stores.standing import Standing\nimport starlette"),
    ("commands.x", "from pyfcrawl.spiders.pypi import PypiSpider\nimport scrapy"),
    ("commands.x", "from pyfcrawl.addons import place_files"),
    ("settings", "import os\nfrom pyfcrawl import __version__\nhome = os.environ['HOME']"),
)


@pytest.mark.parametrize(("module", "source"), GOOD)
def test_the_checker_lets_the_rest_pass(module: str, source: str) -> None:
    assert violations(f"{PACKAGE}.{module}", source) == []


def test_a_package_resolves_its_relative_imports() -> None:
    source = "from . import names\nfrom ..items import GoneItem"
    (found,) = violations(f"{PACKAGE}.core", source, is_package=True)
    assert "pyfcrawl.items" in found
