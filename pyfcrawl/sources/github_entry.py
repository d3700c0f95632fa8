"""What is remembered of a repository between runs, for all profiles alike."""

from __future__ import annotations

from typing import Any

import msgspec

from pyfcrawl.core.document import problem_with_fields
from pyfcrawl.sources.forges import NOTHING

#: Seconds after which a repository's contributors are asked for again.
CONTRIBUTORS_AGE = 7 * 86_400

#: Seconds that an entry is kept when nobody looks the repository up.
KEPT = 90 * 86_400


class Entry(msgspec.Struct):
    """A repository as it was looked up at `checked` (Unix seconds; 0: never).

    `facts` is None when it was not there. `etag` validates the REST answer the facts came from,
    `contributors` and their own are likewise.
    """

    checked: int = 0
    facts: dict[str, Any] | None = None
    etag: str = ""
    contributors: list[dict[str, Any]] | None = None
    contributors_checked: int = 0
    contributors_etag: str = ""

    @classmethod
    def of(cls, value: Any) -> Entry:
        """The entry that was remembered as this JSON value; an empty one for anything else."""
        try:
            entry = msgspec.convert(value, cls)
        except msgspec.ValidationError:
            return cls()
        facts = entry.facts
        sound = facts is None or (facts.keys() == NOTHING.keys() and not problem_with_fields(facts))
        return entry if sound else cls()

    def as_json(self) -> dict[str, Any]:
        """The JSON value to remember."""
        value: dict[str, Any] = msgspec.to_builtins(self)
        return value

    def contributors_due(self, now: int) -> bool:
        """Whether to ask for the contributors (again)."""
        return now - self.contributors_checked >= CONTRIBUTORS_AGE

    def fields(self) -> dict[str, Any]:
        """The document fields that this says something about."""
        if self.facts is None:
            return {**NOTHING, "contributors": None, "github_checked": self.checked}
        fields = {**self.facts, "github_checked": self.checked}
        if self.contributors_checked:
            fields["contributors"] = self.contributors
        return fields
