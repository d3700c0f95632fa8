"""Stage 3: a release's metadata, listing and README made into its document."""

from __future__ import annotations

from typing import Any

from pyfcrawl.core.build import build_document
from pyfcrawl.items import PackageItem


class DocumentPipeline:
    """Fills `PackageItem.document`."""

    def process_item(self, item: Any) -> Any:
        """Build the document; other items pass."""
        if isinstance(item, PackageItem):
            item.document = build_document(
                item.registry,
                item.name,
                item.version,
                item.metadata,
                item.listing,
                item.requires_python,
                item.readme,
                item.screenshot_url,
            )
        return item
