"""How deep the tags of HTML nest, told before anything builds a tree of it.

Sanitisers take time with the square of the depth: a README of a few ten thousand `<div>` would
keep one busy for seconds. No honest README comes near the bounds, however sloppily it is written.
What is told is nearer to the tree that browsers make than to the tags: a paragraph ends the one
before it, a `<b>` left open goes on in the next.
"""

from __future__ import annotations

import re

#: Elements open at once; READMEs of people have some twenty.
DEEPEST = 250
#: Elements open, summed over all tags: what a sanitiser has to do.
MOST_STEPS = 4_000_000

# As browsers take markup apart: a quote means something only where a value begins, and what never
# ends goes on to the end of the text. Nothing is read twice, so the time is that of the length.
_ATTRIBUTES = (
    r"""(?:[\s/]++|=?[^\s/>=]++(?:\s*+=\s*+(?:"[^"]*+"?|'[^']*+'?|[^\s>"'][^\s>]*+)?)?+)*+"""
)
_MARKUP = re.compile(
    r"<!--(?:-?>|(?s:.*?)(?:--!?>|\Z))"
    r"|<(?:[!?]|/(?![A-Za-z]))[^>]*+"
    rf"|<(?P<slash>/?)(?P<name>[A-Za-z][^\s/>]*+)(?P<rest>{_ATTRIBUTES})",
)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_VOID = _names(
    "area base basefont bgsound br col embed frame hr image img input keygen link meta param"
    " source track wbr"
)
_PAGE = frozenset(("html", "head", "body", "frameset"))  # a fragment has them already
_RAW = _names("iframe noembed noframes script style textarea title xmp")
_FOREIGN = frozenset(("svg", "math"))
#: An end tag of these takes away the one element, those within stay open.
_FORMATTING = _names("a b big code em font form i nobr s small strike strong tt u")
_CELLS = frozenset(("td", "th"))
_TABLE = _CELLS | _names("caption colgroup tbody tfoot thead tr")
#: An end tag of these takes what is within along.
_BLOCKS = _TABLE | _names(
    "address article aside blockquote button center dd details dialog dir div dl dt fieldset"
    " figcaption figure footer h1 h2 h3 h4 h5 h6 header hgroup li listing main menu nav object ol"
    " p pre section summary svg math table template ul"
)
_ENDS_PARAGRAPH = _BLOCKS - _TABLE - frozenset(("button", "object", "svg", "math", "template"))
#: Start tags that end the element before them.
_SIBLINGS = {
    each: frozenset(group)
    for group in (("dd", "dt"), ("li",), ("option",), ("a",), ("tr",), ("td", "th"))
    for each in group
} | dict.fromkeys(("tbody", "tfoot", "thead"), frozenset(("tbody", "tfoot", "thead")))


#: What nobody leaves open a thousand times, code in a README included.
_CONTAINER = re.compile(
    r"<(/?)(?:div|span|section|table|ul|ol|blockquote|details|center|font|b|i)\b", re.IGNORECASE
)


def is_heaped(source: str) -> bool:
    """Whether a README's source heaps up tags, at which already its renderer would take long."""
    slashes = _CONTAINER.findall(source)
    return len(slashes) - 2 * slashes.count("/") > 4 * DEEPEST


def is_too_deep(html: str) -> bool:
    """Whether HTML nests deeper than sanitisers can bear. Takes time linear to its length."""
    found = _Open()
    position = 0
    while markup := _MARKUP.search(html, position):
        position = markup.end()
        name = (markup["name"] or "").lower()
        if not name or name in _PAGE or name in _VOID:
            continue
        if markup["slash"]:
            found.end(name)
        elif name in _RAW:
            position = _raw_end(html, position, name)
        else:
            found.start(name, markup["rest"].endswith("/"))
            if len(found.names) > DEEPEST or found.steps > MOST_STEPS:
                return True
    return False


def _raw_end(html: str, position: int, name: str) -> int:
    """Where the text of an element ends that has no tags in it."""
    end = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE).search(html, position)
    return end.start() if end else len(html)


class _Open:
    """The elements open while tags are read, outermost first, and how many there were at each."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.steps = 0

    def start(self, name: str, is_closed: bool) -> None:
        """Take a start tag; `is_closed` when it ends in a slash, which drawings alone mind."""
        if name in _TABLE and "table" not in self.names:
            return
        if is_closed and not _FOREIGN.isdisjoint(self.names):
            return
        if name in _ENDS_PARAGRAPH:
            self._leave(frozenset(("p",)))
        if name in _SIBLINGS:
            self._leave(_SIBLINGS[name])
        self.names.append(name)
        self.steps += len(self.names)

    def end(self, name: str) -> None:
        """Take an end tag; one that ends nothing is nothing."""
        if name not in self.names:
            return
        at = len(self.names) - 1 - self.names[::-1].index(name)
        within = self.names[at + 1 :]
        if name in _FORMATTING:
            del self.names[at]
        elif name in _BLOCKS or _BLOCKS.isdisjoint(within):
            # What is formatted goes on after it.
            self.names[at:] = [each for each in within if each in _FORMATTING]

    def _leave(self, siblings: frozenset[str]) -> None:
        """Take away the sibling that is still open, if no list, table or the like is in between."""
        within_table = not siblings.isdisjoint(_TABLE)
        for at in range(len(self.names) - 1, -1, -1):
            name = self.names[at]
            if name in siblings:
                self.end(name)
                return
            if name == "table" if within_table else name in _BLOCKS and name != "p":
                return
