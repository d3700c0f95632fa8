"""Numbers and texts as letters and digits whose plain order is theirs.

Sort keys are made of such pieces one after another, so each piece is prefix-free: none is the
beginning of another of its kind, and what follows can't outvote it. Typesense drops all signs but
letters and digits, and case, before it sorts; so no piece rests on anything else.
"""

from __future__ import annotations


def number(value: int | str) -> str:
    """A number of any size (a string: its decimal digits) as text that sorts as the number does.

    Four digits below 10,000; above, a letter for the count of digits, then the digits. Begins
    with neither x nor z, which callers give meanings of their own.
    """
    digits = str(value).lstrip("0")
    if len(digits) <= 4:
        return digits.zfill(4)
    if len(digits) <= 27:
        return chr(ord("a") + len(digits) - 5) + digits
    return "y" + number(len(digits)) + digits


def ascii_text(value: str) -> str:
    """A text as text that sorts by code point, upper case before lower: its bytes in hex."""
    return value.encode("utf-8", "backslashreplace").hex() + "00"
