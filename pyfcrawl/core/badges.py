"""What a badge says and in which colours; how it is drawn is a library's business.

Numbers and periods are what people know from other download badges. Colours and texts may come out
of an address that anybody can write, so they are checked here: a colour is one of a list or six
hexadecimal digits, a text is short and has no character that can't be shown.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pyfcrawl.core.classifiers import bare

Period = Literal["total", "month", "week"]
Units = Literal["international_system", "abbreviation", "none"]

LONGEST_TEXT = 60
LONGEST_COLOUR = 20

COLOURS = {
    "black": "#000000",
    "blue": "#007ec6",
    "brightgreen": "#44cc11",
    "critical": "#e05d44",
    "gray": "#555555",
    "green": "#97ca00",
    "grey": "#555555",
    "important": "#fe7d37",
    "inactive": "#9f9f9f",
    "informational": "#007ec6",
    "lightgray": "#9f9f9f",
    "lightgrey": "#9f9f9f",
    "orange": "#fe7d37",
    "pink": "#e6499a",
    "purple": "#8a4baf",
    "red": "#e05d44",
    "success": "#44cc11",
    "violet": "#8a4baf",
    "yellow": "#dfb317",
    "yellowgreen": "#a4a61d",
}
_HEX = re.compile(r"#?([0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE)

_LABEL = {"total": "downloads", "month": "downloads/month", "week": "downloads/week"}
_COUNT = {"total": "download_total", "month": "download_last_month", "week": "download_last_week"}

_LETTERS: dict[Units, str] = {"international_system": "kMGTPE", "abbreviation": "kMBTQ"}

#: Health score, at least -> colour; the first row that holds counts.
_HEALTH = ((80, "brightgreen"), (60, "green"), (40, "yellow"), (20, "orange"), (0, "red"))

REGISTRIES = {"pypi": "PyPI", "npm": "npm"}


@dataclass(frozen=True, slots=True)
class Badge:
    """Two texts and the colours behind them, `#rrggbb`."""

    left: str
    right: str
    right_colour: str = COLOURS["blue"]
    left_colour: str = COLOURS["grey"]
    is_unknown: bool = False


def downloads(document: Mapping[str, Any], period: Period, units: Units) -> Badge:
    """How often a package was downloaded, in its documents' words."""
    count = document.get(_COUNT[period])
    if count is None:
        return unknown(_LABEL[period])
    return Badge(_LABEL[period], number(count, units))


def health(document: Mapping[str, Any]) -> Badge:
    """The health score."""
    score = document.get("health_score")
    if score is None:
        return unknown("health")
    colour = next(colour for least, colour in _HEALTH if score >= least)
    return Badge("health", f"{score}/100", COLOURS[colour])


def version(document: Mapping[str, Any]) -> Badge:
    """The version of a release: red when it is withdrawn, orange for a pre-release."""
    registry = str(document.get("registry"))
    badge = Badge(REGISTRIES.get(registry, registry), shown(str(document.get("version"))))
    if document.get("yanked"):
        return replace(badge, right=f"{badge.right} yanked", right_colour=COLOURS["red"])
    if document.get("version_is_prerelease"):
        return replace(badge, right_colour=COLOURS["orange"])
    return badge


def framework(document: Mapping[str, Any], name: str) -> Badge | None:
    """The newest version of a framework (or of Python) that a release says it supports.

    `name` in any spelling, e.g. `django-cms`. None when the release names no version of it.
    """
    labels: Sequence[str] = [
        *(document.get("framework_versions") or ()),
        *(document.get("python_versions") or ()),
    ]
    fitting = [label.rpartition(" ") for label in labels]
    fitting = [each for each in fitting if bare(each[0]) == bare(name)]
    if not fitting:
        return None
    written, _, newest = fitting[-1]  # both lists are in rising order
    return Badge(shown(written), shown(newest))


def unknown(left: str) -> Badge:
    """A badge for something that is not known of a package."""
    return Badge(shown(left), "unknown", COLOURS["lightgrey"], is_unknown=True)


def undeclared(name: str) -> Badge:
    """A badge for a framework that a package names no version of."""
    return Badge(shown(name), "not declared", COLOURS["lightgrey"])


def not_found(left: str) -> Badge:
    """A badge for a package that is not there."""
    return Badge(shown(left), "not found", COLOURS["lightgrey"])


def number(value: int, units: Units) -> str:
    """A count as text: `1.2k` and `34M`, or with `none` every digit, `1,234,567`.

    Never more than there is: what doesn't fit is cut off, not rounded. 10^9 is G in the
    international system and B as an abbreviation.
    """
    letters = _LETTERS.get(units, "")
    if value < 1000 or not letters:
        return f"{value:,}"
    thousands = min((len(str(value)) - 1) // 3, len(letters))
    whole, rest = divmod(value, 1000**thousands)
    tenth = rest * 10 // 1000**thousands
    digits = f"{whole}.{tenth}" if whole < 10 and tenth else f"{whole:,}"
    return digits + letters[thousands - 1]


def colour(given: str) -> str | None:
    """`#rrggbb` for a name of the list or 3 or 6 hexadecimal digits; None for anything else."""
    if known := COLOURS.get(given.lower()):
        return known
    if not (found := _HEX.fullmatch(given)):
        return None
    digits = found[1].lower()
    return "#" + (digits if len(digits) == 6 else "".join(each * 2 for each in digits))


def shown(text: str) -> str:
    """A text as a badge may show it: one line, no control characters, bounded in length."""
    spaced = "".join(" " if each.isspace() else each for each in text)
    seen = "".join(each for each in spaced if unicodedata.category(each)[0] != "C")
    short = " ".join(seen.split())
    return short if len(short) <= LONGEST_TEXT else short[: LONGEST_TEXT - 1] + "…"
