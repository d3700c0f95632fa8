"""Sections: what each part holds, for flat and nested HTML, and that no word gets lost."""

from __future__ import annotations

import pickle
from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfcrawl.core.sections import Sections, scrubbed, split

FLAT = """
<h2>plone.thing</h2><p>Does &amp; <a href="https://x.example">undoes</a> things.</p>
<h3>Install</h3><pre>pip install
  plone.thing</pre><h3>Use</h3><ul><li>one</li><li>two</li></ul>
<h3>Changelog</h3><h4>1.0</h4><p>First.</p><h4>Install</h4>"""
NESTED = """
<section id="a"><h2>plone.thing</h2><p>Does &amp; <a href="https://x.example">undoes</a>
things.</p><section><h3>Install</h3><pre>pip install
  plone.thing</pre></section><section><h3>Use</h3><ul><li><p>one</p></li><li><p>two</p></li></ul>
</section><section><h3>Changelog</h3><section><h4>1.0</h4><p>First.</p></section>
<section><h4>Install</h4></section></section></section>"""


@pytest.mark.parametrize("html", [FLAT, NESTED], ids=["flat", "nested"])
def test_flat_and_nested_html_part_alike(html):
    assert split(html) == Sections(
        title="plone.thing",
        first_chapter="plone.thing\nDoes & undoes things.",
        main_content="Install\npip install\nplone.thing\nUse\none\ntwo",
        changelog="Changelog\n1.0\nFirst.\nInstall",
    )


def test_text_before_the_first_heading_is_the_first_chapter():
    parts = split("<p>An opening.</p><h2>Install</h2><p>so</p><h2>Use</h2>")
    assert parts == Sections("Install", "An opening.", "Install\nso\nUse", "")


def test_without_headings_everything_is_the_first_chapter():
    assert split("<p>a<br>b</p>c") == Sections("", "a\nb\nc", "", "")


@pytest.mark.parametrize(
    "badges",
    [
        '<p><a href="https://ci.example"><img src="https://ci.example/b.svg" alt="build"></a></p>',
        '<p><img src="https://x.example/a.svg"> | <img src="https://x.example/b.svg"> •</p>',
        '<h1 align="center"><img src="https://x.example/logo.png" alt="Logo"></h1>',
    ],
)
def test_badges_and_logos_before_the_title_are_no_text(badges):
    parts = split(f"{badges}<h2>Title</h2><p>words</p><h2>More</h2>")
    assert parts.title == "Title"
    assert parts.first_chapter.endswith("Title\nwords")
    assert parts.main_content == "More"


def test_changelog_right_after_the_first_chapter_leaves_no_main_content():
    assert split("<h2>T</h2><p>a</p><h2>Changes</h2><p>b</p>") == Sections(
        "T", "T\na", "", "Changes\nb"
    )


def test_changelog_after_an_opening_without_title():
    assert split("<p>Opening.</p><h2>Changes</h2><p>b</p><h3>0.9</h3>") == Sections(
        "Changes", "Opening.", "", "Changes\nb\n0.9"
    )


@pytest.mark.parametrize("rest", ["<p>1.0: new</p>", "<h3>1.0</h3><p>b</p><h4>Changes</h4>"])
def test_a_changelog_as_the_whole_readme(rest):
    parts = split("<h2>Changelog</h2>" + rest)
    assert (parts.title, parts.first_chapter, parts.main_content) == ("Changelog", "Changelog", "")
    assert parts.changelog.startswith("1.0")


def test_a_package_called_history_is_no_changelog():
    parts = split(
        "<h2>history</h2><p>Manage sessions.</p><h3>Install</h3><h3>Changes</h3><p>1.0</p>"
    )
    assert parts == Sections("history", "history\nManage sessions.", "Install", "Changes\n1.0")


@pytest.mark.parametrize(
    "heading",
    [
        "Changelog",
        "CHANGELOG:",
        "Change log",
        "ChangeLog",
        "Changes",
        "History",
        "7. History",
        "§ 4.2 – Release Notes",
        "Releases",
        "What's new",
        "What’s New?",
        "🎉 What&#39;s new 🎉",
        "📝 Changelog",
        "Versions",
        "Version&nbsp;history",
        "<a href='#c'>Change</a><em>log</em> ¶",
        "Changes\n",
    ],
)
def test_headings_that_start_a_changelog(heading):
    parts = split(f"<h2>T</h2><h3>Use</h3><h4>{heading}</h4><p>last</p>")
    assert parts.main_content == "Use"
    assert parts.changelog.endswith("\nlast")


