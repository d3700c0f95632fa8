"""Warehouses of PyPI's download log as spiders use them: names in, numbers out, whichever it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pyfcrawl.batch.gate import Gate
from pyfcrawl.sources.numbers import Numbers, Window
from pyfcrawl.spiders.bigquery_client import BigQuery
from pyfcrawl.spiders.clickhouse_client import ClickHouse

WAREHOUSES = ("clickhouse", "bigquery")


class Warehouse(Protocol):
    """`source` is its name, `page` how many packages it is asked about at once.

    Methods raise SourceError when an answer can't be had or believed, ConfigurationError when
    no answer is to be expected.
    """

    source: str
    page: int

    async def window(self, names: Sequence[str], day: str = "") -> Window:
        """The days that a run reads: as many as there should be, or just one."""

    async def read(self, names: Sequence[str], window: Window) -> dict[str, Numbers]:
        """Package (normalised name) -> its numbers; all of them, or none at all."""

    async def names(self, classifiers: Sequence[str]) -> list[str]:
        """Normalised names of packages that have one of the classifiers, or one below it."""

    async def close(self) -> None:
        """Let go of connections."""


def open_warehouse(source: str, settings: Any, gate: Gate | None = None) -> Warehouse:
    """The warehouse of that name. Raises ConfigurationError when a setting for it is wrong.

    `gate` holds requests back where a crawl has one.
    """
    if source == BigQuery.source:
        return BigQuery(str(settings["BIGQUERY_PROJECT"] or ""))
    return ClickHouse(
        str(settings["CLICKHOUSE_URL"]),
        str(settings["CLICKHOUSE_USER"]),
        str(settings["CLICKHOUSE_PASSWORD"] or ""),
        gate=gate or Gate(1),
        user_agent=str(settings["USER_AGENT"]),
        timeout=float(settings["DOWNLOAD_TIMEOUT"]),
        max_body=int(settings["BATCH_MAX_BODY"]),
        retries=int(settings["RETRY_TIMES"]),
    )


def check_warehouse(source: str, settings: Mapping[str, Any]) -> None:
    """Raise ConfigurationError when that warehouse can't be asked, before a crawl starts."""
    if source in WAREHOUSES:
        open_warehouse(source, settings)
