"""Images: which are badges, how wide they say they are, which one shows the package."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfcrawl.core.images import (
    Image,
    absolute_url,
    find_images,
    is_badge,
    screenshot,
    undecided,
    width_from_bytes,
)

SHOT = "https://x.example/shot.png"


@pytest.mark.parametrize(
    ("attributes", "width"),
    [
        ("", None),
        ('width="300"', 300),
        ('width="300px"', 300),
        ('width=" 299.5 PX "', 299),
        ('width="50%"', None),
        ('width="30em"', None),
        ('width="wide"', None),
        ('width="-5"', None),
        ('width=""', None),
        ('width="99999999999999999999"', None),
        ('style="width: 640px"', 640),
        ('style="color: red; WIDTH:640PX !important; float: left"', 640),
        ('style="max-width: 640px; min-width: 300px"', None),
        ('style="width: 640"', None),
        ('style="width: 50%"', None),
        ('width="100" style="width: 640px"', 100),
        ('width="80%" style="width: 640px"', 640),
    ],
)
def test_declared_widths(attributes, width):
    assert find_images(f'<p><img src="{SHOT}" {attributes}></p>') == (Image(SHOT, width),)


def test_only_images_with_an_address_of_their_own_are_found_in_order():
    html = """<img src="https://x.example/1.png"><img src="b.png"><img src="/c.png"><img>
        <img src="data:image/png;base64,xx"><img src="https://[bad/d.png"><img src="https:///e">
        <p><a href="#x"><img src="HTTP://x.example/2.png?a=1&amp;b=2"></a>
        <img src="//x.example/3.png">"""
    assert [image.src for image in find_images(html)] == [
        "https://x.example/1.png",
        "HTTP://x.example/2.png?a=1&b=2",
        "https://x.example/3.png",
    ]


def test_a_width_that_sanitising_lost_is_found_in_the_source():
    source = f"""# T\n<IMG alt="1 < 2" src="https://x.example/other.png" style="width: 9px">
        <p><img\n src='{SHOT}'\n style='border: 0; width: 640px'/> <img src={SHOT} width=1>"""
    html = f'<img src="{SHOT}"><img src="https://x.example/bare.png">'
    assert find_images(html, source) == (Image(SHOT, 640), Image("https://x.example/bare.png"))


def test_the_source_never_overrules_the_html():
    html = f'<img src="{SHOT}" width="100">'
    assert find_images(html, f'<img src="{SHOT}" style="width: 640px">') == (Image(SHOT, 100),)


@pytest.mark.parametrize("mess", [None, 3, b"<img src='https://x.example'>", "", "<img", "<img>"])
def test_junk_holds_no_images(mess):
    assert find_images(mess, mess) == ()


@pytest.mark.parametrize(
    "piece", ["<img ", "<img src='", "<img src=https://x.example/a>", "<", "a="]
)
def test_a_megabyte_of_the_same_ends(piece):
    mess = piece * (1_000_000 // len(piece))
    assert find_images(f'<img src="{SHOT}">', mess) == (Image(SHOT),)
    assert isinstance(find_images(mess), tuple)


@pytest.mark.parametrize(
    "src",
    [
        "https://img.shields.io/badge/a-b-green.svg",
        "https://IMG.SHIELDS.IO:443/x.png",
        "https://shields.io/x",
        "https://badge.fury.io/py/plone.api.svg",
        "https://badges.gitter.im/Join%20Chat.svg",
        "https://travis-ci.org/collective/x.svg?branch=main",
        "https://api.travis-ci.com/x.png",
        "https://coveralls.io/repos/github/x/badge.png",
        "https://codecov.io/gh/x/graph/badge.svg",
        "https://codecov.io/gh/x/branch/main/graphs/sunburst.svg",
        "https://readthedocs.org/projects/x/badge/?version=latest",
        "https://github.com/plone/x/workflows/tests/badge.svg",
        "https://github.com/plone/x/actions/workflows/ci.yml/badge.svg?branch=main",
        "https://ci.appveyor.com/api/projects/status/32r7s2skrgm9ubva",
        "https://circleci.com/gh/x.svg?style=svg",
        "https://landscape.io/github/x/landscape.svg",
        "https://requires.io/github/x/requirements.svg",
        "https://pyup.io/repos/github/x/shield.svg",
        "https://snyk.io/test/github/x/badge.svg",
        "https://flat.badgen.net/x",
        "https://api.codacy.com/project/badge/Grade/0",
        "https://codeclimate.com/github/x/maintainability",
        "https://zenodo.org/badge/DOI/10.5281/zenodo.1.svg",
        "https://static.pepy.tech/badge/x",
        "https://deepsource.io/gh/x.svg",
        "https://sonarcloud.io/api/project_badges/measure?project=x",
        "https://opencollective.com/x/backers.svg?width=890",
        "https://gitlab.com/group/x/badges/main/pipeline.svg",
        "https://git.example.org/badges/x/badges/main/coverage.png",
        "https://mybinder.org/badge_logo.svg",
        "https://colab.research.google.com/assets/colab-badge.svg",
        "https://slsa.example/images/gh-badge-level3.svg",
        "https://contrib.rocks/image?repo=x/y",
        "https://ci.example/job/x/badge/icon",
        "https://jenkins.example/buildStatus/icon?job=x",
        "https://dev.azure.com/x/_apis/build/status/y",
        "https://raw.githubusercontent.com/x/y/main/coverage-badge.svg",
        "https://camo.githubusercontent.com/0a/" + b"https://img.shields.io/a.svg".hex(),
    ],
)
def test_badges(src):
    assert is_badge(src)


@pytest.mark.parametrize(
    "src",
    [
        SHOT,
        "https://raw.githubusercontent.com/me/badges/main/docs/screen.png",
        "https://raw.githubusercontent.com/me/shields.io/main/screen.png",
        "https://x.example/?from=img.shields.io/badge.svg",
        "https://notshields.io/x.png",
        "https://shields.io.example/x.png",
        "https://x.example/badger.png",
        "https://x.example/list-badge-view.png",
        "https://x.readthedocs.io/en/latest/_images/shot.png",
        "https://x.example",
        "https://github.com/x",
        "https://camo.githubusercontent.com/0a/" + SHOT.encode().hex(),
        "https://camo.githubusercontent.com/0a/zz",
        "https://[bad/badge.svg",
        "not a url",
        "",
        None,
        7,
    ],
)
def test_no_badges(src):
    assert not is_badge(src)


BADGE = "https://img.shields.io/a.svg"


@pytest.mark.parametrize(
    ("images", "widths", "expected"),
    [
        ([], None, ""),
        ([Image(SHOT, 200)], None, SHOT),
        ([Image(SHOT, 199)], None, ""),
        ([Image(SHOT)], None, ""),
        ([Image(SHOT)], {SHOT: 640}, SHOT),
        ([Image(SHOT)], {SHOT: 64}, ""),
        ([Image(SHOT, 100)], {SHOT: 640}, ""),
        ([Image(BADGE, 900), Image(SHOT, 300)], {BADGE: 900}, SHOT),
        ([Image("https://x.example/a.png"), Image(SHOT, 300)], {}, SHOT),
        ([Image(SHOT), Image("https://x.example/b.png", 900)], {SHOT: 300}, SHOT),
    ],
)
def test_the_screenshot_is_the_first_wide_image_that_is_no_badge(images, widths, expected):
    assert screenshot(images, widths) == expected


def test_undecided_are_those_whose_width_could_change_the_screenshot():
    icons = [Image(f"https://x.example/{number}.png") for number in range(9)]
    some = [Image(BADGE), icons[0], icons[0], Image("https://x.example/i.png", 10), icons[1]]
    assert undecided(some) == (icons[0].src, icons[1].src)
    assert undecided(icons) == tuple(image.src for image in icons[:5])
    assert undecided(icons, limit=2) == (icons[0].src, icons[1].src)
    assert undecided([icons[0], Image(SHOT, 300), icons[1]]) == (icons[0].src,)
    assert undecided([]) == ()


@pytest.mark.parametrize(
    ("url", "absolute"),
    [
        ("https://x.example/a b", "https://x.example/a b"),
        (" HTTPS://x.example ", "HTTPS://x.example"),
        ("//x.example/a", "https://x.example/a"),
        ("", None),
        ("a.png", None),
        ("/a", None),
        ("?a", None),
        ("///x", None),
        ("https:a", None),
        ("https:/a", None),
        ("https:///a", None),
        ("https:\\\\x.example", None),
        ("/\\x.example", None),
        ("\\\\x.example", None),
        ("https://\tx", None),
        ("ht\ntps://x.example", None),
        ("javascript:alert(1)//https://x.example", None),
        ("data:text/html,x", None),
        ("ftp://x.example", None),
    ],
)
def test_absolute_urls_never_lead_into_the_page_that_shows_them(url, absolute):
    assert absolute_url(url) == absolute


def png(width: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, 5, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    return (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    )


def jpeg(width: int) -> bytes:
    frame = struct.pack(">BHHB", 8, 5, width, 3) + b"\x01\x11\0\x02\x11\x01\x03\x11\x01"
    app = b"\xff\xe0" + struct.pack(">H", 16) + b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
    return b"\xff\xd8" + app + b"\xff\xc0" + struct.pack(">H", len(frame) + 2) + frame


FILES = {
    "png": png(640),
    "gif": b"GIF89a" + struct.pack("<HH", 640, 5) + b"\0\0\0",
    "jpeg": jpeg(640),
    "webp lossy": b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 640, 5),
    "webp extended": b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\x7f\x02\0\x04\0\0",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="640" height="5"></svg>',
}


@pytest.mark.parametrize("kind", FILES)
def test_widths_of_image_files(kind):
    assert width_from_bytes(FILES[kind]) == 640
    assert width_from_bytes(memoryview(FILES[kind] + b"more")) == 640


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>",
        png(0),
        png(640)[:18],
        b"GIF89a" + struct.pack("<hh", -3, 5) + b"\0\0\0",
        b'<svg width="100%" height="5"></svg>',
        b'<svg viewBox="0 0 640 5"></svg>',
        b'<svg width="%s" height="5"></svg>' % (b"9" * 400),
        b"P3 " + b"1" * 1_000_000,
        None,
        "/etc/hostname",
        5,
    ],
    ids=lambda data: repr(data)[:20],
)
def test_files_that_do_not_tell_a_width(data):
    assert width_from_bytes(data) is None


@given(st.sampled_from(sorted(FILES)), st.binary(max_size=80), st.integers(0, 60))
def test_damaged_files_never_raise(kind, junk, where):
    width = width_from_bytes(FILES[kind][:where] + junk)
    assert width is None or width > 0
