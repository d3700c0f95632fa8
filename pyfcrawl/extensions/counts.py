"""The counters of a run, by the names that its summary, record and metrics have in common."""

from __future__ import annotations

from typing import Any

#: Counters under `pyfcrawl/` that only grow.
GROWING = (
    "visited",
    "matched",
    "written",
    "updated",
    "unchanged",
    "removed",
    "refused",
    "failed",
    "gaps",
)
#: Those that go up and down.
STANDING = ("planned", "pending", "open")


def counts(stats: Any) -> dict[str, int]:
    """All of them, and the GETs that were sent, in batches or not."""
    found = {name: stats.get_value(f"pyfcrawl/{name}", 0) for name in (*GROWING, *STANDING)}
    return found | {"requests": requests(stats)}


def requests(stats: Any) -> int:
    """GETs sent: a batch is one request to Scrapy and many to a host."""
    plain = stats.get_value("downloader/request_count", 0)
    batches = stats.get_value("pyfcrawl/batch/batches", 0)
    return int(plain - batches + stats.get_value("pyfcrawl/batch/requests", 0))


def errors(stats: Any) -> int:
    """Errors that the log tells."""
    return sum(stats.get_value(f"log_count/{level}", 0) for level in ("ERROR", "CRITICAL"))
