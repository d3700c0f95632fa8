"""Free text of package metadata made clean: people, keywords, single text fields.

Registries hand on whatever a build tool once wrote: addresses where names should be, lists printed
as text, `UNKNOWN` for "none", half a surrogate pair. Here each of those becomes what it stands
for, or nothing. None of these functions raises, whatever it is given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.utils import parseaddr, unquote
from typing import Any

_LONGEST_LIST = 20_000  # characters of one declared list that are read
_LONGEST_KEYWORD = 100
_MOST_KEYWORDS = 100

_ANGLED = re.compile(r"<([^<>]*)>")
_PIECE = re.compile(r'(?:"[^"]*"|[^,;])+')
_ADDRESS = re.compile(r"[^\s@<>()\",;:]+@[^\s@<>()\",;:]+")
_BETWEEN_WORDS = re.compile(r"\?=\s+=\?")
_ENCODED_WORD = re.compile(r"=\?[^?\s]+\?[bqBQ]\?[^?\s]*\?=")
_CONJUNCTION = re.compile(r"^(?:and|&)\s+", re.IGNORECASE)


def clean_text(value: Any) -> str | None:
    """One text field: stripped, and storable as UTF-8; None when it says nothing.

    Numbers below 10**18 become their text, other types None. `UNKNOWN` is what old build tools
    wrote for a missing value. Lone surrogates become U+FFFD, NUL characters go.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = _number(value)
    if not isinstance(value, str):
        return None
    text = _without_surrogates(value.replace("\0", "")).strip()
    return None if text in ("", "UNKNOWN") else text


def split_people(text: str | None) -> tuple[list[str], list[str]]:
    """Names and addresses of a list such as `Name <mail>, "Last, First" <mail>, mail`.

    The form is that of core metadata's Author-email (RFC 5322 mailboxes). Encoded words are
    decoded; a piece without an address counts as a name; both lists are without repetitions.
    """
    cleaned = (clean_text(text) or "")[:_LONGEST_LIST]
    # An address in brackets ends a mailbox even where the comma was forgotten.
    pieces = _PIECE.findall(_ANGLED.sub(r"<\1>,", cleaned))
    people = [_person(piece.strip()) for piece in pieces]
    names = dict.fromkeys(name for name, _ in people if name)
    addresses = dict.fromkeys(address for _, address in people if address)
    return list(names), list(addresses)


def person_fields(name: str | None, email: str | None) -> tuple[str | None, str | None]:
    """Display name and address field of an author or maintainer.

    Without a name the names in `email` stand in, joined by ", ". The addresses stay as declared.
    """
    declared = clean_text(email)
    return clean_text(name) or ", ".join(split_people(declared)[0]) or None, declared


def clean_keywords(value: Any) -> list[str]:
    """Keywords as one clean list, from a list or from text however it is separated.

    Text with a comma is split at commas alone, so that phrases stay whole; else at line breaks
    and semicolons; else at white space. Spellings that differ in case are one keyword, the first
    stays. Keywords over 100 characters are dropped, and so is all after the hundredth.
    """
    kept: dict[str, str] = {}
    for word in _words(value):
        keyword = " ".join(word.strip(" \t\r\n\"'[](){},;").split())
        if keyword and keyword != "UNKNOWN" and len(keyword) <= _LONGEST_KEYWORD:
            kept.setdefault(keyword.casefold(), keyword)
        if len(kept) == _MOST_KEYWORDS:
            break
    return list(kept.values())


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from _at_commas(clean_text(each) or "")
        return
    text = (clean_text(value) or "")[:_LONGEST_LIST]
    if "," in text:
        yield from _at_commas(text)
    elif "\n" in text or ";" in text:
        yield from re.split(r"[\r\n;]+", text)
    else:
        yield from text.split()


def _at_commas(text: str) -> Iterable[str]:
    return text[:_LONGEST_LIST].split(",")


def _person(piece: str) -> tuple[str, str]:
    """Name and address of one mailbox, either empty when it has none."""
    angled = _ANGLED.search(piece)
    if angled:
        return _name(piece[: angled.start()]), _address(angled[1])
    if "@" not in piece:
        return _name(piece), ""
    name, address = parseaddr(piece)  # knows the old `mail (Name)` too
    return (_name(name), address) if _address(address) else ("", _address(piece))


def _address(text: str) -> str:
    found = _ADDRESS.search(text)
    return found[0] if found else ""


def _name(text: str) -> str:
    decoded = clean_text(_decoded(unquote(_CONJUNCTION.sub("", text.strip())))) or ""
    name = " ".join(decoded.strip(" \t\r\n\"'").split())
    is_a_name = any(character.isalnum() for character in name) and not name.startswith("(")
    return name if is_a_name and name != "UNKNOWN" and not _ADDRESS.fullmatch(name) else ""


def _decoded(text: str) -> str:
    """The text with its encoded words (RFC 2047) decoded; broken ones stay as they are."""
    return _ENCODED_WORD.sub(_decoded_word, _BETWEEN_WORDS.sub("?==?", text))


def _decoded_word(word: re.Match[str]) -> str:
    try:
        return str(make_header(decode_header(word[0])))
    except (HeaderParseError, LookupError, ValueError):
        return word[0]


def _number(value: float) -> str | None:
    # Python refuses to print integers of some thousand digits; NaN is in no range.
    return str(value) if -(10**18) < value < 10**18 else None


def _without_surrogates(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
