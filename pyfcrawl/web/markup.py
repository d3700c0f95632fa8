"""READMEs as pages show them: sanitised once more, at the edge, whatever the index holds.

The index holds sanitised HTML already. But an index can be filled by others, or an older version,
and here is where a browser would pay for it.
"""

from __future__ import annotations

import html as entities
import re
from functools import lru_cache

import nh3

from pyfcrawl.core.nesting import is_too_deep
from pyfcrawl.core.readme import ID_PREFIX
from pyfcrawl.core.sections import split

_TAGS = {
    *("a", "abbr", "acronym", "b", "blockquote", "br", "caption", "cite", "code", "col"),
    *("colgroup", "dd", "del", "details", "dfn", "div", "dl", "dt", "em", "figcaption", "figure"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "input", "ins", "kbd", "li", "mark"),
    *("ol", "p", "picture", "pre", "q", "s", "samp", "small", "span", "strike", "strong", "sub"),
    *("summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul"),
    *("var",),
}
_ATTRIBUTES = {
    "*": {"id", "class", "align"},
    "a": {"href", "title"},
    "abbr": {"title"},
    "img": {"src", "alt", "title", "width", "height"},
    "input": {"type", "checked", "disabled"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "details": {"open"},
}
#: What colours source code; no class of ours looks like that.
_CODE_CLASS = re.compile(r"(?:[a-z]{1,2}[0-9a-z]?|highlight)(?: [a-z]{1,2}[0-9a-z]?)*")
_LENGTH = re.compile(r"[0-9]{1,4}(?:px|%)?")


def _safe(tag: str, name: str, value: str) -> str | None:
    match name:
        case "id":
            return value if value.startswith(ID_PREFIX) else None
        case "class":
            return value if _CODE_CLASS.fullmatch(value) else None
        case "width" | "height":
            return value if _LENGTH.fullmatch(value) else None
        case "type":
            return value if value == "checkbox" else None
        case "src":  # the policy lets no image over plain HTTP through
            return re.sub(r"^\s*http:", "https:", value, count=1, flags=re.IGNORECASE)
    return value


_cleaner = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags={"script", "style", "template", "noscript", "iframe", "object", "svg"},
    attributes=_ATTRIBUTES,
    attribute_filter=_safe,
    url_schemes={"http", "https", "mailto"},
    link_rel="nofollow noopener noreferrer",
    # One each: several come in an order that differs between processes, and with it the ETag.
    set_tag_attribute_values={"img": {"loading": "lazy"}, "input": {"disabled": ""}},
)


# The sanitiser's own output is canonical: quoted attributes, in them and in texts no < and >.
_HEADING = re.compile(r"<(/?)h([1-5])(?=[ >])")
#: Nothing to follow for those who hear it: renderers put such beside headings.
_EMPTY_LINK = re.compile(r"<a (?![^<>]*\bid=)[^<>]*>\s*</a>")
_UNTOLD_IMAGE = re.compile(r"<img (?![^<>]*\balt=)")


#: READMEs as shown, of up to a megabyte each.
_REMEMBERED = 32


@lru_cache(_REMEMBERED)
def safe_readme(html: str | None) -> str:
    """HTML that may stand below a page's own second heading.

    No script, style, frame or form; images load lazily and have alternative texts, if empty
    ones; headings begin with the third; links have something to click on. What nests too deep
    for a sanitiser to end soon is shown as text. The last few are remembered.
    """
    if html and is_too_deep(html):
        return _as_text(html)
    cleaned = _cleaner.clean(html) if html else ""
    cleaned = _UNTOLD_IMAGE.sub('<img alt="" ', _EMPTY_LINK.sub("", cleaned))
    return _HEADING.sub(lambda tag: f"<{tag[1]}h{max(3, int(tag[2]) + 1)}", cleaned)


def _as_text(html: str) -> str:
    found = split(html)
    parts = filter(None, (found.first_chapter, found.main_content, found.changelog))
    return f"<pre>{entities.escape(chr(10).join(parts), quote=False)}</pre>"
