"""Crawls into a real Typesense server: the same index as the embedded one, whatever befalls it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from pyfcrawl.stores.typesense import TypesenseWriter
from pyfcrawl.stores.typesense_admin import TypesenseAdmin
from tests.crawl.conftest import PLONE
from tests.crawl.project import Project, counted, kill_group, wait_for
from tests.stores.typesense_server import ServerElsewhere, TypesenseServer, Unavailable
from tests.upstream import Generated, Registry, Upstream

Server = TypesenseServer | ServerElsewhere
CLASSIFIER = "Framework :: Plone"
TIMES = ("health_score_last_calculated", "download_updated", "github_checked")

#: What a gallery of add-ons asks, to the letter.
GALLERY = {
    "collection": "packages",
    "q": "volto",
    "query_by": "name,keywords,summary,description",
    "group_by": "name_sortable",
    "group_limit": 1,
    "sort_by": "_text_match:desc,name_sortable:asc,version_sortable:desc",
    "facet_by": "framework_versions,python_versions",
    "filter_by": "classifiers:=['Framework :: Plone'] && framework_versions:=['Plone 6.1']",
    "exclude_fields": "description",
    "per_page": 50,
}


def served(data: Path, up: Upstream, server: Server, **settings: str) -> Project:
    """A project whose index is on the server."""
    address = server.address()
    return Project(
        data,
        up.root,
        TYPESENSE_HOST=address.host,
        TYPESENSE_PORT=str(address.port),
        TYPESENSE_PROTOCOL=address.protocol,
        TYPESENSE_API_KEY=address.api_key,
        **settings,
    )


@pytest.fixture
def project(up: Upstream, tmp_path: Path, typesense_server: Server) -> Iterator[Project]:
    """A project on the server of all tests, which it leaves empty."""
    yield served(tmp_path / "data", up, typesense_server)
    address = typesense_server.address()
    with closing(TypesenseWriter(address)) as writer, closing(TypesenseAdmin(address)) as admin:
        for each in writer.collections():
            writer.drop(each.name)
        for key in admin.list_keys():
            admin.delete_key(key.id)


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[TypesenseServer]:
    """A server of the test's own, to be killed."""
    directory = tmp_path / "typesense"
    directory.mkdir()
    try:
        server = TypesenseServer(directory)
    except Unavailable as reason:
        pytest.skip(str(reason))
    yield server
    server.kill()


def timeless(project: Project) -> list[dict[str, Any]]:
    """All documents without the times at which something was looked up."""
    return [{k: v for k, v in each.items() if k not in TIMES} for each in project.export()]


def asked(server: Server, **changes: Any) -> list[tuple[str, str]]:
    """(name, version) of the first hit in each group that the gallery gets."""
    address = server.address()
    answer = httpx.post(
        f"{address.protocol}://{address.host}:{address.port}/multi_search",
        headers={"X-TYPESENSE-API-KEY": address.api_key},
        json={"searches": [GALLERY | changes]},
    )
    groups = answer.json()["results"][0]["grouped_hits"]
    hits = [group["hits"][0]["document"] for group in groups]
    assert all("description" not in each for each in hits)
    return [(each["name"], each["version"]) for each in hits]


def collide(up: Upstream) -> None:
    """Packages that differ in separators, case, registry or a sign only."""
    for name in ("plone-volto", "plone.volto.x", "Plone_Volto_Y"):
        languages = [f"Programming Language :: {each}" for each in ("C", "C++", "C#")]
        up.registry.add(name, [*PLONE, *languages], versions=["1.0", "1.1", "2.0a1"])
    up.registry.add("only-c", [*PLONE, "Programming Language :: C"])
    up.npm.add("@plone/volto", ["17.0.0", "18.0.0-alpha.1"], ["plone"])
    up.npm.add("plone-volto", ["3.0.0"], ["plone"])


# --- the same index -----------------------------------------------------------------------------


