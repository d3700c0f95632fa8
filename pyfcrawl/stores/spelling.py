"""Forgives typos: which words of an index a word that it doesn't know may stand for.

The words are kept in memory by length and compared by Damerau-Levenshtein distance (rapidfuzz,
https://rapidfuzz.github.io/RapidFuzz/), some ten milliseconds for 100,000 words. Tables of
deletion neighbourhoods answer faster, but for two typos they take dozens of rows a word, and a
word is only looked for when the index doesn't know it.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.distance import OSA

_TOKEN = re.compile(r"(?:[^\W_]|[+#])+")
#: For ASCII: separators to spaces and letters to lower case, three times as fast as the above.
_ASCII = str.maketrans(
    {
        chr(code): chr(code).lower() if chr(code).isalnum() or chr(code) in "+#" else " "
        for code in range(128)
    }
)

#: Terms beyond this are hashes and addresses; joined names stay below.
_LONGEST = 40
_SHORTEST = 3

_MOST_CHARACTERS = 2000
_MOST_WORDS = 32
_LONGEST_WORD = 64

_ONE_TYPO_FROM = 4
_TWO_TYPOS_FROM = 8


def tokens(text: str) -> list[str]:
    """The words of a text as the full-text index cuts them, in lower case without accents."""
    if text.isascii():
        return text.translate(_ASCII).split()
    found = _TOKEN.findall(unicodedata.normalize("NFC", text).lower())
    return [token if token.isascii() else fold(token) for token in found]


def fold(token: str) -> str:
    """A word in lower case without accents, as unicode61 with remove_diacritics keeps it."""
    parts = unicodedata.normalize("NFD", token.lower())
    bare = "".join(part for part in parts if unicodedata.category(part) != "Mn")
    return unicodedata.normalize("NFC", bare)


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a search text. The last is `unfinished` when no space follows it."""

    words: tuple[str, ...]
    unfinished: bool

    @classmethod
    def of(cls, text: str) -> Words:
        """The first words of a text, however long and strange it is."""
        text = unicodedata.normalize("NFC", text[:_MOST_CHARACTERS])
        found = [word[:_LONGEST_WORD] for word in tokens(text)]
        unfinished = bool(text) and bool(tokens(text[-1])) and len(found) <= _MOST_WORDS
        return cls(tuple(found[:_MOST_WORDS]), unfinished)


def name_key(name: str) -> str:
    """A name without case and separators: `Plone.API`, `plone-api` and `ploneapi` are one."""
    return "".join(tokens(name))


def vocabulary(texts: Iterable[str]) -> set[str]:
    """The words of texts that a typo may be corrected to."""
    found: set[str] = set()
    for text in texts:
        found.update(tokens(text))
    return set(filter(_is_word, found))


def _is_word(token: str) -> bool:
    """Whether it is short enough, and letters rather than a number or a hash."""
    return _SHORTEST <= len(token) <= _LONGEST and 2 * sum(map(str.isdigit, token)) < len(token)


def allowed_typos(word: str) -> int:
    """How many typos are forgiven: one from four letters, two from eight."""
    return (len(word) >= _ONE_TYPO_FROM) + (len(word) >= _TWO_TYPOS_FROM)


class Vocabulary:
    """Known words, findable by words that are nearly them; for any number of threads."""

    def __init__(self) -> None:
        self._by_length: dict[int, list[str]] = defaultdict(list)
        self._lock = threading.Lock()

    def add(self, terms: Iterable[str]) -> None:
        """Take in words not known yet (each once, folded)."""
        with self._lock:
            for term in terms:
                self._by_length[len(term)].append(term)

    def near(self, word: str) -> list[tuple[int, str]]:
        """Distance and word, nearest first, for the words within the allowed typos."""
        folded = fold(word)
        most = allowed_typos(folded)
        if not most or len(folded) > _LONGEST + most:
            return []
        found = []
        with self._lock:
            for length in range(len(folded) - most, len(folded) + most + 1):
                found += self._within(folded, self._by_length.get(length, ()), most)
        return sorted(found)

    @staticmethod
    def _within(word: str, terms: Sequence[str], most: int) -> list[tuple[int, str]]:
        matches = process.extract(word, terms, scorer=OSA.distance, score_cutoff=most, limit=None)
        return [(int(distance), term) for term, distance, _ in matches]
