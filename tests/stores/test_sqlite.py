"""The SQLite index: what every index promises, and what a file has to stand."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyfcrawl.core import document as table
from pyfcrawl.core.document import Field, Owner, Type, Use
from pyfcrawl.errors import ConfigurationError, StoreError, UnknownCollectionError
from pyfcrawl.stores.index import Filter, IndexWriter, Patch, Query, open_reader, open_writer
from pyfcrawl.stores.sqlite import SqliteReader, SqliteWriter
from tests.stores.contract import NAME, IndexContract, document, full_document, names_of

ROOT = Path(__file__).resolve().parents[2]


class TestSqliteIndex(IndexContract):
    """What any index promises of writing and reading."""


def _script(code: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    """A Python process that can import pyfcrawl and the tests' helpers."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


# URLs and paths


def test_urls_of_relative_and_absolute_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    open_writer("sqlite:///deep/er/index.db").close()
    open_writer(f"sqlite:///{tmp_path}/sp ace#?%41é.db").close()
    found = sorted(str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*.db"))
    assert found == ["deep/er/index.db", "sp ace#?%41é.db"]


def test_a_relative_path_stays_where_it_was_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    writer = open_writer("sqlite:///index.db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    writer.create(NAME)
    assert [each.name for each in writer.collections()] == [NAME]
    writer.close()


@pytest.mark.parametrize(
    "url", ["", "index.db", "mysql:///x", "sqlite://x", "sqlite:///", "sqlite:///a\0b", "\ud800:"]
)
def test_other_urls_are_refused_with_their_value(url: str) -> None:
    for opening in (open_reader, open_writer):
        with pytest.raises(ConfigurationError) as caught:
            opening(url)
        assert ascii(url) in str(caught.value)


def test_a_missing_file_reads_as_empty_and_is_not_made(path: Path) -> None:
    reader = open_reader(f"sqlite:///{path}")
    assert reader.collections() == []
    assert reader.aliases() == {}
    assert reader.collection(NAME) is None
    for call in (lambda: reader.get(NAME, "x"), lambda: reader.search(NAME, Query())):
        with pytest.raises(UnknownCollectionError):
            call()
    assert list(path.parent.iterdir()) == []
    writer = open_writer(f"sqlite:///{path}")
    writer.create(NAME)
    writer.upsert(NAME, [document("a")])
    assert names_of(reader.search(NAME, Query())) == ["a"]
    writer.close()
    reader.close()


def test_an_empty_file_reads_as_empty_and_can_be_written(path: Path) -> None:
    path.touch()
    reader = open_reader(f"sqlite:///{path}")
    assert reader.collections() == []
    reader.close()
    writer = open_writer(f"sqlite:///{path}")
    writer.create(NAME)
    writer.close()


def _a_directory(path: Path) -> None:
    path.mkdir()


def _junk(path: Path) -> None:
    path.write_bytes(b"no database " * 1000)


def _another_programs_database(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE precious (x)")
    connection.close()


def _a_newer_format(path: Path) -> None:
    open_writer(f"sqlite:///{path}").close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


def _nothing_said_of_its_fields(path: Path) -> None:
    open_writer(f"sqlite:///{path}").close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE meta SET value = '[[1]]'")
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    "make",
    [
        _a_directory,
        _junk,
        _another_programs_database,
        _a_newer_format,
        _nothing_said_of_its_fields,
    ],
)
def test_what_is_no_index_is_refused_and_left_alone(path: Path, make: Any) -> None:
    make(path)
    before = path.read_bytes() if path.is_file() else None
    for opening in (open_reader, open_writer):
        with pytest.raises(StoreError) as caught:
            opening(f"sqlite:///{path}")
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_file_where_a_directory_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for opening in (open_reader, open_writer):
        with pytest.raises(StoreError, match=r"file/index\.db"):
            opening(f"sqlite:///{tmp_path}/file/index.db")
        with pytest.raises(StoreError):
            opening(f"sqlite:///{tmp_path}/{'x' * 300}")


def test_a_damaged_file_is_told_of(path: Path) -> None:
    writer = open_writer(f"sqlite:///{path}")
    writer.create(NAME)
    writer.upsert(NAME, [full_document(version=f"{number}.0") for number in range(200)])
    writer.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(os.urandom(size - 4096 * 3))
    with pytest.raises(StoreError, match=str(path)) as caught:
        list(open_reader(f"sqlite:///{path}").iterate(NAME))
    assert "\n" not in str(caught.value)


def test_a_locked_file_is_told_of_after_the_wait(path: Path) -> None:
    writer = SqliteWriter(path, timeout=0.1)
    writer.create(NAME)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="another process"):
        writer.upsert(NAME, [document("a")])
    assert list(writer.iterate(NAME)) == []
    other.execute("ROLLBACK")
    other.close()
    assert writer.upsert(NAME, [document("a")]).written == 1
    writer.close()


def test_a_writer_whose_file_was_taken_away_says_so(path: Path) -> None:
    writer = open_writer(f"sqlite:///{path}")
    writer.create(NAME)
    path.rename(path.with_suffix(".old"))
    with pytest.raises(StoreError, match="moved or removed"):
        writer.upsert(NAME, [document("a")])
    writer.close()


def test_a_reader_follows_when_the_file_is_replaced(path: Path, tmp_path: Path) -> None:
    for name, target in (("old", path), ("new", tmp_path / "other.db")):
        writer = open_writer(f"sqlite:///{target}")
        writer.create(name)
        writer.close()
    reader = open_reader(f"sqlite:///{path}")
    assert [each.name for each in reader.collections()] == ["old"]
    (tmp_path / "other.db").replace(path)
    assert [each.name for each in reader.collections()] == ["new"]
    reader.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without rights")
def test_without_rights_reading_works_and_writing_says_why() -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "index.db"
        writer = open_writer(f"sqlite:///{path}")
        writer.create(NAME)
        writer.upsert(NAME, [document("a")])
        writer.close()
        path.parent.chmod(0o755)
        process = _script(
            """
            import os, sys
            import pyfcrawl.stores.sqlite
            from pyfcrawl.errors import StoreError
            from pyfcrawl.stores.index import Query, open_reader, open_writer
            path = sys.argv[1]
            os.setuid(65534)
            reader = open_reader(f"sqlite:///{path}")
            print([hit["name"] for hit in reader.search("packages", Query(text="a")).hits])
            for name in ("index", "new", "deep/new"):
                target = path.replace("index", name)
                try:
                    open_writer(f"sqlite:///{target}")
                except StoreError as error:
                    print(target in str(error) and "permission" in str(error).lower())
            """,
            path,
        )
        out, err = process.communicate(timeout=120)
        assert out.split("\n")[:4] == ["['a']", "True", "True", "True"], err
        assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_full_disk_takes_back_nothing_acknowledged(path: Path) -> None:
    process = _script(
        """
        import resource, signal, sys
        from pyfcrawl.errors import StoreError
        from pyfcrawl.stores.index import open_writer
        from tests.stores.contract import full_document
        writer = open_writer(f"sqlite:///{sys.argv[1]}")
        writer.create("packages")
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
        done = 0
        try:
            while True:
                batch = [full_document(version=f"{done + n}.0") for n in range(200)]
                done += writer.upsert("packages", batch).written
        except StoreError as error:
            print(done, str(error).count("\\n"), "disk" in str(error))
        """,
        path,
    )
    out, err = process.communicate(timeout=120)
    done, breaks, named = out.split()
    assert (int(breaks), named) == (0, "True"), err
    reader = open_reader(f"sqlite:///{path}")
    found = reader.collection(NAME)
    assert found is not None
    assert found.documents == int(done) > 0
    reader.close()
    _check_integrity(path)


# processes and threads


def _check_integrity(path: Path) -> None:
    """SQLite's own check, and the full-text indexes against the texts."""
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    for (number,) in connection.execute("SELECT id FROM collections").fetchall():
        documents = connection.execute(f"SELECT count(*) FROM c{number}_documents").fetchone()
        entries = sum(
            connection.execute(f"SELECT count(*) FROM c{number}_{each}_docsize").fetchone()[0]
            for each in ("heads", "others")
        )
        assert documents == (entries,)
        for each in ("heads", "others"):
            # Each entry's words must be those of its text: a token that is in the one and not
            # in the other would be found, or missed, for ever.
            rows = f"SELECT rowid FROM c{number}_{each} WHERE c{number}_{each} MATCH 'shared'"
            for (row,) in connection.execute(rows):
                text = f"SELECT summary FROM c{number}_texts WHERE _id = ?"
                assert "shared" in connection.execute(text, [row]).fetchone()[0]
    connection.close()


_WRITE_FOREVER = """
import itertools, sys
from pyfcrawl.stores.index import Patch, open_writer
from tests.stores.contract import document
path, start = sys.argv[1], int(sys.argv[2])
writer = open_writer(f"sqlite:///{path}")
writer.create("packages")
for batch in itertools.count(start):
    names = [f"package-{batch}-{number}" for number in range(40)]
    writer.upsert("packages", [
        document(name, version, is_latest=version == "2.0", summary=f"shared {name}",
                 keywords=[name, "common"], main_content=f"{name} words " * 50)
        for name in names for version in ("1.0", "2.0")
    ])
    writer.patch("packages", [Patch(document(name)["package_id"], {"github_stars": batch})
                              for name in names])
    writer.delete("packages", [document(names[0])["identifier"]])
    print(batch, flush=True)
"""


def test_killed_at_any_moment_nothing_acknowledged_is_lost(path: Path) -> None:
    acknowledged = 0
    for delay in (0.0, 0.05, 0.11, 0.02, 0.17):
        process = _script(_WRITE_FOREVER, path, acknowledged)
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        assert first, process.stderr.read()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split("\n")
        process.wait(timeout=120)
        process.stdout.close()
        process.stderr.close()
        complete = [int(line) for line in [first.strip(), *rest[:-1]] if line]
        acknowledged = complete[-1] + 1
        _check_integrity(path)
        reader = open_reader(f"sqlite:///{path}")
        found = {each["identifier"]: each for each in reader.iterate(NAME)}
        reader.close()
        for batch in range(acknowledged):
            for number in range(40):
                name = f"package-{batch}-{number}"
                assert found[document(name, "2.0")["identifier"]]["github_stars"] == batch
                assert (document(name, "1.0")["identifier"] in found) == (number != 0)


def test_readers_see_no_errors_while_a_writer_writes(path: Path) -> None:
    process = _script(_WRITE_FOREVER, path, 0)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline(), process.stderr.read()
    reader = open_reader(f"sqlite:///{path}")
    errors: list[BaseException] = []
    counts: list[list[int]] = [[] for _ in range(4)]

    def read(own: list[int]) -> None:
        try:
            for _ in range(25):
                found = reader.search(NAME, Query("shared", facets=["keywords"], per_page=5))
                assert found.facets["keywords"][0] == ("common", found.found)
                assert all(reader.get(NAME, hit["identifier"]) for hit in found.hits)
                own.append(found.found)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=read, args=[own]) for own in counts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    process.kill()
    process.communicate()
    reader.close()
    assert errors == []
    # A batch is seen whole: 40 packages at a time, and never fewer than before.
    assert all(own == sorted(own) and own[0] > 0 for own in counts)
    assert all(count % 40 == 0 for own in counts for count in own)


