"""ClickHouse: the SQL on a real ClickHouse, embedded, and answers that are cut or broken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from pyfcrawl.errors import SourceError
from pyfcrawl.sources import clickhouse
from pyfcrawl.sources.numbers import CutError, Expected, Window
from tests.standin.stats import Warehouse

DAY = "2026-09-30"
WINDOW = Window("2026-09-01", DAY)


def row(
    project: str, version: str, date: str, count: int, installer: str = "pip"
) -> dict[str, Any]:
    return {
        "project": project,
        "version": version,
        "date": date,
        "count": count,
        "installer": installer,
        "type": "sdist",
    }


DOWNLOADS = [
    row("plone-api", "1.0", DAY, 5),
    row("plone-api", "1.0", DAY, 6, "uv"),  # one day of one version, in two rows
    row("plone-api", "2.0", DAY, 7),
    row("plone-api", "", "2026-09-24", 100),  # a file whose version isn't known
    row("plone-api", "1.0", "2026-09-23", 1000),
    row("plone-api", "1.0", "2026-09-01", 10_000),
    row("plone-api", "1.0", "2026-08-31", 100_000),
    *(row("plone-api", "1.0", DAY, 1_000_000, each) for each in ("Bandersnatch", "devpi")),
    row("only-mirrors", "1.0", DAY, 9, "bandersnatch"),
    row("quiet", "1.0", "2026-05-01", 9),
    row("pip", "1.0", DAY, 9),
    row('it\'s \\ "odd"', "1.0", DAY, 3),
]

PROJECTS = [
    {"name": name, "version": version, "classifiers": list(classifiers)}
    for name, version, classifiers in (
        ("Plone.API", "1.0", ["Framework :: Plone"]),
        ("Plone.API", "2.0", ["Framework :: Plone :: 6.1", "License :: Other"]),
        ("zope_thing", "1.0", ["Framework :: Zope :: 5"]),
        ("near-miss", "1.0", ["Framework :: PloneX", "Framework"]),
        ("bare", "1.0", []),
    )
]


@pytest.fixture(scope="module")
def server() -> Iterator[Warehouse]:
    pytest.importorskip("chdb", reason="chdb has no wheel for this platform")
    server = Warehouse()
    server.fill(DOWNLOADS, PROJECTS)
    yield server
    server.close()


def ask(server: Warehouse, query: clickhouse.Query) -> bytes:
    return server.query(query.sql, dict(query.parameters), {})


def read(server: Warehouse, names: list[str], window: Window) -> dict[str, Any]:
    """What a run does with a page."""
    query = clickhouse.expected_query(names, window, DAY, "2026-04-04")
    found = clickhouse.read_expected(ask(server, query), names)
    expected = {name: each for name, (_, each) in found.items()}
    days = clickhouse.read_days(ask(server, clickhouse.days_query(names, window)), names, expected)
    return {name: (found[name][0], days[name]) for name in names}


# --- the SQL ----------------------------------------------------------------------------------


def test_the_days_are_the_logs(server: Warehouse) -> None:
    span = clickhouse.read_span(ask(server, clickhouse.span_query(["quiet"])))
    assert span == Window("2026-05-01", DAY)


def test_last_day_week_and_month_count_back_from_the_newest_day(server: Warehouse) -> None:
    numbers, _ = read(server, ["plone-api"], WINDOW)["plone-api"]
    assert numbers.facts == {
        "download_last_day": 18,
        "download_last_week": 118,  # seven days: 2026-09-24 is the first
        "download_last_month": 11_118,  # thirty: 2026-09-01
    }


def test_days_come_by_version_and_for_all(server: Warehouse) -> None:
    _, days = read(server, ["plone-api"], Window("2026-09-24", DAY))["plone-api"]
    assert sorted(days) == [
        ("2026-09-24", "", 100),
        (DAY, "", 18),
        (DAY, "1.0", 11),
        (DAY, "2.0", 7),
    ]


def test_every_package_has_its_answer(server: Warehouse) -> None:
    found = read(server, ["unheard-of", "only-mirrors", "quiet", "plone-api"], WINDOW)
    assert {name: numbers.known for name, (numbers, _) in found.items()} == {
        "unheard-of": False,
        "only-mirrors": False,
        "quiet": True,
        "plone-api": True,
    }
    assert found["quiet"][0].facts["download_last_month"] == 0
    assert found["quiet"][1] == []


def test_names_are_values_and_no_sql(server: Warehouse) -> None:
    odd = 'it\'s \\ "odd"'
    hostile = ["'", "\\", "']; DROP TABLE pypi.projects; --", "{x:String}", "a\nb\tc", odd]
    found = read(server, hostile, WINDOW)
    assert found[odd][1] == [(DAY, "", 3), (DAY, "1.0", 3)]
    assert [name for name, (numbers, _) in found.items() if numbers.known] == [odd]


@pytest.mark.parametrize(
    ("classifiers", "names"),
    [
        (["Framework :: Plone"], ["plone-api"]),
        (["Framework :: Plone :: 6.1", "Framework :: Zope"], ["plone-api", "zope-thing"]),
        (["Framework :: Plo", "Framework :: Plone :: 6", "x' OR 1"], []),
        (["Framework"], ["near-miss", "plone-api", "zope-thing"]),
    ],
)
def test_names_by_classifier(server: Warehouse, classifiers: list[str], names: list[str]) -> None:
    expected = clickhouse.read_how_many(ask(server, clickhouse.how_many_query(classifiers)))
    assert expected == len(names)
    body = ask(server, clickhouse.names_query(classifiers))
    assert clickhouse.read_names(body, expected) == names


def test_a_cap_on_rows_is_noticed(server: Warehouse) -> None:
    names = ["plone-api", "quiet", *(f"unheard-{number}" for number in range(50))]
    query = clickhouse.expected_query(names, WINDOW, DAY, "2026-04-04")
    body = ask(server, query)
    whole = clickhouse.read_expected(body, names)
    with pytest.raises(CutError):
        clickhouse.read_expected(cut(body, 10), names)
    body = ask(server, clickhouse.days_query(names, WINDOW))
    expected = {name: each for name, (_, each) in whole.items()}
    assert clickhouse.read_days(body, names, expected)
    with pytest.raises(CutError):
        clickhouse.read_days(cut(body, 10), names, expected)


def cut(body: bytes, rows: int) -> bytes:
    """The first rows of an answer, as a role gives them that may see no more."""
    return b"".join(body.splitlines(keepends=True)[:rows])


# --- answers ----------------------------------------------------------------------------------

EXPECTED = {"a": Expected(1, 5), "b": Expected(0, 0)}
SOUND = b'["a", ["2026-09-01"], ["1.0"], [5]]\n["b", [], [], []]\n'


def test_a_sound_answer() -> None:
    assert clickhouse.read_days(SOUND, ["a", "b"], EXPECTED) == {
        "a": [("2026-09-01", "", 5), ("2026-09-01", "1.0", 5)],
        "b": [],
    }
    quoted = SOUND.replace(b"[5]", b'["5"]')  # as servers do that are set to
    assert clickhouse.read_days(quoted, ["a", "b"], EXPECTED)["a"][0][2] == 5


@pytest.mark.parametrize("end", range(len(SOUND) - 1))
def test_an_answer_cut_anywhere(end: int) -> None:
    with pytest.raises(CutError):
        clickhouse.read_days(SOUND[:end], ["a", "b"], EXPECTED)


@pytest.mark.parametrize(
    "broken",
    [
        SOUND.replace(b"[5]", b"[4]"),
        SOUND.replace(b"[5]", b"[]"),
        SOUND.replace(b"[5]", b"[-5]"),
        SOUND.replace(b"[5]", b"[5.5]"),
        SOUND.replace(b"[5]", b"[null]"),
        SOUND.replace(b"[5]", b"5"),
        SOUND.replace(b'"b"', b'"c"'),
        SOUND.replace(b'"2026-09-01"', b'"2026-09-99"'),
        SOUND.replace(b'["1.0"]', b'["1.0", "1.1"]'),
        SOUND + SOUND,
        SOUND + b"Code: 159. DB::Exception: Timeout exceeded\n",
        b"<html>",
        b"[" * 100_000,
        b"\xff\xfe\n",
        b"{}\n",
        b"null\n",
    ],
)
def test_broken_answers(broken: bytes) -> None:
    with pytest.raises(SourceError):
        clickhouse.read_days(broken, ["a", "b"], EXPECTED)


@pytest.mark.parametrize(
    "broken",
    [
        *(b"", b"[]\n", b'["1970-01-01", "1970-01-01", 0]\n', b'["x", "2026-09-01", 1]\n'),
        *(b'["2026-09-01", "x", 1]\n', b"[1]\n", b'["2026-09-01"]\n', b'["2026-09-01", 1]\n'),
    ],
)
def test_a_log_without_days(broken: bytes) -> None:
    with pytest.raises(SourceError):
        clickhouse.read_span(broken)


@pytest.mark.parametrize("value", [-1, 10**16, None, "x", [1]])
def test_expectations_that_are_none(value: Any) -> None:
    line = json.dumps(["a", 1, 1, value, 1, 1, 1]).encode()
    with pytest.raises(SourceError):
        clickhouse.read_expected(line, ["a"])


def test_too_few_names() -> None:
    with pytest.raises(CutError):
        clickhouse.read_names(b'[["a", "b"]]\n', 3)
    for broken in (b"", b"[]", b"[1]", b'[["a", 1]]'):
        with pytest.raises(SourceError):
            clickhouse.read_names(broken, 1)
