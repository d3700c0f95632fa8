"""`scrapy import-downloads`: what a file may hold, and that a bad one changes nothing."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from pyfcrawl.stores.history import PackageDays, Total, open_history
from tests.commands.shell import Shell, document, error_of

API, VOLTO = "pkg:pypi/plone-api", "pkg:npm/%40plone/volto"

Csv = Callable[[str], str]


@pytest.fixture
def csv(tmp_path: Path) -> Csv:
    """Writes a file and gives its path."""

    def write(text: str) -> str:
        (tmp_path / "file.csv").write_bytes(text.encode())
        return str(tmp_path / "file.csv")

    return write


@pytest.fixture
def indexed(shell: Shell) -> Shell:
    shell.fill(
        [
            document("plone.api", "1.0", latest=False),
            document("plone.api", "2.0"),
            document("other"),
            document("@plone/volto", "18.0", registry="npm"),
        ]
    )
    return shell


def url(shell: Shell) -> str:
    return f"sqlite:///{shell.data / 'history.db'}"


def totals(shell: Shell) -> dict[str, Total]:
    with closing(open_history(url(shell), readonly=True)) as history:
        return history.totals([API, VOLTO, "pkg:pypi/other", "pkg:pypi/not-indexed"])


def fields(shell: Shell, package: str = API) -> set[tuple[int | None, str | None]]:
    """download_total and download_total_since of all releases."""
    with shell.index() as reader:
        found = reader.releases("plone", package)
    return {(each["download_total"], each["download_total_since"]) for each in found}


def test_totals(indexed: Shell, csv: Csv) -> None:
    with closing(open_history(url(indexed))) as history:
        days = [("2026-08-30", "", 5), ("2026-09-01", "", 7), ("2026-09-02", "", 8)]
        history.write([PackageDays(API, days, "pypistats")])
    file = csv(
        "project,total_downloads,date\n"
        "Plone_API,1000,2026-09-01\n"
        "not.indexed,5,\n"
        '"other", 12 ,2026-01-31\n'
    )
    done = indexed("import-downloads", file)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "3 rows of 3 packages imported; download_total of 2 packages in plone changed\n"
    )
    assert totals(indexed) == {
        API: Total(1008, None),
        "pkg:pypi/other": Total(12, None),
        "pkg:pypi/not-indexed": Total(5, None),
    }
    assert fields(indexed) == {(1008, None)}
    assert fields(indexed, VOLTO) == {(None, None)}
    again = indexed("import-downloads", file)
    assert "download_total of 0 packages" in again.stdout


def test_days(indexed: Shell, csv: Csv) -> None:
    file = csv(
        "\ufeffVersion,project,downloads,DATE\r\n"
        "1.0,plone.api,3,2025-01-02\r\n"
        "\r\n"
        "2.0,PLONE-API,4,2025-01-02\r\n"
        ",plone.api,20,2025-01-01\r\n"
    )
    assert "3 rows of 1 package imported" in indexed("import-downloads", file).stdout
    assert fields(indexed) == {(27, "2025-01-01")}
    file = csv("project,date,version,downloads\nplone.api,2025-01-02,3.0,1\n")
    indexed("import-downloads", file)
    assert fields(indexed) == {(21, "2025-01-01")}


def test_npm(indexed: Shell, csv: Csv) -> None:
    file = csv("project,total_downloads\n@plone/volto,77\n")
    done = indexed("import-downloads", "--registry", "npm", file, "-t", "plone")
    assert "download_total of 1 package in plone changed" in done.stdout
    assert fields(indexed, VOLTO) == {(77, None)}


def test_stdin(indexed: Shell) -> None:
    done = indexed.pipe("printf 'project,total_downloads\nother,5\n' | $scrapy import-downloads -")
    assert done.returncode == 0, done.stderr
    assert fields(indexed, "pkg:pypi/other") == {(5, None)}
    done = indexed.pipe("printf 'project,total_downloads\nother,x\n' | $scrapy import-downloads -")
    assert error_of(done).startswith("error: stdin line 2: total_downloads='x' is not")


DAYS = "project,date,version,downloads\nplone.api,2025-01-01,,1\n"
LATER = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 5 * 86_400))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "its first line is no header"),
        ("\n\n", "its first line is no header"),
        ("project,downloads\nplone.api,1\n", "its first line is no header"),
        ("project,total_downloads,stars\nplone.api,1,2\n", "its first line is no header"),
        ("project,project,total_downloads\na,b,1\n", "its first line is no header"),
        (f"{DAYS}plone.api,2025-01-02,,-3\n", "line 3: downloads='-3' is not a whole number"),
        (f"{DAYS}plone.api,2025-01-02,,1.5\n", "line 3: downloads='1.5'"),
        (f"{DAYS}plone.api,2025-01-02,,\n", "line 3: downloads=''"),
        (f"{DAYS}plone.api,2025-01-02,,٣\n", "line 3: downloads="),
        (f"{DAYS}plone.api,2025-01-02,,{10**15 + 1}\n", "line 3: downloads="),
        (f"{DAYS}plone.api,2025-01-02,,{'9' * 5000}\n", "line 3: downloads="),
        (f"{DAYS}plone.api,2025-02-30,,1\n", "line 3: date='2025-02-30' is no day"),
        (f"{DAYS}plone.api,,,1\n", "line 3: date='' is no day"),
        (f"{DAYS}plone.api,{LATER},,1\n", f"line 3: date={LATER} is not between"),
        (f"{DAYS}plone.api,1999-12-31,,1\n", "line 3: date=1999-12-31 is not between"),
        (f"{DAYS}a b,2025-01-02,,1\n", "line 3: project='a b' is no name"),
        (f"{DAYS},2025-01-02,,1\n", "line 3: project='' is no name"),
        (f"{DAYS}a,2025-01-02,1\x1b[31m,1\n", "line 3: version="),
        (f"{DAYS}plone.api,2025-01-02,1\n", "line 3: it has 3 columns, the header 4"),
        (f"{DAYS}other,2025-01-01,,2\nPlone_Api,2025-01-01,,2\n", "line 4: it says the same as"),
        (f'{DAYS}"plone.api,2025-01-02,,1\n', "it is no CSV"),
        (f'{DAYS}"plone"api,2025-01-02,,1\n', "line 3: it is no CSV"),
        (f"{DAYS}{'x' * 70_000},2025-01-02,,1\n", "it has more than 65536 characters"),
    ],
)
def test_a_file_with_a_wrong_line_changes_nothing(
    indexed: Shell, csv: Csv, text: str, complaint: str
) -> None:
    error = error_of(indexed("import-downloads", csv(text)))
    assert complaint in error
    assert "header" in complaint or error.endswith("; nothing was imported")
    assert totals(indexed) == {}
    assert fields(indexed) == {(None, None)}


def test_files_that_cannot_be_read(indexed: Shell, tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes(b"project,total_downloads\nplone.api,1\ncaf\xe9,1\n")
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)) * 9)
    for name, complaint in (
        ("latin.csv", "it is not in UTF-8; nothing was imported"),
        ("binary.csv", "binary.csv"),
        ("nowhere.csv", "can't be read: No such file"),
        ("", "can't be read: Is a directory"),
        ("nul\0.csv", "can't be read"),
    ):
        assert complaint in error_of(indexed("import-downloads", f"{tmp_path}/{name}"))
    assert totals(indexed) == {}


def test_a_collection_that_is_not_there_is_told_first(shell: Shell, csv: Csv) -> None:
    assert "not crawled yet" in error_of(shell("import-downloads", csv(DAYS)))
    assert not shell.data.exists()


def test_one_file_is_needed(indexed: Shell) -> None:
    for words in ((), ("a.csv", "b.csv")):
        assert indexed("import-downloads", *words).returncode == 2


def test_rows_stream_through(indexed: Shell, tmp_path: Path) -> None:
    file = tmp_path / "large.csv"
    with file.open("w") as out:
        out.write("project,date,version,downloads\n")
        out.writelines(f"package-{n % 500},2025-01-01,v{n},1\n" for n in range(50_000))
    tracemalloc.start()
    done = indexed("import-downloads", str(file))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert done.stdout.startswith("50,000 rows of 500 packages imported")
    assert peak < 5_000_000  # as objects they take 20 MB
