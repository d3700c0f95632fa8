"""`scrapy crawl github` for real: facts on every release, few requests, limits, problems."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pyfcrawl.core.build import build_document
from pyfcrawl.core.document import Owner, owned_by
from pyfcrawl.core.health import score
from pyfcrawl.core.readme import EMPTY
from pyfcrawl.stores.index import open_writer
from tests.crawl.project import Project, counted, wait_for
from tests.upstream import Registry, Upstream

TOKEN = "ghp_stand1nS3cret"
FACTS = owned_by(Owner.GITHUB)
PLONE = ["Framework :: Plone", "Framework :: Plone :: 6.1", "License :: OSI Approved"]


def source(path: str) -> dict[str, Any]:
    return {"project_urls": {"Source": f"https://github.com/{path}"}}


@pytest.fixture
def up() -> Iterator[Upstream]:
    """Six packages in four repositories at three hosts, and one without any."""
    registry = Registry()
    registry.add("plone.api", PLONE, versions=["1.0", "2.0"], **source("plone/plone.api"))
    registry.add("plone.app.a", PLONE, home_page="http://www.github.com/Plone/Mono/tree/main/a")
    registry.add("plone.app.b", PLONE, home_page="git+ssh://git@github.com/plone/mono.git")
    registry.add("on-gitlab", PLONE, home_page="https://gitlab.com/group/sub/name/-/issues")
    registry.add("on-codeberg", PLONE, home_page="https://codeberg.org/someone/thing")
    registry.add("homeless", PLONE, home_page="https://example.org/homeless")
    with Upstream(registry) as upstream:
        upstream.github.add_many(["plone/plone.api", "plone/mono"])
        upstream.github.add("group/sub/name", "gitlab")
        upstream.github.add("someone/thing", "codeberg")
        upstream.github.require_token(TOKEN)
        yield upstream


@pytest.fixture
def project(up: Upstream, tmp_path: Path) -> Project:
    """A project that has indexed it all, with a token."""
    project = Project(tmp_path / "data", up.root, GITHUB_TOKEN=TOKEN)
    project.crawl()
    up.github.forget()
    return project


def many(project: Project, up: Upstream, packages: int, repositories: int) -> list[str]:
    """Index packages that share repositories, in a fresh registry; returns the repositories."""
    paths = [f"owner{number % 7}/Repo-{number}" for number in range(repositories)]
    registry = Registry()
    for number in range(packages):
        registry.add(f"package-{number:04}", PLONE, **source(paths[number % repositories]))
    up.load(registry)
    up.github.add_many(paths)
    project.crawl(mode="full")
    up.github.forget()
    return paths


def facts(project: Project, name: str, collection: str = "plone") -> list[dict[str, Any]]:
    """The facts on each release of a package, the time of the look-up left out."""
    return [
        {field: each[field] for field in FACTS - {"github_checked"} if each[field] is not None}
        for each in project.export(collection)
        if each["name"] == name
    ]


def problems(project: Project, directory: Path | None = None) -> dict[str, dict[str, Any]]:
    report = json.loads(((directory or project.data) / "github_problems.json").read_text())
    return {each["name"]: each for each in report["problems"]}


def test_every_release_gets_the_truth(up: Upstream, project: Project):
    log = project.crawl(spider="github")
    truth = up.github.facts
    assert facts(project, "plone.api") == [truth("plone/plone.api")] * 2
    assert facts(project, "plone.app.a") == facts(project, "plone.app.b") == [truth("plone/mono")]
    assert facts(project, "on-gitlab") == [truth("group/sub/name", "gitlab")]
    assert facts(project, "on-codeberg") == [truth("someone/thing", "codeberg")]
    assert facts(project, "homeless") == [{}]
    assert up.github.counts() == {
        **{"graphql": 1, "asked": 2, "contributors": 2},
        **{"gitlab": 1, "codeberg": 1},
    }
    counts = counted(log)
    assert (counts["visited"], counts["matched"], counts["pending"]) == (6, 5, 0)


def test_health_counts_the_repository_in_the_same_write(up: Upstream, project: Project):
    project.crawl(spider="github")
    for each in project.export():
        fresh = score(each, each["health_score_last_calculated"])
        assert each["health_score"] == fresh["health_score"]
        assert each["health_score_breakdown"] == fresh["health_score_breakdown"]
    bonus = [each["health_score_breakdown"].get("github_bonus_total") for each in project.export()]
    assert sum(each is not None for each in bonus) == 6


def test_a_new_release_carries_the_facts_at_once(up: Upstream, project: Project):
    project.crawl(spider="github")
    up.registry.release("plone.api", "3.0")
    project.crawl()
    assert facts(project, "plone.api") == [up.github.facts("plone/plone.api")] * 3


def test_a_second_run_brings_what_changed(up: Upstream, project: Project):
    project.crawl(spider="github")
    up.github.change("plone/plone.api", stars=4321, issues=0, archived=True)
    up.github.forget()
    project.crawl(spider="github")
    assert facts(project, "plone.api") == [up.github.facts("plone/plone.api")] * 2
    assert "contributors" not in up.github.counts()  # once a week


def test_packages_share_look_ups_fifty_in_a_query(up: Upstream, project: Project):
    many(project, up, packages=170, repositories=120)
    project.crawl(spider="github")
    assert up.github.sizes() == [50, 50, 20]
    assert up.github.counts()["contributors"] == 120
    assert up.requests.count("/github/graphql") == 3
    stars = {each["github_stars"] for each in project.export()}
    assert len(stars) == 120
    assert None not in stars


@pytest.mark.parametrize("how", ["502", "timeout", "partial"])
def test_queries_that_are_too_much_are_halved(up: Upstream, project: Project, how: str):
    paths = many(project, up, packages=60, repositories=60)
    up.github.too_much_from(8, how)
    log = project.crawl(spider="github")
    assert counted(log)["pending"] == 0
    sizes = up.github.sizes()
    assert sizes[:2] == [50, 25]
    assert len(sizes) < 40
    assert {each["github_stars"] for each in project.export()} == {
        up.github.facts(path)["github_stars"] for path in paths
    }


def test_what_can_never_be_answered_stays_pending(up: Upstream, project: Project):
    project.crawl(spider="github")
    before = project.export()
    up.github.too_much_from(0)
    up.fault(503, path_prefix="/gitlab")
    up.fault("junk", path_prefix="/codeberg")
    log = project.crawl("RETRY_TIMES=1", spider="github")
    assert counted(log)["pending"] == 5
    assert project.export() == before
    up.github.too_much_from(50)
    up.clear_faults()
    assert counted(project.crawl(spider="github"))["pending"] == 0


def test_what_github_refuses_to_tell_is_not_asked_over_and_over(up: Upstream, project: Project):
    up.github.forbid("plone/mono")
    log = project.crawl(spider="github")
    assert up.github.sizes() == [2]
    assert counted(log)["pending"] == 2
    assert facts(project, "plone.api") == [up.github.facts("plone/plone.api")] * 2


@pytest.mark.parametrize("kind", ["junk", "truncated", "cut", "reset", "huge", "bomb", "wrong"])
def test_no_answer_however_broken_changes_anything(up: Upstream, project: Project, kind: str):
    project.crawl(spider="github")
    before = project.export()
    hosts = {"plone/mono": "github", "group/sub/name": "gitlab", "someone/thing": "codeberg"}
    for path, host in hosts.items():
        up.github.change(path, host, stars=9999)  # or the answer would be 304
        up.fault(kind, path_prefix=f"/{host}")
    project.crawl("RETRY_TIMES=1", spider="github")
    assert project.export() == before


@pytest.mark.parametrize("after", [1, None])
@pytest.mark.parametrize("status", [403, 429])
def test_a_secondary_limit_pauses_and_fails_nothing(
    up: Upstream, project: Project, status: int, after: int | None
):
    up.github.secondary(2, status, after)
    settings = () if after else ("RETRY_AFTER_MAX=90",)
    if after is None:
        # Told without a time it is a minute: too long for a test, so it is left for next time.
        settings = ("RETRY_AFTER_MAX=5",)
    log = project.crawl(*settings, spider="github")
    counts = counted(log)
    assert counts["pending"] == 0
    assert counts.get("left", 0) == (0 if after else 3)
    if after:
        assert facts(project, "plone.api") == [up.github.facts("plone/plone.api")] * 2
    else:
        assert "Left for next time" in log
        assert facts(project, "on-gitlab") == [up.github.facts("group/sub/name", "gitlab")]


def test_a_query_refused_without_a_reason_is_a_limit_too(up: Upstream, project: Project):
    up.github.secondary(1, 403, words=False)
    log = project.crawl("RETRY_AFTER_MAX=5", spider="github")
    assert up.github.counts() == {"gitlab": 1, "codeberg": 1}
    assert (counted(log)["pending"], counted(log)["left"]) == (0, 3)


def test_a_null_without_an_error_is_looked_into(up: Upstream, project: Project):
    project.crawl(spider="github")
    before = project.export()
    for path in ("plone/plone.api", "plone/mono"):
        up.github.silence(path)
    log = project.crawl(spider="github")
    assert counted(log)["pending"] == 3
    assert [each["github_stars"] for each in project.export()] == [
        each["github_stars"] for each in before
    ]
    up.github.remove("plone/plone.api")
    log = project.crawl(spider="github")
    assert counted(log)["pending"] == 2
    assert problems(project)["plone.api"]["reason"] == "not_found"
    assert facts(project, "plone.api") == [{}, {}]


def test_contributors_that_never_come_are_given_up(up: Upstream, project: Project):
    many(project, up, packages=60, repositories=60)
    up.fault(500, path_prefix="/github/repos")
    log = project.crawl("RETRY_TIMES=0", spider="github")
    assert counted(log)["pending"] == 0
    assert None not in {each["github_stars"] for each in project.export()}
    assert 10 <= sum("contributors" in path for path in up.requests) < 20
    up.clear_faults()
    project.crawl(spider="github")
    assert None not in [each["contributors"] for each in project.export()]


def test_a_limited_query_is_asked_again(up: Upstream, project: Project):
    up.github.limited_query(1)
    log = project.crawl(spider="github")
    assert "waiting" in log
    assert facts(project, "plone.api") == [up.github.facts("plone/plone.api")] * 2


def test_a_limit_that_ends_soon_is_waited_for(up: Upstream, project: Project):
    many(project, up, packages=120, repositories=120)
    up.github.limit(1, reset_in=2, of="graphql")
    log = project.crawl(spider="github")
    assert counted(log)["pending"] == 0
    assert None not in {each["github_stars"] for each in project.export()}


def test_a_limit_that_ends_late_leaves_the_rest(up: Upstream, project: Project):
    many(project, up, packages=120, repositories=120)
    up.github.limit(1, of="graphql")
    log = project.crawl(spider="github")
    assert counted(log)["left"] == 70
    assert "70 repositories of 70 packages" in log
    assert up.github.sizes() == [50]
    up.github.limit(5000, of="graphql")
    up.github.forget()
    project.crawl(spider="github", limit=70)
    assert up.github.sizes() == [50, 20]  # those left were most wanted
    assert None not in {each["github_stars"] for each in project.export()}


def test_ctrl_c_ends_a_pause(up: Upstream, project: Project):
    up.github.secondary(1, 403, 300)
    run = project.start("crawl", "github", "-a", "profile=plone")
    wait_for(lambda: "/github/graphql" in up.requests)
    run.send_signal(signal.SIGINT)
    _, log = run.communicate(timeout=120)
    assert "Traceback" not in log
    assert "Summary (shutdown)" in log
    project.crawl(spider="github")
    assert facts(project, "plone.api") == [up.github.facts("plone/plone.api")] * 2


@pytest.mark.parametrize("reason", ["shutdown", "error"])
def test_a_stop_while_facts_are_on_their_way_ends_the_crawl(
    up: Upstream, project: Project, reason: str
):
    if reason == "error":
        project.environment["GITHUB_TOKEN"] = "ghp_wrong"
    up.reset()
    up.configure(latency=1.0)
    run = project.start("crawl", "github", "-a", "profile=plone")
    wait_for(lambda: any(path.startswith("/gitlab") for path in up.requests))
    with closing(sqlite3.connect(project.data / "index.db")) as index:
        index.execute("BEGIN IMMEDIATE")  # what comes now waits to be written
        if reason == "shutdown":
            run.send_signal(signal.SIGINT)
        time.sleep(2)
        index.rollback()
    _, log = run.communicate(timeout=120)
    assert f"Summary ({reason})" in log
    assert facts(project, "on-gitlab") == [up.github.facts("group/sub/name", "gitlab")]


def test_a_refused_token_stops_the_run_with_one_line(up: Upstream, project: Project):
    project.environment["GITHUB_TOKEN"] = "ghp_wrong"
    log = project.crawl(spider="github", status=1)
    assert "GITHUB_TOKEN" in log.strip().splitlines()[-1]
    assert "ghp_wrong" not in log


# --- without a token ----------------------------------------------------------------------------


@pytest.fixture
def anonymous(project: Project) -> Project:
    del project.environment["GITHUB_TOKEN"]
    return project


def test_without_a_token_the_same_but_for_the_issues(up: Upstream, anonymous: Project):
    up.github.change("plone/mono", issues=0, pulls=0)
    anonymous.crawl(spider="github")
    truth = up.github.facts("plone/plone.api")
    assert truth.pop("github_open_issues") is not None
    assert facts(anonymous, "plone.api") == [truth] * 2
    assert facts(anonymous, "plone.app.a") == [up.github.facts("plone/mono")]
    assert "graphql" not in up.github.counts()


def test_unchanged_answers_are_free(up: Upstream, anonymous: Project):
    anonymous.crawl(spider="github")
    up.github.limit(1)  # one change, and all else as it was
    up.github.change("plone/mono", stars=9)
    up.github.forget()
    log = anonymous.crawl(spider="github")
    assert up.github.counts()["unchanged"] == 1
    assert "left" not in counted(log)
    assert facts(anonymous, "plone.app.a")[0]["github_stars"] == 9
    assert facts(anonymous, "plone.api")[0]["github_stars"] == 10


def test_the_anonymous_limit_is_spent_on_the_most_wanted(up: Upstream, anonymous: Project):
    many(anonymous, up, packages=30, repositories=30)
    up.github.limit(12)
    log = anonymous.crawl(spider="github")
    assert counted(log)["left"] == 18
    assert "18 repositories of 18 packages" in log
    assert "GITHUB_TOKEN" in log
    assert counted(log)["pending"] == 0
    assert up.github.counts() == {"repository": 12}
    up.github.limit(12)
    anonymous.crawl(spider="github")
    assert sum(each["github_stars"] is not None for each in anonymous.export()) == 24
    up.github.limit(12)
    up.github.forget()
    anonymous.crawl(spider="github")
    documents = anonymous.export()
    assert None not in {each["github_stars"] for each in documents}
    # the six never looked up, then contributors of these
    assert sum(each["contributors"] is not None for each in documents) == 6
    assert up.github.counts() == {"repository": 6, "contributors": 6}


# --- links that lead nowhere --------------------------------------------------------------------


def test_an_older_releases_link_is_tried_when_the_newest_leads_nowhere(
    up: Upstream, project: Project
):
    up.registry.add(
        "moved-away",
        PLONE,
        versions={
            "1.0": source("first/there"),
            "2.0": source("second/there"),
            "3.0": source("third/gone"),
        },
    )
    up.github.add_many(["first/there", "second/there"])
    project.crawl()
    project.crawl(spider="github")
    assert facts(project, "moved-away") == [up.github.facts("second/there")] * 3
    assert "moved-away" not in problems(project)


@pytest.mark.parametrize("token", [True, False])
def test_a_renamed_repository_is_followed(up: Upstream, project: Project, token: bool):
    if not token:
        del project.environment["GITHUB_TOKEN"]
    up.github.change("plone/plone.api", issues=0, pulls=0)
    up.github.rename("plone/plone.api", "collective/new.api")
    up.reset()
    project.crawl(spider="github")
    (first, _) = facts(project, "plone.api")
    assert first == up.github.facts("collective/new.api")
    assert not [path for path in up.requests if "plone.api/contributors" in path]
    assert first["github_url"] == "https://github.com/collective/new.api"


def test_one_that_is_gone_leaves_no_numbers(up: Upstream, project: Project):
    project.crawl(spider="github")
    up.github.remove("plone/plone.api")
    project.crawl(spider="github")
    assert facts(project, "plone.api") == [{}, {}]
    api = [each for each in project.export() if each["name"] == "plone.api"]
    assert all(each["github_checked"] for each in api)
    assert "github_bonus_total" not in api[0]["health_score_breakdown"]
    assert problems(project)["plone.api"]["reason"] == "not_found"
    up.github.add("plone/plone.api")
    project.crawl(spider="github")
    assert facts(project, "plone.api") == [up.github.facts("plone/plone.api")] * 2
    assert "plone.api" not in problems(project)


def test_the_reports_say_why_what_was_tried_and_what_to_do(
    up: Upstream, project: Project, tmp_path: Path
):
    up.registry.add("orphan", PLONE, versions={"1": source("a/b"), "2": source("a/c")})
    up.registry.add("owner-only", PLONE, home_page="https://github.com/plone")
    project.crawl()
    directory = tmp_path / "reports" / "here"
    project.crawl(spider="github", report_dir=str(directory))
    found = problems(project, directory)
    assert {name: each["reason"] for name, each in found.items()} == {
        "homeless": "no_repo_url",
        "orphan": "not_found",
        "owner-only": "malformed_identifier",
    }
    assert found["orphan"]["urls"] == ["https://github.com/a/c", "https://github.com/a/b"]
    assert found["homeless"]["urls"] == ["https://example.org/homeless"]
    assert all(each["fix"] for each in found.values())
    page = (directory / "github_problems.md").read_text()
    for text in ("homeless", "orphan", "owner-only", "https://github.com/a/c", "not_found"):
        assert text in page
    assert not (project.data / "github_problems.json").exists()


def test_a_run_over_some_packages_keeps_what_is_known_of_the_others(up: Upstream, project: Project):
    project.crawl(spider="github")
    project.crawl(spider="github", names="plone.api")
    assert set(problems(project)) == {"homeless"}
    up.registry.delete("homeless")
    project.crawl()
    project.crawl(spider="github", names="plone.api")
    assert problems(project) == {}


def test_a_report_that_cannot_be_written_is_told_before_anything_is_fetched(
    up: Upstream, project: Project
):
    up.reset()
    log = project.crawl(spider="github", report_dir="/proc/nothing", status=1)
    assert "report_dir=/proc/nothing" in log.strip().splitlines()[-1]
    assert "give report_dir= a directory" in log.strip().splitlines()[-1]
    assert up.requests == []


# --- arguments ----------------------------------------------------------------------------------


def test_names_takes_just_these_in_any_spelling(up: Upstream, project: Project):
    log = project.crawl(spider="github", names="Plone_API,nowhere")
    assert up.github.counts() == {"graphql": 1, "asked": 1, "contributors": 1}
    assert "Not in the index: nowhere" in log
    assert facts(project, "plone.app.a") == [{}]


def test_a_limit_is_not_used_up_by_packages_that_cost_nothing(up: Upstream, project: Project):
    for number in range(3):
        up.registry.add(f"another-{number}", PLONE, home_page="https://example.org/")
    project.crawl()
    project.crawl(spider="github", limit=1)
    assert sum(bool(each["github_stars"]) for each in project.export()) == 1
    assert {"homeless", "another-0", "another-1", "another-2"} <= problems(project).keys()
    project.crawl(spider="github", limit=2)
    assert len({each["name"] for each in project.export() if each["github_stars"]}) == 3


def test_max_age_skips_what_was_looked_up_since(up: Upstream, project: Project):
    project.crawl(spider="github", limit=2)
    up.github.forget()
    project.crawl(spider="github", max_age="7d")
    up.github.forget()
    log = project.crawl(spider="github", max_age="7d")
    assert up.github.counts() == {}
    assert counted(log)["visited"] == 1  # homeless, which costs nothing
    assert facts(project, "plone.api") == [up.github.facts("plone/plone.api")] * 2


def test_what_another_profile_looked_up_costs_nothing(up: Upstream, project: Project):
    project.crawl(spider="github")
    project.crawl(target="other")
    up.github.forget()
    log = project.crawl(spider="github", target="other")
    assert up.github.counts() == {"gitlab": 1, "codeberg": 1} or up.github.counts() == {}
    assert counted(log)["matched"] == 5
    assert facts(project, "plone.api", "other") == [up.github.facts("plone/plone.api")] * 2
    up.github.change("plone/plone.api", stars=77)
    project.crawl(spider="github", target="other", names="plone.api")
    assert facts(project, "plone.api", "other")[0]["github_stars"] == 77


def test_several_profiles_in_one_run(up: Upstream, project: Project, tmp_path: Path):
    profiles = tmp_path / "profiles.yaml"
    one = "{classifiers: ['Framework :: Plone']}"
    profiles.write_text(f"profiles: {{plone: {one}, again: {one}}}")
    project.environment["PROFILES_FILE"] = str(profiles)
    project.crawl(profile="plone,again")
    project.crawl(spider="github", profile="plone,again")
    assert up.github.counts()["asked"] == 2
    for collection in ("plone", "again"):
        assert facts(project, "plone.api", collection) == [up.github.facts("plone/plone.api")] * 2


def test_a_pypi_and_an_npm_package_of_one_name_keep_apart(up: Upstream, project: Project):
    metadata = {"repository_url": "git+https://github.com/plone/mono.git"}
    document = build_document("npm", "plone.api", "2.0.0", metadata, {}, None, EMPTY)
    writer = open_writer(f"sqlite:///{project.data / 'index.db'}")
    assert writer.upsert("plone", [document]).written == 1
    writer.close()
    project.crawl(spider="github", names="plone.api")
    by_registry = {each["registry"]: each for each in project.export() if each["github_stars"]}
    assert by_registry["npm"]["github_url"] == "https://github.com/plone/mono"
    assert by_registry["pypi"]["github_url"] == "https://github.com/plone/plone.api"
    assert up.github.counts()["graphql"] == 1


def test_the_token_goes_to_github_and_nowhere_else(up: Upstream, project: Project, tmp_path: Path):
    up.reset()
    feed = tmp_path / "items.jsonl"
    arguments = ["crawl", "github", "-a", "profile=plone", "-o", str(feed), "-L", "DEBUG"]
    done = project.scrapy(*arguments)
    assert done.returncode == 0
    assert TOKEN not in done.stdout + done.stderr
    sent = {each.path.split("/")[1]: each.header("authorization") for each in up.log}
    assert sent["github"] == f"Bearer {TOKEN}"
    assert sent["gitlab"] is None
    assert sent["codeberg"] is None
    files = [*project.data.rglob("*"), *tmp_path.rglob("*")]
    assert not [each for each in files if each.is_file() and TOKEN.encode() in each.read_bytes()]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["-amode=full"], ["mode=full", "max_age"]),
        (["-alimit=0"], ["limit=0"]),
        (["-amax_age=soon"], ["max_age=soon", "7d"]),
        (["-anames= ,"], ["names="]),
        (["-areport_dir= "], ["report_dir="]),
        (["-aprofile=plome"], ["plome"]),
        (["-sGITHUB_API_ROOT=nowhere"], ["GITHUB_API_ROOT=nowhere"]),
    ],
)
def test_wrong_input_is_one_clear_line(tmp_path: Path, given: list[str], says: list[str]):
    done = Project(tmp_path, "http://127.0.0.1:9").scrapy("crawl", "github", *given)
    assert done.returncode == 1
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith("error: ")
    for word in says:
        assert word in line


def test_an_upstream_that_is_away_says_which_setting_to_check(up: Upstream, project: Project):
    roots = [f"{name}_API_ROOT=http://127.0.0.1:9" for name in ("GITHUB", "GITLAB", "CODEBERG")]
    log = project.crawl(
        "RETRY_TIMES=0", *roots, spider="github", names="plone.api,on-gitlab", status=1
    )
    assert "GITHUB_API_ROOT" in log.strip().splitlines()[-1]
