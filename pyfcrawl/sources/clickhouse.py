"""ClickHouse's public copy of PyPI's download log (ClickPy): the SQL, and what the answers say.

Tables (https://github.com/ClickHouse/clickpy), in the database `pypi`:

* `pypi_downloads_per_day_by_version_by_installer_by_type` has project (normalised), version, date,
  installer, type and count. `pypi_downloads_per_day_by_version` would be smaller, but can't tell
  mirrors apart, which pypistats leaves out: for a small package they are most of it.
* `pypi_downloads_per_day` has date, project and count.
* `projects` has a row a file ever uploaded, with name (as its author writes it) and classifiers.

Values travel as parameters of the query, never in its text. Every query gives one row, or one for
each package asked about, so that a cap on rows can't hide between them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from pyfcrawl.core.downloads import MIRRORS, Day, is_count, is_day
from pyfcrawl.core.names import normalized
from pyfcrawl.core.screening import JUNK
from pyfcrawl.errors import SourceError
from pyfcrawl.sources.numbers import CutError, Expected, Numbers, Window, checked_days, checked_rows

SOURCE = "clickhouse"

#: Packages that one query is about: their names travel in an address of some 5 kB.
PAGE = 100

#: (day, version) pairs of one answer, some 6 MB.
MOST_ENTRIES = 200_000

#: Packages downloaded every minute: with them a day that the log has can't be overlooked.
ANCHORS = ("pip", "setuptools", "requests")

#: Have the server say so when it stops half-way; many are set to keep silent about it
#: (https://clickhouse.com/docs/operations/settings/query-complexity).
STRICT = {
    "read_overflow_mode": "throw",
    "result_overflow_mode": "throw",
    "timeout_overflow_mode": "throw",
}

#: Codes by which a server refuses to have settings changed: READONLY, SETTING_CONSTRAINT_VIOLATION.
SETTINGS_REFUSED = frozenset({"164", "452"})

_DOWNLOADS = "pypi.pypi_downloads_per_day_by_version_by_installer_by_type"

_SPAN = """
SELECT min(date), max(date), count() FROM pypi.pypi_downloads_per_day
WHERE project IN {projects:Array(String)}
FORMAT JSONCompactEachRow
"""

_WITHOUT_MIRRORS = "lower(installer) NOT IN {mirrors:Array(String)}"

_ASKED = "(SELECT arrayJoin({projects:Array(String)}) AS project) AS asked"

_EXPECTED = f"""
SELECT asked.project, known.seen, known.entries, known.downloads, known.day, known.week, known.month
FROM {_ASKED} LEFT JOIN (
    SELECT project, count() AS seen,
        uniqExactIf((date, version), date BETWEEN {{first:Date}} AND {{last:Date}}) AS entries,
        sumIf(count, date BETWEEN {{first:Date}} AND {{last:Date}}) AS downloads,
        sumIf(count, date = {{newest:Date}}) AS day,
        sumIf(count, date > {{newest:Date}} - 7) AS week,
        sumIf(count, date > {{newest:Date}} - 30) AS month
    FROM {_DOWNLOADS}
    WHERE project IN {{projects:Array(String)}} AND {_WITHOUT_MIRRORS}
        AND date >= {{horizon:Date}} AND date <= {{newest:Date}}
    GROUP BY project
) AS known ON known.project = asked.project
FORMAT JSONCompactEachRow
"""  # noqa: S608 - put together from constants

_DAYS = f"""
SELECT asked.project, known.days, known.versions, known.counts
FROM {_ASKED} LEFT JOIN (
    SELECT project, groupArray(toString(date)) AS days, groupArray(version) AS versions,
        groupArray(downloads) AS counts
    FROM (
        SELECT project, date, version, sum(count) AS downloads
        FROM {_DOWNLOADS}
        WHERE project IN {{projects:Array(String)}} AND {_WITHOUT_MIRRORS}
            AND date BETWEEN {{first:Date}} AND {{last:Date}}
        GROUP BY project, date, version
    )
    GROUP BY project
) AS known ON known.project = asked.project
FORMAT JSONCompactEachRow
"""  # noqa: S608 - likewise

_FITTING = """
FROM pypi.projects WHERE arrayExists(
    each -> arrayExists(
        wanted -> each = wanted OR startsWith(each, concat(wanted, ' :: ')),
        {classifiers:Array(String)}
    ),
    classifiers
)
"""

_HOW_MANY = f"SELECT uniqExact(name) {_FITTING} FORMAT JSONCompactEachRow"
_NAMES = f"SELECT groupUniqArray(name) {_FITTING} FORMAT JSONCompactEachRow"


@dataclass(frozen=True, slots=True)
class Query:
    """SQL and the parameters it is sent with, written as ClickHouse reads them."""

    sql: str
    parameters: Mapping[str, str]


def array(values: Iterable[str]) -> str:
    """An Array(String) as the text of a parameter."""
    quoted = (each.replace("\\", "\\\\").replace("'", "\\'") for each in values)
    return "[" + ",".join(f"'{each}'" for each in quoted) + "]"


def span_query(names: Sequence[str]) -> Query:
    """The oldest and the newest day that the log has."""
    return Query(_SPAN, {"projects": array([*ANCHORS, *names[:PAGE]])})


def expected_query(names: Sequence[str], window: Window, newest: str, horizon: str) -> Query:
    """What packages' days will add up to, and their last day, week and month.

    A package with nothing since `horizon` counts as one the log doesn't have.
    """
    return Query(_EXPECTED, _about(names, window) | {"newest": newest, "horizon": horizon})


def days_query(names: Sequence[str], window: Window) -> Query:
    """Packages' days by version."""
    return Query(_DAYS, _about(names, window))


