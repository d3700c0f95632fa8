"""What holds for every source: its rate, its Retry-After and its token, through a real crawl."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.crawl.project import Project
from tests.upstream import Request, Upstream

TOKEN = "npm-secret-4711"
SPIDER = "tests/crawl/asking.py"


def ask(project: Project, urls: list[str], *settings: str) -> tuple[str, list[list[Any]]]:
    """Log and notes of a run of tests/crawl/asking.py."""
    notes = project.data.parent / "notes.jsonl"
    given = [f"-aurls={','.join(urls)}", f"-anotes={notes}", *(f"-s{each}" for each in settings)]
    done = project.scrapy("runspider", SPIDER, *given)
    assert "Traceback" not in done.stderr, done.stderr[-4000:]
    return done.stderr + done.stdout, [json.loads(line) for line in notes.read_text().splitlines()]


def asked(up: Upstream, path: str) -> list[Request]:
    """The requests for addresses under a path, in the order of arrival."""
    return [each for each in up.log if each.path.startswith(path)]


# --- pauses and rates -------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "as_date"), [(429, False), (503, True), (403, False)])
def test_a_source_that_asks_to_wait_holds_up_no_other(
    up: Upstream, project: Project, status: int, as_date: bool
) -> None:
    """Two sources on one host; the first request to one is answered with a Retry-After."""
    project.environment |= {
        "NPM_ROOT": f"{up.root}/pypi/both-0",
        "GITLAB_API_ROOT": f"{up.root}/pypi/other-1",
    }
    here = f"{up.root}/pypi/both-0/json"
    there = [f"{up.root}/pypi/other-1/json?{number}" for number in range(6)]
    again = [here] if status == 403 else []  # which isn't retried: so another one has to wait
    # A date has no fractions of a second: 4 are 3 and something.
    wait = {"retry_at": 4} if as_date else {"retry_after": 3}
    up.fault(status, path_prefix="/pypi/both-0/", times=1, **wait)
    ask(project, [here, *there, *again])
    paused, free = asked(up, "/pypi/both-0/"), asked(up, "/pypi/other-1/")
    assert [each.status for each in paused] == [status, 200]
    assert [each.status for each in free] == [200] * 6
    assert paused[1].at - paused[0].at > 2.9
    assert paused[0].at < free[-1].at < paused[1].at


@pytest.mark.parametrize("why", ["pause", "rate"])
def test_many_that_wait_for_one_source_hold_up_no_other(
    up: Upstream, project: Project, why: str
) -> None:
    """More of them than requests may be under way at once."""
    project.environment |= {
        "NPM_ROOT": f"{up.root}/pypi/both-0",
        "NPM_MAX_RPS": "20" if why == "rate" else "0",
        "GITLAB_API_ROOT": f"{up.root}/pypi/other-1",
    }
    here = [f"{up.root}/pypi/both-0/json?{number}" for number in range(80)]
    there = [f"{up.root}/pypi/other-1/json?{number}" for number in range(6)]
    if why == "pause":
        up.fault(429, path_prefix="/pypi/both-0/", times=1, retry_after=3)
    ask(project, [*here, *there])
    waiting, free = asked(up, "/pypi/both-0/"), asked(up, "/pypi/other-1/")
    done = [each for each in waiting if each.status == 200]
    assert (len(done), len(free)) == (80, 6)
    assert max(each.at for each in free) < done[48].at


def test_each_source_is_asked_at_its_own_rate(up: Upstream, project: Project) -> None:
    project.environment |= {
        "NPM_ROOT": f"{up.root}/pypi/both-0",
        "NPM_MAX_RPS": "4",
        "GITLAB_API_ROOT": f"{up.root}/pypi/other-1",
    }
    slow = [f"{up.root}/pypi/both-0/json?{number}" for number in range(8)]
    fast = [f"{up.root}/pypi/other-1/json?{number}" for number in range(8)]
    ask(project, [*slow, *fast])
    limited, free = asked(up, "/pypi/both-0/"), asked(up, "/pypi/other-1/")
    assert (len(limited), len(free)) == (8, 8)
    assert limited[-1].at - limited[0].at > 6 / 4  # seven spans; the first may be seen late
    assert free[-1].at < limited[-1].at


# --- tokens -----------------------------------------------------------------------------------


def test_a_token_goes_to_its_root_only_and_is_kept_nowhere(
    up: Upstream, project: Project, tmp_path: Path
) -> None:
    """Under the root: a redirect out of it, a retry, an answer; beside it: another source."""
    project.environment |= {
        "NPM_ROOT": f"{up.root}/pypi/Both_0",
        "NPM_AUTH_TOKEN": TOKEN,
        "GITHUB_API_ROOT": f"{up.root}/pypi/other-1",
    }
    up.fault(503, path_prefix="/pypi/Both_0/0.2/", times=1)
    paths = [
        "/pypi/Both_0/json",
        "/pypi/Both_0/0.2/json",
        "/pypi/Both_0/0.3/json?anonymous",
        "/pypi/other-1/json",
        "/pypi/Both_0x/json",
    ]
    log, notes = ask(
        project, [up.root + path for path in paths], "LOG_LEVEL=DEBUG", "RETRY_TIMES=1"
    )
    sent = {each.path for each in up.log if each.header("Authorization") == f"Bearer {TOKEN}"}
    assert sent == {"/pypi/Both_0/json", "/pypi/Both_0/0.2/json"}
    assert not any(each.header("Authorization") for each in up.log if each.path not in sent)
    assert {"/pypi/both-0/json", "/pypi/both-0/0.2/json"} <= set(up.requests)  # redirected to
    assert [each.status for each in asked(up, "/pypi/Both_0/0.2/")] == [503, 301]
    assert [row[0] for row in notes].count("answered") == 4
    assert not any("Authorization" in row[3] for row in notes)
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert TOKEN not in log + json.dumps(notes)
    assert not any(TOKEN.encode() in each for each in kept)


def test_a_token_that_no_header_can_carry_is_told_without_showing_it(project: Project) -> None:
    project.environment["GITHUB_TOKEN"] = "half secret"
    done = project.scrapy("crawl", "pypi", "-aprofile=plone")
    assert done.returncode == 1
    assert "GITHUB_TOKEN" in done.stderr
    assert "Traceback" not in done.stderr
    assert "half" not in done.stderr
