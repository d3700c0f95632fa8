"""READMEs in worker processes: none hangs the crawl, none outlives it."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pyfcrawl.core.readme import EMPTY, as_plain, digest
from pyfcrawl.pipelines import pool as pool_module
from pyfcrawl.pipelines.pool import RenderPool

ROOT = Path(__file__).resolve().parents[2]


# Workers are told by name what to run, so these stand in a module that they can import.
def hang(text, content_type):
    if text == "hang":
        re.match(r"(a+)+$", "a" * 60 + "b")  # one that lets no other thread run
    return digest(text, content_type)


def die(text, content_type):
    if text == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    return digest(text, content_type)


def fail(text, content_type):
    if text == "fail":
        raise MemoryError
    return digest(text, content_type)


def who(text, content_type):
    time.sleep(float(text))
    return as_plain(str(os.getpid()))


def pid_in(readme):
    return int(re.search(r"\d+", readme.html)[0])


def use(work, workers=1, timeout=30):
    async def main():
        pool = RenderPool(workers, timeout)
        try:
            return await work(pool)
        finally:
            await pool.close()

    return asyncio.run(main())


@pytest.fixture
def task(monkeypatch):
    """Run another function than `digest` in the workers."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def choose(function):
        # By its importable name, whatever name the test runner gave to this module.
        from tests.pipelines import test_pool

        monkeypatch.setattr(pool_module, "digest", getattr(test_pool, function.__name__))

    return choose


def test_readmes_come_out_as_digested():
    async def work(pool):
        return await asyncio.gather(
            pool.digest("# Title\n\ntext", "text/markdown"),
            pool.digest("Title\n=====\n\ntext", None),
            pool.digest("  \n", None),
            pool.digest("half a pair \ud800", None),
        )

    markdown, rst, empty, half = use(work)
    assert markdown == digest("# Title\n\ntext", "text/markdown")
    assert rst == digest("Title\n=====\n\ntext", None)
    assert (markdown.title, rst.title) == ("Title", "Title")
    assert empty == EMPTY
    half.html.encode()


def test_without_a_readme_there_is_no_worker():
    async def work(pool):
        await pool.digest("", None)
        return pool._pool

    assert use(work) is None


def test_equal_texts_are_rendered_once(task):
    task(who)

    async def work(pool):
        at_once = await asyncio.gather(*(pool.digest("0.3", None) for _ in range(20)))
        later = await pool.digest("0.3", None)
        other_type = await pool.digest("0.3", "text/plain")
        return [*at_once, later], other_type

    same, other = use(work, workers=2)
    assert all(each is same[0] for each in same)
    assert other is not same[0]


def test_what_is_kept_is_bounded(task, monkeypatch):
    monkeypatch.setattr(pool_module, "_KEPT", 3000)

    async def work(pool):
        for n in range(30):
            await pool.digest(f"text {n} " + "x" * 200, None)
            assert pool._size <= 3000
        first = await pool.digest("y" * 5000, None)
        assert (pool._size, len(pool._done)) == (0, 0)
        return len(pool._underway), first

    left, first = use(work)
    assert left == 0
    assert "y" * 5000 in first.html


def test_a_readme_that_hangs_is_shown_as_text_and_the_next_is_rendered(task, caplog):
    task(hang)

    async def work(pool):
        return await asyncio.gather(pool.digest("hang", None), pool.digest("*well*", None))

    hung, well = use(work, timeout=4)
    assert hung == as_plain("hang")
    assert "<em>well</em>" in well.html
    assert "takes too long" in caplog.text


def test_a_readme_that_kills_its_worker(task, caplog):
    task(die)

    async def work(pool):
        return await pool.digest("die", None), await pool.digest("*well*", None)

    dead, well = use(work)
    assert dead == as_plain("die")
    assert "<em>well</em>" in well.html
    assert "died" in caplog.text


def test_a_readme_that_there_is_no_memory_for(task):
    task(fail)

    async def work(pool):
        return await pool.digest("fail", None), await pool.digest("*well*", None)

    failed, well = use(work)
    assert failed == as_plain("fail")
    assert "<em>well</em>" in well.html


@pytest.mark.parametrize(
    "hostile",
    ["<div>" * 200_000, "[" * 100_000, "> " * 20_000 + "x", "*" * 50_000, "<a b=" * 50_000],
    ids=lambda text: text[:5],
)
def test_hostile_markdown_does_no_harm(hostile):
    async def work(pool):
        return await pool.digest(hostile, "text/markdown"), await pool.digest("*well*", None)

    readme, well = use(work, timeout=5)
    assert isinstance(readme.html, str)
    assert "<em>well</em>" in well.html


def test_a_pool_that_cannot_take_work_says_so():
    async def work(pool):
        await pool.digest("a", None)
        pool._pool.stop()
        with pytest.raises(RuntimeError):  # plain text would be kept for good
            await pool.digest("b", None)
        return dict(pool._underway)

    assert use(work) == {}


def test_a_worker_ignores_ctrl_c(task):
    task(who)

    async def work(pool):
        pid = pid_in(await pool.digest("0", None))
        os.kill(pid, signal.SIGINT)
        slow = asyncio.ensure_future(pool.digest("0.5", None))
        await asyncio.sleep(0.2)
        os.kill(pid, signal.SIGINT)
        return pid, pid_in(await slow)

    before, after = use(work)
    assert before == after


def test_closing_ends_the_workers(task):
    task(who)

    async def work(pool):
        slow = asyncio.ensure_future(pool.digest("1000", None))
        pid = pid_in(await pool.digest("0", None))
        slow.cancel()
        return pid

    pid = use(work, workers=2)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not [each for each in multiprocessing.active_children() if each.pid == pid]


_PARENT = """
import asyncio, sys
from tests.pipelines import test_pool
from pyfcrawl.pipelines import pool

async def main():
    workers = pool.RenderPool(2, 300)
    pool.digest = test_pool.who
    print(test_pool.pid_in(await workers.digest("0", None)), flush=True)
    print(test_pool.pid_in(await workers.digest("0.01", None)), flush=True)
    pool.digest = getattr(test_pool, sys.argv[1])
    asyncio.ensure_future(workers.digest(sys.argv[2], None))
    await asyncio.sleep(1)
    print("ready", flush=True)
    await asyncio.sleep(1000)

if __name__ == "__main__":
    asyncio.run(main())
"""


def alive(pid):
    """Whether a process runs; one that is dead but not waited for doesn't."""
    with contextlib.suppress(OSError):
        stat = Path(f"/proc/{pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize(("function", "text"), [("who", "0"), ("who", "1000"), ("hang", "hang")])
def test_no_worker_outlives_a_killed_crawl(tmp_path, function, text):
    script = tmp_path / "parent.py"
    script.write_text(_PARENT)
    parent = subprocess.Popen(
        [sys.executable, str(script), function, text],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    lines = [parent.stdout.readline().strip() for _ in range(3)]
    assert lines[2] == "ready"
    children = {int(line) for line in lines[:2]} | children_of(parent.pid)
    assert all(alive(pid) for pid in children)
    parent.kill()
    parent.wait()
    end = time.monotonic() + 60
    while any(alive(pid) for pid in children):
        assert time.monotonic() < end, "a worker is still there"
        time.sleep(0.05)


def children_of(pid):
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(each) for each in found}
