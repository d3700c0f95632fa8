"""Which image of a README shows the package: the gallery's screenshot, and points for health.

Badges are images too, so hosts and paths of badge services are told apart here, and a width
decides between an icon and a screenshot. Nothing is fetched: where the README doesn't tell a
width, `undecided` names the images to look at and `width_from_bytes` reads what came back.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

import imagesize

from pyfcrawl.core.sections import read_tags

#: Narrower images are icons and logos; px.
MEANINGFUL_WIDTH = 200

_ABSOLUTE = re.compile(r"https?://[^\s/\\?#]", re.IGNORECASE)
_PIXELS = re.compile(r"([0-9]{1,6})(?:\.[0-9]{0,9})?\s*(?:px)?", re.IGNORECASE)
# No "<" inside, and an end to the length: many unclosed tags must not be read over and over.
_IMG_TAG = re.compile(r"<img\s[^<>]{0,4000}>", re.IGNORECASE)

# Whose images, with those of their subdomains, never show a package.
_BADGE_HOST_NAMES = """
    appveyor.com badge.fury.io badgen.net badges.gitter.im badges.greenkeeper.io
    bestpractices.coreinfrastructure.org bestpractices.dev bettercodehub.com circleci.com
    codacy.com codebeat.co codeclimate.com codecov.io codefactor.io codeship.com contrib.rocks
    coveralls.io david-dm.org deepscan.io deepsource.com deepsource.io depfu.com fossa.com
    fossa.io gemnasium.com isitmaintained.com joss.theoj.org landscape.io lgtm.com nodei.co
    opencollective.com pepy.tech pyup.io pypip.in qlty.sh repobeats.axiom.co requires.io
    results.pre-commit.ci saythanks.io scrutinizer-ci.com securityscorecards.dev shields.io
    snyk.io sonarcloud.io star-history.com starchart.cc travis-ci.com travis-ci.org
    versioneye.com waffle.io
