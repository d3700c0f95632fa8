"""Which packages a run looks at, in which order, and what their report keeps."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pyfcrawl.core.build import build_document
from pyfcrawl.core.readme import EMPTY
from pyfcrawl.core.repos import HOSTS, Candidates, Repository
from pyfcrawl.sources.github_problems import Problem
from pyfcrawl.spiders import github_report
from pyfcrawl.spiders.github_packages import Package, due, named, read_packages
from pyfcrawl.spiders.github_report import ProblemReport
from pyfcrawl.stores.index import Patch, open_writer

EVER = float("inf")


def package(
    name: str, checked: int | None = None, registry: str = "pypi", linked: bool = True
) -> Package:
    found = Candidates((Repository("github", "github.com", "o", name),) if linked else ())
    return Package(f"pkg:{registry}/{name}", registry, name, ["c"], found, checked, False)


def test_never_looked_up_comes_first_then_the_oldest():
    packages = [package("new", 300), package("b"), package("old", 100), package("a")]
    assert [each.name for each in due(packages, EVER, None)] == ["a", "b", "old", "new"]
    assert [each.name for each in due(packages, EVER, 3)] == ["a", "b", "old"]
    assert [each.name for each in due(packages, 300, None)] == ["a", "b", "old"]


def test_what_costs_no_look_up_takes_nobodys_turn():
    packages = [package("a", linked=False), package("b"), package("c"), package("d", linked=False)]
    assert [each.name for each in due(packages, EVER, 1)] == ["a", "d", "b"]


def test_names_fit_in_whichever_registry():
    packages = [package("Plone.API"), package("plone.api", registry="npm"), package("other")]
    found, unknown = named(packages, ["plone_api", "nowhere"])
    assert ([each.registry for each in found], unknown) == (["pypi"], ["nowhere"])
    found, unknown = named(packages, ["plone.api"])
    assert ([each.registry for each in found], unknown) == (["pypi", "npm"], [])


def test_packages_of_all_collections_with_the_newest_release_first(tmp_path: Path):
    writer = open_writer(f"sqlite:///{tmp_path / 'index.db'}")

    def release(collection: str, name: str, version: str, path: str, **listing: Any) -> None:
        metadata = {"home_page": f"https://github.com/{path}"}
        document = build_document("pypi", name, version, metadata, listing, None, EMPTY)
        writer.upsert(collection, [document])

    for collection in ("one", "two"):
        writer.create(collection)
        release(collection, "plone", "1.0", "a/old")
        release(collection, "plone", "10.0", "a/new")
        release(collection, "plone", "2.0", "a/mid")
    release("one", "plone-x", "1.0", "b/x", is_latest=False)
    release("one", "plone-x", "2.0a1", "b/pre", is_latest=False)
    release("one", "plone-x", "0.9", "b/latest", is_latest=True)
    writer.patch("one", [Patch("pkg:pypi/plone", {"github_checked": 7})])
    found = read_packages(writer, ["one", "two"], HOSTS)
    writer.close()
    plone, other = found["pkg:pypi/plone"], found["pkg:pypi/plone-x"]
    assert [each.name for each in plone.candidates.repositories] == ["new", "mid", "old"]
    assert [each.name for each in other.candidates.repositories] == ["latest", "x", "pre"]
    assert (plone.collections, other.collections) == (["one", "two"], ["one"])
    assert (plone.checked, plone.has_facts) == (None, True)  # looked up in one of the two


def problem(name: str, collection: str = "c") -> Problem:
    return Problem(f"pkg:pypi/{name}", "pypi", name, (collection,), "no_repo_url", ())


def report(directory: Path) -> ProblemReport:
    opened = ProblemReport(directory)
    opened.open()
    return opened


def listed(directory: Path) -> str:
    return (directory / "github_problems.json").read_text()


def test_a_report_is_written_as_problems_are_found_but_not_each_time(tmp_path: Path):
    writes = report(tmp_path)
    writes.add(problem("first"))
    assert "first" in listed(tmp_path)
    for number in range(2000):
        writes.add(problem(f"p{number}"))
    assert "p1999" not in listed(tmp_path)
    writes.write()
    assert "p1999" in listed(tmp_path)
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "github_problems.json",
        "github_problems.md",
    ]


def test_problems_found_before_a_long_wait_are_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(github_report, "_PAUSE", 0.05)

    async def find() -> None:
        writes = report(tmp_path)
        for name in ("first", "second"):
            writes.add(problem(name))
        assert "second" not in listed(tmp_path)
        while "second" not in listed(tmp_path):
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(find(), 5))


def test_a_report_keeps_other_collections_and_drops_what_left_the_index(tmp_path: Path):
    first = report(tmp_path)
    for each in (problem("stays"), problem("left"), problem("foreign", "other")):
        first.add(each)
    first.write()
    second = report(tmp_path)
    second.keep({"pkg:pypi/stays"}, ["c"])
    second.write()
    assert "stays" in listed(tmp_path)
    assert "foreign" in listed(tmp_path)
    assert "left" not in listed(tmp_path)


def test_a_broken_report_is_begun_anew(tmp_path: Path):
    (tmp_path / "github_problems.json").write_bytes(b"\xff[")
    report(tmp_path).write()
    assert '"problems": []' in listed(tmp_path)


def test_a_report_that_cannot_be_written_any_more_is_told(tmp_path: Path):
    directory = tmp_path / "here"
    writes = report(directory)
    writes.write()
    for each in directory.iterdir():
        each.unlink()
    directory.rmdir()
    writes.add(problem("x"))
    writes.write()
    assert str(directory) in writes.failure
