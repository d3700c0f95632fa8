"""Page against index: what a visit has to change, and above all what it must not."""

from __future__ import annotations

import json

import pytest

from pyfcrawl.items import GoneItem, ListingItem, PackageItem
from pyfcrawl.sources import pypi, pypi_visit

COMPLETE = {"metadata_complete": True}
BARE = {"metadata_complete": False}


def page(*versions, latest=None, listed=True, name="Plone.Api"):
    body = {
        "info": {"name": name, "version": latest or versions[-1], "summary": "s"},
        "last_serial": 9,
    }
    if listed:
        body["releases"] = {version: [{"requires_python": ">=3"}] for version in versions}
    return pypi.read_project(json.dumps(body).encode())


def compare(project, indexed, **options):
    return pypi_visit.compare(project, indexed, "0:9:plone-api", **options)


def of(changes, kind):
    return [item for item in changes.items if isinstance(item, kind)]


def test_a_new_project_is_written_whole():
    changes = compare(page("1.0", "1.1", "2.0"), {"plone": {}})
    (latest,) = changes.items
    assert isinstance(latest, PackageItem)
    assert (latest.name, latest.version, latest.metadata["summary"]) == ("Plone.Api", "2.0", "s")
    assert latest.listing["is_latest"] is True
    assert latest.listing["release_count"] == 3
    assert [item.version for item in changes.fetch] == ["1.0", "1.1"]
    assert all(item.metadata == {} and item.visit == "0:9:plone-api" for item in changes.fetch)
    assert all(item.requires_python == ">=3" for item in changes.fetch)
    assert all(item.collections == ["plone"] for item in [latest, *changes.fetch])


def test_nothing_new_fetches_nothing():
    changes = compare(page("1.0", "1.1"), {"plone": {"1.0": COMPLETE, "1.1": COMPLETE}})
    assert changes.fetch == []
    (listing,) = changes.items
    assert isinstance(listing, ListingItem)
    assert set(listing.releases) == {"1.0", "1.1"}
    assert listing.package["release_count"] == 2


def test_a_version_any_collection_lacks_goes_to_all():
    indexed = {"plone": {"1.0": COMPLETE, "2.0": COMPLETE}, "django": {"2.0": COMPLETE}}
    changes = compare(page("1.0", "2.0"), indexed)
    (item,) = changes.fetch
    assert (item.version, item.collections) == ("1.0", ["plone", "django"])
    (listing,) = of(changes, ListingItem)
    assert listing.collections == ["plone", "django"]


def test_a_collection_without_the_project_gets_no_patches():
    changes = compare(page("1.0"), {"plone": {"1.0": COMPLETE}, "django": {}})
    (listing,) = of(changes, ListingItem)
    assert listing.collections == ["plone"]


def test_the_latest_without_metadata_is_written_again_for_nothing():
    changes = compare(page("1.0", "2.0"), {"plone": {"1.0": BARE, "2.0": BARE}})
    assert [item.version for item in of(changes, PackageItem)] == ["2.0"]
    assert changes.fetch == []


def test_again_fetches_what_had_no_metadata():
    indexed = {"plone": {"1.0": BARE, "1.1": COMPLETE, "2.0": COMPLETE}}
    changes = compare(page("1.0", "1.1", "2.0"), indexed, again=True)
    assert [item.version for item in changes.fetch] == ["1.0"]
    assert of(changes, PackageItem) == []


def test_latest_only_fetches_nothing():
    changes = compare(page("1.0", "2.0"), {"plone": {}}, latest_only=True)
    assert changes.fetch == []
    assert [item.version for item in of(changes, PackageItem)] == ["2.0"]


def test_a_release_no_longer_listed_is_gone_where_it_was():
    indexed = {"plone": {"1.0": COMPLETE, "2.0": COMPLETE}, "django": {"2.0": COMPLETE}}
    (gone,) = of(compare(page("2.0"), indexed), GoneItem)
    assert (gone.collections, gone.versions, gone.name) == (["plone"], ["1.0"], "plone-api")


@pytest.mark.parametrize(
    "project",
    [page("2.0", listed=False), page("1.9", latest="2.0"), page("3.0", listed=False)],
)
def test_a_page_that_does_not_list_everything_removes_nothing(project):
    indexed = {"plone": {"1.0": COMPLETE, "2.0": COMPLETE}}
    changes = compare(project, indexed)
    assert of(changes, GoneItem) == []
    for item in of(changes, ListingItem):
        assert "release_count" not in item.package


def test_a_new_release_starts_with_known_facts():
    known = COMPLETE | {"github_stars": 5, "download_total": None, "github_archived": False}
    changes = compare(page("1.0", "2.0"), {"django": {}, "plone": {"1.0": known}})
    (latest,) = of(changes, PackageItem)
    assert latest.facts == {"github_stars": 5, "github_archived": False}
    assert changes.fetch[0].facts == latest.facts


def test_known_fields_that_a_store_leaves_out_are_not_known():
    changes = compare(page("1.0", "2.0"), {"plone": {"1.0": {}, "2.0": {}}}, again=True)
    assert changes.fetch == []


def test_gone_needs_somewhere_to_be_gone_from():
    assert pypi_visit.gone("a", [], "404", "0:1:a") == []
    (item,) = pypi_visit.gone("a", ["plone"], "404", "0:1:a")
    assert isinstance(item, GoneItem)
    assert (item.versions, item.collections, item.visit) == (None, ["plone"], "0:1:a")
