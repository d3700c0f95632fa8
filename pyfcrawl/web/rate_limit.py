"""How much one client may ask for in a minute, kept in memory.

A client is an address, or for IPv6 its network of 64 bits: that is what one customer gets. Only so
many clients are remembered; past that the one whose minute began first is forgotten, which at worst
gives it a new one.
"""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from dataclasses import dataclass

MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a client has left.

    `reset` is in Unix seconds, `wait` in seconds, 0 when it may go on.
    """

    limit: int
    remaining: int
    reset: int
    wait: int

    def headers(self) -> dict[str, str]:
        """As HTTP headers."""
        found = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset),
        }
        return found | ({"Retry-After": str(self.wait)} if self.wait else {})


class RateLimit:
    """Counts requests by client, in minutes that begin with a client's first request."""

    def __init__(self, per_minute: int, clients: int = 10_000) -> None:
        self._limit = per_minute
        self._clients = clients
        #: Client -> (when its minute began, requests in it), by when it began.
        self._minutes: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def take(self, client: str, now: float) -> Allowance:
        """Count one request at `now` (Unix seconds) and say whether it may be answered."""
        began, count = self._minutes.get(client, (now, 0))
        if not 0 <= now - began < MINUTE:
            self._minutes.pop(client, None)
            began, count = now, 0
        self._minutes[client] = began, count + 1
        if len(self._minutes) > self._clients:
            self._minutes.popitem(last=False)
        end = began + MINUTE
        over = count + 1 > self._limit
        return Allowance(
            limit=self._limit,
            remaining=max(0, self._limit - count - 1),
            reset=math.ceil(end),
            wait=max(1, math.ceil(end - now)) if over else 0,
        )

    def __len__(self) -> int:
        return len(self._minutes)


def client_of(address: str) -> str:
    """Whose requests those from an address are: its own, or for IPv6 its network's."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:  # a socket of the machine, where all come through
        return ""
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
