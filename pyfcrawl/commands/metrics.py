"""Numbers for Prometheus from commands that stay: all that the state store knows of runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from scrapy.settings import BaseSettings

from pyfcrawl.extensions.metrics import StateCollector, serve


@contextmanager
def metrics(settings: BaseSettings, due: Iterable[str] = ()) -> Iterator[None]:
    """Expose them at METRICS_PORT meanwhile, if it is given; `due` as for StateCollector."""
    port = int(settings["METRICS_PORT"] or 0)
    if not port:
        yield
        return
    collector = StateCollector(settings["STATE_URL"], settings["OVERDUE_AFTER"], due)
    end = serve(settings["METRICS_HOST"], port, collector)
    try:
        yield
    finally:
        if end is not None:
            end()
