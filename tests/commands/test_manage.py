"""`scrapy manage`: collections and aliases are looked after, on either kind of index."""

from __future__ import annotations

import argparse
import json
import os
import pty
import re
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest
from scrapy.settings import Settings

from pyfcrawl.commands.manage import ACTIONS, Command
from pyfcrawl.commands.manage_server import expiry
from pyfcrawl.errors import ConfigurationError
from pyfcrawl.stores.index import Query, open_reader
from tests.commands.shell import NOW, PROJECT, Result, Shell, document, error_of

NEED_SERVER = ("keys --json", "add-key", "delete-key 1", "apply-search")
NEED_COLLECTION = ("alias a plone", "recreate", "recreate -t plone", "migrate plone b")


def done(result: Result) -> str:
    """What a command that went well printed."""
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


@pytest.fixture
def served(shell: Shell) -> Shell:
    """A version of plone with two documents, serving under two names, and another collection."""
    shell.fill([document("a"), document("b")], "plone-1")
    shell.fill([document("c")], "other")
    with shell.index() as index:
        index.alias("plone", "plone-1")
        index.alias("packages", "plone-1")
    return shell


def names(shell: Shell) -> list[str]:
    return done(shell("manage", "collections", "--names")).splitlines()


# --- help --------------------------------------------------------------------------------------


def test_help_lists_the_subcommands(shell: Shell) -> None:
    text = done(shell("manage", "--help"))
    assert [each.name for each in ACTIONS if f"\n    {each.name} " not in text] == []
    titles = re.findall(r"^(.+)\n(?:=+|-+)$", text, re.MULTILINE)
    assert titles == ["Usage", "Options", "Global Options", "Subcommands", "Examples"]


@pytest.mark.parametrize("action", ACTIONS, ids=lambda each: each.name)
def test_every_subcommand_has_help_and_examples_that_parse(shell: Shell, action: object) -> None:
    text = done(shell("manage", action.name, "--help"))
    assert f"scrapy manage {action.name} [-h]" in text
    _, _, examples = text.partition("\nExamples\n========\n")
    lines = [each.removeprefix("  scrapy ") for each in examples.splitlines() if each]
    assert lines
    parser = argparse.ArgumentParser(conflict_handler="resolve")
    command = Command()
    command.settings = Settings()
    command.add_options(parser)
    for line in lines:
        assert line.startswith(f"manage {action.name}")
        assert parser.parse_args(line.split()[1:]).action is action


@pytest.mark.parametrize("action", ACTIONS, ids=lambda each: each.name)
def test_documentation_names_every_option_of_a_subcommand(action: object) -> None:
    text = (PROJECT / "docs" / "commands.md").read_text()
    found = re.search(rf"^### `scrapy manage {action.name}\b.*?(?=^##|\Z)", text, re.M | re.S)
    assert found is not None
    parser = argparse.ArgumentParser()
    action.options(parser)
    usage = parser.format_usage()
    wanted = set(re.findall(r"--[a-z-]+|\b[A-Z]{2,}\b", usage.partition("[-h]")[2]))
    assert [each for each in wanted if each not in found[0]] == []
    assert ("`-p`" in found[0]) == action.targeted


def test_without_subcommand_they_are_named(shell: Shell) -> None:
    result = shell("manage")
    assert result.returncode == 2
    assert "name a subcommand: collections, aliases" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        "nonsense",
        "alias a",
        "recreate extra",
        "recreate --bogus",
        "recreate -p plone -t plone",
        "-p plone recreate -t plone",
        "-p plone collections",
        "-t plone aliases",
        "delete",
        "delete-key five",
        "collections --names --json",
    ],
)
def test_wrong_usage(served: Shell, words: str) -> None:
    result = served("manage", *words.split())
    assert (result.returncode, result.stdout) == (2, "")
    assert names(served) == ["other", "plone-1"]


def test_settings_may_stand_on_either_side(served: Shell, tmp_path: Path) -> None:
    elsewhere = Shell(tmp_path)
    for words in (
        ("-s", f"DATA_DIR={served.data}", "collections", "--names"),
        ("collections", "--names", "-s", f"DATA_DIR={served.data}"),
        ("-s", "X=1", "collections", "-s", "Y=1", "--names", "-s", f"DATA_DIR={served.data}"),
    ):
        assert "plone-1" in elsewhere("manage", *words).stdout


# --- looking -----------------------------------------------------------------------------------


