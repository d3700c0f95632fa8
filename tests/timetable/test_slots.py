"""Which slot is due, whatever the jitter and however long nobody looked."""

from __future__ import annotations

from datetime import UTC

from hypothesis import given
from hypothesis import strategies as st

from pyfcrawl.timetable.crontab import Crontab
from pyfcrawl.timetable.slots import Slots, share_of

HOUR = 3600
#: A full hour.
START = 1_795_773_600

LINES = st.sampled_from(["*/1 * * * *", "0 * * * *", "5 0,1,7 * * *", "0 2 * * 0", "0 3 1 * *"])
SHARES = st.floats(0, 1, exclude_max=True)


def hourly(share: float = 0.0, jitter: int = 0) -> Slots:
    return Slots(Crontab("0 * * * *", UTC, "X"), share, jitter)


def test_a_slot_is_due_once_from_its_beginning_to_the_next() -> None:
    slots = hourly()
    assert slots.due(START - 1, START - HOUR) is None
    assert slots.due(START, START - HOUR) == START
    assert slots.due(START + HOUR - 1, START - HOUR) == START
    assert slots.due(START + HOUR - 1, START) is None


def test_of_several_missed_the_last_is_due() -> None:
    assert hourly().due(START + 5 * HOUR + 7, START) == START + 5 * HOUR


def test_jitter_delays_and_the_slot_before_stays_due() -> None:
    slots = hourly(share=0.5, jitter=600)
    assert slots.begin(START) == START + 300
    assert slots.due(START + 299, START - HOUR) is None
    assert slots.due(START + 300, START - HOUR) == START
    assert slots.due(START + HOUR + 299, START - HOUR) == START
    assert slots.following(START + 10) == START + 300
    assert slots.following(START + 300) == START + HOUR + 300


@given(LINES, SHARES, st.integers(0, 100_000), st.integers(START, START + 40 * 86_400))
def test_a_slot_begins_before_the_next_one(line: str, share: float, jitter: int, now: int) -> None:
    crontab = Crontab(line, UTC, "X")
    slots = Slots(crontab, share, jitter)
    slot = crontab.first_after(now)
    assert slot is not None
    following = crontab.first_after(slot)
    assert following is not None
    assert slot <= slots.begin(slot) < following
    assert slots.begin(slot) <= slot + jitter


@given(LINES, SHARES, st.integers(0, 5000), st.integers(START, START + 40 * 86_400))
def test_what_follows_is_due_then_and_not_before(
    line: str, share: float, jitter: int, now: int
) -> None:
    slots = Slots(Crontab(line, UTC, "X"), share, jitter)
    done = slots.due(now, 0)
    assert done is not None
    coming = slots.following(now)
    assert coming is not None
    assert coming > now
    assert slots.due(coming - 1, done) is None
    assert slots.due(coming, done) is not None


def test_installations_differ_and_each_stays_the_same() -> None:
    shares = [share_of(f"installation {number}", "host", "sync") for number in range(200)]
    assert share_of("installation 7", "host", "sync") == shares[7]
    assert share_of("installation 7", "host", "npm") != shares[7]
    assert all(0 <= each < 1 for each in shares)
    for part in range(10):  # spread, not in a heap
        assert 5 < sum(part <= each * 10 < part + 1 for each in shares) < 45
