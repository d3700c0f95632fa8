"""The feeds read: what PyPI writes, what others may, and what is no feed."""

from __future__ import annotations

import contextlib
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfcrawl.errors import SourceError
from pyfcrawl.sources import rss
from pyfcrawl.sources.rss import PACKAGES, UPDATES, Entry
from tests.standin.registry import Registry

DATE = "Fri, 13 Nov 2026 10:00:00 GMT"
MOMENT = 1794564000


def item(title=None, link=None, date=DATE, more=""):
    parts = {"title": title, "link": link, "pubDate": date}
    inner = "".join(f"<{k}>{escape(v)}</{k}>" for k, v in parts.items() if v is not None)
    return f"<item>{inner}{more}</item>"


def feed(*items):
    channel = f"<channel><title>t</title>{''.join(items)}</channel>"
    return f'<?xml version="1.0" encoding="UTF-8"?><rss version="2.0">{channel}</rss>'.encode()


def entries(kind, *items):
    return list(rss.read_feed(feed(*items), kind).entries)


def test_addresses():
    assert rss.feed_url("https://pypi.example", UPDATES) == "https://pypi.example/rss/updates.xml"
    assert rss.feed_url("https://pypi.example", PACKAGES).endswith("/rss/packages.xml")


def test_a_release():
    link = "https://pypi.example/project/plone-api/2.0.0/"
    (found,) = entries(UPDATES, item("Plone.API 2.0.0", link))
    assert found == Entry("plone-api", "2.0.0", MOMENT, link)


def test_a_new_project():
    link = "https://pypi.example/project/plone-api/"
    (found,) = entries(PACKAGES, item("Plone.API added to PyPI", link))
    assert found == Entry("plone-api", None, MOMENT, link)


@pytest.mark.parametrize(
    ("kind", "given_", "name", "version"),
    [
        (UPDATES, item("a 1.0"), "a", "1.0"),
        (UPDATES, item("My_Pkg 1!2.0+l"), "my-pkg", "1!2.0+l"),
        (UPDATES, item("a 1.0", "https://other.example/news"), "a", "1.0"),
        (UPDATES, item("a 1.0", "https://pypi.example/project/a/"), "a", "1.0"),
        (UPDATES, item("a 1.0", "http://[broken/project/b/2/"), "a", "1.0"),
        (UPDATES, item(None, "https://pypi.example/project/b.c/2%2Bx/"), "b-c", "2+x"),
        (UPDATES, item(None, "https://host.example/under/project/b/2"), "b", "2"),
        (UPDATES, item("project 1", "https://pypi.example/project/project/1/"), "project", "1"),
        (PACKAGES, item("b added to PyPI"), "b", None),
        (PACKAGES, item("b"), "b", None),
        (PACKAGES, item("b 2.0", "https://pypi.example/project/b/2.0/"), "b", None),
    ],
)
def test_a_name_is_found_in_link_or_title(kind, given_, name, version):
    (found,) = entries(kind, given_)
    assert (found.name, found.version) == (name, version)


@pytest.mark.parametrize(
    ("kind", "junk"),
    [
        (UPDATES, item("a")),
        (UPDATES, item()),
        (UPDATES, item("../etc 1.0")),
        (UPDATES, item("ä 1.0")),
        (UPDATES, item("a", "https://pypi.example/project/a/")),
        (UPDATES, item("a " + "1" * 5000)),
        (UPDATES, item(None, "https://pypi.example/project/%0a/1.0/")),
        (UPDATES, item(None, "https://pypi.example/project/a/1%0a2/")),
        (PACKAGES, item("?? added to PyPI")),
        (PACKAGES, item()),
    ],
)
def test_junk_entries_are_left_out_and_spoil_nothing(kind, junk):
    sound = item("sound 1.0", "https://pypi.example/project/sound/1.0/")
    assert [each.name for each in entries(kind, junk, sound, junk)] == ["sound"]


@pytest.mark.parametrize("date", [None, "", "yesterday", "Fri, 99 Nov 99999 10:00:00 GMT"])
def test_a_date_may_be_missing(date):
    (found,) = entries(UPDATES, item("a 1.0", date=date))
    assert found.published is None


def test_the_window():
    read = rss.read_feed(
        feed(
            item("a 1.0"),
            item("b 1.0", date="Fri, 13 Nov 2026 09:00:00 GMT"),
            item("c 1.0", date=None),
        ),
        UPDATES,
    )
    assert (read.oldest, read.newest(MOMENT), read.whole) == (MOMENT - 3600, MOMENT, True)