def test_every_source_makes_the_same_documents_on_either_store(
    up: Upstream, project: Project, tmp_path: Path
) -> None:
    collide(up)
    up.registry.add("with-repo", PLONE, home_page="https://github.com/plone/plone.api")
    up.github.add_many(["plone/plone.api"])
    embedded = Project(tmp_path / "embedded", up.root)
    for each in (project, embedded):
        for spider in ("pypi", "npm", "pypistats", "github"):
            each.crawl(spider=spider)
    assert timeless(project) == timeless(embedded)
    stars = {each["github_stars"] for each in project.export() if each["name"] == "with-repo"}
    assert stars == {up.github.facts("plone/plone.api")["github_stars"]}
    # A crawl that writes all of it again takes nothing away of what enrichment brought.
    up.registry.release("with-repo", "9.0", classifiers=PLONE)
    for each in (project, embedded):
        each.crawl(mode="full")
    assert timeless(project) == timeless(embedded)
    up.reset()
    assert counted(project.crawl())["written"] == 0
    assert up.requests == ["/simple/"]


def test_the_gallery_finds_the_newest_stable_releases(
    up: Upstream, project: Project, typesense_server: Server
) -> None:
    collide(up)
    project.crawl()
    project.crawl(spider="npm")
    assert project.scrapy("manage", "alias", "packages", "plone").returncode == 0
    expected = [("plone-volto", "1.1"), ("plone.volto.x", "1.1"), ("Plone_Volto_Y", "1.1")]
    assert sorted(asked(typesense_server)) == sorted(expected)
    assert ("@plone/volto", "17.0.0") in asked(typesense_server, filter_by="registry:=npm")
    project.crawl(recreate="yes")
    assert sorted(asked(typesense_server)) == sorted(expected)


def test_names_and_languages_that_collide_are_kept_apart(up: Upstream, project: Project) -> None:
    collide(up)
    project.crawl()
    project.crawl(spider="npm")
    for sign, packages in (("C", 4), ("C++", 3), ("C#", 3)):
        given = f"classifier=Programming Language :: {sign}"
        found = project.scrapy("search", "--filter", given).stdout
        assert found.endswith(f"\n{packages} packages found\n"), (sign, found)
    up.npm.delete("plone-volto")
    up.npm.delete("@plone/volto")
    project.crawl(spider="npm", mode="refresh")
    left = {name for name, _ in project.releases() if "volto" in name.lower()}
    assert left == {"plone-volto", "plone.volto.x", "Plone_Volto_Y"}
    up.registry.delete("plone-volto")
    project.crawl()
    left = {name for name, _ in project.releases() if "volto" in name.lower()}
    assert left == {"plone.volto.x", "Plone_Volto_Y"}


# --- what goes wrong ----------------------------------------------------------------------------


def test_a_document_the_server_refuses_is_told_and_tried_again(
    up: Upstream, project: Project, typesense_server: Server
) -> None:
    """A collection in which somebody else has made summaries numbers."""
    with closing(TypesenseWriter(typesense_server.address())) as writer:
        writer.create("plone")
        for changes in ({"drop": True}, {"type": "int64", "optional": True}):
            body = {"fields": [{"name": "summary", **changes}]}
            writer._server.connection.send("PATCH", "/collections/plone", body=body)
    for name in ("both_0", "both_1"):
        up.registry.add(name, PLONE, versions=["0.1"], summary="7")
    up.registry.add("wordy", PLONE, versions=["0.1", "0.2"], summary="no number")
    log = project.crawl(status=1)
    assert "The index refused pkg:pypi/wordy@0.1: " in log
    assert "Traceback" not in log
    assert counted(log)["pending"] >= 1
    names = {name for name, _ in project.releases()}
    assert names >= {"both_0", "both_1"}
    assert "wordy" not in names
    assert "wordy" in str(project.status()["collections"][0]["pending"])