"""
_BADGE_HOSTS = frozenset(_BADGE_HOST_NAMES.split())
# Their paths start with an owner and a repository, which may be called anything.
_CODE_HOSTS = frozenset(
    ("github.com", "raw.githubusercontent.com", "gitlab.com", "bitbucket.org", "codeberg.org")
)
_BADGE_FOLDERS = frozenset(("badge", "badges", "project_badges", "buildstatus"))
# As a whole word of an SVG's name; of a bitmap's, only at one of its ends.
_BADGE_FILE = re.compile(
    r"badges?(?:[-_.]|$)|.*[-_]badges?(?:\.[a-z]{2,4})?$|.*[-_.]badges?[-_.].*svg$"
)
_CAMO_HOST = "camo.githubusercontent.com"


@dataclass(frozen=True, slots=True)
class Image:
    """An image of a README: its absolute http(s) address, its declared width in px if any."""

    src: str
    width: int | None = None


def absolute_url(url: str) -> str | None:
    """The http(s) URL that can't resolve against the page that shows it, or None.

    `//host/path` becomes https. Browsers read `https:path` and `/\\host` relative to the page.
    """
    url = url.strip()
    if url.startswith("//"):
        url = "https:" + url
    return url if _ABSOLUTE.match(url) else None


def find_images(html: str, source: str = "") -> tuple[Image, ...]:
    """The images of sanitised HTML that have an absolute http(s) address, in order.

    Sanitising drops styles, so a missing width is looked up in `source`, the README as its
    author wrote it: `style="width: 300px"` of an `<img>` tag with the same src. Never raises.
    """
    images = _images_in(html)
    if source and any(image.width is None for image in images):
        declared: dict[str, int] = {}
        for image in _images_in("".join(_IMG_TAG.findall(source))):
            if image.width is not None:
                declared.setdefault(image.src, image.width)
        images = [Image(each.src, _first(each.width, declared.get(each.src))) for each in images]
    return tuple(images)


def is_badge(src: str) -> bool:
    """Whether the address is one of a badge service, a CI status or a button."""
    url = _split(src)
    if url is None:
        return False
    host = (url.hostname or "").rstrip(".")
    if host == _CAMO_HOST:
        return is_badge(_behind_camo(url.path))
    labels = host.split(".")
    if any(".".join(labels[start:]) in _BADGE_HOSTS for start in range(len(labels))):
        return True
    return _is_badge_path(url.path.lower(), 2 if host in _CODE_HOSTS else 0)


def screenshot(images: Iterable[Image], widths: Mapping[str, int] | None = None) -> str:
    """Address of the first image that is no badge and wide enough, or "".

    widths: px by src, as probed; asked only for images that declare no width.
    """
    probed = widths or {}
    for image in images:
        width = _first(image.width, probed.get(image.src))
        if width is not None and width >= MEANINGFUL_WIDTH and not is_badge(image.src):
            return image.src
    return ""


def undecided(images: Iterable[Image], limit: int = 5) -> tuple[str, ...]:
    """The srcs whose width `screenshot` would have to know, at most `limit`, each once.

    Images behind one that is known to be wide enough can't matter any more.
    """
    found: dict[str, None] = {}
    for image in images:
        if len(found) >= limit or screenshot((image,)):
            break
        if image.width is None and not is_badge(image.src):
            found[image.src] = None
    return tuple(found)


def width_from_bytes(data: bytes) -> int | None:
    """Width in px from an image file's first bytes; None when they don't tell. Never raises."""
    if not isinstance(data, (bytes, bytearray, memoryview)):
        return None
    start = bytes(data)
    if start[:1] == b"P":
        # Netpbm: no browser shows it, and its digits are read in quadratic time.
        return None
    try:
        width = int(imagesize.get(io.BytesIO(start))[0])
    except (ValueError, OverflowError, ArithmeticError):
        return None
    return width if width > 0 else None


class _ImageReader:
    """Gathers the images among the tags."""

    def __init__(self) -> None:
        self.images: list[Image] = []

    def start(self, tag: str, attributes: Any) -> None:
        if tag != "img":
            return
        src = absolute_url(attributes.get("src") or "")
        if src and _split(src):
            width = _pixels(attributes.get("width") or "")
            self.images.append(Image(src, _first(width, _style_width(attributes.get("style")))))

    def end(self, tag: str) -> None:
        """Images are their start tags."""

    def data(self, text: str) -> None:
        """Text is no image."""

    def close(self) -> None:
        """Nothing to finish."""


def _images_in(html: str) -> list[Image]:
    reader = _ImageReader()
    if isinstance(html, str) and "<" in html:
        read_tags(html, reader)
    return reader.images


def _pixels(value: str) -> int | None:
    """300 of "300" and "300px"; None of "50%", "3em" and anything else."""
    match = _PIXELS.fullmatch(value.strip())
    return int(match[1]) if match else None


def _style_width(style: str | None) -> int | None:
    """px of the width declaration in a style attribute; CSS knows no length without unit."""
    for declaration in (style or "").split(";"):
        name, _, value = declaration.partition(":")
        value = value.lower().replace("!important", "").strip()
        if name.strip().lower() == "width" and value.endswith("px"):
            return _pixels(value)
    return None


def _is_badge_path(path: str, skip: int) -> bool:
    segments = path.strip("/").split("/")[skip:]
    if not segments:
        return False
    if "_apis/build/status" in path or not _BADGE_FOLDERS.isdisjoint(segments):
        return True
    return _BADGE_FILE.match(segments[-1]) is not None


def _behind_camo(path: str) -> str:
    """The address an image proxy's path stands for: /<digest>/<address in hex>."""
    try:
        return bytes.fromhex(path.rpartition("/")[2]).decode()
    except ValueError:
        return ""


def _split(url: str) -> SplitResult | None:
    """The parts of an http(s) URL, or None when it is none that anyone could open."""
    try:
        parts = urlsplit(url)
        return parts if parts.hostname and parts.scheme in ("http", "https") else None
    except (ValueError, AttributeError, TypeError):
        return None


def _first(width: int | None, other: int | None) -> int | None:
    return other if width is None else width
