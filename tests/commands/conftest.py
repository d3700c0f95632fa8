"""What the tests of commands start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.shell import DAY, NOW, Shell, document


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Nothing crawled yet."""
    return Shell(tmp_path / "data")


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A collection to look at, not to change."""
    shell = Shell(tmp_path_factory.mktemp("filled"))
    shell.fill(
        [
            document("plone.api", "2.0", uploaded=NOW - 10 * DAY),
            document("plone.api", "1.10", latest=False, uploaded=NOW - 400 * DAY),
            document("plone.api", "1.9", latest=False, uploaded=NOW - 500 * DAY),
            document("plone.api", "3.0a1", latest=False, uploaded=NOW - 5 * DAY),
            document("collective.easyform", uploaded=NOW - 900 * DAY, health_score=None),
            document("collective.z3cform.datagridfield.with.a.name.beyond.any.column"),
            document("Products.CMFPlone", "6.1.3", framework_versions=["Plone 6.0"]),
            document("@plone/volto", "18.0.0", registry="npm"),
            document(
                "hostile",
                summary="[red]not\x1b[31m red\u202e \x9b2J [/nope]\nsecond line " + "long " * 90,
                description="<p>é \u2028 漢字 \x85</p>",
            ),
        ]
    )
    return shell
