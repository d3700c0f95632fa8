"""A README's text in parts, because a word in its title says more than one in its changelog.

The HTML is read as a stream of tags, never as a tree: flat HTML (markdown) and nested sections
(docutils) look alike that way, nothing is lost to a parser's depth limit, and however deep
somebody nests, time and memory stay proportional to the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Protocol

from lxml import etree


class TagReader(Protocol):
    """What `read_tags` calls: lxml's parser target interface."""

    def start(self, tag: str, attributes: Any) -> None: ...
    def end(self, tag: str) -> None: ...
    def data(self, text: str) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Sections:
    """Plain text of a README: one line a block, single spaces, entities decoded.

    first_chapter, main_content and changelog follow each other and hold every word once;
    title repeats the first heading.
    """

    title: str = ""
    first_chapter: str = ""
    main_content: str = ""
    changelog: str = ""


# What neither XML libraries nor UTF-8 nor a browser's parser take: controls, halves of pairs.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")

_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_BLOCK_NAMES = """
    address article aside blockquote body br caption center dd details dialog dir div dl dt
    fieldset figcaption figure footer form header hgroup hr html legend li main menu nav ol
    optgroup option p pre search section summary table tbody td tfoot th thead title tr ul
"""
_BLOCKS = _HEADINGS | frozenset(_BLOCK_NAMES.split())
_UNSEEN = frozenset(("script", "style", "template", "noscript"))

_CHANGELOG_TITLES = frozenset(
    (
        "changelog",
        "changelogs",
        "change log",
        "change-log",
        "change history",
        "changes",
        "recent changes",
        "latest changes",
        "history",
        "release notes",
        "release history",
        "releases",
        "revision history",
        "what's new",
        "whats new",
        "what is new",
        "versions",
        "version history",
    )
)
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc\u00b4`\uff07", "'"))


def scrubbed(text: str) -> str:
    """The text with U+FFFD in place of every character that no HTML may hold."""
    return _UNPRINTABLE.sub("\ufffd", text)


def read_tags(html: str, reader: TagReader) -> None:
    """Call reader.start, end and data for the HTML's tags and text, in order. Never raises."""
    parser = etree.HTMLParser(target=reader, huge_tree=True, remove_comments=True)
    try:
        parser.feed(scrubbed(html))
        parser.close()
    except etree.LxmlError:
        pass  # nothing in it at all: the reader was told of all there is


def split(html: str) -> Sections:
    """The four searchable parts of a README's HTML.

    title: the first heading's text. first_chapter: from the start to the second heading if the
    text opens with a heading, else to the first. main_content: from there to the changelog.
    changelog: from the first heading that says so to the end. A heading without text, such as
    one around a logo, is none; badges before the first heading are no text. Never raises.
    """
    outline = _Outline()
    if isinstance(html, str):
        read_tags(html, outline)
    headings = [heading for heading in outline.headings if heading.text]
    if not headings:
        return Sections(first_chapter=outline.text())
    chapter_end, changelog_start = _cuts(headings, outline)
    return Sections(
        title=" ".join(headings[0].text.split()),
        first_chapter=outline.text(0, chapter_end),
        main_content=outline.text(chapter_end, changelog_start),
        changelog=outline.text(changelog_start),
    )


def _cuts(headings: list[_Heading], outline: _Outline) -> tuple[int, int]:
    """Where the first chapter ends and where the changelog starts, as indices of pieces."""
    first, *later = headings
    if _says_something(outline.text(0, first.start)):
        later = headings
    elif _is_changelog_alone(headings):
        # The title is all the first chapter there is.
        return first.end, first.end
    end = len(outline.pieces)
    changelogs = (heading.start for heading in later if _names_changelog(heading.text))
    return (later[0].start if later else end), next(changelogs, end)


def _is_changelog_alone(headings: list[_Heading]) -> bool:
    """Whether the text, opening with its title, is a changelog and not a package called History.

    Its title says so and, if there is a next heading, that one names a release.
    """
    if not _names_changelog(headings[0].text):
        return False
    following = headings[1].text.casefold() if len(headings) > 1 else "1.0"
    return (
        any(char.isdigit() for char in following)
        or "unreleased" in following
        or _names_changelog(following)
    )


def _names_changelog(heading: str) -> bool:
    """Whether a heading's text means changelog: case, numbering and ornaments don't matter."""
    words = " ".join(heading.translate(_APOSTROPHES).casefold().split())
    start, end = 0, len(words)
    while start < end and not words[start].isalpha():
        start += 1
    while end > start and not words[end - 1].isalpha():
        end -= 1
    return words[start:end] in _CHANGELOG_TITLES


def _says_something(text: str) -> bool:
    """Whether there is a word in the text: the bars and dots between badges are none."""
    return any(char.isalnum() for char in text)


@dataclass(slots=True)
class _Heading:
    """One heading: its pieces are outline.pieces[start:end]."""

    start: int
    end: int = 0
    text: str = ""


class _Outline:
    """Gathers text in pieces, with a line break at each edge of a block, and the headings."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.headings: list[_Heading] = []
        self._in_heading = self._in_pre = self._unseen = 0

    def start(self, tag: str, attributes: Any) -> None:
        if tag in _HEADINGS:
            if not self._in_heading:
                self.headings.append(_Heading(len(self.pieces)))
            self._in_heading += 1
        self._edge(tag)
        self._in_pre += tag == "pre"
        self._unseen += tag in _UNSEEN

    def end(self, tag: str) -> None:
        self._edge(tag)
        self._in_pre -= tag == "pre"
        self._unseen -= tag in _UNSEEN
        if tag in _HEADINGS:
            self._in_heading -= 1
            if not self._in_heading:
                heading = self.headings[-1]
                heading.end = len(self.pieces)
                heading.text = self.text(heading.start, heading.end)

    def data(self, text: str) -> None:
        if not self._unseen:
            self.pieces.append(text if self._in_pre else text.replace("\n", " "))

    def close(self) -> None:
        """Nothing is left open: the parser ends every element."""

    def text(self, start: int = 0, end: int | None = None) -> str:
        """Plain text of the pieces: no blank lines, single spaces."""
        lines = "".join(self.pieces[start:end]).split("\n")
        return "\n".join(filter(None, (" ".join(line.split()) for line in lines)))

    def _edge(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.pieces.append("\n")
        elif tag == "img":
            self.pieces.append(" ")
