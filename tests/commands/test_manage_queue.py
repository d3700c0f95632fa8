"""`scrapy manage queue` on a real Redis, with a run of our own making and a crawl under way."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import time

import pytest

from pyfcrawl.batch.messages import Batch, Target, batch_request
from pyfcrawl.scheduling.queue import Exchange, LeaseQueue, Terms
from pyfcrawl.scheduling.runs import dead_key, open_runs_key, queue_key
from pyfcrawl.spiders.pypi import PypiSpider
from tests.commands.shell import PROJECT, Shell, error_of
from tests.crawl.project import Project, kill_group, wait_for
from tests.upstream import Generated, Registry, Upstream

RUN = "pypi-0123456789ab"
CRAWL = ("crawl", "pypi", "-a", "profile=plone", "-s", "BATCH_SIZE=50")
ABOUT = {"spider": "pypi", "label": "pypi profile=plone", "host": "one"}


class Bench:
    """A run whose workers are played by the test."""

    def __init__(self, place, shell: Shell) -> None:
        self.place, self.shell = place, shell
        self.client = place.server.client()
        self.planner = self.worker("one:7:aaaa")
        assert self.planner.claim(ABOUT) == "plan"
        self.client.sadd(open_runs_key(place.prefix), RUN)

    def worker(self, name: str, **terms: int) -> LeaseQueue:
        key = queue_key(self.place.prefix, RUN)
        return LeaseQueue(self.client, None, key, name, Terms(**{"attempts": 2} | terms))

    def push(self, *names: str, projects: int = 20) -> None:
        """Requests for so many projects each."""
        spider = PypiSpider.__new__(PypiSpider)
        pushes = []
        for name in names:
            targets = [Target(f"https://pypi.example/{n}", f"0:1:{name}-{n}") for n in range(20)]
            callbacks = (spider.parse_batch, spider.batch_failed)
            request = batch_request(Batch(targets[:projects]), *callbacks, label=name)
            self.planner.spider = spider
            pushes.append((name, self.planner.encode(request)))
        sizes = dict.fromkeys(names, projects)
        self.planner.exchange(Exchange(pushes=pushes, sizes=sizes, plan="{}"))

    def queue(self, *words: str):
        return self.shell("manage", "queue", *words, columns=200, **self.place.settings())

    def told(self):
        """The run, from `--json`."""
        result = self.queue("--json")
        assert (result.returncode, result.stderr) == (0, "")
        (run,) = json.loads(result.stdout)["runs"]
        return run


@pytest.fixture
def bench(redis_place, shell: Shell):
    made = Bench(redis_place, shell)
    yield made
    made.client.close()


# --- looking -----------------------------------------------------------------------------------


def test_without_redis_it_says_so_in_one_line(shell: Shell):
    for words in ((), ("--json",), ("retry-dead",), ("purge", "--force")):
        error = error_of(shell("manage", "queue", *words, REDIS_URL=""))
        assert "set REDIS_URL" in error


def test_a_redis_that_is_away_is_one_line_without_its_password(shell: Shell):
    error = error_of(shell("manage", "queue", REDIS_URL="redis://:hush@127.0.0.1:9/0"))
    assert "Redis at 127.0.0.1:9 can't be reached" in error
    assert "hush" not in error


@pytest.mark.parametrize(
    "settings", [{"REDIS_URL": "http://x"}, {"REDIS_WAIT": "soon"}, {"REDIS_KEY_PREFIX": "*"}]
)
def test_settings_that_cannot_be_used_are_one_line(shell: Shell, settings: dict[str, str]):
    given = {"REDIS_URL": "redis://127.0.0.1:9"} | settings
    assert "REDIS_" in error_of(shell("manage", "queue", **given))


def test_nothing_under_way(redis_place, shell: Shell):
    result = shell("manage", "queue", **redis_place.settings())
    assert (result.returncode, result.stdout) == (0, "No run is under way.\n")
    told = json.loads(shell("manage", "queue", "--json", **redis_place.settings()).stdout)
    assert told == {"runs": [], "ended": []}


def test_numbers_and_names_of_a_run(bench: Bench):
    bench.push("a", "b", "c", "d", "e", "f")
    other = bench.worker("two:9:bbbb", lease=20_000, delay=60_000)
    assert len(other.exchange(Exchange(want=4)).taken) == 4
    what = {"acks": ["a"], "failures": [("b", "junk")], "holds": ["c", "d"]}
    other.exchange(Exchange(**what, sizes={"a": 20}))
    run = bench.told()
    assert (run["waiting"], run["leased"], run["delayed"], run["dead"]) == (2, 2, 1, 0)
    assert (run["requests"], run["done"], run["projects"], run["visited"]) == (6, 1, 120, 20)
    assert (run["label"], run["planner"], run["alone"]) == ("pypi profile=plone", "one:7", False)
    holder = next(each for each in run["workers"] if each["worker"] == "two:9")
    assert holder["holds"] == 2
    assert 10 < holder["until"] <= 20
    assert 0 <= holder["heard"] < 10
    (failed,) = run["failed"]
    assert 50 < failed.pop("due") <= 60
    assert failed == {"label": "batch/b", "projects": 20, "tries": 1, "reason": "junk"}
    text = bench.queue().stdout
    assert "2 waiting, 2 leased, 1 failed and delayed, 0 given up, 1 done of 6" in text
    assert re.search(r"^two:9 +2 +in 1\ds +\ds ago$", text, re.M), text
    assert re.search(r"^batch/b +20 +1 +in 5\ds +junk$", text, re.M), text


def test_what_was_given_up_is_told_with_its_reason(bench: Bench):
    bench.push("a", "b")
    worker = bench.worker("two:9:bbbb", delay=0)
    for _ in range(2):
        worker.exchange(Exchange(want=1))
        worker.exchange(Exchange(failures=[("a", "no \x1b[31mgood")]))
        time.sleep(0.01)
    assert bench.told()["failed"][0]["due"] is None
    assert re.search(r"^batch/a +20 +2 +given up +no \[31mgood$", bench.queue().stdout, re.M)


def test_a_request_that_cannot_be_read_is_told_too(bench: Bench):
    bench.planner.exchange(Exchange(pushes=[("a", "\x80 no JSON")], plan="{}"))
    worker = bench.worker("two:9:bbbb")
    worker.exchange(Exchange(want=1))
    worker.exchange(Exchange(failures=[("a", "it can't be read")]))
    assert bench.told()["failed"][0]["label"] == "a request that can't be read"


def test_the_rate_is_that_of_the_last_minute(bench: Bench):
    bench.push(*"abcdefgh")
    worker = bench.worker("two:9:bbbb")
    worker.exchange(Exchange(want=8))
    assert bench.told()["rate"] == 0
    assert bench.told()["left"] is None
    sizes = dict.fromkeys("abcdefgh", 20)
    worker.exchange(Exchange(acks=["a", "b"], sizes=sizes))
    key = bench.planner.keys[0]
    begun = int(bench.client.hget(key, "started"))
    bench.client.hset(key, "started", begun - 600_000)  # it has taken ten minutes until now
    run = bench.told()
    assert 2 / 71 < run["rate"] <= 2 / 59
    assert run["project_rate"] == pytest.approx(run["rate"] * 20)
    assert run["left"] == pytest.approx(6 / run["rate"])
    for name, mark in bench.client.hgetall(key).items():  # and this was done long ago
        if name.startswith("before:"):
            span, rest = mark.split(" ", 1)
            bench.client.hset(key, name, f"{int(span) - 8} {rest}")
    assert bench.told()["rate"] == 0


def test_a_run_of_one_worker(redis_place, shell: Shell):
    with redis_place.server.client() as client:
        queue = LeaseQueue(client, None, queue_key(redis_place.prefix, RUN), "one:7:a", Terms())
        queue.claim(ABOUT | {"alone": 1})
        client.sadd(open_runs_key(redis_place.prefix), RUN, "pypi-that-is-gone")
    text = shell("manage", "queue", **redis_place.settings()).stdout
    assert "does all of it; others stand by" in text
    assert "gone" not in text


def test_a_crawl_under_way(tmp_path, redis_place, shell: Shell):
    with Upstream(Registry(Generated(3000, 150, releases=4)), latency=0.2) as up:
        settings = redis_place.settings() | {"BATCH_CONCURRENCY": "8"}
        project = Project(tmp_path / "crawl", up.root, **settings)
        workers = [project.start(*CRAWL) for _ in range(2)]
        bench = Bench.__new__(Bench)
        bench.place, bench.shell = redis_place, shell
        try:
            wait_for(lambda: len(told_runs(bench)) == 1 and bench.told()["visited"] >= 200, 60)
            run = bench.told()
            text = bench.queue().stdout
        finally:
            for worker in workers:
                kill_group(worker)
    assert run["projects"] == 3000
    assert run["requests"] == 60
    assert run["done"] * 50 == run["visited"]
    assert run["waiting"] + run["leased"] + run["done"] == 60
    pids = {int(each["worker"].rpartition(":")[2]) for each in run["workers"]}
    assert pids == {worker.pid for worker in workers}
    assert all(each["holds"] and 0 < each["until"] <= 30 for each in run["workers"])
    assert run["rate"] > 0
    assert 0 < run["left"] < 600
    assert text.startswith("pypi profile=plone\n")


def told_runs(bench: Bench):
    return json.loads(bench.queue("--json").stdout)["runs"]


# --- changing ----------------------------------------------------------------------------------


def test_what_is_dead_in_an_open_run_is_queued_again(bench: Bench):
    bench.push("a", "b")
    worker = bench.worker("two:9:bbbb", attempts=1)
    worker.exchange(Exchange(want=2))
    worker.exchange(Exchange(acks=["b"], failures=[("a", "junk")]))
    assert bench.told()["dead"] == 1
    assert bench.queue("retry-dead").stdout == f"{RUN}: 1 request queued again\n"
    run = bench.told()
    assert (run["dead"], run["waiting"]) == (0, 1)
    assert bench.queue("retry-dead").stdout == "Nothing is given up.\n"


def test_a_run_being_ended_keeps_its_dead_for_the_next_crawl(bench: Bench):
    bench.push("a")
    worker = bench.worker("two:9:bbbb", attempts=1)
    worker.exchange(Exchange(want=1))
    worker.exchange(Exchange(failures=[("a", "junk")]))
    assert worker.finish()
    assert "pending for the next crawl" in bench.queue("retry-dead").stdout
    assert list(worker.dead()) == ["a"]
    assert "being ended" in bench.queue().stdout


def test_ended_runs_are_listed_and_the_list_cleared(bench: Bench):
    projects = {f"0:{n}:pkg-{n}": "given up: junk" for n in range(12)}
    entry = {"run": "pypi-old", "requests": 1, "projects": projects, "at": 1_793_491_200}
    bench.client.lpush(dead_key(bench.place.prefix), json.dumps(entry))
    text = bench.queue().stdout
    assert re.search(r"2026-11-01 00:00 +pypi-old +pkg-0 +given up: junk", text), text
    assert "and 2 more" in text
    assert "the next crawl tries them first" in text
    (ended,) = json.loads(bench.queue("--json").stdout)["ended"]
    assert ended["projects"]["pkg-11"] == "given up: junk"
    assert "1 ended run gave up 12 projects: pending" in bench.queue("retry-dead").stdout
    assert json.loads(bench.queue("--json").stdout)["ended"] == []


def test_purge_drops_the_run_and_its_workers_stop(bench: Bench):
    bench.push("a", "b")
    worker = bench.worker("two:9:bbbb")
    worker.exchange(Exchange(want=1))
    text = bench.queue("purge", RUN, "--force").stdout
    assert f"{RUN} (pypi profile=plone) with 2 requests dropped" in text
    assert "the next crawl finds it again" in text
    assert worker.exchange(Exchange(holds=["a"])) is None
    assert bench.place.all_keys() == []
    assert bench.queue("purge", "--force").stdout == "No run is under way.\n"


def test_purge_asks_and_where_nobody_is_there_does_nothing(bench: Bench):
    bench.push("a")
    assert "nobody is there to be asked" in error_of(bench.queue("purge"))
    assert "no run 'x' is under way" in error_of(bench.queue("purge", "x", "--force"))
    assert "a word too many" in error_of(bench.queue("retry-dead", RUN))
    assert bench.told()["waiting"] == 1


@pytest.mark.parametrize(("answer", "left"), [("n", 1), ("", 1), ("y", 0)])
def test_the_answer_counts(bench: Bench, answer: str, left: int):
    bench.push("a")
    leader, follower = pty.openpty()
    env = bench.shell.env(**bench.place.settings())
    command = [sys.executable, "-m", "scrapy", "manage", "queue", "purge"]
    with subprocess.Popen(
        command, cwd=PROJECT, env=env, stdin=follower, stdout=subprocess.PIPE, encoding="utf-8"
    ) as child:
        os.write(leader, f"{answer}\n".encode())
        out, _ = child.communicate(timeout=60)
    os.close(leader)
    os.close(follower)
    assert (child.returncode, len(told_runs(bench))) == (left, left)
    assert ("is left as it is" in out) == bool(left)


def test_a_crawl_after_a_purge_finds_everything_again(tmp_path, redis_place, shell: Shell):
    with Upstream(Registry(Generated(1500, 75, releases=2)), latency=0.2) as up:
        project = Project(tmp_path / "crawl", up.root, **redis_place.settings())
        worker = project.start(*CRAWL)
        wait_for(lambda: len(up.requests) > 200, 60)
        result = shell("manage", "queue", "purge", "--force", **redis_place.settings())
        assert "dropped" in result.stdout
        _, log = worker.communicate(timeout=60)
        assert "Traceback" not in log
        up.configure(latency=0)
        project.crawl("BATCH_SIZE=50")
        assert project.releases() == set(up.registry.truth("Framework :: Plone"))
