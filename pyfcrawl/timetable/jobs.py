"""The jobs there are: names, spiders, arguments, and the settings with their crontab lines."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from pyfcrawl.errors import ConfigurationError

#: A setting of every job: who started it, for the record of its run.
STARTED_BY = "RUN_BY=schedule"


@dataclass(frozen=True, slots=True)
class Job:
    """A crawl of the timetable: `scrapy crawl SPIDER` with these arguments."""

    name: str
    spider: str
    arguments: Mapping[str, str]

    @property
    def setting(self) -> str:
        """Which setting has its crontab line."""
        return f"SCHEDULE_{self.name.upper()}"

    def id_at(self, slot: int) -> str:
        """Its id for a slot (Unix seconds): always the same, so that none is run twice."""
        return f"{self.name}-{datetime.fromtimestamp(slot, UTC):%Y%m%dT%H%M%SZ}"


#: The more often a job comes the earlier it stands here.
_KINDS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("rss", "rss", {}),
    ("sync", "pypi", {}),
    ("npm", "npm", {}),
    ("refresh", "pypi", {"mode": "refresh"}),
    ("downloads", "pypistats", {}),
    ("github", "github", {}),
    ("full", "pypi", {"mode": "full"}),
)


def all_jobs(profiles: str) -> dict[str, Job]:
    """Every job by its name, for these profiles ("plone,django")."""
    return {
        name: Job(name, spider, {"profile": profiles, **arguments})
        for name, spider, arguments in _KINDS
    }


def named(jobs: Mapping[str, Job], name: str) -> Job:
    """The job of that name. Raises ConfigurationError."""
    if name in jobs:
        return jobs[name]
    near = difflib.get_close_matches(name, jobs, 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ConfigurationError(f"--once {name}: there is no such job; {hint}jobs: {', '.join(jobs)}")
