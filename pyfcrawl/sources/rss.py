"""PyPI's two feeds: which projects are new, which releases, without asking for the whole index.

The feeds are windows: only the newest 40 projects and 100 releases stand in them (see the feeds
in the documentation of https://github.com/pypi/warehouse). An entry names its project and release
in its link and in its title.
"""

from __future__ import annotations

import calendar
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.sax import SAXException

import feedparser  # type: ignore[import-untyped]
from packaging.utils import is_normalized_name

from pyfcrawl.core import versions
from pyfcrawl.core.names import normalized
from pyfcrawl.errors import SourceError
from pyfcrawl.sources.pypi import Project

#: The feed of new releases and that of new projects, as their addresses name them.
UPDATES, PACKAGES = "updates", "packages"
FEEDS = (UPDATES, PACKAGES)

#: Bytes of a feed at most; PyPI's have some 50,000.
LARGEST = 4 * 2**20

#: Entries taken of a feed, the first ones; ten times what PyPI gives.
_MOST = 1000
_LONGEST_VERSION = 200
_DAY = 86_400


def feed_url(root: str, feed: str) -> str:
    """A feed under a registry's root."""
    return f"{root}/rss/{feed}.xml"


@dataclass(frozen=True, slots=True)
class Entry:
    """A project that is new, or with `version` a release of it that is.

    `name` is normalised, `published` Unix seconds, None when the feed doesn't say.
    """

    name: str
    version: str | None
    published: int | None
    link: str


@dataclass(frozen=True, slots=True)
class Feed:
    """What a feed holds, newest first as a rule; `whole` is False when it was cut or garbled."""

    entries: tuple[Entry, ...]
    whole: bool = True

    @property
    def oldest(self) -> int | None:
        """When the oldest entry was published; None when none says."""
        return min(self._moments(), default=None)

    def newest(self, now: int) -> int | None:
        """When the newest entry was published; None when none says.

        An entry dated more than a day after `now` is a slip, unless all are.
        """
        moments = self._moments()
        return max([each for each in moments if each <= now + _DAY] or moments, default=None)

    def _moments(self) -> list[int]:
        return [each.published for each in self.entries if each.published is not None]


def read_feed(body: bytes, feed: str) -> Feed:
    """Read a feed; entries that name no project (in `updates`: no release) are left out.

    Raises SourceError when the body is no feed at all.
    """
    try:
        # A stream, as anything else might be taken for an address or a file's name.
        parsed = feedparser.parse(
            io.BytesIO(body[:LARGEST]), resolve_relative_uris=False, sanitize_html=False
        )
        if not parsed.get("version"):
            raise SourceError(f"the answer is no RSS feed: {_start_of(body)}")
        found = [_entry(each, feed) for each in parsed.entries[:_MOST]]
    except SourceError:
        raise
    except Exception as error:  # whatever a parser for everything stumbles over
        raise SourceError(f"the answer is no RSS feed ({type(error).__name__})") from error
    broken = isinstance(parsed.get("bozo_exception"), SAXException)
    return Feed(tuple(filter(None, found)), whole=not broken and len(body) <= LARGEST)


def shown(project: Project, entry: Entry) -> bool:
    """Whether a project's page is as new as the entry: it has the release, or a later one.

    The release may be gone again by the time; then what was uploaded after it tells the page's
    age. A page that doesn't list its releases tells nothing, and passes.
    """
    if entry.version is None or not project.whole:
        return True
    wanted = versions.sort_key(entry.version)
    if any(versions.sort_key(each) == wanted for each in project.releases):
        return True
    uploads = (each["upload_timestamp"] or 0 for each in project.releases.values())
    return entry.published is not None and entry.published < max(uploads, default=0)


def _start_of(body: bytes) -> str:
    return repr(body[:60].decode("ascii", "replace")) if body else "it is empty"


def _entry(given: Mapping[str, Any], feed: str) -> Entry | None:
    link = _text(given.get("link"))
    name, version = _of_link(link)
    if not name or (feed == UPDATES and not version):
        name, version = _of_title(_text(given.get("title")))
    name = normalized(name)
    if not is_normalized_name(name) or not name.isascii():
        return None
    if feed == PACKAGES:
        return Entry(name, None, _published(given), link)
    if not version.isprintable() or not 0 < len(version) <= _LONGEST_VERSION:
        return None
    return Entry(name, version, _published(given), link)


def _of_link(link: str) -> tuple[str, str]:
    """Name and version of `.../project/NAME/VERSION/`; "" for what it hasn't."""
    try:
        path = urlsplit(link).path
    except ValueError:
        return "", ""
    _, found, rest = f"/{path}".rpartition("/project/")
    if not found:
        return "", ""
    name, _, version = rest.strip("/").partition("/")
    return unquote(name).strip(), unquote(version).strip()


def _of_title(title: str) -> tuple[str, str]:
    """Name and version of `NAME VERSION`; of `NAME added to PyPI` the name counts."""
    name, _, version = title.strip().partition(" ")
    return name, version.strip()


def _published(given: Mapping[str, Any]) -> int | None:
    moment = given.get("published_parsed")
    try:
        return calendar.timegm(moment) if moment else None
    except (TypeError, ValueError, OverflowError):
        return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
