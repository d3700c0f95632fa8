"""What every page works with."""

from __future__ import annotations

from dataclasses import dataclass

from pyfcrawl.web.catalog import Catalog
from pyfcrawl.web.options import SiteOptions
from pyfcrawl.web.templating import Templates


@dataclass(frozen=True, slots=True)
class Site:
    """The catalog, the options and the templates."""

    catalog: Catalog
    options: SiteOptions
    templates: Templates