def test_one_writer_object_serves_many_threads(path: Path) -> None:
    writer = open_writer(f"sqlite:///{path}")
    writer.create(NAME)
    results: list[int] = []

    def write(thread: int) -> None:
        for number in range(10):
            batch = [document(f"t{thread}-{number}-{each}") for each in range(5)]
            results.append(writer.upsert(NAME, batch).written)
            assert writer.get(NAME, batch[0]["identifier"]) is not None

    threads = [threading.Thread(target=write, args=[each]) for each in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(results) == len(list(writer.iterate(NAME))) == 200
    writer.close()


def test_processes_that_make_the_file_at_once(path: Path) -> None:
    code = """
    import sys
    from pyfcrawl.stores.index import open_writer
    from tests.stores.contract import document
    writer = open_writer(f"sqlite:///{sys.argv[1]}")
    writer.create("packages")
    print(writer.upsert("packages", [document(f"of-{sys.argv[2]}")]).written)
    """
    processes = [_script(code, path, number) for number in range(4)]
    answers = [process.communicate(timeout=120) for process in processes]
    assert [out.strip() for out, _ in answers] == ["1"] * 4, answers
    reader = open_reader(f"sqlite:///{path}")
    assert reader.package_ids(NAME, "pypi").keys() == {f"pkg:pypi/of-{n}" for n in range(4)}
    reader.close()


def test_the_documents_given_may_come_from_the_index_itself(writer: IndexWriter) -> None:
    writer.create(NAME)
    writer.create("copy")
    writer.upsert(NAME, [document(f"package-{number}") for number in range(700)])
    assert writer.upsert("copy", writer.iterate(NAME)).written == 700


def test_an_error_in_the_callers_documents_keeps_whole_batches(writer: IndexWriter) -> None:
    def broken() -> Iterator[dict[str, Any]]:
        yield from (document(f"package-{number}") for number in range(600))
        raise ZeroDivisionError

    writer.create(NAME)
    with pytest.raises(ZeroDivisionError):
        writer.upsert(NAME, broken())
    found = writer.collection(NAME)
    assert found is not None
    assert found.documents == 500
    assert writer.upsert(NAME, [document("after")]).written == 1


def test_no_connection_is_left_open(path: Path) -> None:
    writer = open_writer(f"sqlite:///{path}")
    writer.create(NAME)
    writer.upsert(NAME, [document("a")])
    iterator = writer.iterate(NAME)
    next(iterator)
    writer.close()
    # The last connection to close takes the log with it.
    assert [each.name for each in path.parent.iterdir()] == [path.name]


# new fields


@pytest.fixture(autouse=True)
def fields_in_order() -> Iterator[None]:
    """The table as it was, for the tests that come after: its order counts too."""
    before = dict(table.FIELDS)
    yield
    table.FIELDS.clear()
    table.FIELDS.update(before)


def _add(monkeypatch: pytest.MonkeyPatch, *fields: Field) -> None:
    for field in fields:
        monkeypatch.setitem(table.FIELDS, field.name, field)


TOPICS = Field(
    "topics",
    Type.STRINGS,
    frozenset({Use.SEARCH, Use.FILTER, Use.FACET}),
    Owner.GITHUB,
    "package",
    "",
)
NOTE = Field("note", Type.STRING, frozenset({Use.FILTER, Use.SORT}), Owner.GITHUB, "release", "")


def test_a_new_field_of_the_table_just_works(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of kinds that the table doesn't have yet: searched or listed at package level, and
    enrichment at release level."""
    _add(monkeypatch, TOPICS, NOTE)
    writer = open_writer(f"sqlite:///{path}")
    writer.create(NAME)
    pair = [document("a", "1.0", is_latest=False), document("a", "2.0", note="ignored")]
    writer.upsert(NAME, [*pair, document("b")])
    facts = {"topics": ["cms", "giraffe"]}
    assert writer.patch(NAME, [Patch(pair[0]["package_id"], facts)]).written == 1
    assert writer.patch(NAME, [Patch(pair[1]["identifier"], {"note": "kept"})]).written == 1
    assert writer.upsert(NAME, [pair[1]]).unchanged == 1
    writer.upsert(NAME, [pair[1] | {"summary": "new"}])
    read = writer.get(NAME, pair[1]["identifier"])
    assert read is not None
    assert (read["note"], read["topics"]) == ("kept", facts["topics"])
    result = writer.search(NAME, Query("giraffe", facets=["topics"]))
    assert names_of(result) == ["a"]
    assert result.facets["topics"] == [("cms", 1), ("giraffe", 1)]
    query = Query(filters=[Filter("topics", "=", "cms")], grouped=False, sort="note")
    assert writer.search(NAME, query).found == 2
    writer.patch(NAME, [Patch(pair[0]["package_id"], {"topics": []})])
    assert writer.search(NAME, Query("giraffe ")).found == 0
    assert writer.search(NAME, query).found == 0
    writer.close()


def test_a_file_with_other_fields_is_brought_up_to_date(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        _add(earlier, TOPICS)
        earlier.delitem(table.FIELDS, "vulnerabilities")
        monkeyed = table.FIELDS["summary"]
        earlier.setitem(
            table.FIELDS,
            "summary",
            Field("summary", Type.STRING, frozenset(), monkeyed.owner, "release", ""),
        )
        writer = open_writer(f"sqlite:///{path}")
        first = writer.create(NAME)
        writer.create("other")
        writer.alias("live", NAME)
        old = {name: value for name, value in full_document().items() if name in table.FIELDS}
        writer.upsert(NAME, [old, document("b", summary="walrus")])
        facts = {"github_stars": 5, "topics": ["x"], "contributors": [1]}
        writer.patch(NAME, [Patch(old["package_id"], facts)])
        assert writer.search(NAME, Query("walrus ")).found == 0
        writer.close()

    with pytest.raises(StoreError, match="other document fields"):
        open_reader(f"sqlite:///{path}")
    writer = open_writer(f"sqlite:///{path}")
    found = writer.collection("live")
    assert found is not None
    assert (found.name, found.generation, found.documents) == (NAME, first.generation, 2)
    read = writer.get("live", old["identifier"])
    assert read is not None
    assert list(read) == list(table.FIELDS)
    expected = {name: value for name, value in old.items() if table.FIELDS.get(name)}
    enriched = table.owned_by(Owner.GITHUB, Owner.DOWNLOADS)
    for name in read:
        if name not in enriched and name != "vulnerabilities":
            assert read[name] == expected[name], name
    assert (read["github_stars"], read["contributors"]) == (5, [1])
    assert read["vulnerabilities"] is None
    assert names_of(writer.search(NAME, Query("walrus "))) == ["b"]
    assert [each.name for each in writer.collections()] == ["other", NAME]
    writer.close()
    _check_integrity(path)


def test_a_reader_may_be_made_before_the_writer_brings_the_file_up_to_date(path: Path) -> None:
    writer = SqliteWriter(path)
    writer.create(NAME)
    reader = SqliteReader(path)
    assert reader.collection(NAME) == writer.collection(NAME)
    reader.close()
    writer.close()
