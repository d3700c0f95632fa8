"""What somebody typed, as full-text queries to try one after the other.

Every word is quoted, so nothing typed is ever read as an operator
(https://www.sqlite.org/fts5.html#full_text_query_syntax).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from pyfcrawl.stores.spelling import Words

#: Tells whether a full-text query finds anything at all.
Known = Callable[[str], bool]
#: The words that a word which is not known may stand for, best first.
Corrections = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Attempt:
    """A full-text query, the name it would be, and the words it took in place of unknown ones."""

    match: str
    name: str
    corrected: dict[str, tuple[str, ...]] = field(default_factory=dict)


class Attempts:
    """What to ask for the words of a search text."""

    def __init__(self, words: Words, known: Known, corrections: Corrections) -> None:
        self._words = words
        self._known = known
        self._corrections = corrections

    def __iter__(self) -> Iterator[Attempt]:
        """Queries from strict to lax; each is wanted only if those before found nothing.

        All the words; all the words with typos forgiven and unknown words left out; any of them.
        """
        name = "".join(self._words.words)
        yield Attempt(self._all({word: (word,) for word in self._words.words}, name), name)
        taken, corrected = self._taken()
        whole_name = self._name_corrected()
        if whole_name:
            corrected = corrected | {name: whole_name}
        if not taken and not whole_name:
            return
        name = whole_name[0] if whole_name else "".join(words[0] for words in taken.values())
        if corrected or len(taken) < len(set(self._words.words)):
            yield Attempt(self._all(taken, name), name, corrected)
        if len(taken) > 1:
            match = " OR ".join(self._term(word, words) for word, words in taken.items())
            yield Attempt(match, name, corrected)

    def _taken(self) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
        """Word -> words to search for it, without the unknown; and those that were corrected."""
        taken: dict[str, tuple[str, ...]] = {}
        corrected: dict[str, tuple[str, ...]] = {}
        for word in dict.fromkeys(self._words.words):
            if self._known(self._term(word, (word,))):
                taken[word] = (word,)
            elif instead := tuple(self._corrections(word)):
                taken[word] = corrected[word] = instead
        return taken, corrected

    def _name_corrected(self) -> tuple[str, ...]:
        """Names that the words, taken as one name, may be meant for."""
        if len(self._words.words) < 2:
            return ()
        return tuple(self._corrections("".join(self._words.words)))

    def _all(self, taken: dict[str, tuple[str, ...]], name: str) -> str:
        """All words, or a name that begins as the words do when written as one."""
        parts = []
        if taken:
            parts.append(" AND ".join(self._term(word, words) for word, words in taken.items()))
        if len(self._words.words) > 1 and name:
            parts.append(f"name : {_quoted(name)} *")
        return " OR ".join(f"({part})" for part in parts)

    def _term(self, word: str, words: Sequence[str]) -> str:
        """One word or what stands for it; as-you-type for the last."""
        begins = self._words.unfinished and word == self._words.words[-1] and word in words
        terms = [_quoted(each) + (" *" if begins and each == word else "") for each in words]
        return terms[0] if len(terms) == 1 else f"({' OR '.join(terms)})"


def _quoted(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'
