"""Several workers on one run over a real Redis: each project once, whoever is killed when."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.crawl.project import Project, counted, kill_group, wait_for
from tests.crawl.test_kill import _sorted
from tests.upstream import Generated, Registry, Upstream

CRAWL = ("crawl", "pypi", "-a", "profile=plone", "-s", "BATCH_SIZE=50")


@pytest.fixture
def large():
    with Upstream(Registry(Generated(3000, 150, releases=4))) as upstream:
        yield upstream


def shared(tmp_path: Path, up: Upstream, place, **more: str) -> Project:
    settings = place.settings() | {"LEASE_SECONDS": "3", "REDIS_WAIT": "30"} | more
    return Project(tmp_path / "data", up.root, **settings)


def logs(*workers: subprocess.Popen[str], timeout: float = 90) -> list[str]:
    found = []
    for worker in workers:
        _, log = worker.communicate(timeout=timeout)
        assert "Traceback" not in log, log[-6000:]
        assert worker.returncode == 0, log[-6000:]
        found.append(log)
    return found


def visits(up: Upstream) -> Counter[str]:
    return Counter(path for path in up.requests if path.startswith("/pypi/"))


def pending(project: Project) -> dict[str, object]:
    (standing,) = project.status()["collections"]
    found: dict[str, object] = standing["pending"]
    return found


def whole(project: Project, up: Upstream) -> bool:
    return project.releases() == set(up.registry.truth("Framework :: Plone"))


def test_two_workers_share_one_run(tmp_path, large, redis_place):
    project = shared(tmp_path, large, redis_place)
    both = logs(project.start(*CRAWL), project.start(*CRAWL))
    counts = [counted(log) for log in both]
    assert sum(each["visited"] for each in counts) == 3000
    assert min(each["visited"] for each in counts) > 300
    assert whole(project, large)
    assert set(visits(large).values()) == {1}
    assert large.requests.count("/simple/") == 1
    large.reset()
    assert "Nothing has changed" in project.crawl("BATCH_SIZE=50")
    assert large.requests == ["/simple/"]
    assert [key for key in redis_place.all_keys() if ":queue:" in key] == []


def test_one_worker_alone_does_as_without_redis(tmp_path, large, redis_place):
    project = shared(tmp_path, large, redis_place)
    project.crawl("BATCH_SIZE=50")
    plain = Project(tmp_path / "plain", large.root)
    plain.crawl("BATCH_SIZE=50")
    assert _sorted(project.export()) == _sorted(plain.export())


def test_batches_turned_off_are_shared_too(tmp_path, up, redis_place):
    project = shared(tmp_path, up, redis_place)
    crawl = ("crawl", "pypi", "-a", "profile=plone", "-s", "BATCH_SIZE=1")
    both = [counted(log) for log in logs(project.start(*crawl), project.start(*crawl))]
    assert sum(each["visited"] for each in both) == 60
    assert whole(project, up)


def test_workers_killed_at_random_moments(tmp_path, large, redis_place):
    project = shared(tmp_path, large, redis_place)
    chance = random.Random(5)
    for _ in range(4):
        workers = [project.start(*CRAWL) for _ in range(2)]
        time.sleep(1.5 + chance.random() * 2)
        kill_group(workers[chance.randrange(2)])
        time.sleep(chance.random())
        for worker in workers:
            kill_group(worker)
    logs(project.start(*CRAWL), project.start(*CRAWL))
    assert whole(project, large)
    undisturbed = Project(tmp_path / "undisturbed", large.root)
    undisturbed.crawl()
    assert _sorted(project.export()) == _sorted(undisturbed.export())
    assert pending(project) == {}


def test_a_survivor_finishes_what_a_killed_worker_held(tmp_path, large, redis_place):
    large.configure(latency=0.05)
    project = shared(tmp_path, large, redis_place)
    killed, survivor = project.start(*CRAWL), project.start(*CRAWL)
    wait_for(lambda: len(visits(large)) > 600, 60)
    kill_group(killed)
    (log,) = logs(survivor)
    assert whole(project, large)
    assert "Traceback" not in log


def test_a_worker_stopped_gives_its_share_back_at_once(tmp_path, large, redis_place):
    large.configure(latency=0.05)
    project = shared(tmp_path, large, redis_place, LEASE_SECONDS="60")
    stopped, other = project.start(*CRAWL), project.start(*CRAWL)
    wait_for(lambda: len(visits(large)) > 600, 60)
    stopped.send_signal(signal.SIGINT)
    stopped.communicate(timeout=60)
    logs(other, timeout=50)  # less than a lease lasts
    assert whole(project, large)


def test_redis_away_for_a_while(tmp_path, large, start_redis):
    server = start_redis()
    large.configure(latency=0.05)
    project = Project(
        tmp_path / "data", large.root, REDIS_URL=server.url, LEASE_SECONDS="3", REDIS_WAIT="60"
    )
    workers = [project.start(*CRAWL) for _ in range(2)]
    wait_for(lambda: len(visits(large)) > 600, 60)
    server.restart(away=4.0)
    both = logs(*workers)
    assert any("can't be reached" in log for log in both)
    assert any("is back" in log for log in both)
    assert whole(project, large)


def test_redis_away_at_the_start_is_one_line(tmp_path, up):
    project = Project(tmp_path / "data", up.root, REDIS_URL="redis://:hush@127.0.0.1:9/0")
    log = project.crawl(status=1)
    last = log.strip().splitlines()[-1]
    assert last.startswith("error: Redis at 127.0.0.1:9 can't be reached")
    assert "hush" not in log
    assert up.requests == []


def test_a_wrong_password_is_said_plainly(tmp_path, up, start_redis):
    server = start_redis(password="right")
    project = Project(tmp_path / "data", up.root, REDIS_URL=server.url_with("wr0ng-hush"))
    last = project.crawl(status=1).strip().splitlines()[-1]
    assert "refuses the password" in last
    assert "wr0ng-hush" not in last


def test_what_lies_in_redis_is_text_without_secrets(tmp_path, large, start_redis):
    server = start_redis(password="hush-redis")
    large.configure(latency=0.05)
    tokens = {"NPM_AUTH_TOKEN": "hush-npm", "GITHUB_TOKEN": "hush-github"}
    project = Project(tmp_path / "data", large.root, REDIS_URL=server.url, **tokens)
    worker = project.start(*CRAWL)
    wait_for(lambda: len(visits(large)) > 300, 60)
    found = everything(server.client())
    kill_group(worker)
    assert "batch" in found
    assert "hush" not in found
    assert "\\x80\\x04" not in ascii(found)


def everything(client) -> str:
    """All keys and values of a Redis, as text; raises for what is not UTF-8, as pickles are."""
    read = {
        "string": client.get,
        "hash": client.hgetall,
        "list": lambda key: client.lrange(key, 0, -1),
        "set": client.smembers,
        "zset": lambda key: client.zrange(key, 0, -1),
    }
    return "\n".join(f"{key}: {read[client.type(key)](key)}" for key in client.scan_iter())


def test_another_worker_stands_by_where_a_run_cannot_be_divided(tmp_path, up, redis_place):
    project = shared(tmp_path, up, redis_place)
    poll = ("crawl", "rss", "-a", "profile=plone", "-a", "poll=1")
    first = project.start(*poll)
    wait_for(lambda: "/rss/updates.xml" in up.requests, 30)
    second = project.start(*poll)
    time.sleep(3)
    kill_group(first)
    up.reset()
    wait_for(lambda: "/rss/updates.xml" in up.requests, 30)
    second.send_signal(signal.SIGTERM)
    _, log = second.communicate(timeout=30)
    assert "standing by" in log


def test_a_rebuild_is_one_workers(tmp_path, large, redis_place):
    large.configure(latency=2)
    project = shared(tmp_path, large, redis_place)
    first = project.start(*CRAWL, "-a", "recreate=yes")
    wait_for(lambda: visits(large), 60)
    log = project.crawl("BATCH_SIZE=50", recreate="yes", status=1)
    assert "recreate=yes is under way" in log.strip().splitlines()[-1]
    large.configure(latency=0)
    logs(first)
    assert whole(project, large)


@pytest.mark.parametrize(("gone", "left"), [(30, 100), (20, 80)])
def test_removals_of_all_workers_count_together(tmp_path, redis_place, gone, left):
    registry = Registry()
    for number in range(100):
        registry.add(f"p{number}", ["Framework :: Plone"], versions=["1.0"])
    with Upstream(registry, latency=0.1) as up:
        project = shared(tmp_path, up, redis_place)
        crawl = (*CRAWL[:-1], "BATCH_SIZE=4")
        logs(project.start(*crawl), project.start(*crawl))
        for number in range(gone):
            up.registry.declassify(f"p{number * 3}")
        both = [project.start(*crawl) for _ in range(2)]
        said = [each.communicate(timeout=90)[1] for each in both]
        refused = [log for log in said if "30 of 100 packages of plone would be removed" in log]
        assert sorted(each.returncode for each in both) == [0, int(gone > 20)]
        assert len(refused) == int(gone > 20)
        assert len({each["name"] for each in project.export()}) == left
        assert len(pending(project)) == (gone if gone > 20 else 0)
