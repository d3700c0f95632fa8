"""Which release of a package fits which framework and Python version."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from pyfcrawl.core.versions import sort_key
from pyfcrawl.stores.index import Document

#: The newest of each are shown.
_MOST_PYTHONS, _MOST_FRAMEWORKS = 9, 9
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
    that other releases name; and what `requires_python` rules out never fits.
    """
    usable = [each for each in releases if not each["yanked"]]
    named = {minor for each in usable for minor in _minors(each)}
    pythons = sorted(named, key=sort_key)[-_MOST_PYTHONS:]
    found = {name for each in usable for name in each["framework_versions"]}
    frameworks = sorted(found, key=_framework_order, reverse=True)[:_MOST_FRAMEWORKS]
    if not pythons or not frameworks:
        return None
    fitting = [(each, _fitting(each, pythons)) for each in usable]
    rows = [(name, [_first(fitting, name, python) for python in pythons]) for name in frameworks]
    return Matrix(pythons, rows)


def _framework_order(name: str) -> tuple[str, str]:
    framework, _, version = name.rpartition(" ")
    return framework, sort_key(version)


def _first(
    fitting: Iterable[tuple[Document, set[str]]], framework: str, python: str
) -> Document | None:
    return next(
        (
            each
            for each, pythons in fitting
            if python in pythons and framework in each["framework_versions"]
        ),
        None,
    )


def _minors(release: Document) -> set[str]:
    found = (_MINOR.fullmatch(each) for each in release["python_versions"])
    return {match[1] for match in found if match}


def _fitting(release: Document, pythons: Sequence[str]) -> set[str]:
    named = _minors(release) or set(pythons)
    try:
        wanted = SpecifierSet(release["requires_python"] or "")
    except InvalidSpecifier:
        return named
    # 3.12 stands for all its bug fix releases; a late one is what people have.
    return {each for each in named if wanted.contains(f"{each}.99", prereleases=True)}
