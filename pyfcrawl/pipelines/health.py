"""Stage 4: the health score, with package facts from enrichment where they are known."""

from __future__ import annotations

import time
from typing import Any

from pyfcrawl.core.health import score
from pyfcrawl.items import PackageItem


class HealthPipeline:
    """Adds the health fields to `PackageItem.document`."""

    def process_item(self, item: Any) -> Any:
        """Score the document; other items pass."""
        if isinstance(item, PackageItem):
            item.document |= score(item.document | item.facts, int(time.time()))
        return item