@pytest.mark.parametrize(
    "heading", ["Changing things", "Historyless", "Tracking changes", "Supported versions", "1.0"]
)
def test_headings_that_start_none(heading):
    assert split(f"<h2>T</h2><h3>{heading}</h3><p>last</p>").changelog == ""


def test_words_in_one_block_stay_words_and_blocks_never_grow_together():
    html = "<p>un<b>break</b>able<i> \n\t x</i></p><table><tr><td>a</td><td>b</td></tr></table>"
    assert split(html).first_chapter == "unbreakable x\na\nb"


def test_what_no_reader_sees_is_no_text():
    html = "<!-- h --><script>var a</script><style>p{}</style><p>seen</p><img alt='no'>"
    assert split(html).first_chapter == "seen"


@pytest.mark.parametrize("mess", [None, 3, b"<p>x", ["<p>"], "", "<", "</h2></h2>", "<!--"])
def test_junk_is_empty_or_text_and_never_an_error(mess):
    assert split(mess).title == ""


def test_nesting_deeper_than_any_parser_allows_loses_nothing():
    html = "<h2>T</h2>" + "<div>" * 50_000 + "deep" + "</div>" * 50_000 + "<h2>History</h2>end"
    assert split(html) == Sections("T", "T\ndeep", "", "History\nend")


@pytest.mark.parametrize("piece", ["<h2>", "<h2", "&", "<a href='", "<!--", "h2>", "<pre>\n", " "])
def test_a_megabyte_of_the_same_ends(piece):
    assert isinstance(split(piece * (1_000_000 // len(piece))), Sections)


def test_a_heading_of_a_megabyte_ends():
    assert split("<h2>T</h2><h2>" + "!" * 1_000_000 + "</h2>").changelog == ""


def test_parts_survive_the_way_between_processes():
    parts = split(FLAT)
    assert pickle.loads(pickle.dumps(parts)) == parts


def test_scrubbing_leaves_only_what_utf8_and_parsers_take():
    assert scrubbed("a\x00b\ud800c\ttab\nß") == "a\ufffdb\ufffdc\ttab\nß"


WORDS = st.lists(
    st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8)
    | st.sampled_from(["Changelog", "History", "<b>", "&amp;", "Versions"]),
    max_size=4,
)


@st.composite
def documents(draw, depth=2):
    """HTML with the words it holds, in order."""
    html, words = "", []
    for _ in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(["h2", "h3", "h6", "p", "li", "pre", "a", "img", "section"]))
        if kind == "img":
            html += '<p><img src="https://x.example/i.png" alt="none"></p>'
        elif kind == "section":
            if depth:
                inner, said = draw(documents(depth=depth - 1))
                html, words = f"{html}<section>{inner}</section>", words + said
        else:
            said = draw(WORDS)
            text = escape(draw(st.sampled_from([" ", "\n", " \t"])).join(said))
            html += f"<p><a href='#x'>{text}</a></p>" if kind == "a" else f"<{kind}>{text}</{kind}>"
            words += said
    return html, words


@given(documents())
def test_the_three_parts_hold_every_word_once_and_in_order(document):
    html, words = document
    parts = split(html)
    found = f"{parts.first_chapter}\n{parts.main_content}\n{parts.changelog}".split()
    assert found == words


@given(documents())
def test_a_title_that_opens_the_text_is_in_the_first_chapter(document):
    parts = split("<h2>My Title</h2>" + document[0])
    assert parts.title == "My Title"
    assert parts.first_chapter.startswith("My Title")


SCRAPS = ["<h2>", "</h2>", "<h3>", "<p>", "</p>", "<pre>", "</pre>", "a", "&", "<a", "'", ">", "\n"]


@given(st.text() | st.lists(st.sampled_from(SCRAPS)))
def test_no_markup_whatever_raises_or_leaves_blank_lines(mess):
    parts = split(mess if isinstance(mess, str) else "".join(mess))
    for text in (parts.title, parts.first_chapter, parts.main_content, parts.changelog):
        assert all(line == " ".join(line.split()) and line for line in text.split("\n")) or not text
        text.encode()
