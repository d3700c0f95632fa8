"""What commands print: JSON for programs, tables for people, errors in one line.

Names, summaries and reasons come from strangers, so nothing that could steer a terminal gets
through. A reader who has seen enough (`| head`) closes the pipe: that is no error.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from pyfcrawl.errors import PyfcrawlError, StoreError

#: What `json.dumps` leaves alone but a terminal, `str.splitlines` or UTF-8 does not.
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_TRAILING = re.compile(r"[ \t]+$", re.MULTILINE)
_DISCARDED: list[int] = []
#: Blanks between columns; the box itself puts one there.
_GAP = 2


def report(error: PyfcrawlError) -> None:
    """Say on stderr, in one line, what went wrong and what to do."""
    print(f"error: {plain(error)}", file=sys.stderr)


def plain(value: object) -> str:
    """The value as text for one line: white space collapsed, control and invisible signs gone."""
    text = "" if value is None else " ".join(str(value).split())
    return text if text.isprintable() else "".join(each for each in text if each.isprintable())


def day(timestamp: object) -> str:
    """Unix seconds as a date in UTC, "" when it is none."""
    return _time(timestamp, "%Y-%m-%d")


def moment(timestamp: object) -> str:
    """Unix seconds as date and time in UTC, "" when it is none."""
    return _time(timestamp, "%Y-%m-%d %H:%M UTC")


def span(seconds: float) -> str:
    """A length of time, e.g. `1h 02m`, `3m 20s` or `41s`."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,}h {minutes:02}m"
    return f"{minutes}m {rest:02}s" if minutes else f"{rest}s"


def count(number: int, one: str, many: str = "") -> str:
    """A number with its noun, e.g. `1,204 packages`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def table(
    headings: Sequence[str],
    rows: Iterable[Sequence[str | Text]],
    right: Collection[str] = (),
    widest: Mapping[str, int] | None = None,
) -> Table:
    """A table as wide as the terminal at most: the last column is cut first, nothing wraps.

    `right` names columns aligned there, `widest` caps the width of some.
    """
    cells = [[each if isinstance(each, Text) else Text(each) for each in row] for row in rows]
    result = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, _GAP - 1, 0, 0))
    natural = []
    for heading, *column in zip(headings, *cells, strict=True):
        width = max(cell_len(heading), *(cell_len(each.plain) for each in column), 0)
        natural.append(min(width, (widest or {}).get(heading, width)))
    widths = _fitted(natural, _console().width)
    for heading, width in zip(headings, widths, strict=True):
        justify: JustifyMethod = "right" if heading in right else "left"
        result.add_column(heading, width=width, justify=justify, no_wrap=True, overflow="ellipsis")
    for row in cells:
        result.add_row(*row)
    return result


def _fitted(widths: list[int], room: int) -> list[int]:
    """The widths, cut from the last column and the first (to a dozen), then from any, to fit."""
    result = list(widths)
    excess = sum(result) + _GAP * (len(result) - 1) - room
    for at, least in ((-1, 12), (0, 12), *((each, 1) for each in reversed(range(len(result))))):
        cut = max(0, min(excess, result[at] - least))
        result[at] -= cut
        excess -= cut
    return result


def show(*parts: RenderableType) -> None:
    """Print on stdout: coloured on a terminal, plain elsewhere, never wider than either."""
    console = _console()
    with console.capture() as captured:
        for part in parts:
            console.print(Text(part) if isinstance(part, str) else part, soft_wrap=False)
    _write(_TRAILING.sub("", captured.get()), console.encoding)


def line(text: str) -> None:
    """Print one line on stdout, however long it is."""
    if sys.stdout is not None:
        _write(plain(text) + "\n", sys.stdout.encoding or "utf-8")


def _console() -> Console:
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False)


def show_json(value: Any, indent: int | None = None) -> None:
    """Print as JSON in UTF-8 on stdout, on one line unless an indent is given."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    _write(_UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n", "utf-8")


def flush() -> None:
    """Hand all that was printed to the system. Raises BrokenPipeError and StoreError."""
    _write("", "utf-8")
    if sys.stdout is not None:
        _guarded(sys.stdout.flush)


def let_go() -> None:
    """Nobody reads stdout any more: let what is left of it go nowhere, without complaint."""
    _DISCARDED.append(os.open(os.devnull, os.O_WRONLY))
    os.dup2(_DISCARDED[-1], sys.stdout.fileno())


def _write(text: str, encoding: str) -> None:
    if sys.stdout is not None:  # None: closed by the shell
        _guarded(sys.stdout.buffer.write, text.encode(encoding, "replace"))


def _guarded(action: Any, *arguments: Any) -> None:
    try:
        action(*arguments)
    except BrokenPipeError:
        raise
    except OSError as error:
        let_go()
        raise StoreError(
            f"the output can't be written: {error.strerror}; give it another place"
        ) from error


def _time(timestamp: object, form: str) -> str:
    if isinstance(timestamp, bool) or not isinstance(timestamp, int | float):
        return ""
    try:
        return datetime.fromtimestamp(timestamp, UTC).strftime(form)
    except (ValueError, OverflowError, OSError):
        return ""
