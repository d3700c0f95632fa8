"""`scrapy show`: the right release under any spelling, and what is near a wrong name."""

import json

import pytest

from tests.commands.shell import Shell, document, error_of


def test_prints_the_latest_release_under_any_spelling(filled: Shell) -> None:
    result = filled("show", "Plone_API")
    assert (result.returncode, result.stderr) == (0, "")
    shown = json.loads(result.stdout)
    assert (shown["name"], shown["version"]) == ("plone.api", "2.0")
    with filled.index() as index:
        assert shown == index.get("plone", "pkg:pypi/plone-api@2.0")


def test_prints_all_releases_newest_first(filled: Shell) -> None:
    result = filled("show", "plone.api", "--all-versions")
    # Stable releases come before pre-releases.
    assert [each["version"] for each in json.loads(result.stdout)] == [
        "2.0",
        "1.10",
        "1.9",
        "3.0a1",
    ]


def test_knows_packages_of_npm(filled: Shell) -> None:
    shown = json.loads(filled("show", "@Plone/Volto", "--registry", "npm").stdout)
    assert shown["identifier"] == "pkg:npm/%40plone/volto@18.0.0"


def test_the_registry_decides_which_release_is_latest(shell: Shell) -> None:
    newer = document("a", "2.0", latest=False, yanked=True)
    shell.fill([newer, document("a", "1.0")])
    assert json.loads(shell("show", "a").stdout)["version"] == "1.0"


def test_an_unknown_name_is_told_with_near_ones(filled: Shell) -> None:
    error = error_of(filled("show", "plone.apy"))
    assert "'plone.apy' is not in 'plone'" in error
    assert "plone.api" in error.partition("near:")[2]


@pytest.mark.parametrize("name", ["../../etc", "a\x1b[31m\nb", "é" * 999])
def test_no_name_breaks_it(filled: Shell, name: str) -> None:
    error = error_of(filled("show", "--", name))
    assert "is not in 'plone'" in error
    assert len(error) < 300


@pytest.mark.parametrize("args", [(), (" ",), ("a", "--registry", "cpan")])
def test_wrong_usage(filled: Shell, args: tuple[str, ...]) -> None:
    result = filled("show", *args)
    assert result.returncode == 2
    assert "Usage" in result.stderr
