"""The stand-in must speak PyPI's protocol, or every crawl test proves nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.upstream import Generated, Registry, Upstream

SIMPLE = "application/vnd.pypi.simple.v1+json"


@pytest.fixture(scope="module")
def up() -> Iterator[Upstream]:
    with Upstream() as up:
        yield up


@pytest.fixture(autouse=True)
def clean(up: Upstream) -> None:
    up.clear_faults()
    up.configure(release_json=True, gzip=False, latency=0)
    up.reset()


def listing(up: Upstream, **headers: str) -> requests.Response:
    return requests.get(f"{up.root}/simple/", headers={"Accept": SIMPLE, **headers}, timeout=5)


def page(up: Upstream, *parts: str, timeout: float = 5) -> requests.Response:
    return requests.get(f"{up.root}/pypi/{'/'.join(parts)}/json", timeout=timeout)


def serials(up: Upstream) -> dict[str, int]:
    return {each["name"]: each["_last-serial"] for each in listing(up).json()["projects"]}


def test_the_listing_names_every_project_with_its_serial(up: Upstream) -> None:
    serial = up.registry.add("Listed.Name", versions=2)
    answer = listing(up)
    assert answer.headers["Content-Type"] == SIMPLE
    assert answer.json()["meta"] == {"_last-serial": serial, "api-version": "1.4"}
    assert serials(up)["Listed.Name"] == serial
    assert listing(up, **{"If-None-Match": answer.headers["ETag"]}).status_code == 304
    up.registry.touch("Listed.Name")
    assert listing(up, **{"If-None-Match": answer.headers["ETag"]}).status_code == 200
    assert "html" in listing(up, Accept="*/*").headers["Content-Type"]


def test_a_project_page_shows_its_latest_release(up: Upstream) -> None:
    versions = {"1.0": {"summary": "one"}, "1.10": {"summary": "ten"}, "2.0rc1": {}}
    serial = up.registry.add("Shown", versions=versions, license="MIT")
    answer = page(up, "shown")
    body = answer.json()
    assert answer.headers["X-PyPI-Last-Serial"] == str(serial) == str(body["last_serial"])
    assert (body["info"]["version"], body["info"]["summary"]) == ("1.10", "ten")
    assert body["info"]["license"] == "MIT"
    assert body["releases"].keys() == versions.keys()
    assert [each["packagetype"] for each in body["urls"]] == ["sdist", "bdist_wheel"]
    up.registry.yank("shown", "1.10", "broken")
    assert page(up, "shown").json()["info"]["version"] == "1.0"
    yanked = page(up, "shown", "1.10").json()
    assert yanked["info"]["yanked_reason"] == yanked["urls"][0]["yanked_reason"] == "broken"
    assert "releases" not in yanked


def test_pages_that_are_not_there(up: Upstream) -> None:
    up.registry.add("no.releases", versions=0)
    up.registry.add("Held", versions=1)
    up.registry.quarantine("held")
    assert "no.releases" in serials(up)
    assert "Held" not in serials(up)
    assert page(up, "held").ok
    assert [page(up, *parts).status_code for parts in (["no-releases"], ["held", "9"])] == [404] * 2
    up.registry.delete("held")
    assert page(up, "held").status_code == page(up, "never-was").status_code == 404
    assert page(up, "never-was").json()["message"]


def test_other_spellings_are_redirected(up: Upstream) -> None:
    up.registry.add("Many.Ways_to-write")
    answer = page(up, "Many.Ways_to-write", "1.0")
    assert [each.status_code for each in answer.history] == [301]
    assert answer.url.endswith("/pypi/many-ways-to-write/1.0/json")


def test_every_change_gives_a_new_serial_and_shows(up: Upstream) -> None:
    registry = up.registry
    seen = [
        registry.add("moving", versions=["1.0", "2.0"]),
        registry.release("moving", "3.0", summary="third", uploaded="2020-02-02T00:00:00.000000Z"),
        registry.touch("moving"),
        registry.delete_release("moving", "1.0"),
        registry.yank("moving", "2.0"),
    ]
    assert seen == sorted(set(seen))
    assert serials(up)["moving"] == seen[-1] == registry.serial
    assert {pair for pair in registry.truth() if pair[0] == "moving"} == {
        ("moving", "2.0"),
        ("moving", "3.0"),
    }
    file = page(up, "moving").json()["releases"]["3.0"][0]
    assert file["upload_time_iso_8601"].startswith("2020-02-02")
    registry.declassify("moving")
    assert not [pair for pair in registry.truth() if pair[0] == "moving"]


def test_truth_goes_by_whole_segments() -> None:
    registry = Registry()
    registry.add("deep", ["Framework :: Plone :: 6.1"])
    registry.add("near", ["Framework :: PloneX"])
    registry.add("lost", versions={"1.0": {}, "2.0": {"classifiers": []}})
    assert registry.truth("Framework :: Plone") == {("deep", "1.0")}


def test_options(up: Upstream) -> None:
    up.registry.add("optional")
    up.configure(release_json=False, gzip=True)
    assert page(up, "optional", "1.0").status_code == 404
    answer = page(up, "optional")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.json()["info"]["name"] == "optional"
    with pytest.raises(KeyError, match="no option"):
        up.configure(gnusto=True)


def test_the_log_tells_what_was_asked(up: Upstream) -> None:
    up.fault(503, times=1)
    page(up, "asked")
    requests.get(f"{up.root}/simple/", headers={"User-Agent": "me"}, timeout=5)
    assert up.requests == ["/pypi/asked/json", "/simple/"]
    assert [each.status for each in up.log] == [503, 200]
    assert up.log[1].header("user-agent") == "me"
    assert up.faulted == {"503": 1}
    assert up.counters["requests"] == 2
    up.reset()
    assert up.requests == []


def test_faults_that_answer_strangely(up: Upstream) -> None:
    serial = up.registry.add("stricken", versions=1, summary="before")
    up.registry.edit("stricken", summary="after")
    up.registry.add("neighbour")
    up.fault(429, times=1, retry_after=7)
    assert page(up, "stricken").headers["Retry-After"] == "7"
    up.fault("stale", times=1)
    stale = page(up, "stricken").json()
    assert (stale["last_serial"], stale["info"]["summary"]) == (serial, "before")
    up.fault("wrong", times=1)
    assert page(up, "stricken").json()["info"]["name"] != "stricken"
    up.fault("truncated", times=1)
    with pytest.raises(requests.JSONDecodeError):
        page(up, "stricken").json()
    up.fault("junk", times=2)
    assert [page(up, "stricken").text[:2], page(up, "stricken").text] == ["<!", "{}"]
    up.fault("bomb", times=1, size=2**20)
    bomb = page(up, "stricken")
    up.fault("huge", times=1, size=2**20)
    assert len(page(up, "stricken").content) == len(bomb.content) > 2**20
    assert int(bomb.headers["Content-Length"]) < 2**14
    up.fault("loop", times=40)
    with pytest.raises(requests.TooManyRedirects):
        page(up, "stricken")


@pytest.mark.parametrize("kind", ["cut", "reset", "hang", "slow", "drip"])
def test_faults_of_the_connection(up: Upstream, kind: str) -> None:
    up.registry.add("torn")
    up.fault(kind, paths=["/pypi/torn/json"], first=1, seconds=30)
    with pytest.raises(requests.RequestException):
        page(up, "torn", timeout=0.3)
    assert page(up, "torn").ok


def test_random_faults_are_the_same_in_any_order(up: Upstream) -> None:
    names = [f"name-{number}" for number in range(100)]
    runs = []
    for order in (names, names[::-1]):
        up.clear_faults()
        up.fault(500, rate=0.2, path_prefix="/pypi/", seed=3)
        runs.append({name for name in order if page(up, name).status_code == 500})
    assert runs[0] == runs[1]
    assert 5 < len(runs[0]) < 40


def test_a_frozen_listing_lags_behind_the_pages(up: Upstream) -> None:
    up.registry.add("ahead")
    up.freeze_listing()
    serial = up.registry.touch("ahead")
    assert serials(up)["ahead"] < serial == page(up, "ahead").json()["last_serial"]
    up.freeze_listing(False)
    assert serials(up)["ahead"] == serial


def test_a_generated_registry() -> None:
    registry = Registry(Generated(projects=1000, matching=5, releases=3))
    registry.add("by.hand", versions=1)
    with Upstream(registry) as up:
        truth = up.registry.truth()
        assert truth == registry.truth()
        assert len(truth) == 5 * 3 + 1
        assert len(set(serials(up).values())) == 1001
        changed = up.registry.release("project-0000001", "9.0")
        filler = page(up, "project-0000002").json()
        assert filler["info"]["name"] == "project-0000002"
        assert serials(up)["project-0000002"] == filler["last_serial"] <= 1000
        assert 6_000 < len(page(up, "project-0000002").content) < 8_500
        assert page(up, "project-0000001").json()["last_serial"] == changed
        assert page(up, "project-0001000").status_code == 404


def test_by_hand() -> None:
    script = Path(__file__).with_name("upstream.py")
    child = subprocess.Popen(
        [sys.executable, script, "--projects", "20", "--matching", "2"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    with child:
        root = child.stdout.readline().strip()
        found = requests.get(f"{root}/simple/", headers={"Accept": SIMPLE}, timeout=5).json()
        child.kill()
    assert len(found["projects"]) == 20