def test_a_wrong_key_and_one_that_may_only_search_stop_a_crawl_at_once(
    up: Upstream, project: Project
) -> None:
    project.crawl()
    before = project.export()
    key = project.scrapy("manage", "add-key", "-p", "plone").stdout.splitlines()[-1]
    wanted = dict(project.environment)
    for wrong in (key, "a-wrong-key-4711"):
        project.environment["TYPESENSE_API_KEY"] = wrong
        up.registry.release("both_0", "9.0", classifiers=PLONE)
        up.reset()
        log = project.crawl("LOG_LEVEL=DEBUG", status=1)
        last = log.strip().splitlines()[-1]
        assert last.startswith("error: Typesense at ")
        assert "TYPESENSE_API_KEY" in last
        assert wrong not in log
        assert up.requests == []
    project.environment = wanted
    assert project.export() == before
    project.crawl()
    assert project.releases() == up.registry.truth(CLASSIFIER)


def test_a_server_that_is_away_marks_nothing_done(
    tmp_path: Path, up: Upstream, mortal: TypesenseServer
) -> None:
    project = served(tmp_path / "data", up, mortal)
    project.crawl()
    up.registry.release("both_0", "9.0", classifiers=PLONE)
    mortal.kill()
    log = project.crawl("INDEX_WAIT=1", status=1)
    assert "INDEX_WAIT" in log.strip().splitlines()[-1]
    assert "trying again in" in log
    assert mortal.start()
    project.crawl()
    assert project.releases() == up.registry.truth(CLASSIFIER)


def test_a_server_killed_in_the_middle_of_a_crawl_is_waited_for(
    tmp_path: Path, mortal: TypesenseServer
) -> None:
    with Upstream(Registry(Generated(300, 150, releases=4))) as up:
        project = served(tmp_path / "data", up, mortal)
        run = project.start("crawl", "pypi", "-a", "profile=plone", "-s", "BATCH_SIZE=20")
        for asked_for in (50, 250):
            wait_for(lambda number=asked_for: up.counters["requests"] > number)
            mortal.kill()
            mortal.start(wait=False)
        _, log = run.communicate(timeout=300)
        assert run.returncode == 0, log[-3000:]
        assert project.releases() == set(up.registry.truth(CLASSIFIER))
        up.reset()
        project.crawl()
        assert up.requests == ["/simple/"]


def test_crawl_and_server_killed_together(tmp_path: Path, mortal: TypesenseServer) -> None:
    with Upstream(Registry(Generated(300, 150, releases=4))) as up:
        project = served(tmp_path / "data", up, mortal)
        for number in (30, 120, 200):
            up.reset()
            run = project.start("crawl", "pypi", "-a", "profile=plone", "-s", "BATCH_SIZE=20")
            wait_for(lambda number=number: up.counters["requests"] > number)
            mortal.kill()
            kill_group(run)
            mortal.start()
        project.crawl()
        assert project.releases() == set(up.registry.truth(CLASSIFIER))


def test_server_or_command_killed_during_a_rebuild(tmp_path: Path, mortal: TypesenseServer) -> None:
    """The server: it is waited for. The command: the old version serves, and the next one works."""
    with Upstream(Registry(Generated(300, 300, releases=4))) as up:
        project = served(tmp_path / "data", up, mortal)
        project.crawl()
        before = project.export()
        run = project.start("manage", "recreate", "-p", "plone")
        wait_for(lambda: "plone-2" in versions(project))
        mortal.kill()
        mortal.start(wait=False)
        _, said = run.communicate(timeout=300)
        assert run.returncode == 0, said
        assert project.export() == before
        assert versions(project) == ["plone-2"]
        run = project.start("manage", "recreate", "-p", "plone")
        wait_for(lambda: "plone-3" in versions(project))
        kill_group(run)
        assert project.export() == before
        if "plone-2" not in versions(project):  # it had got as far as the switch
            return
        done = project.scrapy("manage", "recreate", "-p", "plone")
        assert done.returncode == 0, done.stderr
        assert "plone-3" in done.stdout + done.stderr
        assert project.export() == before


def versions(project: Project) -> list[str]:
    """The collections on the server."""
    with contextlib.suppress(ValueError):
        address = {name: project.environment[f"TYPESENSE_{name}"] for name in ("PORT", "API_KEY")}
        answer = httpx.get(
            f"http://127.0.0.1:{address['PORT']}/collections",
            headers={"X-TYPESENSE-API-KEY": address["API_KEY"]},
        )
        return sorted(each["name"] for each in answer.json())
    return []
