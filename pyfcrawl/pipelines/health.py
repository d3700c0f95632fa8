"""Stage 4: the health score, with package facts from enrichment where they are known.

The score of what is indexed already is made anew here, too: by new facts, or as time passes.
"""

from __future__ import annotations

import time
from typing import Any

from pyfcrawl.core.document import BOOKKEEPING, Owner, owned_by
from pyfcrawl.core.health import score
from pyfcrawl.items import PackageItem
from pyfcrawl.stores.index import Document, Patch

#: What `changed_health` looks at in a document, its identifier and registry included.
LOOKED_AT = (
    *("identifier", "registry", "upload_timestamp", "description", "first_chapter"),
    *("main_content", "changelog", "screenshot_url", "docs_url", "project_urls"),
    *("author", "author_email", "maintainer", "maintainer_email", "license"),
    *("license_expression", "classifiers", "keywords"),
    *("github_stars", "github_updated", "github_open_issues"),
    *sorted(owned_by(Owner.HEALTH)),
)


class HealthPipeline:
    """Adds the health fields to `PackageItem.document`."""

    def process_item(self, item: Any) -> Any:
        """Score the document; other items pass."""
        if isinstance(item, PackageItem):
            item.document |= score(item.document | item.facts, int(time.time()))
        return item


def changed_health(document: Document, now: int) -> Patch | None:
    """The new health fields, None when nothing but the time of the look would change."""
    scored = score(document, now)
    if all(document.get(name) == scored[name] for name in scored if name not in BOOKKEEPING):
        return None
    return Patch(document["identifier"], scored)
