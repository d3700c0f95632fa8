"""A stand-in registry and a project beside it, for tests that crawl for real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crawl.project import Project
from tests.upstream import Registry, Upstream

PLONE = (
    "Framework :: Plone",
    "Framework :: Plone :: 6.1",
    "Programming Language :: Python :: 3.12",
)


def plone_registry() -> Registry:
    """60 projects, 12 of them Plone's with three releases each, two of them Django's as well."""
    registry = Registry()
    for number in range(48):
        registry.add(f"other-{number}", ["Framework :: PloneX"], versions=["1.0"])
    for number in range(10):
        registry.add(f"Plone.App.Number{number}", PLONE, versions=["1.0", "1.1", "2.0a1"])
    for number in range(2):
        registry.add(
            f"both_{number}", [*PLONE, "Framework :: Django :: 5.2"], versions=["0.1", "0.2", "0.3"]
        )
    return registry


@pytest.fixture
def up() -> Iterator[Upstream]:
    """The stand-in with `plone_registry`."""
    with Upstream(plone_registry()) as upstream:
        yield upstream


@pytest.fixture
def project(up: Upstream, tmp_path: Path) -> Project:
    """A project that crawls it."""
    return Project(tmp_path / "data", up.root)
