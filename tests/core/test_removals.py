"""How much may go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pyfcrawl.core.ledger import Ledger, Part, Plan, Visit
from pyfcrawl.core.removals import FLOOR, allowed, held, is_held


def test_up_to_the_limit_and_a_handful_of_any():
    assert allowed(20, 100, 20)
    assert not allowed(21, 100, 20)
    assert allowed(5, 5, 0)
    assert not allowed(6, 6, 99)
    assert allowed(6, 6, 100)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0, 100))
def test_more_is_never_allowed_where_less_is_not(removed: int, packages: int, percent: float):
    if not allowed(removed, packages, percent):
        assert removed > FLOOR
        assert not allowed(removed + 1, packages, percent)
        assert not allowed(removed, packages, percent / 2)


def test_a_held_removal_hides_no_failure_whichever_comes_first():
    for reasons in ([held("gone"), "503", held("x")], ["503", held("gone")]):
        ledger, visit = Ledger(Plan([Part(1)])), Visit(0, 3, "a")
        for reason in reasons:
            ledger.fail(str(visit), reason)
        ledger.finish(str(visit))
        assert ledger.take().failed == {visit: "503"}
    assert is_held(held("anything"))
    assert not is_held("503")
