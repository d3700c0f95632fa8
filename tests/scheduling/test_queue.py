"""The lease queue on a real Redis: what is taken is never lost, whoever is killed when."""

from __future__ import annotations

import random
import time

import pytest

from pyfcrawl.scheduling.queue import Exchange, LeaseQueue, Standing, Terms

SHORT = Terms(lease=150, delay=30, attempts=3)
#: For what is renewed in time, on a busy machine too.
LONGER = Terms(lease=1000)
ABOUT = {"spider": "pypi", "label": "pypi profile=plone"}


@pytest.fixture
def queue_of(redis_place):
    client = redis_place.server.client()

    def make(worker: str, terms: Terms = SHORT) -> LeaseQueue:
        return LeaseQueue(client, None, f"{redis_place.prefix}:queue:{{r}}", worker, terms)

    yield make
    client.close()


def told(queue: LeaseQueue, **what) -> Standing:
    standing = queue.exchange(Exchange(**what))
    assert standing is not None
    return standing


def ids(standing: Standing) -> list[str]:
    return [each for each, _ in standing.taken]


@pytest.fixture
def filled(queue_of):
    queue = queue_of("a")
    assert queue.claim(ABOUT) == "plan"
    told(queue, pushes=[(f"r{n}", f"body {n}") for n in range(5)], plan="{}")
    return queue


def test_what_is_pushed_is_taken_in_order_by_one_worker_each(filled, queue_of):
    first = told(filled, want=2)
    second = told(queue_of("b"), want=9)
    assert first.taken == [("r0", "body 0"), ("r1", "body 1")]
    assert ids(second) == ["r2", "r3", "r4"]
    assert (second.waiting, second.leased, second.planned) == (0, 5, True)


def test_a_request_pushed_again_is_there_once_even_when_it_is_done(filled):
    told(filled, pushes=[("r0", "again")])
    assert ids(told(filled, want=9)) == ["r0", "r1", "r2", "r3", "r4"]
    told(filled, acks=["r0"])
    held = ["r1", "r2", "r3", "r4"]
    assert told(filled, pushes=[("r0", "again")], holds=held, want=9).taken == []


def test_what_an_answer_that_got_lost_handed_out_comes_with_the_next(filled, queue_of):
    assert ids(told(filled, want=1)) == ["r0"]
    for _ in range(5):
        time.sleep(0.2)  # the lease runs out before it is asked again
        assert set(ids(told(filled, holds=["r0"], want=3))) == {"r1", "r2", "r3"}
    standing = told(queue_of("b"), want=9)
    assert (ids(standing), standing.leased) == (["r4"], 5)
    standing = told(filled, acks=["r0", "r1"], failures=[("r2", "x")], returns=["r3"])
    assert (standing.leased, standing.delayed, standing.waiting, standing.dead) == (1, 1, 1, 0)


def test_only_who_holds_a_lease_ends_it(filled, queue_of):
    told(filled, want=5)
    other = queue_of("b")
    standing = told(other, acks=["r0"], failures=[("r1", "x")], returns=["r2"], holds=["r3"])
    assert standing.leased == 5
    assert standing.lost == ["r3"]


def test_a_lease_not_renewed_goes_to_another_worker(filled, queue_of):
    assert len(told(filled, want=3).taken) == 3
    time.sleep(0.2)
    other = queue_of("b")
    assert set(ids(told(other, want=9))) == {"r0", "r1", "r2", "r3", "r4"}
    standing = told(filled, acks=["r0"], holds=["r1"])
    assert standing.lost == ["r1"]
    assert standing.leased == 5


def test_a_lease_renewed_stays(filled, queue_of):
    filled.terms = LONGER
    told(filled, want=5)
    for _ in range(4):
        time.sleep(0.3)
        assert told(filled, holds=[f"r{n}" for n in range(5)]).lost == []
    assert told(queue_of("b"), want=9).taken == []


def test_a_failure_is_tried_again_later_and_given_up_in_the_end(filled):
    for attempt in range(3):
        deadline = time.monotonic() + 5
        while "r4" not in (got := ids(told(filled, want=9))) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert "r4" in got
        told(filled, acks=[each for each in got if each != "r4"])
        standing = told(filled, failures=[("r4", f"junk {attempt}")])
        assert ids(told(filled, want=1)) == []  # not at once
    assert (standing.dead, standing.delayed, standing.drained) == (1, 0, True)
    assert filled.dead() == {"r4": ("body 4", "junk 2")}
    assert filled.revive() == 1
    assert ids(told(filled, want=1)) == ["r4"]


