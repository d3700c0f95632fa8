"""People, keywords and text fields as registries hand them on."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfcrawl.core.people import clean_keywords, clean_text, person_fields, split_people

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.binary() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    ("text", "names", "addresses"),
    [
        ("Jane Doe <jane@x.org>", ["Jane Doe"], ["jane@x.org"]),
        ("Jane <j@x.org>, Joe Li <l@x.org>", ["Jane", "Joe Li"], ["j@x.org", "l@x.org"]),
        ('"Doe, Jane" <j@x.org>, b@x.org', ["Doe, Jane"], ["j@x.org", "b@x.org"]),
        (r'"Jane \"JD\" Doe" <j@x.org>', ['Jane "JD" Doe'], ["j@x.org"]),
        ("j@x.org (Jane Doe)", ["Jane Doe"], ["j@x.org"]),
        ("John (Acme) <j@x.org>", ["John (Acme)"], ["j@x.org"]),
        ("John [Acme] <j@x.org>", ["John [Acme]"], ["j@x.org"]),
        ("J. R. Tolkien <t@x.org>", ["J. R. Tolkien"], ["t@x.org"]),
        ("Team @ Corp <t@x.org>", ["Team @ Corp"], ["t@x.org"]),
        ("=?utf-8?q?J=C3=B6rg?= =?utf-8?q?_M=2E?= <j@x.org>", ["Jörg M."], ["j@x.org"]),
        ("=?utf-8?q?Doe=2C_Jane?= <j@x.org>", ["Doe, Jane"], ["j@x.org"]),
        ("=?nope?q?x?= <j@x.org>", ["=?nope?q?x?="], ["j@x.org"]),
        ("=?utf-8?q?=FF?= <j@x.org>", ["=?utf-8?q?=FF?="], ["j@x.org"]),
        ("Jörg Müller <j@x.org>", ["Jörg Müller"], ["j@x.org"]),
        ("A <a@x.org> B <b@x.org>", ["A", "B"], ["a@x.org", "b@x.org"]),
        ("A <a@x.org> and B <b@x.org>", ["A", "B"], ["a@x.org", "b@x.org"]),
        ("A <a@x.org>; B <b@x.org>;", ["A", "B"], ["a@x.org", "b@x.org"]),
        ("Jane Doe, Joe", ["Jane Doe", "Joe"], []),
        ("j@x.org <j@x.org>", [], ["j@x.org"]),
        ("Jane <j@x.org>, Jane <j@x.org>", ["Jane"], ["j@x.org"]),
        ("Jane <j@x.org> (https://x.org)", ["Jane"], ["j@x.org"]),
        ("Jane <>", ["Jane"], []),
        ("Jane <nowhere>", ["Jane"], []),
        ("UNKNOWN <UNKNOWN>", [], []),
        *[(nothing, [], []) for nothing in ("", "  ", "UNKNOWN", ",,;", "<>", "@", '"', "-", None)],
    ],
)
def test_people_are_split(text: str, names: list[str], addresses: list[str]) -> None:
    assert split_people(text) == (names, addresses)


def test_a_huge_hostile_list_is_read_in_bounds() -> None:
    for junk in ('"' * 10**6, "<" * 10**6, '\\"' * 10**6, "a@" * 10**6, "=?utf-8?q?" * 10**5):
        names, addresses = split_people(junk)
        assert len("".join(names + addresses)) <= 20_000


@pytest.mark.parametrize(
    ("name", "email", "expected"),
    [
        ("Jane", "j@x.org", ("Jane", "j@x.org")),
        (None, "Jane <j@x.org>, Joe <l@x.org>", ("Jane, Joe", "Jane <j@x.org>, Joe <l@x.org>")),
        ("UNKNOWN", " Jane <j@x.org> ", ("Jane", "Jane <j@x.org>")),
        ("  ", "j@x.org", (None, "j@x.org")),
        ("Jane", "UNKNOWN", ("Jane", None)),
        (None, "", (None, None)),
    ],
)
def test_person_fields(name: str, email: str, expected: tuple[str, str]) -> None:
    assert person_fields(name, email) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plone zope  cms", ["plone", "zope", "cms"]),
        ("web content, plone , ,cms", ["web content", "plone", "cms"]),
        ("web content; plone", ["web content", "plone"]),
        ("web content\nplone", ["web content", "plone"]),
        ("web content;a, b", ["web content;a", "b"]),
        ("folded\n  phrase, b", ["folded phrase", "b"]),
        ("['a', \"b c\"]", ["a", "b c"]),
        ("Plone plone PLONE zope", ["Plone", "zope"]),
        (["a b", " c ", "", None, "UNKNOWN", "A B"], ["a b", "c"]),
        (["a, b", "c"], ["a", "b", "c"]),
        ([1, ["nested"], {"x": 1}], ["1"]),
        ("UNKNOWN", []),
        ({"a": "b"}, []),
        (None, []),
        ("x" * 101, []),
        ("x" * 100, ["x" * 100]),
    ],
)
def test_keywords(value: Any, expected: list[str]) -> None:
    assert clean_keywords(value) == expected


def test_keywords_are_limited_in_number() -> None:
    assert clean_keywords([f"k{i}" for i in range(500)]) == [f"k{i}" for i in range(100)]
    assert len(clean_keywords(",".join(map(str, range(10**5))))) == 100


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("  text\n", "text"),
        ("a\0b", "ab"),
        ("UNKNOWN", None),
        ("unknown", "unknown"),
        (" \0 ", None),
        ("lone \ud83d end", "lone \ufffd end"),
        ("pair \ud83d\ude00", "pair 😀"),
        (2, "2"),
        (1.5, "1.5"),
        pytest.param(10**5000, None, id="huge"),
        (float("inf"), None),
        (True, None),
        (["x"], None),
        (b"x", None),
        (None, None),
    ],
)
def test_text(value: Any, expected: str | None) -> None:
    assert clean_text(value) == expected


@given(ANYTHING)
def test_nothing_raises_and_all_of_it_can_be_stored(value: Any) -> None:
    text = clean_text(value) or ""
    names, addresses = split_people(value)
    for each in (text, *names, *addresses, *clean_keywords(value), *clean_keywords([value])):
        assert "\0" not in each
        each.encode()
    person_fields(value, value)
