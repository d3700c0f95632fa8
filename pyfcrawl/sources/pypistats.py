"""pypistats.org: addresses of a package's download numbers, and what its answers say.

API: https://pypistats.org/api/. Numbers are without mirrors and cover 180 days. An answer that
can't be what it claims to be raises SourceError, so that no wrong number takes a right one's
place.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec

from pyfcrawl.core.downloads import EARLIEST, Day, is_count, is_day
from pyfcrawl.core.names import normalized
from pyfcrawl.core.screening import JUNK
from pyfcrawl.errors import SourceError

SOURCE = "pypistats"

_WITHOUT_MIRRORS = "without_mirrors"

#: What `recent` calls the numbers, and which fields of a document they are.
_FIELDS = {
    "last_day": "download_last_day",
    "last_week": "download_last_week",
    "last_month": "download_last_month",
}

#: The same with nothing in them: what a package without numbers has.
NOTHING: dict[str, int | None] = dict.fromkeys(_FIELDS.values())


def recent_url(root: str, name: str) -> str:
    """The last day, week and month of a package."""
    return f"{root}/api/packages/{quote(normalized(name), safe='')}/recent"


def overall_url(root: str, name: str, day: str = "") -> str:
    """The daily series of a package, or one day of it."""
    url = f"{root}/api/packages/{quote(normalized(name), safe='')}/overall?mirrors=false"
    return f"{url}&start_date={day}&end_date={day}" if day else url


class _Answer(msgspec.Struct):
    data: Any
    package: str | None = None


_decoder = msgspec.json.Decoder(_Answer)


def _data(body: bytes, name: str, kind: type) -> Any:
    try:
        answer = _decoder.decode(body)
    except JUNK as error:
        raise SourceError(f"the answer is not pypistats's JSON ({error})") from error
    if answer.package and normalized(answer.package) != normalized(name):
        raise SourceError(f"the answer is about {ascii(answer.package)[:80]}, not {name}")
    if not isinstance(answer.data, kind):
        raise SourceError("the answer's data is not what pypistats documents")
    return answer.data


def read_recent(body: bytes, name: str) -> dict[str, int | None]:
    """The download_last_... fields, of those the answer has; raises SourceError."""
    data = _data(body, name, dict)
    facts: dict[str, int | None] = {}
    for key, field in _FIELDS.items():
        value = data.get(key)
        if value is not None and not is_count(value):
            raise SourceError(f"{key} is no number of downloads: {ascii(value)[:80]}")
        facts[field] = value
    if all(value is None for value in facts.values()):
        raise SourceError("the answer has no numbers")
    return facts


def read_overall(body: bytes, name: str, last: str, day: str = "") -> list[Day]:
    """The days (of all versions, without mirrors), oldest first; of `day` alone when it is given.

    Rows of other categories are passed over. Raises SourceError for a row that can't be read, or is
    of a day after `last`: whoever garbles one row can't be believed the others.
    """
    days: dict[str, int] = {}
    for row in _data(body, name, list):
        if not isinstance(row, dict):
            raise SourceError(f"a row of the series is {ascii(row)[:80]}")
        if row.get("category") != _WITHOUT_MIRRORS:
            continue
        when, downloads = str(row.get("date")), row.get("downloads", -1)
        if not (is_day(when) and EARLIEST <= when <= last and is_count(downloads)):
            raise SourceError(f"a day of the series can't be read: {ascii(row)[:120]}")
        if days.setdefault(when, downloads) != downloads:
            raise SourceError(f"the series has {when} twice: {days[when]} and {downloads}")
    return [(each, "", days[each]) for each in sorted(days) if not day or each == day]
