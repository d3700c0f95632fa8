"""How much a run may take out of a collection: a broken upstream must not empty an index.

One project that is gone is news; a fifth of an ecosystem gone at once is a mistake somewhere. So a
run holds whole packages back that it would remove, and counts them against what there is.
"""

from __future__ import annotations

#: So many packages may always go: what a person can see at a glance needs no confirmation.
FLOOR = 5

_HELD = "its removal waits for the end of the run, or for confirm_removals=yes"


def held(reason: str) -> str:
    """Why a name is pending whose package is held back from being removed for `reason`."""
    return f"{_HELD}: {reason}"


def is_held(reason: str) -> bool:
    """Whether a name is pending for nothing but that."""
    return reason.startswith(_HELD)


def allowed(removed: int, packages: int, percent: float) -> bool:
    """Whether so many of a collection's packages may be removed without confirmation."""
    return removed <= FLOOR or removed * 100 <= packages * percent


def refusal(removed: int, packages: int, collection: str, percent: float) -> str:
    """The first half of what to tell when it is not."""
    return (
        f"{removed:,} of {packages:,} packages of {collection} would be removed "
        f"(REMOVE_LIMIT={percent:g}%)"
    )
