"""What whoever runs the site decides, as plain values."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SiteOptions:
    """`site_url` is the address people know the site by ("": that of each request).

    `trust_proxy` says whether headers such as X-Forwarded-For come from a proxy of ours. `now`
    gives Unix seconds.
    """

    site_url: str = ""
    trust_proxy: bool = False
    now: Callable[[], float] = time.time