def test_a_poisonous_request_does_not_kill_workers_for_ever(filled, queue_of):
    told(filled, want=5)
    for n in range(3):
        time.sleep(0.2)
        told(queue_of(f"w{n}"), want=9)
    assert set(filled.dead()) == {f"r{n}" for n in range(5)}
    assert "lost with its worker" in filled.dead()["r0"][1]


def test_what_is_given_back_is_first_in_line_and_counts_no_try(filled):
    for _ in range(5):
        assert ids(told(filled, want=1)) == ["r0"]
        told(filled, returns=["r0"])
    assert told(filled).dead == 0


def test_two_workers_at_once_one_plans(queue_of):
    answers = [queue_of(name).claim(ABOUT) for name in "abc"]
    assert answers == ["plan", "wait", "wait"]


def test_a_planner_that_is_lost_is_followed_by_another_who_begins_anew(queue_of):
    first, second = queue_of("a"), queue_of("b")
    first.claim(ABOUT)
    told(first, pushes=[("old", "half a plan"), ("begun", "x")])
    assert ids(told(second, want=1)) == ["old"]
    time.sleep(0.2)
    assert second.claim(ABOUT) == "plan"
    standing = told(second, pushes=[("new", "whole")], holds=["old"], plan="{}", want=9)
    assert "begun" not in ids(standing)
    assert "new" in ids(standing)
    # What the first one has still to say counts for nothing, and it hears of that.
    before = told(second)
    late = told(first, pushes=[("older", "listing")], plan='{"other": 1}')
    assert second.about()["plan"] == "{}"
    assert (late.planner, late.waiting) == (False, before.waiting)
    assert before.planner


def test_plans_begun_anew_count_what_there_is(queue_of):
    sizes = dict.fromkeys("abcde", 10)
    for name in "xyz":
        queue = queue_of(name)
        assert queue.claim(ABOUT) == "plan"
        told(queue, pushes=[(each, each) for each in "abcd"], sizes=sizes)
        assert (queue.about()["requests"], queue.about()["projects"]) == ("4", "40")
        queue.step_back()
    assert queue_of("w").claim(ABOUT) == "plan"
    assert (queue.about()["requests"], queue.about()["projects"]) == ("0", "0")
    queue_of("w").step_back()
    assert queue.claim(ABOUT) == "plan"
    told(queue, pushes=[("e", "e")], sizes=sizes, plan="{}", want=1)
    told(queue, acks=["e"], sizes=sizes)
    about = queue.about()
    assert [about[each] for each in ("requests", "projects", "done", "visited")] == [*"1", "10"] * 2


def test_a_planner_at_work_keeps_its_place(queue_of):
    first, second = queue_of("a", LONGER), queue_of("b")
    first.claim(ABOUT)
    for _ in range(4):
        time.sleep(0.3)
        told(first)
        assert second.claim(ABOUT) == "wait"
    first.step_back()
    assert second.claim(ABOUT) == "plan"


def test_one_worker_ends_a_run_and_only_when_nothing_is_left(filled, queue_of):
    other = queue_of("b")
    got = ids(told(filled, want=5))
    assert not filled.finish()
    assert told(filled, acks=got).drained
    assert filled.finish()
    assert not other.finish()
    assert not other.close()
    assert filled.close()
    assert other.exchange(Exchange()) is None
    assert other.claim(ABOUT, new=False) == "over"


def test_who_ends_a_run_and_is_lost_is_followed_by_another(filled, queue_of):
    told(filled, acks=ids(told(filled, want=5)))
    assert filled.finish()
    time.sleep(0.2)
    other = queue_of("b")
    assert other.claim(ABOUT) == "join"
    assert other.finish()
    assert not filled.close()
    assert other.close()


def test_a_run_ended_leaves_nothing_behind(filled, redis_place):
    told(filled, want=5, failures=[])
    told(filled, acks=[f"r{n}" for n in range(5)])
    filled.finish()
    filled.close()
    assert redis_place.all_keys() == []


def test_workers_killed_at_random_lose_nothing(queue_of):
    chance = random.Random(11)
    planner = queue_of("planner", Terms(lease=40, delay=1, attempts=1000))
    planner.claim(ABOUT)
    wanted = {f"r{n}" for n in range(400)}
    told(planner, pushes=[(each, each) for each in sorted(wanted)], plan="{}")
    done: set[str] = set()
    for number in range(2000):
        worker = queue_of(f"w{number}", planner.terms)
        got = ids(told(worker, want=chance.randint(1, 30)))
        if chance.random() < 0.5:
            told(worker, acks=got)
            done.update(got)
        if told(worker).drained:
            break
        if chance.random() < 0.3:
            time.sleep(0.02)
    assert done == wanted
