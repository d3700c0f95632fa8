"""READMEs: rendered by type, harmless whatever was uploaded, and never an error."""

from __future__ import annotations

import pickle
import re
import time
from concurrent.futures import ProcessPoolExecutor
from html.parser import HTMLParser
from multiprocessing import get_context

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyfcrawl.core.images import Image
from pyfcrawl.core.nesting import DEEPEST
from pyfcrawl.core.readme import EMPTY, Readme, as_plain, digest, render

MARKDOWN = "text/markdown"
RST = "text/x-rst"

RST_README = """\
plone.thing
===========

.. image:: https://img.shields.io/a.svg
   :target: https://ci.example

Does *things*, see `the docs <https://docs.example>`_.

.. image:: https://x.example/shot.png
   :width: 640px

Install
-------

Run it.

Changelog
---------

1.0 (2020-01-01)
~~~~~~~~~~~~~~~~

- First.
"""
MARKDOWN_README = """\
# plone.thing

[![build](https://img.shields.io/a.svg)](https://ci.example)

Does *things*, see [the docs](https://docs.example).

<img src="https://x.example/shot.png" style="width: 640px">

## Install

Run it.

## Changelog

### 1.0 (2020-01-01)

- First.
"""


class Seen(HTMLParser):
    """Tags and attributes as a browser would see them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def values(self, name: str) -> list[str]:
        return [value for _, found, value in self.attributes if found == name]


FORBIDDEN = {
    *("script", "style", "iframe", "object", "embed", "form", "button", "textarea", "select"),
    *("svg", "math", "base", "link", "meta", "template", "video", "audio", "source", "h1"),
}


def assert_harmless(html: str) -> None:
    seen = Seen(html)
    assert not FORBIDDEN & set(seen.tags)
    for tag, name, value in seen.attributes:
        assert not name.startswith("on")
        assert name not in ("style", "srcset", "action", "formaction", "name", "target")
        if name == "href":
            assert value.startswith(("http://", "https://", "HTTP", "mailto:", "#"))
        elif name == "src":
            assert value.lower().startswith(("http://", "https://"))
        elif name == "id":
            assert value.startswith("user-content-")
        elif tag == "input":
            assert (name, value) in (("type", "checkbox"), ("checked", ""), ("disabled", ""))
    for rel in seen.values("rel"):
        assert rel == "nofollow noopener"
    assert seen.tags.count("a") == len(seen.values("rel"))


@pytest.mark.parametrize(
    ("text", "content_type"),
    [(RST_README, RST), (RST_README, None), (MARKDOWN_README, MARKDOWN)],
    ids=["rst", "undeclared", "markdown"],
)
def test_a_readme_is_digested_alike_in_either_markup(text, content_type):
    readme = digest(text, content_type)
    assert readme.title == "plone.thing"
    assert readme.first_chapter == "plone.thing\nDoes things, see the docs."
    assert readme.main_content == "Install\nRun it."
    assert readme.changelog == "Changelog\n1.0 (2020-01-01)\nFirst."
    assert readme.images == (
        Image("https://img.shields.io/a.svg"),
        Image("https://x.example/shot.png", 640),
    )
    assert readme.html == render(text, content_type)
    assert_harmless(readme.html)


@pytest.mark.parametrize("content_type", [RST, MARKDOWN])
def test_headings_move_one_level_down(content_type):
    text = {
        RST: "A\n=\n\nB\n-\n\nC\n~\n\nD\n.\n\nE\n+\n\nF\n^\n\nx",
        MARKDOWN: "# A\n## B\n### C\n#### D\n##### E\n###### F",
    }[content_type]
    tags = [tag for tag in Seen(render(text, content_type)).tags if tag[0] == "h"]
    assert tags == ["h2", "h3", "h4", "h5", "h6", "h6"]


@pytest.mark.parametrize(
    "content_type",
    [
        "text/markdown",
        " Text/Markdown ; charset=UTF-8",
        "text/markdown;variant=GFM;charset=UTF-8",
        'TEXT/MARKDOWN; Variant="gfm"',
        "text/markdown; variant=Original",
        "text/markdown; variant",
        "text/markdown;;=;",
    ],
)
def test_markdown_is_github_flavoured_unless_said_otherwise(content_type):
    html = render("~~a~~ *b*", content_type)
    assert "<del>a</del>" in html
    assert "<em>b</em>" in html


@pytest.mark.parametrize("variant", ["CommonMark", "commonmark", '"CommonMark"'])
def test_commonmark_has_no_strikethrough(variant):
    html = render("~~a~~ *b*", f"text/markdown; charset=UTF-8; variant={variant}")
    assert html == "<p>~~a~~ <em>b</em></p>"


@pytest.mark.parametrize("content_type", [None, "", "  ", "text/x-rst; charset=UTF-8", 3, ["a"]])
def test_restructuredtext_is_the_default(content_type):
    assert render("*a* :sup:`b`", content_type) == "<p><em>a</em> <sup>b</sup></p>"


@pytest.mark.parametrize("content_type", ["text/plain", "TEXT/PLAIN; charset=UTF-8"])
def test_plain_text_keeps_its_lines(content_type):
    readme = digest("a  <b>\n *c* & d", content_type)
    assert readme.html == "<pre>a  &lt;b&gt;\n *c* &amp; d</pre>"
    assert readme.first_chapter == "a <b>\n*c* & d"


@pytest.mark.parametrize("content_type", ["text/html", "markdown", "text/x-unheard-of", "\0;\n"])
def test_a_type_nobody_knows_is_shown_as_it_is(content_type):
    html = render("<b>a</b>\n*c*", content_type)
    assert html == "<pre>&lt;b&gt;a&lt;/b&gt;\n*c*</pre>"


@pytest.mark.parametrize(
    "text",
    [
        "Title\n===\n\n`unclosed\n\n.. nothing:: x\n",
        ".. include:: /etc/passwd",
        ".. raw:: html\n\n   <script>alert(1)</script>",
        ".. csv-table::\n   :file: /etc/passwd",
        ":no-such-role:`x` <script>alert(1)</script>",
        "".join("  " * depth + "* a\n\n" for depth in range(400)),
        "a" * 20_000,
    ],
    ids=lambda text: text[:20],
)
def test_what_cannot_be_rendered_is_shown_as_it_is(text):
    readme = digest(text, RST)
    assert readme.html.startswith("<pre>")
    assert set(Seen(readme.html).tags) == {"pre"}
    assert readme.first_chapter.split() == text.split()
    assert readme == as_plain(text)


@pytest.mark.parametrize("text", [None, "", " \n\t ", "UNKNOWN", " UNKNOWN\n", 3, b"# a", ["a"]])
@pytest.mark.parametrize("content_type", [None, MARKDOWN, "text/plain", "text/html"])
def test_no_readme_is_empty(text, content_type):
    assert render(text, content_type) == ""
    assert digest(text, content_type) == as_plain(text) == EMPTY == Readme()


HOSTILE = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example/x.js></sCrIpT>",
    "<img src=x onerror=alert(1)>",
    "<img src=https://x.example/a.png onload=alert(1) style='position:fixed' srcset='/x 2x'>",
    "<a href=javascript:alert(1)>a</a>",
    "<a href=' java\tscript:alert(1)'>a</a>",
    "<a href='&#106;avascript:alert(1)' target=_blank>a</a>",
    "[a](javascript:alert(1)) [b](data:text/html;base64,PHN2Zz4=) [c](vbscript:x)",
    "![a](javascript:alert(1)) ![b](data:image/svg+xml,x) ![c](//evil.example/x)",
    "<a href='/logout'>a</a> <a href='..\\x'>b</a> <a href='?delete=1'>c</a>",
    "<a href='https:/admin'>a</a> <a href='/\\evil.example'>b</a> <a href='\\\\evil.example'>c</a>",
    "<p style='background:url(javascript:alert(1))' onclick='x()'>p</p>",
    "<style>body{display:none}</style>",
    "<svg onload=alert(1)><a xlink:href='javascript:alert(1)'><text>x</text></a></svg>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src onerror=x&gt;'>",
    "<iframe src=https://evil.example srcdoc='<script>x</script>'></iframe>",
    "<form action=https://evil.example><input name=password type=password><button>go</button>",
    "<input type=image src=/x formaction=javascript:x><input><input type='checkbox' name=q>",
    "<base href=https://evil.example><link rel=stylesheet href=/x><meta http-equiv=refresh>",
    "<div id=location><a id=body name=cookie href=#top>x</a></div>",
    "<h1 onclick=x()><a href=/x><h1>a</a></h1>",
    "<img alt='<h1><script>' src='https://x.example/?a=<h1>'>",
    "<a title='\"><script>alert(1)</script>' href='https://x.example/\"onclick=x'>a</a>",
    "<table><td><a href=/1><table><td><a href=https://x.example/2>x</a></table></a></table>",
    "<noscript><p title='</noscript><img src=x onerror=x>'></noscript>",
    "<textarea><img title='</textarea><img src=x onerror=x>'></textarea>",
    "<!--><img src=x onerror=x>--> <![CDATA[<img src=x onerror=x>]]> <?x <img onerror=x>?>",
    "```<img src=x onerror=x>\n<script>\n```\n",
    "<pre lang='\"><img src=x onerror=x>'><code>x</code></pre>",
    "`a <javascript:alert(1)>`_ `b </x>`_ `c <data:text/html,x>`_",
    "\n\n.. image:: javascript:alert(1)\n   :target: javascript:alert(1)\n   :name: x\n\n",
    '\n\n.. _a: javascript:alert(1)\n\na_ \n\n.. class:: x" onclick="x\n\n',
    "\n\n.. figure:: /x.png\n   :width: 10px; background: url(/x)\n\n   caption\n\n",
    "\x00\ud800\udfff\ufffe<scr\x00ipt>alert(1)</scr\x00ipt>",
    "[x]: javascript:alert(1)\n\n[x] <javascript:alert(1)> <https://x.example>",
]


@pytest.mark.parametrize("content_type", [MARKDOWN, "text/markdown; variant=CommonMark", RST, "x"])
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_readmes_become_harmless(text, content_type):
    readme = digest(text, content_type)
    assert_harmless(readme.html)
    readme.html.encode()
    assert_harmless(as_plain(text).html)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.sampled_from(HOSTILE) | st.text(max_size=20), max_size=6).map("".join),
    st.sampled_from([MARKDOWN, "text/markdown; variant=CommonMark", RST, None, "text/plain"]),
)
def test_any_mix_becomes_harmless(text, content_type):
    assert_harmless(digest(text, content_type).html)


def test_relative_links_are_unwrapped_and_relative_images_keep_their_words():
    html = render(
        '[a](docs/x.md) [b](/x "t") ![logo](logo.png) <a id="k" href="x">k</a> [c](https://x.example)',
        MARKDOWN,
    )
    assert html == (
        '<p>a b <img alt="logo"> <a id="user-content-k" rel="nofollow noopener">k</a> '
        '<a href="https://x.example" rel="nofollow noopener">c</a></p>'
    )


def test_links_of_another_host_without_scheme_become_https():
    html = render("[a](//x.example/y) ![b](//x.example/z.png)", MARKDOWN)
    seen = Seen(html)
    assert seen.values("href") == ["https://x.example/y"]
    assert seen.values("src") == ["https://x.example/z.png"]


@pytest.mark.parametrize(
    ("text", "content_type"),
    [
        ("[go](#my-part) [^1]\n\n# My part\n\n[^1]: note", MARKDOWN),
        ("<a href='#k'>go</a> <b id='k'>k</b>", "text/markdown; variant=CommonMark"),
        ("<a href='#k'>go</a> <a id='k'></a>", MARKDOWN),
        ("Go to `My part`_ [1]_.\n\nMy part\n=======\n\nx\n\n.. [1] note", RST),
    ],
)
def test_links_within_the_readme_find_their_target(text, content_type):
    seen = Seen(render(text, content_type))
    targets = seen.values("href")
    assert targets
    assert {target.removeprefix("#") for target in targets} <= set(seen.values("id"))


def test_the_way_back_to_the_top_stays():
    assert 'href="#top"' in render("<a href='#top'>up</a>", "text/markdown; variant=CommonMark")


def test_checkboxes_of_task_lists_stay_and_cannot_be_clicked():
    html = render("- [x] done\n- [ ] open", MARKDOWN)
    assert html.count("<input") == html.count('disabled=""') == html.count('"checkbox"') == 2


def test_a_role_of_one_readme_is_unknown_to_the_next():
    defining = ".. role:: mine\n.. role:: strong(emphasis)\n\n.. default-role:: mine\n\n`x`"
    plain = render("`x` :strong:`y`", RST)
    for text in (defining, defining + "\n\n.. broken::"):
        render(text, RST)
        assert render(":mine:`x`", RST).startswith("<pre>")
        assert render("`x` :strong:`y`", RST) == plain


def test_a_docutils_configuration_lying_around_changes_nothing(tmp_path, monkeypatch):
    (tmp_path / "docutils.conf").write_text("[general]\nraw_enabled: 1\nhalt_level: 5\n")
    monkeypatch.chdir(tmp_path)
    assert render(".. raw:: html\n\n   <b>x</b>", RST).startswith("<pre>")


def test_a_panicking_renderer_is_a_failing_one_and_an_interrupted_one_is_not(monkeypatch):
    class PanicException(BaseException):
        """As pyo3 raises it."""

    def fail_with(error):
        def fail(text):
            raise error

        return fail

    for error in (PanicException(), SystemExit(1), MemoryError(), RecursionError()):
        monkeypatch.setattr("pyfcrawl.core.readme.rst.render", fail_with(error))
        assert render("a", RST) == "<pre>a</pre>"
    monkeypatch.setattr("pyfcrawl.core.readme.rst.render", fail_with(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        render("a", RST)


@pytest.mark.parametrize("content_type", [MARKDOWN, RST])
def test_lone_surrogates_and_nul_do_not_spoil_the_rest(content_type):
    html = render("*a* \ud800\x00 *b*", content_type)
    assert "<em>b</em>" in html
    assert "\x00" not in html
    html.encode()


@pytest.mark.parametrize(
    "text", ["> " * 3000 + "x", "<div>" * 3000 + "x", "*a **b " * 20_000, "[a](b" * 20_000]
)
def test_deep_and_long_markdown_ends(text):
    readme = digest(text, MARKDOWN)
    assert_harmless(readme.html)
    assert readme.first_chapter


@pytest.mark.parametrize(
    "text",
    [
        "<div>" * 20_000,
        "<div>\n\n" * 20_000,
        "<div title='</div>'>" * 5_000,
        "".join(f"<p><b id=a{n}>" for n in range(3_000)),
        "> " * 10_000,
    ],
)
@pytest.mark.parametrize("content_type", [MARKDOWN, RST, "text/markdown; variant=CommonMark"])
def test_what_nests_absurdly_deep_is_soon_shown_as_its_source(text, content_type):
    began = time.process_time()
    readme = digest(text + "the end", content_type)
    assert time.process_time() - began < 0.9
    assert readme.first_chapter.endswith("the end")
    assert deepest(readme.html) <= DEEPEST


def deepest(html: str) -> int:
    """How many elements are open at once in canonical HTML."""
    open_, most = 0, 0
    for slash, name in re.findall(r"<(/?)(\w+)", html):
        open_ += -1 if slash else name not in ("img", "br", "hr", "input", "col")
        most = max(most, open_)
    return most


def test_what_nests_less_is_rendered():
    html = render("<div>" * 200 + "x" + "</div>" * 200, MARKDOWN)
    assert deepest(html) == 200


@pytest.mark.parametrize("piece", ["<", "&", "<a href=/x>", "word ", "\n", "<img src='"])
def test_a_megabyte_shown_as_it_is(piece):
    text = "start " + piece * (1_000_000 // len(piece)) + " end"
    readme = as_plain(text)
    assert set(Seen(readme.html[:5000]).tags) == {"pre"}
    assert readme.first_chapter.split() == text.split()
    assert readme.images == ()


def test_digesting_in_another_process():
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        readme = pool.submit(digest, MARKDOWN_README, MARKDOWN).result(timeout=60)
    assert readme == digest(MARKDOWN_README, MARKDOWN)
    assert pickle.loads(pickle.dumps(EMPTY)) == EMPTY
