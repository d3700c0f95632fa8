"""Which release of a package fits which framework and Python version."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from pyfcrawl.core.classifiers import python_minors
from pyfcrawl.core.versions import sort_key
from pyfcrawl.stores.index import Document

#: The newest of each are shown.
_MOST_PYTHONS, _MOST_FRAMEWORKS = 9, 9
#: As many where only `requires_python` tells.
_MOST_ALLOWED = 6
_MINOR = re.compile(r"Python (\d+\.\d+)")


@dataclass(frozen=True, slots=True)
class Matrix:
    """`rows` are framework versions, each with its newest fitting release per Python version.

    A cell is None where no release fits.
    """

    pythons: list[str]
    rows: list[tuple[str, list[Document | None]]]


def matrix(releases: Sequence[Document]) -> Matrix | None:
    """The matrix of a package's releases, newest first; None when they say nothing to fill one.

    A release fits a Python version that its classifiers name. If they name none, any will do
    that other releases name; and what `requires_python` rules out never fits. Where no release
    names any, those fit that `requires_python` allows.
    """
    usable = [each for each in releases if not each["yanked"]]
    named = {minor for each in usable for minor in _minors(each)}
    pythons = sorted(named, key=sort_key)[-_MOST_PYTHONS:] or _allowed_by_any(usable)
    found = {name for each in usable for name in each["framework_versions"]}
    frameworks = sorted(found, key=_framework_order, reverse=True)[:_MOST_FRAMEWORKS]
    if not pythons or not frameworks:
        return None
    others = frozenset(pythons)
    fitting = [(each, _fitting(each, others, told=bool(named))) for each in usable]
    rows = [(name, [_first(fitting, name, python) for python in pythons]) for name in frameworks]
    return Matrix(pythons, rows)


def _framework_order(name: str) -> tuple[str, str]:
    framework, _, version = name.rpartition(" ")
    return framework, sort_key(version)


def _first(
    fitting: Iterable[tuple[Document, frozenset[str]]], framework: str, python: str
) -> Document | None:
    return next(
        (
            each
            for each, pythons in fitting
            if python in pythons and framework in each["framework_versions"]
        ),
        None,
    )


def _minors(release: Document) -> frozenset[str]:
    found = (_MINOR.fullmatch(each) for each in release["python_versions"])
    return frozenset(match[1] for match in found if match)


def _allowed_by_any(releases: Sequence[Document]) -> list[str]:
    """The newest Python versions that any release's `requires_python` allows."""
    known = frozenset(python_minors())
    wanted = {each["requires_python"] for each in releases if each["requires_python"]}
    found = {python for each in wanted for python in _allowed(each, known) or ()}
    return sorted(found, key=sort_key)[-_MOST_ALLOWED:]


def _fitting(release: Document, others: frozenset[str], told: bool) -> frozenset[str]:
    """Python versions that fit; `told` when some release names some, and `others` are theirs."""
    named = _minors(release) or others
    wanted = release["requires_python"]
    allowed = _allowed(wanted, named) if wanted else None
    if allowed is None:
        return named if told else frozenset()
    return allowed


@lru_cache(4096)
def _allowed(requires_python: str, among: frozenset[str]) -> frozenset[str] | None:
    """Those Python versions that it allows, None when it can't be read.

    Remembered, as most releases say what others say, and packaging takes its time.
    """
    try:
        wanted = SpecifierSet(requires_python)
    except InvalidSpecifier:
        return None
    # 3.12 stands for all its bug fix releases; a late one is what people have.
    return frozenset(each for each in among if wanted.contains(f"{each}.99", prereleases=True))
