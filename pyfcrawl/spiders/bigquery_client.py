"""BigQuery through Google's client, which is an extra: `pip install pyfcrawl[bigquery]`.

Google's client blocks, so queries run in threads.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

from pyfcrawl.core.downloads import days_before
from pyfcrawl.errors import ConfigurationError, SourceError
from pyfcrawl.sources import bigquery
from pyfcrawl.sources.bigquery import Query
from pyfcrawl.sources.numbers import Numbers, Window


class BigQuery:
    """A Warehouse; see there.

    `library` is the module google.cloud.bigquery and `client` one of its clients, unless given
    made for BIGQUERY_PROJECT; `now` gives Unix seconds.
    """

    source = bigquery.SOURCE
    page = bigquery.PAGE

    def __init__(
        self,
        project: str,
        library: Any = None,
        client: Any = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        if not project:
            raise ConfigurationError(
                "BIGQUERY_PROJECT is empty; give the Google Cloud project that pays for queries"
            )
        self._project = project
        self._library = library or _library()
        self._client = client
        self._now = now

    async def window(self, names: Sequence[str], day: str = "") -> Window:
        """See Warehouse; today's log is still being written."""
        today = datetime.fromtimestamp(self._now(), UTC).date().isoformat()
        if day >= today:
            raise ConfigurationError(f"day={day} is not over yet (UTC); give an earlier one")
        last = days_before(today, 1)
        return Window(day, day) if day else Window(days_before(last, bigquery.DAYS - 1), last)

    async def read(self, names: Sequence[str], window: Window) -> dict[str, Numbers]:
        """See Warehouse. A single day leaves last day, week and month open."""
        rows, total = await asyncio.to_thread(self._ask, bigquery.days_query(names, window))
        day = window.first if window.first == window.last else ""
        return bigquery.read_days(rows, total, names, day)

    async def names(self, classifiers: Sequence[str]) -> list[str]:
        """See Warehouse."""
        rows, total = await asyncio.to_thread(self._ask, bigquery.names_query(classifiers))
        return bigquery.read_names(rows, total)

    def _ask(self, query: Query) -> tuple[list[Any], int | None]:
        """All rows, and how many BigQuery says there are."""
        library = self._library
        parameters = [
            library.ArrayQueryParameter(name, "STRING", value)
            if isinstance(value, list)
            else library.ScalarQueryParameter(name, "STRING", value)
            for name, value in query.parameters.items()
        ]
        try:
            if self._client is None:
                self._client = library.Client(project=self._project)
            config = library.QueryJobConfig(query_parameters=parameters)
            result = self._client.query(query.sql, job_config=config).result()
            return list(result), result.total_rows
        except Exception as error:  # Google's client has no common base for what it raises
            line = " ".join(str(error).split())[:200] or type(error).__name__
            raise SourceError(f"BigQuery for {self._project}: {line}") from error

    async def close(self) -> None:
        """See Warehouse."""
        if self._client is not None:
            await asyncio.to_thread(self._client.close)


def _library() -> Any:
    try:
        return import_module("google.cloud.bigquery")
    except ImportError:
        raise ConfigurationError(
            "BigQuery needs Google's client: pip install 'pyfcrawl[bigquery]', or take clickhouse"
        ) from None
