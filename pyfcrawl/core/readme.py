"""From a README as its author wrote it to what an index keeps: safe HTML, text parts, images.

Whatever was uploaded, something readable comes out: what can't be rendered is shown as it is.
What comes out is safe to put into a page: rendered markup leaves through the sanitiser, every
link and image is absolute (a relative one would point into the site that shows it), and ids
carry a prefix so that a README can't shadow the page's own.

`digest` takes and gives plain values, for worker processes: rendering costs some 5 ms, and
hostile input may hang it. A worker that had to be killed is answered with `as_plain`.
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Callable
from dataclasses import dataclass

import nh3
from docutils.parsers.rst import roles
from readme_renderer import clean, markdown, rst

from pyfcrawl.core.images import Image, absolute_url, find_images
from pyfcrawl.core.nesting import is_heaped, is_too_deep
from pyfcrawl.core.sections import scrubbed, split

#: What readme_renderer puts before ids that it makes.
ID_PREFIX = "user-content-"

_BLANK = frozenset(("", "UNKNOWN"))  # distutils wrote UNKNOWN for nothing

# The sanitiser's own output is canonical: quoted attributes without < and >, tags in pairs.
_REWRITTEN_TAG = re.compile(r"<(/?)(h[1-5]|a|input)\b([^<>]*)>")
_HREF = re.compile(r'\shref="([^"]*)"')

# A docutils.conf where the crawl happens to run would outvote the renderer's safe settings.
rst.SETTINGS["_disable_config"] = True
# The roles that the README being rendered has used or defined; docutils looks its own up again.
_ROLES: dict[str, object] = roles._roles  # type: ignore[attr-defined]


def _cleaned(html: str) -> str | None:
    """What both renderers let their HTML through at the end; None: it nests too deep for that."""
    return None if is_too_deep(html) else clean.clean(html)


for _renderers in (markdown, rst):
    vars(_renderers)["clean"] = _cleaned


@dataclass(frozen=True, slots=True)
class Readme:
    """A README rendered and taken apart: sanitised HTML, plain text parts, images."""

    html: str = ""
    title: str = ""
    first_chapter: str = ""
    main_content: str = ""
    changelog: str = ""
    images: tuple[Image, ...] = ()


EMPTY = Readme()


def digest(text: str | None, content_type: str | None = None) -> Readme:
    """Render a README and take it apart. Never raises; see `render` and `sections.split`."""
    return _taken_apart(render(text, content_type), text)


def as_plain(text: str | None) -> Readme:
    """The README shown as its source, for when rendering took too long. Never raises."""
    given = _given(text)
    return _taken_apart(_preformatted(given) if given else "", None)


def render(text: str | None, content_type: str | None = None) -> str:
    """Sanitised HTML of a README, headings from h2 on; "" for none. Never raises.

    content_type: as declared in core metadata (Description-Content-Type). `text/x-rst`, also when
    none is declared, and `text/markdown` with variant GFM (default) or CommonMark are rendered;
    `text/plain`, every other type, a text that its renderer refuses and one whose tags nest
    absurdly deep are shown as they are.
    """
    given = _given(text)
    if not given:
        return ""
    renderer = _renderer(content_type)
    rendered = _attempt(renderer, given) if renderer else None
    return _preformatted(given) if rendered is None else rendered


def _given(text: str | None) -> str:
    if not isinstance(text, str) or text.strip() in _BLANK:
        return ""
    return scrubbed(text)


def _taken_apart(html: str, source: str | None) -> Readme:
    if not html:
        return EMPTY
    parts = split(html)
    images = find_images(html, source or "") if "<img" in html else ()
    return Readme(
        html, parts.title, parts.first_chapter, parts.main_content, parts.changelog, images
    )


def _renderer(content_type: str | None) -> Callable[[str], str | None] | None:
    """What renders a README of this type; None where the text is best shown as it is."""
    declared = content_type if isinstance(content_type, str) else ""
    type_, *parameters = (part.strip().lower() for part in declared.split(";"))
    if type_ in ("", "text/x-rst"):
        return _from_rst
    if type_ == "text/markdown":
        return _from_commonmark if _variant(parameters) == "commonmark" else markdown.render
    return None


def _variant(parameters: list[str]) -> str:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "variant":
            return value.strip(" \t\"'")
    return "gfm"


def _from_commonmark(text: str) -> str | None:
    return markdown.render(text, variant="CommonMark")


def _from_rst(text: str) -> str | None:
    """As readme_renderer does, but no README's roles live on in the next one.

    docutils keeps them in the module, and tidies up only after what it could parse.
    """
    try:
        return rst.render(text)
    finally:
        _ROLES.clear()


def _preformatted(text: str) -> str:
    """The text with its own lines and columns.

    Escaped text needs no sanitiser, whose time grows with the square of the number of its
    ampersands: this way must be quick when all others were not.
    """
    return f"<pre>{entities.escape(text, quote=False)}</pre>"


def _attempt(renderer: Callable[[str], str | None], text: str) -> str | None:
    """Sanitised HTML of the text, None if that fails in any way but being interrupted."""
    if is_heaped(text):
        return None
    try:
        rendered = renderer(text)
        return None if rendered is None else _sanitised(_rewritten(rendered))
    except (Exception, SystemExit):
        return None
    except BaseException as error:
        # A panic in the Rust libraries: pyo3 derives its exception from BaseException.
        if type(error).__name__ != "PanicException":
            raise
        return None


def _rewritten(html: str) -> str:
    """Headings one level down, links that lead nowhere unwrapped, only checkboxes for inputs."""
    open_links: list[bool] = []

    def replacement(match: re.Match[str]) -> str:
        slash, tag, attributes = match.groups()
        if tag == "a":
            return match[0] if _is_kept(slash, attributes, open_links) else ""
        if tag == "input":
            return match[0] if 'type="checkbox"' in attributes else ""
        return f"<{slash}h{int(tag[1]) + 1}{attributes}>"

    return _REWRITTEN_TAG.sub(replacement, html)


def _is_kept(slash: str, attributes: str, open_links: list[bool]) -> bool:
    """Whether this tag of a link stays: it leads somewhere, or something leads to it."""
    if slash:
        return open_links.pop() if open_links else False
    href = _HREF.search(attributes)
    leads = href is not None and _safe_href(entities.unescape(href[1])) is not None
    open_links.append(leads or ' id="' in attributes)
    return open_links[-1]


def _sanitised(html: str) -> str:
    """The HTML as it may be shown: tags and attributes of readme_renderer, addresses of ours."""
    return nh3.clean(
        html,
        tags=clean.ALLOWED_TAGS,
        attributes=clean.ALLOWED_ATTRIBUTES,
        attribute_filter=_safe_attribute,
        url_schemes={"http", "https", "mailto"},
        set_tag_attribute_values={"input": {"disabled": ""}},
        link_rel="nofollow noopener",
    ).strip()


def _safe_attribute(tag: str, name: str, value: str) -> str | None:
    """The value to show; None drops the attribute, an image then shows its alternative text."""
    if name == "href":
        return _safe_href(value)
    if name == "src":
        return absolute_url(value)
    return _prefixed(value) if name == "id" else value


def _safe_href(url: str) -> str | None:
    url = url.strip()
    if url.startswith("#"):
        # Browsers know #top and # without any such id.
        return url if url in ("#", "#top") else "#" + _prefixed(url[1:])
    return url if url[:7].lower() == "mailto:" else absolute_url(url)


def _prefixed(identifier: str) -> str:
    return identifier if identifier.startswith(ID_PREFIX) else ID_PREFIX + identifier
