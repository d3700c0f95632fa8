"""What all commands share: options, errors in one line, exit status, help and documentation."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest
from scrapy.cmdline import _get_commands_from_module
from scrapy.commands import ScrapyCommand
from scrapy.settings import Settings

from tests.commands.shell import PROJECT, Shell, document, error_of

COMMANDS = _get_commands_from_module("pyfcrawl.commands", inproject=True)
OURS = ("show", "search", "export", "status", "profiles", "health", "schedule")
NEED_A_COLLECTION = ("show a", "search", "export", "health")


def options(command: ScrapyCommand) -> set[str]:
    """Long (or only) names of a command's own options."""
    command.settings = Settings()
    parser, plain = argparse.ArgumentParser(conflict_handler="resolve"), argparse.ArgumentParser()
    command.add_options(parser)
    ScrapyCommand.add_options(command, plain)
    known = plain._option_string_actions
    return {name for name in parser._option_string_actions if name not in known}


def test_helpers_are_no_commands() -> None:
    assert set(COMMANDS) >= {*OURS, "crawl"}
    assert not {"frame", "output", "commands"} & set(COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_documentation_names_every_option(name: str) -> None:
    text = (PROJECT / "docs" / "commands.md").read_text()
    sections = dict(re.findall(r"^## `scrapy ([\w-]+)`\n(.*?)(?=^## |\Z)", text, re.M | re.S))
    assert name in sections
    section = sections[name]
    assert "```" in section
    missing = [each for each in options(COMMANDS[name]) if f"`{each}" not in section]
    common = re.search(r"^## For all commands\n(.*?)(?=^## )", text, re.M | re.S)
    assert common is not None
    assert [each for each in missing if f"`{each}" not in common[1]] == []


@pytest.mark.parametrize("name", OURS)
def test_help_has_examples(filled: Shell, name: str) -> None:
    result = filled(name, "-h", columns=60)
    assert result.returncode == 0
    _, _, examples = result.stdout.partition("\nExamples\n========\n")
    assert examples.startswith(f"  scrapy {name}")
    titles = re.findall(r"^(.+)\n(?:=+|-+)$", result.stdout, re.M)
    assert titles == ["Usage", "Options", "Global Options", "Examples"]


@pytest.mark.parametrize(
    "args",
    [
        ("show", "plone.api"),
        ("search", "api"),
        ("export",),
        ("status", "-p", "plone"),
        ("profiles",),
        ("show", "nothing-like-it"),
        ("show",),
    ],
)
def test_a_process_of_its_own_does_the_same(filled: Shell, args: tuple[str, ...]) -> None:
    alone, here = filled.process(*args), filled(*args)
    assert (alone.returncode, alone.stdout) == (here.returncode, here.stdout)
    # What stands before "error:" is the program's name.
    assert alone.stderr.partition("error:")[1:] == here.stderr.partition("error:")[1:]


@pytest.mark.parametrize("command", NEED_A_COLLECTION)
def test_a_collection_not_crawled_yet(shell: Shell, command: str) -> None:
    error = error_of(shell(*command.split()))
    assert "profile 'plone' is not crawled yet; run: scrapy crawl pypi -a profile=plone" in error
    assert not shell.data.exists()


def test_a_collection_that_does_not_exist(filled: Shell) -> None:
    assert "crawl pypi -a profile=django" in error_of(filled("search", "-p", "django"))
    assert "there are: plone" in error_of(filled("search", "-t", "other"))


def test_profiles_and_collections_choose(shell: Shell) -> None:
    shell.fill([document("of-plone")])
    shell.fill([document("of-django")], "django")
    with shell.index() as index:
        index.alias("live", "django")
    assert "of-plone" in shell("search").stdout
    for args in (("-p", "django"), ("--profile-name", "django"), ("-t", "django"), ("-t", "live")):
        assert "of-django" in shell("search", *args).stdout
    assert "of-django" in shell("search", DEFAULT_PROFILE="django").stdout


def test_settings_on_the_command_line(filled: Shell, tmp_path: Path) -> None:
    elsewhere = Shell(tmp_path)
    for given in (f"DATA_DIR={filled.data}", f"INDEX_URL=sqlite:///{filled.data}/index.db"):
        assert "plone.api" in elsewhere("search", "-s", given).stdout


@pytest.mark.parametrize("command", ["search", "status"])
def test_unknown_profiles_are_told_with_those_known(filled: Shell, command: str) -> None:
    error = error_of(filled(command, "-p", "plonee"))
    assert "'plonee'" in error
    assert "did you mean 'plone'?" in error
    assert "known: plone, django" in error


def test_one_profile_at_a_time(filled: Shell) -> None:
    error = error_of(filled("search", DEFAULT_PROFILE="plone,django"))
    assert "names several; choose one with -p" in error
    assert filled("search", "-p", "plone", DEFAULT_PROFILE="plone,django").returncode == 0


@pytest.mark.parametrize("command", ["search", "status"])
def test_broken_profiles_are_told(filled: Shell, tmp_path: Path, command: str) -> None:
    path = tmp_path / "profiles.yaml"
    path.write_text("profiles: [")
    assert str(path) in error_of(filled(command, PROFILES_FILE=str(path)))


@pytest.mark.parametrize("command", ["search", "health", "status"])
def test_a_data_directory_that_is_none(tmp_path: Path, command: str) -> None:
    path = tmp_path / "file"
    path.write_text("")
    assert str(path) in error_of(Shell(path)(command))


def test_files_that_are_no_index_or_state(shell: Shell) -> None:
    shell.data.mkdir()
    (shell.data / "index.db").write_text("not a database" * 999)
    assert "index.db" in error_of(shell("search"))
    (shell.data / "index.db").unlink()
    (shell.data / "state.db").write_text("not a database" * 999)
    assert "state.db" in error_of(shell("status"))


def test_an_address_of_another_kind(filled: Shell) -> None:
    assert "mysql://x" in error_of(filled("search", "-s", "INDEX_URL=mysql://x"))


def test_a_closed_output_is_survived(filled: Shell) -> None:
    for script in ("$scrapy search | true", "$scrapy search >&-", "$scrapy show hostile | head -1"):
        assert filled.pipe(script).stderr == ""
