"""Spans of time as people write them: `7d`, `12h`, `30m`, `90s` or `90`."""

from __future__ import annotations

import re

_AGE = re.compile(r"([0-9]{1,9})([smhdw]?)", re.ASCII)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def seconds(text: str) -> int | None:
    """A span of time in seconds, None for text that is none."""
    found = _AGE.fullmatch(text.strip().lower())
    return int(found[1]) * _SECONDS[found[2]] if found else None


def short(span: int) -> str:
    """A span of seconds in its largest unit, e.g. `3 h`."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if span >= size:
            return f"{span // size} {unit}"
    return f"{max(0, span)} s"
