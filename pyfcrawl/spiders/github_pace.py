"""How many repositories a query to GitHub asks for, and when asking makes no sense any more."""

from __future__ import annotations

from pyfcrawl.sources import github
from pyfcrawl.spiders.github_asking import HOPELESS

#: Good queries after which more repositories are asked for at once again.
_RECOVERED = 4


class Pace:
    """How many repositories a query asks for; `tries` is how often a single one is asked about."""

    def __init__(self, tries: int) -> None:
        self.size = github.MOST
        self._tries = tries
        self._tried = 0
        self._good = 0
        self._lost = 0

    @property
    def hopeless(self) -> bool:
        """Nothing has been decided for long: asking on makes no sense."""
        return self._lost >= HOPELESS

    def gives_up(self, asked: int, undecided: int) -> bool:
        """Account for a query; whether what it left undecided is not to be asked again."""
        if not undecided:
            self._tried = self._lost = 0
            self._good += 1
            if self._good >= _RECOVERED:
                self._good, self.size = 0, min(github.MOST, self.size * 2)
            return False
        self._good = 0
        if asked > 1:
            self.size = max(1, asked // 2)
            return False
        self._tried += 1
        if self._tried < self._tries:
            return False
        self._tried = 0
        self._lost += 1
        return True
