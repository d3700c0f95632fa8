"""How a spider shares its run with other workers, or does it alone.

Without Redis a crawl does all of its run. With it the scheduler puts itself in the place of `Alone`
as the spider's `share`: one worker plans the run, and what it plans is done by all of them. Where
a run can't be divided, one worker does it and the others stand by.
"""

from __future__ import annotations

from typing import Literal, Protocol

from pyfcrawl.core.ledger import Plan

#: plan: this worker plans the run; join: another has; over: another has done all of it.
Part = Literal["plan", "join", "over"]


class Share(Protocol):
    """A worker's share in its run."""

    #: Whether the run's visits are divided among workers.
    divided: bool

    async def part(self) -> Part:
        """What is left to do for this worker; waits until that is clear."""

    def begin(self) -> None:
        """This worker is ready for visits, those that others planned too."""

    async def room(self) -> None:
        """Wait until there is room for more of the plan."""

    async def planned(self, plan: Plan) -> None:
        """All of the plan has been yielded."""


class Alone:
    """All of the run is this worker's."""

    divided = False

    async def part(self) -> Part:
        """See Share."""
        return "plan"

    def begin(self) -> None:
        """See Share."""

    async def room(self) -> None:
        """See Share."""

    async def planned(self, plan: Plan) -> None:
        """See Share."""
