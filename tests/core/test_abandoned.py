"""Which packages count as abandoned."""

from __future__ import annotations

import pytest

from pyfcrawl.core.abandoned import abandonment

NOW, YEAR = 1_795_176_000, 365 * 86_400
OLD, NEW = NOW - 4 * YEAR, NOW - YEAR


@pytest.mark.parametrize(
    "document",
    [
        {"upload_timestamp": NEW, "github_archived": True},
        {"upload_timestamp": OLD},
        {"upload_timestamp": OLD, "github_updated": None},
        {"upload_timestamp": OLD, "github_updated": OLD, "github_archived": False},
        {"upload_timestamp": OLD, "is_latest": True},
        {"upload_timestamp": OLD, "is_latest": False, "github_archived": True},
    ],
)
def test_abandoned(document: dict[str, object]) -> None:
    assert abandonment(document, NOW)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"upload_timestamp": None},
        {"upload_timestamp": "long ago", "github_archived": None},
        {"upload_timestamp": NEW},
        {"upload_timestamp": NOW - 3 * YEAR},
        {"upload_timestamp": NEW, "github_updated": OLD},
        {"upload_timestamp": OLD, "github_updated": NEW, "github_archived": False},
        {"upload_timestamp": NOW + YEAR},
        {"upload_timestamp": OLD, "is_latest": False},
    ],
)
def test_not_abandoned(document: dict[str, object]) -> None:
    assert abandonment(document, NOW) is None


def test_the_reason_is_told() -> None:
    assert abandonment({"github_archived": True}, NOW) == "Its repository is archived"
    assert "3 years" in (abandonment({"upload_timestamp": OLD}, NOW) or "")