def how_many_query(classifiers: Sequence[str]) -> Query:
    """How many packages fit one of the classifiers, or one below it."""
    return Query(_HOW_MANY, {"classifiers": array(classifiers)})


def names_query(classifiers: Sequence[str]) -> Query:
    """Which."""
    return Query(_NAMES, {"classifiers": array(classifiers)})


def _about(names: Sequence[str], window: Window) -> dict[str, str]:
    return {
        "projects": array(names),
        "mirrors": array(MIRRORS),
        "first": window.first,
        "last": window.last,
    }


# --- answers ----------------------------------------------------------------------------------


def read_span(body: bytes) -> Window:
    """The oldest and the newest day. Raises SourceError when the log has none."""
    ((oldest, newest, seen),) = _rows(body, tuple[str, str, int], 1)
    if not (seen and is_day(oldest) and is_day(newest)):
        raise SourceError("the tables have no downloads of any package asked about")
    return Window(str(oldest), str(newest))


def read_expected(body: bytes, names: Sequence[str]) -> dict[str, tuple[Numbers, Expected]]:
    """Package -> its numbers without days yet, and what the days must add up to."""
    rows = _rows(body, tuple[str, int, int, int, int, int, int])
    found = checked_rows(((name, tuple(rest)) for name, *rest in rows), names)
    return {name: _numbers(name, *found[name]) for name in names}


def _numbers(
    name: str, seen: int, entries: int, downloads: int, *last: int
) -> tuple[Numbers, Expected]:
    if not all(is_count(each) for each in (seen, entries, downloads, *last)):
        raise SourceError(f"{name} has numbers that are none")
    day, week, month = last
    return Numbers(seen > 0, (day, week, month)), Expected(entries, downloads)


def read_days(
    body: bytes, names: Sequence[str], expected: Mapping[str, Expected]
) -> dict[str, list[Day]]:
    """Package -> its days. Raises CutError unless all have come."""
    rows = _rows(body, tuple[str, list[str], list[str], list[int]])
    found = checked_rows(((name, tuple(rest)) for name, *rest in rows), names)
    return {name: _days(name, found[name], expected[name]) for name in names}


def _days(name: str, columns: tuple[Any, ...], expected: Expected) -> list[Day]:
    if len({len(column) for column in columns}) != 1:
        raise CutError(f"the columns of {name} differ in length")
    return checked_days(name, zip(*columns, strict=True), expected)


def read_how_many(body: bytes) -> int:
    """The number of packages."""
    ((number,),) = _rows(body, tuple[int], 1)
    return int(number)


def read_names(body: bytes, expected: int) -> list[str]:
    """Normalised names in order. Raises CutError unless all have come."""
    ((found,),) = _rows(body, tuple[list[str]], 1)
    if len(found) != expected:
        raise CutError(f"{len(found)} names came, {expected} were to come")
    return sorted({normalized(each) for each in found})


def _rows(body: bytes, form: Any, count: int | None = None) -> list[Any]:
    """The rows of a JSONCompactEachRow answer, each a JSON array on a line."""
    try:
        # Not strict: a server may be set to quote its large numbers.
        decoder = msgspec.json.Decoder(form, strict=False)
        rows = [decoder.decode(line) for line in body.splitlines() if line.strip()]
    except JUNK as error:
        # An error half-way comes as text behind the rows.
        raise CutError(f"the answer ends in something that is no row ({error})") from error
    if count is not None and len(rows) != count:
        raise CutError(f"{len(rows)} rows came, {count} was to come")
    return rows
