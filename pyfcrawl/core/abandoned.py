"""Which packages seem to be left alone: a warning to whoever chooses one, no part of the score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_YEARS = 3
_LONG = _YEARS * 365 * 86_400


def abandonment(document: Mapping[str, Any], now: int) -> str | None:
    """Why the package of this document counts as abandoned at `now` (Unix seconds), else None.

    It is when its repository is archived, and when it had no release for three years and nothing
    was pushed to its repository either, as far as that is known. A release that is known not to be
    the latest tells nothing of the later ones.
    """
    if document.get("github_archived"):
        return "Its repository is archived"
    if document.get("is_latest") is False:
        return None
    released = _number(document.get("upload_timestamp"))
    pushed = _number(document.get("github_updated"))
    if released is None or now - released <= _LONG:
        return None
    if pushed is not None and now - pushed <= _LONG:
        return None
    return f"No release and no known activity for over {_YEARS} years"


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