def test_collections(served: Shell) -> None:
    lines = done(served("manage", "collections")).splitlines()
    assert lines[0].split() == ["Collection", "Packages", "Documents", "Serves", "as"]
    assert lines[2].split() == ["other", "1", "1"]
    assert lines[3].split() == ["plone-1", "2", "2", "packages,", "plone"]
    assert names(served) == ["other", "plone-1"]
    other, plone = json.loads(done(served("manage", "collections", "--json")))
    assert (other["name"], other["aliases"]) == ("other", [])
    assert (plone["aliases"], plone["documents"], plone["packages"]) == (
        ["packages", "plone"],
        2,
        2,
    )


def test_names_are_whole_however_long(shell: Shell) -> None:
    name = "x" * 95
    shell.fill([], name)
    assert names(shell) == [name]


def test_aliases(served: Shell) -> None:
    lines = done(served("manage", "aliases")).splitlines()
    assert [each.split() for each in lines[2:]] == [["packages", "plone-1"], ["plone", "plone-1"]]
    expected = {"packages": "plone-1", "plone": "plone-1"}
    assert json.loads(done(served("manage", "aliases", "--json"))) == expected


def test_nothing_there_yet(shell: Shell) -> None:
    assert done(shell("manage", "collections")) == "No collections yet.\n"
    assert names(shell) == []
    assert done(shell("manage", "aliases")) == "No aliases yet.\n"
    assert done(shell("manage", "aliases", "--json")) == "{}\n"
    assert not shell.data.exists()


@pytest.mark.parametrize("words", [*NEED_COLLECTION, "delete plone", "delete plone --force"])
def test_what_is_not_there_is_told_and_no_index_made(shell: Shell, words: str) -> None:
    error = error_of(shell("manage", *words.split()))
    assert "'plone' is not" in error
    assert not shell.data.exists()


# --- changing ----------------------------------------------------------------------------------


def test_an_alias_is_set_and_moved(served: Shell) -> None:
    assert done(served("manage", "alias", "new", "plone")) == "new is plone-1 now\n"
    text = done(served("manage", "alias", "new", "other"))
    assert text == "new is other now, before it was plone-1\n"
    assert "choose another name" in error_of(served("manage", "alias", "other", "plone"))


@pytest.mark.parametrize("words", [("-p", "plone"), ("-t", "packages"), ()])
def test_recreate(served: Shell, words: tuple[str, ...]) -> None:
    text = done(served("manage", "recreate", *words))
    assert text.splitlines() == [
        "2 documents of plone-1 copied",
        "plone-2 serves as packages, plone now: 2 documents; plone-1 is gone",
    ]
    assert names(served) == ["other", "plone-2"]
    assert [each["name"] for each in exported(served)] == ["a", "b"]


def test_recreate_and_keep(served: Shell) -> None:
    text = done(served("manage", "-p", "plone", "recreate", "--keep-old"))
    assert text.endswith("2 documents; plone-1 is kept\n")
    assert names(served) == ["other", "plone-1", "plone-2"]


def test_a_collection_of_its_own_name_becomes_an_alias(served: Shell) -> None:
    error = error_of(served("manage", "recreate", "-t", "other", "--keep-old"))
    assert "own name" in error
    text = done(served("manage", "recreate", "-t", "other"))
    assert "missing for a moment" in text
    assert names(served) == ["other-1", "plone-1"]
    assert done(served("export", "-t", "other")).count("\n") == 1


def test_ctrl_c_leaves_the_old_one(shell: Shell) -> None:
    text = "long " * 3000
    shell.fill((document(f"p{number:04}", main_content=text) for number in range(1500)), "plone-1")
    with shell.index() as index:
        index.alias("plone", "plone-1")
        running = shell.start("manage", "recreate")
        deadline = time.monotonic() + 120
        while not any(each.name == "plone-2" and each.documents for each in index.collections()):
            assert time.monotonic() < deadline
            assert running.poll() is None
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=120)
        assert (running.returncode, err) == (130, "")
        assert out.endswith("interrupted; plone-1 serves as plone\n")
        assert [each.name for each in index.collections()] == ["plone-1"]
        assert index.aliases() == {"plone": "plone-1"}


def test_migrate(served: Shell) -> None:
    text = done(served("manage", "migrate", "plone", "copy"))
    assert text == "2 documents of plone written to copy, 0 were there already\n"
    done(served("manage", "migrate", "other", "copy"))
    assert "0 documents of plone" in done(served("manage", "migrate", "plone", "copy"))
    assert done(served("export", "-t", "copy")).count("\n") == 3
    assert "one collection" in error_of(served("manage", "migrate", "plone", "plone-1"))


