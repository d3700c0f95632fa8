"""Names of a profile's packages from a warehouse, so that a first crawl needn't visit all of PyPI.

It may name too many (a package that had the classifier once) and miss what came today: the crawl
decides by each package's own page, and the next one in step with PyPI's listing finds the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyfcrawl.errors import SourceError
from pyfcrawl.spiders.warehouses import open_warehouse


async def discover(settings: Any, source: str, classifiers: Sequence[str]) -> list[str]:
    """Normalised names, in order, of packages with one of the classifiers or one below it.

    `source` is "clickhouse" or "bigquery". Raises ConfigurationError for a setting that is wrong,
    SourceError when the names can't be had; never returns part of them.
    """
    warehouse = open_warehouse(source, settings)
    try:
        names = await warehouse.names(classifiers)
    finally:
        await warehouse.close()
    if not names:
        raise SourceError(
            f"discovery={source} found no package with {', '.join(classifiers)}; "
            "check the classifiers, or leave discovery= out"
        )
    return names
