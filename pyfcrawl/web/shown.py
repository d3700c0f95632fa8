"""Numbers, days and sizes as people read them; the filters of the templates."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

_DAY = 86_400
_SPANS = (
    (365 * _DAY, "year"),
    (30 * _DAY, "month"),
    (7 * _DAY, "week"),
    (_DAY, "day"),
    (3600, "hour"),
    (60, "minute"),
)
NOTHING = "–"


def number(value: Any) -> str:
    """A whole number with separators, e.g. `12,345`."""
    return NOTHING if value is None else f"{value:,}"


def short(value: Any) -> str:
    """A number in few characters, e.g. `12.3k`."""
    if value is None:
        return NOTHING
    for limit, sign in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if value >= limit:
            scaled = value / limit
            return f"{scaled:.0f}{sign}" if scaled >= 100 else f"{scaled:.1f}{sign}"
    return str(value)


def day(timestamp: Any) -> str:
    """Unix seconds as a date, e.g. `2026-11-20`."""
    return _formatted(timestamp, "%Y-%m-%d")


def moment(timestamp: Any) -> str:
    """Unix seconds as date and time in UTC."""
    return _formatted(timestamp, "%Y-%m-%d %H:%M UTC")


def iso(timestamp: Any) -> str:
    """Unix seconds as a `datetime` attribute has it, "" when they are none."""
    found = _formatted(timestamp, "%Y-%m-%dT%H:%M:%SZ")
    return "" if found == NOTHING else found


def _formatted(timestamp: Any, form: str) -> str:
    try:
        return datetime.fromtimestamp(timestamp, UTC).strftime(form)
    except (TypeError, ValueError, OverflowError, OSError):
        return NOTHING


def ago(timestamp: Any, now: float) -> str:
    """How long it is since, e.g. `3 months ago`."""
    if not isinstance(timestamp, int | float):
        return NOTHING
    seconds = int(now - timestamp)
    for span, name in _SPANS:
        if seconds >= span:
            count = seconds // span
            return f"{count} {name}{'' if count == 1 else 's'} ago"
    return "just now"


def duration(seconds: int) -> str:
    """Seconds as `1h 02m`, `2m 05s` or `7s`."""
    minutes, rest = divmod(max(0, seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,}h {minutes:02}m"
    return f"{minutes}m {rest:02}s" if minutes else f"{rest}s"


def size(count: Any) -> str:
    """Bytes as kB or MB."""
    if not isinstance(count, int):
        return NOTHING
    return f"{count / 1e6:.1f} MB" if count >= 10**6 else f"{max(1, count // 1000)} kB"


def grade(score: Any) -> str:
    """A health score in a word, for its colour."""
    if score is None:
        return "unknown"
    return "good" if score >= 70 else "fair" if score >= 40 else "poor"


def web_address(value: Any) -> bool:
    """Whether it is an address that a page may link to: nothing else is followed or loaded."""
    return isinstance(value, str) and value.startswith(("https://", "http://"))


FILTERS = {
    each.__name__: each
    for each in (number, short, day, moment, iso, duration, size, grade, web_address)
}