# --- deleting ----------------------------------------------------------------------------------


def test_nobody_to_ask_nothing_deleted(served: Shell) -> None:
    error = error_of(served.process("manage", "delete", "plone-1"))
    assert "plone-1 with 2 documents, which serves as packages, plone" in error
    assert "--force" in error
    assert names(served) == ["other", "plone-1"]


def test_delete_with_force(served: Shell) -> None:
    assert done(served("manage", "delete", "plone-1", "--force")) == "plone-1 is deleted\n"
    assert names(served) == ["other"]
    assert done(served("manage", "aliases")) == "No aliases yet.\n"


def test_an_alias_is_not_taken_for_its_collection(served: Shell) -> None:
    error = error_of(served("manage", "delete", "plone", "--force"))
    assert "'plone' is an alias of 'plone-1'" in error
    assert names(served) == ["other", "plone-1"]


@pytest.mark.parametrize(
    ("answer", "left"), [(b"y\n", ["plone-1"]), (b"\n", ["other", "plone-1"]), (b"\x04", None)]
)
def test_a_terminal_is_asked(served: Shell, answer: bytes, left: list[str] | None) -> None:
    control, terminal = pty.openpty()
    running = subprocess.Popen(
        served.command("manage", "delete", "other"),
        cwd=PROJECT,
        env=served.env(),
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    os.write(control, answer)
    out, err = running.communicate(timeout=120)
    os.close(control)
    os.close(terminal)
    assert err == "Delete other with 1 document? [y/N] "
    agreed = left == ["plone-1"]
    assert out == ("other is deleted\n" if agreed else "other is not deleted\n")
    assert running.returncode == (0 if agreed else 1)
    assert names(served) == (left or ["other", "plone-1"])


# --- backup ------------------------------------------------------------------------------------


def test_a_snapshot_is_an_index_of_its_own(served: Shell, tmp_path: Path) -> None:
    path = tmp_path / "backup with a ? and %41.db"
    text = done(served("manage", "snapshot", str(path)))
    assert text.startswith(f"{path} holds the index as it is now, ")
    done(served("manage", "delete", "other", "--force"))
    reader = open_reader(f"sqlite:///{path}")
    assert [each.name for each in reader.collections()] == ["other", "plone-1"]
    assert reader.search("plone", Query(text="about a")).hits[0]["name"] == "a"
    assert reader.aliases() == {"packages": "plone-1", "plone": "plone-1"}
    reader.close()
    assert [each.name for each in tmp_path.iterdir() if "snapshot" in each.name] == []


def test_a_snapshot_overwrites_nothing(served: Shell, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("precious")
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "nowhere")
    for path in (there, dangling, tmp_path, served.data / "index.db"):
        assert "is there already" in error_of(served("manage", "snapshot", str(path)))
    assert there.read_text() == "precious"
    assert "can't be written" in error_of(served("manage", "snapshot", str(tmp_path / "no" / "x")))


def test_a_snapshot_without_a_path_lies_beside_the_index(served: Shell) -> None:
    text = done(served("manage", "snapshot"))
    (made,) = served.data.glob("index-*-*.db")
    assert text.startswith(f"{made} holds")
    with sqlite3.connect(made) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_there_must_be_an_index_for_a_snapshot(shell: Shell) -> None:
    assert "there is no index at" in error_of(shell("manage", "snapshot"))
    assert not shell.data.exists()


def exported(shell: Shell) -> list[dict[str, object]]:
    return [json.loads(line) for line in done(shell("export")).splitlines()]


# --- keys --------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", NEED_SERVER)
def test_the_embedded_index_has_no_keys(served: Shell, words: str) -> None:
    error = error_of(served("manage", *words.split()))
    assert f"{words.split()[0]} needs a Typesense server, and TYPESENSE_HOST is empty" in error


@pytest.mark.parametrize(
    ("text", "hours"),
    [("12h", 12), ("30d", 720), (" 2w ", 336), ("1y", 8760), ("2026-11-01", 24)],
)
def test_expiry(text: str, hours: int) -> None:
    # NOW is the first second of 2026-11-01.
    assert expiry(text, NOW) == NOW + hours * 3600


@pytest.mark.parametrize(
    "text",
    ["", "30", "d", "0d", "-1d", "30m", "2026-10-31", "2026-13-01", "9999-12-31", "999999y", "٣d"],
)
def test_what_is_no_expiry(text: str) -> None:
    with pytest.raises(ConfigurationError, match="--expires") as caught:
        expiry(text, NOW)
    assert "\n" not in str(caught.value)
