"""Retry-After as RFC 9110 defines it: seconds, or a date."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime


def seconds(value: str | None, now: float) -> float | None:
    """Seconds to wait from `now` (Unix time), None when the header says nothing sensible."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        moment = parsedate_to_datetime(text)
        # HTTP dates are in GMT, said or not; without a zone Python would take the machine's own.
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, moment.timestamp() - now)
    except (TypeError, ValueError, OverflowError):
        return None
