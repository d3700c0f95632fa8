"""`scrapy export`: every document, on any kind of output."""

import json

from tests.commands.shell import Shell, document, error_of


def test_every_document_is_a_line_in_order(filled: Shell) -> None:
    result = filled("export")
    assert (result.returncode, result.stderr) == (0, "")
    shown = [json.loads(line) for line in result.stdout.splitlines()]
    with filled.index() as index:
        assert shown == list(index.iterate("plone"))
    assert len(shown) == 9


def test_it_is_utf_8_whatever_the_locale(filled: Shell) -> None:
    result = filled.process("export", LC_ALL="C", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == filled("export").stdout
    assert "漢字" in result.stdout


def test_a_lone_surrogate_survives(shell: Shell) -> None:
    shell.fill([document("a", project_urls={"x": "\udc80"})])
    result = shell("export")
    assert json.loads(result.stdout)["project_urls"] == {"x": "\udc80"}


def test_a_closed_pipe_ends_it_quietly(shell: Shell) -> None:
    text = "much more than a pipe holds " * 4000
    shell.fill(document(f"a{number}", main_content=text) for number in range(20))
    result = shell.pipe("$scrapy export | head -n 1; echo ${PIPESTATUS[0]}")
    line, status = result.stdout.splitlines()
    assert json.loads(line)["name"] == "a0"
    assert (status, result.stderr) == ("0", "")


def test_a_full_disk_is_told(filled: Shell) -> None:
    error = error_of(filled.pipe("$scrapy export > /dev/full"))
    assert "the output can't be written: No space left" in error


def test_it_takes_no_words(filled: Shell) -> None:
    assert filled("export", "plone.api").returncode == 2
