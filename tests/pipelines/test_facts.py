"""Facts from enrichment reach every release of an indexed package, its health with them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from scrapy.exceptions import DropItem

from pyfcrawl.core import health
from pyfcrawl.core.build import build_document
from pyfcrawl.core.document import FIELDS, Owner, owned_by
from pyfcrawl.core.readme import EMPTY
from pyfcrawl.items import DownloadsItem, GithubItem
from pyfcrawl.pipelines.health import LOOKED_AT
from pyfcrawl.stores.index import Document, open_reader
from tests.pipelines.test_index import release, write

STARS = {"github_stars": 5000, "github_updated": int(time.time()), "github_open_issues": 1}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An index with two releases of `a` and one of `b`, scored without facts."""
    path = tmp_path / "index.db"
    items = [release("a"), release("a", "2.0"), release("b")]
    for item in items:
        item.document |= health.score(item.document, int(time.time()))
    write(path, *items)
    return path


def document(path: Path, identifier: str) -> Document:
    reader = open_reader(f"sqlite:///{path}")
    found = reader.get("c", identifier)
    reader.close()
    assert found is not None
    return found


def github(name: str, **facts: Any) -> GithubItem:
    return GithubItem("pypi", name, ["c"], facts or dict(STARS), visit=f"0:0:{name}")


def test_facts_and_health_go_onto_all_releases(path: Path) -> None:
    before = document(path, "pkg:pypi/a@2.0")
    outcomes, failed, finished, stats = write(path, github("a"))
    assert isinstance(outcomes[0], DropItem)
    assert (failed, finished) == ({}, ["0:0:a"])
    for version in ("1.0", "2.0"):
        found = document(path, f"pkg:pypi/a@{version}")
        assert {name: found[name] for name in STARS} == STARS
        assert found["health_score"] == before["health_score"] + 30
        assert found["health_score_breakdown"]["github_bonus_total"] == 30
    assert document(path, "pkg:pypi/b@1.0")["github_stars"] is None
    assert stats.get_value("pyfcrawl/updated") == 3  # the package, and the health of each release


def test_the_same_facts_again_write_nothing(path: Path) -> None:
    write(path, github("a"))
    *_, stats = write(path, github("a"))
    assert not stats.get_value("pyfcrawl/updated")


def test_several_items_of_one_package_in_one_group(path: Path) -> None:
    downloads = DownloadsItem("pypi", "a", ["c"], {"download_last_month": 7}, visit="0:1:a")
    items = [github("a", github_stars=3), downloads, github("a", github_stars=4)]
    _, failed, finished, _ = write(path, *items)
    found = document(path, "pkg:pypi/a@1.0")
    assert (found["github_stars"], found["download_last_month"]) == (4, 7)
    assert found["health_score_breakdown"]["github_bonus_total"] == 0
    assert "github_stars_bonus" in found["health_score_breakdown"]
    assert failed == {}
    assert sorted(finished) == ["0:0:a", "0:0:a", "0:1:a"]


def test_a_new_release_in_the_same_group_counts_the_facts(path: Path) -> None:
    item = release("a", "3.0")
    item.document |= health.score(item.document, int(time.time()))
    write(path, github("a"), item)
    found = document(path, "pkg:pypi/a@3.0")
    assert found["github_stars"] == 5000
    assert found["health_score_breakdown"]["github_bonus_total"] == 30


def test_a_package_that_is_not_indexed_is_never_made(path: Path) -> None:
    _, failed, finished, stats = write(path, github("nowhere"), github("b"))
    reader = open_reader(f"sqlite:///{path}")
    assert set(reader.package_ids("c", "pypi").values()) == {"a", "b"}
    reader.close()
    assert failed == {}
    assert sorted(finished) == ["0:0:b", "0:0:nowhere"]
    assert stats.get_value("pyfcrawl/unchanged") == 1


def test_a_package_of_another_registry_is_another(path: Path) -> None:
    item = github("a")
    item.registry = "npm"
    write(path, item)
    assert document(path, "pkg:pypi/a@1.0")["github_stars"] is None


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"github_stars": "many"}, "github_stars"),
        ({"github_url": "\ud800"}, "github_url"),
        ({"summary": "mine now"}, "summary"),
        ({"download_total": 5}, "download_total"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_facts_that_cannot_be_are_refused_and_change_nothing(
    path: Path, facts: dict[str, Any], why: str
) -> None:
    before = document(path, "pkg:pypi/a@1.0")
    _, failed, finished, _ = write(path, github("a", **facts), github("b"))
    assert document(path, "pkg:pypi/a@1.0") == before
    assert list(failed) == ["0:0:a"]
    assert why in failed["0:0:a"]
    assert sorted(finished) == ["0:0:a", "0:0:b"]
    assert document(path, "pkg:pypi/b@1.0")["github_stars"] == 5000


def test_an_item_without_a_visit_is_written_without_a_word(path: Path) -> None:
    item = github("a")
    item.visit = ""
    _, failed, finished, _ = write(path, item)
    assert (failed, finished) == ({}, [])
    assert document(path, "pkg:pypi/a@1.0")["github_stars"] == 5000


class Watched(Mapping[str, Any]):
    """A document that notes which of its fields are looked at."""

    def __init__(self, document: Document) -> None:
        self.document, self.seen = document, {"identifier"}

    def __getitem__(self, name: str) -> Any:
        self.seen.add(name)
        return self.document[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.document)

    def __len__(self) -> int:
        return len(self.document)


@pytest.mark.parametrize("registry", ["pypi", "npm"])
def test_all_that_a_score_looks_at_is_read(registry: str) -> None:
    made = build_document(registry, "a", "1.0", {}, {}, None, EMPTY)
    made |= {"description": "<p>x</p>", "main_content": None}
    watched = Watched(dict.fromkeys(FIELDS) | made)
    health.score(watched, 0)
    assert watched.seen <= set(LOOKED_AT)
    assert owned_by(Owner.HEALTH) <= set(LOOKED_AT)
