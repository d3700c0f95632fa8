"""npm's packuments: their addresses, and what they say of a package and its versions.

A packument is all of a package in one JSON document (`dist-tags`, `versions`, `time`, the latest
README); https://github.com/npm/registry describes it. The registry may be any that speaks like
npm's. What a payload lacks is taken as not known; one that can't be what it claims to be raises
SourceError.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec

from pyfcrawl.core.document import is_text
from pyfcrawl.core.names import normalized
from pyfcrawl.core.people import clean_text
from pyfcrawl.core.screening import JUNK
from pyfcrawl.core.versions import version_fields
from pyfcrawl.errors import SourceError
from pyfcrawl.sources.npm_metadata import keywords_of, metadata_of

REGISTRY = "npm"

_LONGEST_VERSION = 256
_LONGEST_README = 1_000_000  # characters; what is longer is no text to read
# npm allowed upper case and some signs in the early days.
_NAME = re.compile(r"(?:@[A-Za-z0-9~-][\w.~-]*/)?[A-Za-z0-9~_-][\w.~!'()*-]*", re.ASCII)
_LONGEST_NAME = 214
# JavaScript cuts texts anywhere and writes half a character as an escape that JSON has no use for.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def is_name(text: Any) -> bool:
    """Whether this can be the name of a package, of any age."""
    return isinstance(text, str) and len(text) <= _LONGEST_NAME and bool(_NAME.fullmatch(text))


def scope_of(name: str) -> str:
    """`@scope` of a name in lower case, "" when it has none."""
    scope, slash, _ = name.rpartition("/")
    return scope.lower() if slash else ""


def packument_url(root: str, name: str) -> str:
    """A package's packument; the slash behind a scope is encoded, as npm does."""
    return f"{root}/{quote(name, safe='@')}"


def lowered(keywords: Iterable[str]) -> frozenset[str]:
    """Keywords as they are compared."""
    return frozenset(each.casefold() for each in keywords)


class _Packument(msgspec.Struct):
    name: str
    versions: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    tags: Any = msgspec.field(name="dist-tags", default=None)
    time: Any = None
    maintainers: Any = None
    readme: Any = None
    readme_filename: Any = msgspec.field(name="readmeFilename", default=None)
    description: Any = None
    keywords: Any = None
    license: Any = None
    author: Any = None
    contributors: Any = None
    homepage: Any = None
    repository: Any = None
    bugs: Any = None


#: What a packument repeats of its latest version:
#: https://github.com/npm/registry/blob/main/docs/responses/package-metadata.md
_HOISTED = (
    *("description", "keywords", "license", "author", "contributors"),
    *("homepage", "repository", "bugs"),
)

_packument_decoder = msgspec.json.Decoder(_Packument)


@dataclass(frozen=True, slots=True)
class Packument:
    """A package: its name as written, the version called latest, what is listed of all versions.

    `package` holds the package-level document fields, `releases` the listing-owned release-level
    ones by version, `entries` what each version's own package.json says; `modified` is the
    registry's time of the last change, `whole` whether all versions are listed, `unpublished`
    whether the package was taken back. `readme` is the latest version's, with its content type.
    """

    name: str
    latest: str | None
    package: dict[str, Any]
    releases: dict[str, dict[str, Any]]
    entries: dict[str, dict[str, Any]]
    modified: str
    whole: bool
    unpublished: bool
    readme: tuple[str, str] | None
    maintainers: Any = None
    info: dict[str, Any] = field(default_factory=dict)  # see pypi_visit.Listed
    requires_python: dict[str, str | None] = field(default_factory=dict)

    @property
    def keywords(self) -> frozenset[str]:
        """Keywords of the latest version, as they are compared."""
        return lowered(keywords_of(self.entries.get(self.latest or "", {})))

    def metadata(self, version: str) -> dict[str, Any]:
        """A version's metadata, with the README this document has of it, if any."""
        entry = self.entries[version]
        if "maintainers" not in entry and self.maintainers is not None:
            entry = entry | {"maintainers": self.maintainers}
        metadata = metadata_of(self.name, version, entry)
        readme = readme_of(entry.get("readme"), entry.get("readmeFilename"))
        if readme is None and version == self.latest:
            readme = self.readme
        if readme:
            metadata["description"], metadata["description_content_type"] = readme
        return metadata


