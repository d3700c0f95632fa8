"""In step with the registry: exactly its releases, with no more requests than it takes."""

from __future__ import annotations

from tests.crawl.project import Project, counted
from tests.upstream import Upstream

LISTING = "/simple/"


def test_first_run_indexes_every_release_of_every_matching_project(up: Upstream, project: Project):
    log = project.crawl()
    assert project.releases() == up.registry.truth("Framework :: Plone")
    counts = counted(log)
    assert counts["visited"] == 60
    assert counts["matched"] == 12
    assert counts["written"] == 36
    # one listing, one page a project, and the releases that the pages don't describe
    assert len(up.requests) == 1 + 60 + 24
    assert counts["requests"] == len(up.requests)


def test_nothing_changed_is_one_request_and_no_write(up: Upstream, project: Project):
    project.crawl()
    up.reset()
    counts = counted(project.crawl())
    assert up.requests == [LISTING]
    assert (counts["visited"], counts["written"], counts["updated"]) == (0, 0, 0)
    assert up.log[0].status == 304


def test_nothing_changed_without_validators_is_one_request_too(up: Upstream, project: Project):
    up.configure(validators=False)
    project.crawl()
    up.reset()
    counts = counted(project.crawl())
    assert up.requests == [LISTING]
    assert (counts["visited"], counts["written"], counts["updated"]) == (0, 0, 0)


def test_only_what_changed_is_asked_for(up: Upstream, project: Project):
    project.crawl()
    up.reset()
    up.registry.touch("other-3")
    up.registry.release("Plone.App.Number3", "1.2")
    up.registry.release("both_1", "0.2.1")
    up.registry.touch("Plone.App.Number4")
    project.crawl()
    assert project.releases() == up.registry.truth("Framework :: Plone")
    assert sorted(up.requests) == sorted(
        [
            LISTING,
            "/pypi/other-3/json",
            "/pypi/plone-app-number3/json",
            "/pypi/both-1/json",
            "/pypi/both-1/0.2.1/json",
            "/pypi/plone-app-number4/json",
        ]
        if ("Plone.App.Number3", "1.2") in up.registry.truth("Framework :: Plone")
        else []
    )


def test_gone_declassified_and_removed_releases_leave(up: Upstream, project: Project):
    project.crawl(profile="plone,django")
    up.registry.delete("Plone.App.Number0")
    up.registry.declassify("Plone.App.Number1")
    up.registry.delete_release("Plone.App.Number2", "1.0")
    up.registry.release("both_0", "0.4", classifiers=["Framework :: Django :: 5.2"])
    counts = counted(project.crawl(profile="plone,django"))
    assert project.releases() == up.registry.truth("Framework :: Plone")
    assert project.releases("django") == up.registry.truth("Framework :: Django")
    assert counts["removed"] == 3 + 3 + 1 + 3
    assert {name for name, _ in project.releases("django")} == {"both_0", "both_1"}


def test_yanked_and_latest_follow_without_fetching_releases(up: Upstream, project: Project):
    project.crawl()
    up.reset()
    up.registry.yank("Plone.App.Number5", "1.1", "broken wheel")
    project.crawl()
    assert up.requests == [LISTING, "/pypi/plone-app-number5/json"]
    releases = {
        each["version"]: each for each in project.export() if each["name"] == "Plone.App.Number5"
    }
    assert releases["1.1"]["yanked"] is True
    assert releases["1.1"]["yanked_reason"] == "broken wheel"
    assert [version for version, each in releases.items() if each["is_latest"]] == ["1.0"]


def test_several_profiles_in_one_pass(up: Upstream, project: Project):
    project.crawl(profile="plone,django")
    assert len([path for path in up.requests if path == LISTING]) == 1
    assert len(up.requests) == 1 + 60 + 24
    assert project.releases("plone") == up.registry.truth("Framework :: Plone")
    assert project.releases("django") == up.registry.truth("Framework :: Django")


def test_a_profile_that_joins_later_catches_up_alone(up: Upstream, project: Project):
    project.crawl()
    before = project.export()
    log = project.crawl(profile="plone,django")
    assert counted(log)["visited"] == 60
    assert project.releases("django") == up.registry.truth("Framework :: Django")
    assert project.export() == before


def test_an_edited_profile_starts_over(up: Upstream, project: Project, tmp_path):
    profiles = tmp_path / "profiles.yaml"
    profiles.write_text("profiles: {plone: {classifiers: ['Framework :: Django']}}")
    project.environment["PROFILES_FILE"] = str(profiles)
    project.crawl()
    profiles.write_text("profiles: {plone: {classifiers: ['Framework :: Plone']}}")
    project.crawl()
    assert project.releases() == up.registry.truth("Framework :: Plone")


def test_a_lost_index_is_rebuilt(up: Upstream, project: Project):
    project.crawl()
    for path in project.data.glob("index.db*"):
        path.unlink()
    project.crawl()
    assert project.releases() == up.registry.truth("Framework :: Plone")


def test_refresh_visits_what_is_indexed_and_removes_what_is_gone(up: Upstream, project: Project):
    project.crawl()
    up.registry.delete("Plone.App.Number0")
    up.registry.release("Plone.App.Number1", "3.0", classifiers=["Framework :: Plone"])
    up.reset()
    log = project.crawl(mode="refresh")
    assert LISTING not in up.requests
    assert counted(log)["visited"] == 12
    assert project.releases() == up.registry.truth("Framework :: Plone")


def test_full_ignores_the_cursor_but_fetches_no_release_twice(up: Upstream, project: Project):
    project.crawl()
    up.reset()
    counts = counted(project.crawl(mode="full"))
    assert counts["visited"] == 60
    assert (counts["written"], counts["updated"]) == (0, 0)
    assert len(up.requests) == 1 + 60


def test_a_project_moves_back_in_when_it_is_classified_again(up: Upstream, project: Project):
    project.crawl()
    up.registry.declassify("both_0")
    project.crawl()
    assert not any(name == "both_0" for name, _ in project.releases())
    up.registry.release("both_0", "9.0", classifiers=["Framework :: Plone"])
    project.crawl()
    assert project.releases() == up.registry.truth("Framework :: Plone")


def test_a_registry_without_release_json_still_gives_every_release(up: Upstream, project: Project):
    up.configure(release_json=False)
    project.crawl()
    documents = project.export()
    assert {(each["name"], each["version"]) for each in documents} == up.registry.truth(
        "Framework :: Plone"
    )
    for each in documents:
        assert each["upload_timestamp"] is not None
        assert each["urls"]
        assert each["metadata_complete"] is each["is_latest"]
        assert bool(each["classifiers"]) is each["is_latest"]
    up.reset()
    up.registry.touch("both_0")
    project.crawl()
    assert up.requests == [LISTING, "/pypi/both-0/json"]


def test_a_listed_project_without_releases_is_done(up: Upstream, project: Project):
    up.registry.add("hollow", versions=[])
    project.crawl()
    up.reset()
    project.crawl()
    assert up.requests == [LISTING]


def test_state_after_a_run(up: Upstream, project: Project):
    project.crawl()
    status = project.status()
    assert str(up.registry.serial) in str(status)


def test_a_listing_larger_than_scrapy_likes_does_not_block(up: Upstream, project: Project):
    """Scrapy starts nothing new while responses over this size are being worked on."""
    project.crawl("SCRAPER_SLOT_MAX_ACTIVE_SIZE=1000", "BATCH_SIZE=5", "CONCURRENT_REQUESTS=2")
    assert project.releases() == up.registry.truth("Framework :: Plone")
