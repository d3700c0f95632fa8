"""PyPI's public data set in BigQuery: the SQL, and what its rows say.

Tables (https://packaging.python.org/guides/analyzing-pypi-package-downloads/), in the data set
`bigquery-public-data.pypi`:

* `file_downloads` has a row a download with timestamp, project (normalised), file.version and
  details.installer.name; it is divided by day and clustered by project.
* `distribution_metadata` has a row a file ever uploaded, with name and classifiers.

BigQuery bills what a query reads, so a run asks once for all its packages, and reads 30 days where
others give 180; `day=` reads a single one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyfcrawl.core.downloads import MIRRORS, days_before, is_count
from pyfcrawl.core.names import normalized
from pyfcrawl.errors import SourceError
from pyfcrawl.sources.numbers import CutError, Expected, Numbers, Window, checked_days

SOURCE = "bigquery"

#: Packages that one query is about.
PAGE = 5000

#: Days that a run reads, the last month among them.
DAYS = 30

_DAYS = """
SELECT project, COUNT(*) AS entries, SUM(downloads) AS downloads,
    ARRAY_AGG(STRUCT(day, version, downloads)) AS days
FROM (
    SELECT project, FORMAT_DATE('%F', DATE(timestamp)) AS day,
        IFNULL(file.version, '') AS version, COUNT(*) AS downloads
    FROM `bigquery-public-data.pypi.file_downloads`
    WHERE timestamp >= TIMESTAMP(@first) AND timestamp < TIMESTAMP(@after)
        AND project IN UNNEST(@projects)
        AND LOWER(IFNULL(details.installer.name, '')) NOT IN UNNEST(@mirrors)
    GROUP BY project, day, version
)
GROUP BY project
"""

_NAMES = """
SELECT DISTINCT name
FROM `bigquery-public-data.pypi.distribution_metadata`
WHERE EXISTS (
    SELECT 1 FROM UNNEST(classifiers) AS classifier CROSS JOIN UNNEST(@classifiers) AS wanted
    WHERE classifier = wanted OR STARTS_WITH(classifier, CONCAT(wanted, ' :: '))
)
"""


@dataclass(frozen=True, slots=True)
class Query:
    """SQL and its named parameters: texts, or lists of texts."""

    sql: str
    parameters: Mapping[str, str | list[str]]


def days_query(names: Sequence[str], window: Window) -> Query:
    """Packages' days by version; one row a package that has any."""
    return Query(
        _DAYS,
        {
            "projects": list(names),
            "mirrors": list(MIRRORS),
            "first": window.first,
            "after": days_before(window.last, -1),
        },
    )


def names_query(classifiers: Sequence[str]) -> Query:
    """Packages that fit one of the classifiers, or one below it."""
    return Query(_NAMES, {"classifiers": list(classifiers)})


def read_days(
    rows: Iterable[Any], total: int | None, names: Sequence[str], day: str = ""
) -> dict[str, Numbers]:
    """Package -> its numbers; a package without a row has none.

    `rows` are mappings, `total` how many BigQuery says there are. Last day, week and month are
    computed as of the newest day that any of the packages has, unless `day` is the only one that
    was asked about: it says nothing of them. Raises SourceError, and CutError unless all rows have
    come.
    """
    asked = set(names)
    found: dict[str, Numbers] = {}
    for row in rows:
        name, numbers = _numbers(row)
        if name in found or name not in asked:
            raise SourceError(f"a row about {ascii(name)[:80]} was not to come")
        found[name] = numbers
    if total is not None and len(found) != total:
        raise CutError(f"{len(found)} rows came, {total} were to come")
    if not day:
        _add_last(found.values())
        return {name: found.get(name) or Numbers(False) for name in names}
    # When none of them has a row, the day may be one that the log doesn't reach.
    without = [day] if found else []
    return {name: found.get(name) or Numbers(True, without=without) for name in names}


def _numbers(row: Any) -> tuple[str, Numbers]:
    try:
        name, expected = str(row["project"]), Expected(row["entries"], row["downloads"])
        entries = [(each["day"], each["version"], each["downloads"]) for each in row["days"]]
    except (KeyError, TypeError) as error:
        raise SourceError(f"a row of the answer can't be read ({error!r})") from error
    if not (is_count(expected.entries) and is_count(expected.downloads)):
        raise SourceError(f"{ascii(name)[:80]} has numbers that are none")
    return name, Numbers(True, days=checked_days(name, entries, expected))


def _add_last(found: Iterable[Numbers]) -> None:
    every = list(found)
    newest = max((day for each in every for day, _, _ in each.days), default="")
    if not newest:
        return
    for each in every:
        day, week, month = (_since(each, days_before(newest, days)) for days in (0, 6, 29))
        each.last = (day, week, month)


def _since(numbers: Numbers, first: str) -> int:
    return sum(count for day, version, count in numbers.days if not version and day >= first)


def read_names(rows: Iterable[Any], total: int | None) -> list[str]:
    """Normalised names in order. Raises SourceError, and CutError unless all have come."""
    try:
        found = [str(row["name"]) for row in rows]
    except (KeyError, TypeError) as error:
        raise SourceError(f"a row of the answer can't be read ({error!r})") from error
    if total is not None and len(found) != total:
        raise CutError(f"{len(found)} names came, {total} were to come")
    return sorted({normalized(each) for each in found})
