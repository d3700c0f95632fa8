"""pypistats: addresses, and answers sound and broken."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pyfcrawl.errors import SourceError
from pyfcrawl.sources.pypistats import overall_url, read_overall, read_recent, recent_url

ROOT = "https://stats.example"
TODAY = "2026-09-02"


def body(data: Any, package: Any = "plone-api") -> bytes:
    return json.dumps({"data": data, "package": package, "type": "whatever"}).encode()


def day(date: Any, downloads: Any, category: Any = "without_mirrors") -> dict[str, Any]:
    return {"date": date, "downloads": downloads, "category": category}


def test_addresses_name_the_normalised_package() -> None:
    assert recent_url(ROOT, "Plone.API") == f"{ROOT}/api/packages/plone-api/recent"
    assert overall_url(ROOT, "a/b?c") == f"{ROOT}/api/packages/a%2Fb%3Fc/overall?mirrors=false"
    assert overall_url(ROOT, "a", "2026-09-01").endswith(
        "?mirrors=false&start_date=2026-09-01&end_date=2026-09-01"
    )


def test_recent() -> None:
    data = {"last_day": 1, "last_week": 7, "last_month": 30}
    assert read_recent(body(data, "Plone.API"), "plone-api") == {
        "download_last_day": 1,
        "download_last_week": 7,
        "download_last_month": 30,
    }


def test_what_recent_lacks_is_not_known() -> None:
    facts = read_recent(body({"last_day": None, "last_month": 0, "more": []}, None), "plone-api")
    assert facts == {
        "download_last_day": None,
        "download_last_week": None,
        "download_last_month": 0,
    }


@pytest.mark.parametrize("value", [-1, 1.5, "7", True, [], {}, 10**16, 10**400])
def test_numbers_that_are_none(value: Any) -> None:
    with pytest.raises(SourceError, match="last_week"):
        read_recent(body({"last_day": 1, "last_week": value}), "plone-api")
    with pytest.raises(SourceError):
        read_overall(body([day("2026-09-01", value)]), "plone-api", TODAY)


def test_overall_is_without_mirrors_and_in_order() -> None:
    data = [
        day("2026-09-02", 6),
        day("2026-09-01", 50, "with_mirrors"),
        day("2026-09-01", 5),
        {"category": "else"},
    ]
    assert read_overall(body(data), "plone-api", TODAY) == [
        ("2026-09-01", "", 5),
        ("2026-09-02", "", 6),
    ]
    assert read_overall(body(data), "plone-api", TODAY, "2026-09-02") == [("2026-09-02", "", 6)]
    assert read_overall(body([]), "plone-api", TODAY) == []


@pytest.mark.parametrize("row", [None, 1, "x", [], {"category": "without_mirrors"}])
def test_rows_that_are_none(row: Any) -> None:
    with pytest.raises(SourceError):
        read_overall(body([day("2026-09-01", 1), row]), "plone-api", TODAY)


@pytest.mark.parametrize(
    "date", ["", None, 7, "2026-02-30", "2026-9-1", "x" * 99, "2026-09-03", "0001-01-01"]
)
def test_days_that_are_none(date: Any) -> None:
    with pytest.raises(SourceError):
        read_overall(body([day(date, 1)]), "plone-api", TODAY)


def test_a_day_that_is_told_twice() -> None:
    same = [day("2026-09-01", 1), day("2026-09-01", 1)]
    assert read_overall(body(same), "plone-api", TODAY) == [("2026-09-01", "", 1)]
    with pytest.raises(SourceError):
        read_overall(body([*same, day("2026-09-01", 2)]), "plone-api", TODAY)


BROKEN = (
    *(b"", b"null", b"[]", b"7", b"{}", b'{"data": null}', b'{"data": 7}', b'{"data": "x"}'),
    *(b"<html>down</html>", b'{"data": {"last_day": 1}', b"[" * 100_000, b"\xff\xfe"),
    *(b'{"data": ' + b"[" * 100_000, b'{"data": {}}', b'{"data": [7]}'),
    *(b'{"data": {"last_day": 1}, "package": 7}', b'{"data": [], "package": ["x"]}'),
    b'{"data": {"last_day": 1}, "package": "other"}',
    b'{"data": {"last_day": "\\ud800"}}',
)


@pytest.mark.parametrize("broken", BROKEN)
def test_broken_answers(broken: bytes) -> None:
    with pytest.raises(SourceError):
        read_recent(broken, "plone-api")
    with pytest.raises(SourceError):
        read_overall(broken, "plone-api", TODAY)
