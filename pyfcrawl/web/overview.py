"""What only a look at every document tells: who depends on whom, people, and a profile's totals."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from heapq import nlargest, nsmallest

from pyfcrawl.core.abandoned import abandonment
from pyfcrawl.core.names import package_id
from pyfcrawl.core.people import split_people
from pyfcrawl.stores.index import Document

#: What is read of the latest release of each package, and of all releases.
FIELDS = (
    *("package_id", "registry", "name", "version", "version_is_prerelease", "summary"),
    *("upload_timestamp", "first_upload_timestamp", "requires_dist", "author", "maintainer"),
    *("health_score", "github_stars", "github_archived", "github_updated", "download_last_month"),
)
RELEASE_FIELDS = ("upload_timestamp",)

#: How long the lists of the newest and so on are, and below which score care is needed.
_TOP, _POOR = 15, 70
_TOP_PEOPLE = 100

#: The name in a requirement (PEP 508), and what may follow it. Reading requirements whole, as
#: packaging does, takes twenty times as long, and there are hundreds of thousands.
_REQUIRED = re.compile(
    r"\s*([A-Z0-9](?:[A-Z0-9._-]*[A-Z0-9])?)\s*(?=[\[(;@<>=!~]|\Z)", re.ASCII | re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Dependent:
    """A package that depends on another: `requirement` as its latest release declares it."""

    package: Document
    requirement: str


@dataclass
class Overview:
    """A collection at a glance, as of `made` (Unix seconds).

    `packages` has the chosen fields of each package's latest release by package_id. `added` and
    `released` count first uploads and releases by month, YYYY-MM. `people` gives the package_ids
    of a person by the name in lower case.
    """

    made: float
    packages: dict[str, Document]
    releases: int = 0
    added: dict[str, int] = field(default_factory=dict)
    released: dict[str, int] = field(default_factory=dict)
    people: dict[str, list[str]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    _dependents: dict[str, list[Dependent]] = field(default_factory=dict)

    def dependents(self, package: str) -> list[Dependent]:
        """Packages whose latest release depends on this one, most downloaded first."""
        return self._dependents.get(package, [])

    @cached_property
    def scores(self) -> list[int]:
        """All health scores that are known."""
        found = (each["health_score"] for each in self.packages.values())
        return [each for each in found if each is not None]

    @cached_property
    def newest(self) -> list[Document]:
        """The packages released last."""
        dated = (each for each in self.packages.values() if each["upload_timestamp"])
        return nlargest(_TOP, dated, key=lambda each: each["upload_timestamp"])

    @cached_property
    def popular(self) -> list[Document]:
        """The packages downloaded most, as far as that is known."""
        counted = (each for each in self.packages.values() if each["download_last_month"])
        return nsmallest(_TOP, counted, key=_popularity)

    @cached_property
    def in_need(self) -> list[Document]:
        """The packages whose want of health troubles most: low scores, weighed by downloads."""
        known = (each for each in self.packages.values() if each["health_score"] is not None)
        poor = (each for each in known if each["health_score"] < _POOR)
        return nlargest(_TOP, poor, key=_trouble)

    @cached_property
    def downloads(self) -> int:
        """Downloads of all packages in the last month."""
        return sum(each["download_last_month"] or 0 for each in self.packages.values())

    @cached_property
    def abandoned(self) -> int:
        """How many packages seem abandoned."""
        now = int(self.made)
        return sum(1 for each in self.packages.values() if abandonment(each, now))

    @cached_property
    def prolific(self) -> list[tuple[str, list[Document]]]:
        """The people with most packages, and these."""
        most = nsmallest(
            _TOP_PEOPLE, self.people.items(), key=lambda each: (-len(each[1]), each[0])
        )
        return [(self.names[key], [self.packages[each] for each in some]) for key, some in most]

    def by_person(self, name: str) -> list[Document]:
        """Packages that name this person as author or maintainer, most downloaded first."""
        found = self.people.get(person_key(name), [])
        return sorted((self.packages[each] for each in found), key=_popularity)


def person_key(name: str) -> str:
    """Under which a person is found: case and spacing don't count."""
    return " ".join(name.casefold().split())


def overview(latest: Iterable[Document], releases: Iterable[Document], made: float) -> Overview:
    """Look at the latest release of each package (with FIELDS) and at all (RELEASE_FIELDS)."""
    packages = {each["package_id"]: each for each in latest}
    months = Counter(month_of(each["upload_timestamp"]) for each in releases)
    found = Overview(made, packages, months.total(), released=_by_month(months))
    found.added = _by_month(Counter(month_of(_first(each)) for each in packages.values()))
    _add_people(found)
    _add_dependents(found)
    return found


def _by_month(counts: Counter[str | None]) -> dict[str, int]:
    return dict(sorted((month, count) for month, count in counts.items() if month))


def _first(head: Document) -> int | None:
    first: int | None = head["first_upload_timestamp"] or head["upload_timestamp"]
    return first


def month_of(moment: int | None) -> str | None:
    """YYYY-MM of Unix seconds, None when they are none."""
    try:
        return None if moment is None else datetime.fromtimestamp(moment, UTC).strftime("%Y-%m")
    except (OverflowError, ValueError, OSError):
        return None


def _popularity(package: Document) -> tuple[int, str]:
    return -(package["download_last_month"] or 0), package["name"].lower()


def _trouble(package: Document) -> tuple[float, str]:
    missing = _POOR - package["health_score"]
    return missing * (1 + (package["download_last_month"] or 0)) ** 0.5, package["name"]


def people_of(document: Document) -> list[str]:
    """Names of the authors and maintainers, each once."""
    names = [split_people(document.get(role))[0] for role in ("author", "maintainer")]
    return list({person_key(each): each for some in names for each in some}.values())


def _add_people(found: Overview) -> None:
    for identifier, head in found.packages.items():
        for name in people_of(head):
            key = person_key(name)
            found.names.setdefault(key, name)
            found.people.setdefault(key, []).append(identifier)


def _add_dependents(found: Overview) -> None:
    for head in found.packages.values():
        for target, requirement in requirements_of(head).items():
            if target in found.packages and target != head["package_id"]:
                found._dependents.setdefault(target, []).append(Dependent(head, requirement))
    for some in found._dependents.values():
        some.sort(key=lambda each: _popularity(each.package))


def requirements_of(document: Document) -> dict[str, str]:
    """package_id of each dependency -> the requirement as declared; broken ones are left out."""
    found: dict[str, str] = {}
    for text in document["requires_dist"] or ():
        name = requirement_name(document["registry"], text)
        if name:
            found.setdefault(package_id(document["registry"], name), text)
    return found


def requirement_name(registry: str, text: str) -> str | None:
    """The name of the package that a requirement asks for; None when it is broken."""
    if registry == "npm":  # `@scope/name@range`
        name = text[0:1] + text[1:].partition("@")[0]
        return name.strip() or None
    found = _REQUIRED.match(text)
    return found[1] if found else None