def test_a_date_far_ahead_is_not_believed_unless_all_are():
    ahead = item("a 1.0", date="Fri, 13 Nov 2099 10:00:00 GMT")
    mixed = rss.read_feed(feed(item("b 1.0"), ahead), UPDATES)
    assert mixed.newest(MOMENT) == MOMENT
    assert rss.read_feed(feed(ahead), UPDATES).newest(MOMENT) > MOMENT


def test_no_news_is_no_error():
    read = rss.read_feed(feed(), UPDATES)
    assert (read.entries, read.oldest, read.newest(0), read.whole) == ((), None, None, True)


def test_a_cut_feed_gives_what_it_has_and_says_so():
    whole = feed(*(item(f"p{n} 1.0") for n in range(10)))
    cut = rss.read_feed(whole[: len(whole) // 2], UPDATES)
    assert not cut.whole
    assert 0 < len(cut.entries) < 10


def test_a_bare_ampersand_costs_nothing_but_trust():
    read = rss.read_feed(
        feed(item("a 1.0", more="<description>this & that</description>")), UPDATES
    )
    assert [each.name for each in read.entries] == ["a"]
    assert not read.whole


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"{}",
        b"null",
        b'{"info": null}',
        b"<!doctype html><html><body><h1>Down for maintenance</h1></body></html>",
        b"<html><item><title>a 1.0</title></item></html>",
        b"\xff\xfe\x00\x00",
        b"[" * 100_000,
        b"<a>" * 10_000,
        b"/etc/passwd",
        b"https://pypi.example/rss/updates.xml",
    ],
)
def test_what_is_no_feed_is_refused_in_one_line(body):
    with pytest.raises(SourceError) as caught:
        rss.read_feed(body, UPDATES)
    assert "\n" not in str(caught.value)


def test_entities_do_not_blow_up():
    definitions = (
        '<!ENTITY a "'
        + "x" * 100
        + '">'
        + "".join(
            f'<!ENTITY {new} "{f"&{old};" * 20}">'
            for old, new in zip("abcdefg", "bcdefgh", strict=True)
        )
    )
    body = f"<!DOCTYPE rss [{definitions}]>{feed(item('a 1.0')).decode()[38:]}"
    body = body.replace("<title>t</title>", "<title>&h;</title>")
    assert len(rss.read_feed(body.encode(), UPDATES).entries) == 1


def test_a_file_is_not_read_for_an_entity(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("leaked 1.0")
    body = (
        f'<!DOCTYPE rss [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'
        + feed("<item><title>&x;</title></item>", item("a 1.0")).decode()[38:]
    )
    assert [each.name for each in rss.read_feed(body.encode(), UPDATES).entries] == ["a"]


def test_a_thousand_entries_are_enough():
    assert len(entries(UPDATES, *(item(f"p{n} 1.0") for n in range(3000)))) == 1000


@given(st.binary(max_size=300), st.integers(0, 400))
def test_nothing_else_is_raised(noise, at):
    body = feed(item("a 1.0", "https://pypi.example/project/a/1.0/"), item("b 2.0"))
    for each in (noise, body[:at] + noise + body[at:], body[:at] + noise):
        with contextlib.suppress(SourceError):
            found = rss.read_feed(each, UPDATES).entries
            assert all(isinstance(entry, Entry) and entry.version for entry in found)


def test_what_the_stand_in_writes():
    registry = Registry()
    for number in range(120):
        registry.add(f"Pkg.{number}", versions=["1.0"])
    registry.release("Pkg.0", "2.0")
    registry.delete("Pkg.119")
    updates = rss.read_feed(registry.feed(UPDATES), UPDATES)
    packages = rss.read_feed(registry.feed(PACKAGES), PACKAGES)
    assert (updates.whole, packages.whole) == (True, True)
    assert [len(updates.entries), len(packages.entries)] == [100, 40]
    assert (updates.entries[0].name, updates.entries[0].version) == ("pkg-0", "2.0")
    assert packages.entries[0].name == "pkg-118"
    assert updates.newest(0) - updates.oldest == 120 - 20
    again = Registry.load(registry.state())
    assert again.feed(UPDATES) == registry.feed(UPDATES)
