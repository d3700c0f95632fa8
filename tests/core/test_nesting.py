"""How deep tags nest: as a parser would find it, in time linear to the text."""

from __future__ import annotations

import time

import nh3
import pytest

from pyfcrawl.core.nesting import DEEPEST, is_heaped, is_too_deep

MANY = 4_000
DEEP = (
    "<div>",
    "<span><em>x</em>",
    '<div title="</div>">',
    "<div title='</div>'>",
    '<div a"><i b">',
    "<div></p>",
    "<!-- </div> --><div>",
    "<div><script></div></script>",
    "<b><div></b>",
    "<span><div></span></div>",
    "<form><div></form>",
    "<body><div></body>",
    "<tr><div></tr>",
    "<DIV></ div>",
    "<svg><div/>",
)
FLAT = (
    "<!--></div><div>",
    "<p>x",
    "<p>x</p>",
    "<ul><li>x<li><p>y</ul>",
    "<table><tr><td>x<td>y<tr><th>z</table>",
    "<dl><dt>x<dd>y</dl>",
    "<br><img src=x><hr>",
    "<br/>",
    "<a href=x>y",
    "<a href=x><b>y</b></a>",
    "<b><i>x</b></i>",
    "<div><b>x</div></b>",
    "<svg><g><path d='m'/></g><path d='l'/></svg>",
    "<tr><td>",
    "a < b > c <3 </",
    "<script>if (a<b) c</script>",
)


@pytest.mark.parametrize("piece", DEEP)
def test_deep_is_deep(piece: str) -> None:
    assert is_too_deep(piece * MANY)
    assert not is_too_deep(piece * 50)


@pytest.mark.parametrize("piece", FLAT)
def test_many_are_not_deep(piece: str) -> None:
    assert not is_too_deep(piece * MANY)


def test_what_goes_on_in_each_paragraph_counts() -> None:
    left_open = "".join(f"<b id=a{n}>" for n in range(DEEPEST - 10))
    assert not is_too_deep(left_open + "<p>x" * 100)
    assert is_too_deep(left_open + "<p>x" * 90_000)


@pytest.mark.parametrize(
    "piece", ["<", "<a ", '<a b="', "<a b='", "<!--", "<a = ", "<a /", "</", "<p>"]
)
def test_the_time_is_that_of_the_length(piece: str) -> None:
    began = time.process_time()
    assert not is_too_deep(piece * (400_000 // len(piece)))
    assert time.process_time() - began < 0.9


@pytest.mark.parametrize("piece", [*DEEP, *FLAT])
def test_what_passes_is_cleaned_soon_and_nests_no_deeper(piece: str) -> None:
    text = piece * 60
    assert not is_too_deep(text)
    assert not is_too_deep(nh3.clean(text))


def test_a_heap_of_tags() -> None:
    assert is_heaped("<div>" * 2_000)
    assert not is_heaped("<div></div>" * 20_000)
    assert not is_heaped("`<T>` " * 20_000)
