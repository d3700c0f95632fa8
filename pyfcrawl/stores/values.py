"""What every index store does to values on their way in: keys, lists of bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from itertools import islice
from typing import Any, TypeVar

from pyfcrawl.core.document import is_text

T = TypeVar("T")
S = TypeVar("S", bound=Sized)


class NotStorableError(ValueError):
    """A value that has its field's type, but that JSON or a float can't hold."""


def is_key(value: Any) -> bool:
    """Whether it may be the id of anything: a text that UTF-8 can encode."""
    return is_text(value)


def chunks(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most `size` values, none of them empty."""
    iterator = iter(values)
    while chunk := list(islice(iterator, size)):
        yield chunk


def bounded(values: Iterable[S], count: int, length: int) -> Iterator[list[S]]:
    """Lists of at most `count` values and `length` in all; a longer value stands alone."""
    part: list[S] = []
    total = 0
    for value in values:
        if part and (len(part) >= count or total + len(value) > length):
            yield part
            part, total = [], 0
        part.append(value)
        total += len(value)
    if part:
        yield part
