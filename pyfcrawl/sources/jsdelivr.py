"""jsDelivr's copies of npm packages: where a version's own README is.

npm hands out the README of the latest version only; jsDelivr serves every file of every version
(https://www.jsdelivr.com/docs). A version without README.md is asked for the list of its files.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import msgspec

from pyfcrawl.core.screening import JUNK
from pyfcrawl.errors import SourceError

#: What to accept for a file.
TEXT = "text/plain, */*"

README = "README.md"

_README_FILE = re.compile(r"/readme(?:[._-][\w.-]*)?", re.IGNORECASE)
# Formats that can be rendered first, then texts; names in languages come after plain ones.
_ENDINGS = (".md", ".markdown", ".mdown", ".mkd", "", ".rst", ".txt")
_LONGEST = 200


class _Files(msgspec.Struct):
    files: list[dict[str, Any]]


_decoder = msgspec.json.Decoder(_Files)


def file_url(root: str, name: str, version: str, file: str = README) -> str:
    """A file of a version, by its path within the package."""
    return f"{root}/npm/{_release(name, version)}/{quote(file)}"


def files_url(root: str, name: str, version: str) -> str:
    """The flat list of a version's files."""
    return f"{root}/v1/packages/npm/{_release(name, version)}?structure=flat"


def find_readme(body: bytes) -> str | None:
    """The README among a version's files, None when there is none at the top of the package.

    Raises SourceError when the body is no list of files.
    """
    try:
        files = _decoder.decode(body).files
    except JUNK as error:
        raise SourceError(f"junk instead of a list of files ({error})") from error
    names = (each.get("name") for each in files)
    found = [name[1:] for name in names if isinstance(name, str) and _is_readme(name)]
    return min(found, key=_rank, default=None)


def _is_readme(path: str) -> bool:
    known = path.lower().endswith(_ENDINGS[:4] + _ENDINGS[5:]) or "." not in path
    return known and len(path) <= _LONGEST and bool(_README_FILE.fullmatch(path))


def _rank(name: str) -> tuple[int, int, str]:
    stem, dot, ending = name.lower().partition(".")
    plain = stem == "readme" and dot + ending in _ENDINGS
    return (0 if plain else 1), (_ENDINGS.index(dot + ending) if plain else len(name)), name


def _release(name: str, version: str) -> str:
    return f"{quote(name, safe='@/')}@{quote(version, safe='')}"