def read_packument(body: bytes, name: str) -> Packument:
    """Read the packument of `name`. Raises SourceError when it isn't one, or another package's."""
    payload = _decoded(body)
    if normalized(payload.name, REGISTRY) != normalized(name, REGISTRY):
        raise SourceError(f"packument of another package: {payload.name[:80]!r}")
    times = payload.time if isinstance(payload.time, dict) else {}
    entries = {version: each for version, each in payload.versions.items() if _is_version(version)}
    unpublished = not payload.versions and isinstance(times.get("unpublished"), dict)
    if not entries and not unpublished:
        raise SourceError("packument without versions")
    releases = {version: _listing(each, times.get(version)) for version, each in entries.items()}
    tags = payload.tags if isinstance(payload.tags, dict) else {}
    tagged = tags.get("latest")
    whole = isinstance(tagged, str) and tagged in entries
    latest = str(tagged) if whole else _newest(releases)
    if latest is not None:
        entries[latest] = _with_hoisted(payload, entries[latest])
    for version, fields in releases.items():
        fields["is_latest"] = version == latest
    modified = times.get("modified")
    return Packument(
        name=payload.name,
        latest=latest,
        package=_package_fields(releases) if whole else {},
        releases=releases,
        entries=entries,
        modified=modified if isinstance(modified, str) else "",
        whole=whole,
        unpublished=unpublished,
        readme=readme_of(payload.readme, payload.readme_filename),
        maintainers=payload.maintainers,
    )


def _decoded(body: bytes) -> _Packument:
    try:
        return _packument_decoder.decode(body)
    except JUNK as error:
        problem = error
    if b"\\u" in body:  # a text that was cut within a character, perhaps
        with contextlib.suppress(*JUNK):
            return _packument_decoder.decode(_ESCAPE.sub(_whole_character, body))
    raise SourceError(f"junk instead of a packument ({problem})") from problem


def _whole_character(escape: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if escape["half"] else escape[0]


def _with_hoisted(payload: _Packument, entry: dict[str, Any]) -> dict[str, Any]:
    """The latest version's entry, with what only the packument itself says of it.

    Raises SourceError when its keywords can't be such: they decide whether a package belongs.
    """
    whole = entry | {name: getattr(payload, name) for name in _HOISTED if entry.get(name) is None}
    if not isinstance(whole.get("keywords"), str | list | None):
        raise SourceError("packument with broken keywords")
    return whole


def readme_of(text: Any, filename: Any = "") -> tuple[str, str] | None:
    """A README and its content type by the name of its file; None for what npm writes for none."""
    if not isinstance(text, str) or not text.strip() or text.startswith("ERROR: No README"):
        return None
    name = filename.lower() if isinstance(filename, str) else ""
    kind = "text/x-rst" if name.endswith(".rst") else "text/markdown"
    if name.endswith((".txt", ".adoc", ".asciidoc", ".org")):
        kind = "text/plain"
    return text[:_LONGEST_README], kind


def _is_version(text: str) -> bool:
    return bool(text) and text == text.strip() and len(text) <= _LONGEST_VERSION and is_text(text)


def _newest(releases: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Where no tag says what is latest: not deprecated, then stable, then the highest."""

    def rank(version: str) -> tuple[bool, str, str]:
        key = version_fields(version, REGISTRY)["version_sortable"]
        return not releases[version]["yanked"], key, version

    return max(releases, key=rank, default=None)


def _package_fields(releases: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    uploads = (each["upload_timestamp"] for each in releases.values())
    first = min((each for each in uploads if each is not None), default=None)
    return {"release_count": len(releases), "first_upload_timestamp": first}


def _listing(entry: Mapping[str, Any], uploaded: Any) -> dict[str, Any]:
    """What may change of a version: npm's `deprecated` is withdrawing it, with the reason."""
    deprecated = entry.get("deprecated")
    reason = clean_text(deprecated) if isinstance(deprecated, str) else None
    yanked = deprecated is True or reason is not None
    moment = _moment(uploaded)
    return {
        "is_latest": False,
        "yanked": yanked,
        "yanked_reason": reason,
        "upload_timestamp": moment,
        "urls": _files(entry.get("dist"), moment, yanked),
    }


def _files(dist: Any, uploaded: int | None, yanked: bool) -> list[dict[str, Any]]:
    url = dist.get("tarball") if isinstance(dist, dict) else None
    if not isinstance(url, str) or not is_text(url):
        return []
    return [
        {
            "filename": url.partition("?")[0].rpartition("/")[2],
            "url": url,
            "packagetype": "tarball",
            "sha1": _word(dist.get("shasum")),
            "integrity": _word(dist.get("integrity")),
            "unpacked_size": _count(dist.get("unpackedSize")),
            "file_count": _count(dist.get("fileCount")),
            "upload_timestamp": uploaded,
            "yanked": yanked,
        }
    ]


def _word(value: Any) -> str | None:
    return clean_text(value) if isinstance(value, str) else None


def _count(value: Any) -> int | None:
    sound = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63
    return value if sound else None


def _moment(text: Any) -> int | None:
    """Unix seconds of an ISO 8601 time."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None
