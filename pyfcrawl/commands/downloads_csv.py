"""Downloads out of a CSV file: lifetime totals or days, told apart by the header.

Rows stream through, so that a file may be larger than memory. What is wrong with a file is told
with the number of the line; whoever stores the rows takes all of them or none.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from typing import TextIO

from packaging.utils import canonicalize_name

from pyfcrawl.core.downloads import EARLIEST, MOST, is_day
from pyfcrawl.core.names import package_id
from pyfcrawl.errors import ConfigurationError
from pyfcrawl.stores.history import ImportedDay, ImportedTotal

TOTALS = "project,total_downloads[,date]"
DAYS = "project,date,version,downloads"

_FORMS = {
    frozenset({"project", "total_downloads"}): True,
    frozenset({"project", "total_downloads", "date"}): True,
    frozenset({"project", "date", "version", "downloads"}): False,
}

#: Characters of one line: no sound one is near it.
_LONGEST = 65_536

#: What an npm name may be at most, its scope included.
_NPM_NAME = re.compile(r"(@[^/@\s]+/)?[^/@\s]+")


class DownloadsFile:
    """A CSV file of downloads; `totals` says which of the two kinds it is.

    `label` names it in complaints, `today` is the day of totals without a date (YYYY-MM-DD).
    Raises ConfigurationError, with the line, for anything that is not as it should be.
    """

    def __init__(self, stream: TextIO, label: str, registry: str, today: str) -> None:
        self._reader = csv.reader(self._lines(stream), strict=True)
        self._label = label
        self._registry = registry
        self._today = today
        self._line = 0
        self.rows = 0
        self._header = [each.strip().lower() for each in next(self._records(), [])]
        totals = _FORMS.get(frozenset(self._header))
        if totals is None or len(set(self._header)) != len(self._header):
            raise ConfigurationError(
                f"{label}: its first line is no header that is known; give {TOTALS} or {DAYS}"
            )
        self.totals = totals

    def read_totals(self) -> Iterator[ImportedTotal]:
        """The lifetime totals of a file with totals."""
        for row in self._rows():
            day = self._day(row) if row.get("date", "").strip() else self._today
            downloads = self._number(row, "total_downloads")
            yield ImportedTotal(self._line, self._package(row), day, downloads)

    def read_days(self) -> Iterator[ImportedDay]:
        """The days of a file with days."""
        for row in self._rows():
            yield ImportedDay(
                row=self._line,
                package=self._package(row),
                day=self._day(row),
                version=self._version(row),
                downloads=self._number(row, "downloads"),
            )

    def wrong(self, what: str, line: int | None = None) -> ConfigurationError:
        """The error for a line (the one just read), in one line."""
        where = f"{self._label} line {line or self._line}"
        return ConfigurationError(f"{where}: {what}; nothing was imported")

    # --- lines --------------------------------------------------------------------------------

    def _lines(self, stream: TextIO) -> Iterator[str]:
        while line := stream.readline(_LONGEST):
            if len(line) == _LONGEST:
                self._line += 1
                raise self.wrong(f"it has more than {_LONGEST} characters, so it's no CSV")
            yield line

    def _records(self) -> Iterator[Sequence[str]]:
        try:
            for record in self._reader:
                self._line = self._reader.line_num
                if record:
                    yield record
        except csv.Error as error:
            raise self.wrong(f"it is no CSV ({error})", self._reader.line_num) from None
        except UnicodeDecodeError:
            raise self.wrong("it is not in UTF-8", self._reader.line_num + 1) from None
        except OSError as error:
            raise ConfigurationError(f"{self._label} can't be read: {error.strerror}") from None

    def _rows(self) -> Iterator[dict[str, str]]:
        for record in self._records():
            if len(record) != len(self._header):
                raise self.wrong(f"it has {len(record)} columns, the header {len(self._header)}")
            self.rows += 1
            yield dict(zip(self._header, record, strict=True))

    # --- values -------------------------------------------------------------------------------

    def _package(self, row: dict[str, str]) -> str:
        name = row["project"].strip()
        try:
            if self._registry == "pypi":
                canonicalize_name(name, validate=True)
            elif not _NPM_NAME.fullmatch(name):
                raise ValueError
            return package_id(self._registry, name)
        except ValueError:
            raise self.wrong(f"project={ascii(name)[:80]} is no name of a package") from None

    def _day(self, row: dict[str, str]) -> str:
        day = row["date"].strip()
        if not is_day(day):
            raise self.wrong(f"date={ascii(row['date'])[:40]} is no day such as 2026-08-24")
        if not EARLIEST <= day <= self._today:
            raise self.wrong(f"date={day} is not between {EARLIEST} and today")
        return day

    def _version(self, row: dict[str, str]) -> str:
        version = row["version"].strip()
        if len(version) > 200 or not version.isprintable():
            raise self.wrong(f"version={ascii(version)[:80]} is no version")
        return version

    def _number(self, row: dict[str, str], column: str) -> int:
        text = row[column].strip()
        if not (text.isascii() and text.isdigit() and len(text) <= 18 and int(text) <= MOST):
            raise self.wrong(
                f"{column}={ascii(row[column])[:40]} is not a whole number from 0 to {MOST:,}"
            )
        return int(text)
