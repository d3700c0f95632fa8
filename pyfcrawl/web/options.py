"""What whoever runs the site decides, as plain values."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SiteOptions:
    """`site_url` is the address people know the site by ("": that of each request).

    `trust_proxy` is how many proxies of ours are in front, whose headers such as X-Forwarded-For
    tell who asks. `api_rate_limit` is how many requests a client may send to the API in a minute,
    0 for any number. `now` gives Unix seconds.
    """

    site_url: str = ""
    trust_proxy: int = 0
    api_rate_limit: int = 300
    now: Callable[[], float] = time.time
