"""PyPI's JSON: addresses of the Simple index, projects and releases, and what their payloads say.

Formats: PEP 691 for the Simple index, PyPI's JSON API for projects and releases.
The registry may be any that speaks them; whatever a payload lacks is taken as not known, and one
that can't be what it claims to be raises SourceError.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec
from packaging.utils import is_normalized_name

from pyfcrawl.core import names, versions
from pyfcrawl.core.screening import JUNK
from pyfcrawl.errors import SourceError

#: Media type of the Simple index as JSON (PEP 691).
SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"


def index_url(root: str) -> str:
    """The Simple index under a registry's root."""
    return f"{root}/simple/"


def project_url(root: str, name: str) -> str:
    """A project's JSON; asked for by normalised name, which saves a redirect."""
    return f"{root}/pypi/{quote(names.normalized(name), safe='')}/json"


def release_url(root: str, name: str, version: str) -> str:
    """A release's JSON."""
    project = quote(names.normalized(name), safe="")
    return f"{root}/pypi/{project}/{quote(version, safe='')}/json"


# --- the Simple index -------------------------------------------------------------------------


class _ListedProject(msgspec.Struct, gc=False):
    name: str
    serial: int = msgspec.field(name="_last-serial", default=0)


class _Meta(msgspec.Struct):
    last_serial: int = msgspec.field(name="_last-serial", default=0)


class _Listing(msgspec.Struct):
    projects: msgspec.Raw
    meta: _Meta


# Not strict: some mirrors write serials as text.
_listing_decoder = msgspec.json.Decoder(_Listing, strict=False)
_projects_decoder = msgspec.json.Decoder(list[_ListedProject], strict=False)
_BLOCK = 1 << 20


@dataclass(slots=True)
class Listing:
    """The Simple index, reduced to what a run needs of it.

    `serial` is the index's own, but none that no project has reached: an absurd one must not move
    a cursor past all that is to come. `count` is how many projects are listed, `missing` those of
    the names asked about that aren't. `serials` and `names` hold the projects above the cursor in
    serial order, normalised, each once, in a few bytes each.
    """

    serial: int
    count: int
    missing: set[str]
    serials: array[int]
    names: list[str]

    def entries(self, start: int, stop: int) -> list[tuple[str, int]]:
        """(name, serial) of the projects start..stop of the work, in serial order."""
        return list(zip(self.names[start:stop], self.serials[start:stop], strict=True))


def read_listing(
    body: bytes, above: int, expected: Iterable[str] = (), containing: str = ""
) -> Listing:
    """Read a Simple index (JSON), keeping projects whose serial is over `above`.

    `expected` are normalised names that ought to be listed; `containing` keeps only names with
    that text (normalised) in them. Raises SourceError when the body is not a Simple index.
    """
    try:
        listing = _listing_decoder.decode(body)
        blocks = list_blocks(listing.projects)
        return _collect(listing.meta.last_serial, blocks, above, set(expected), containing)
    except (*JUNK, ValueError, OverflowError) as error:
        raise SourceError(f"the answer is not a Simple index in JSON ({error})") from error


def list_blocks(projects: msgspec.Raw) -> Iterator[list[_ListedProject]]:
    """The listed projects about a megabyte of JSON at a time.

    900,000 projects as objects take 120 MB at once; cut after a "}," they take two. A piece cut
    in a wrong place (nested objects, "}," within a name) can't be sound JSON, so then the rest is
    read in one go.
    """
    text = memoryview(projects)
    if bytes(text[:1]) != b"[":
        raise ValueError("projects is not a list")
    start = 1
    while start < len(text):
        end = _cut(text, start)
        try:
            block = _projects_decoder.decode(b"[" + bytes(text[start:end]) + b"]")
        except msgspec.DecodeError:
            yield _projects_decoder.decode(b"[" + bytes(text[start:]))
            return
        yield block
        start = end + 1


def _cut(text: memoryview, start: int) -> int:
    """Where the next piece ends: behind the first "}," after a megabyte, or before the "]"."""
    window = bytes(text[start + _BLOCK : start + _BLOCK + 4096])
    found = window.find(b"},")
    if found >= 0:
        return start + _BLOCK + found + 1
    return len(text) - 1


def _collect(
    serial: int,
    blocks: Iterable[list[_ListedProject]],
    above: int,
    missing: set[str],
    containing: str,
) -> Listing:
    count = newest = 0
    serials: array[int] = array("q")
    kept: list[str] = []
    part = names.normalized(containing) if containing else ""
    for block in blocks:
        count += len(block)
        if missing:
            missing.difference_update(_normalized(block))
        newest = max(newest, max((each.serial for each in block), default=0))
        changed = [each for each in block if each.serial > above]
        for name, each in zip(_normalized(changed), changed, strict=True):
            if part in name and is_normalized_name(name):
                kept.append(name)
                serials.append(each.serial)
    order = _order(kept, serials)
    ordered = array("q", (serials[at] for at in order))
    reached = min(serial or newest, max(newest, above, 0))
    return Listing(reached, count, missing, ordered, [kept[at] for at in order])


def _normalized(block: list[_ListedProject]) -> list[str]:
    given = [each.name for each in block]
    try:
        return names.normalized_all(given)
    except ValueError:  # a line break in one name is no reason to refuse all others
        return [names.normalized(name) for name in given]


def _order(kept: list[str], serials: array[int]) -> list[int]:
    """Places in serial order; of several spellings of one name only the newest."""
    order = sorted(range(len(kept)), key=serials.__getitem__)
    if len(set(kept)) < len(kept):
        newest = {kept[at]: at for at in order}
        order = [at for at in order if newest[kept[at]] == at]
    return order


# --- projects ---------------------------------------------------------------------------------


class _Project(msgspec.Struct):
    info: dict[str, Any]
    releases: dict[str, list[dict[str, Any]] | None] | None = None
    urls: list[dict[str, Any]] | None = None
    vulnerabilities: list[dict[str, Any]] | None = None
    last_serial: int | None = None


class _Release(msgspec.Struct):
    info: dict[str, Any]


_project_decoder = msgspec.json.Decoder(_Project, strict=False)
_release_decoder = msgspec.json.Decoder(_Release)


@dataclass(frozen=True, slots=True)
class Project:
    """A project page: its display name, the latest release's metadata, what is listed of all.

    `package` holds the package-level document fields, `releases` the listing-owned release-level
    ones by version, `requires_python` what the files say; `whole` says whether all are listed.
    """

    name: str
    serial: int | None
    latest: str | None
    info: dict[str, Any]
    package: dict[str, Any]
    releases: dict[str, dict[str, Any]]
    requires_python: dict[str, str | None]
    whole: bool = True

    @property
    def classifiers(self) -> list[str]:
        """Trove classifiers of the latest release."""
        return [each for each in self.info.get("classifiers") or () if isinstance(each, str)]


def read_project(body: bytes) -> Project:
    """Read a project's JSON. Raises SourceError when it isn't one."""
    try:
        payload = _project_decoder.decode(body)
    except JUNK as error:
        raise SourceError(f"junk instead of project JSON ({error})") from error
    info = payload.info
    name = info.get("name")
    if not isinstance(name, str) or not name:
        raise SourceError("project JSON without a name")
    version = info.get("version")
    current = version.strip() or None if isinstance(version, str) else None
    files = _files_by_version(payload, current)
    releases = {version: _listing_fields(found) for version, found in files.items()}
    latest = _latest(current, info, releases)
    for version, fields in releases.items():
        fields["is_latest"] = version == latest
    # A page without its own latest release can't be trusted to list the others.
    whole = bool(payload.releases) and current in (None, *(payload.releases or ()))
    package = _package_fields(releases if whole else {}, payload.vulnerabilities)
    wanted = {version: _requires_python(found) for version, found in files.items()}
    return Project(name, payload.last_serial, latest, info, package, releases, wanted, whole)


def _files_by_version(payload: _Project, current: str | None) -> dict[str, list[dict[str, Any]]]:
    files = {
        version: found or []
        for version, found in (payload.releases or {}).items()
        if version and version == version.strip()
    }
    if current and current not in files:
        files[current] = payload.urls or []
    return files


def _latest(
    current: str | None, info: Mapping[str, Any], releases: dict[str, dict[str, Any]]
) -> str | None:
    """The registry's own word, as it is the one who defines latest; else PyPI's rule."""
    if current is not None:
        if info.get("yanked") is True:
            releases[current]["yanked"] = True
        return current
    return versions.latest({version: each["yanked"] for version, each in releases.items()})


def read_release(body: bytes, name: str, version: str) -> dict[str, Any]:
    """The metadata (`info`) of one release. Raises SourceError when it is of another."""
    try:
        info = _release_decoder.decode(body).info
    except JUNK as error:
        raise SourceError(f"junk instead of release JSON ({error})") from error
    found = (info.get("name"), info.get("version"))
    if not all(isinstance(each, str) for each in found):
        raise SourceError("release JSON without name and version")
    if names.normalized(str(found[0])) != names.normalized(name):
        raise SourceError(f"release JSON of another project: {str(found[0])[:80]!r}")
    if versions.sort_key(str(found[1])) != versions.sort_key(version):
        raise SourceError(f"release JSON of another version: {str(found[1])[:80]!r}")
    return info


# --- what the listing says of a release -------------------------------------------------------


def _listing_fields(files: list[dict[str, Any]]) -> dict[str, Any]:
    uploads = [moment for each in files if (moment := _upload_time(each)) is not None]
    yanked = bool(files) and all(each.get("yanked") is True for each in files)
    reasons = [each.get("yanked_reason") for each in files] if yanked else []
    return {
        "is_latest": False,
        "yanked": yanked,
        "yanked_reason": next((text for text in reasons if isinstance(text, str) and text), None),
        "upload_timestamp": min(uploads, default=None),
        "urls": [_file(each) for each in files],
    }


def _package_fields(
    releases: Mapping[str, Mapping[str, Any]], vulnerabilities: list[dict[str, Any]] | None
) -> dict[str, Any]:
    fields: dict[str, Any] = {"vulnerabilities": [_vulnerability(x) for x in vulnerabilities or ()]}
    if releases:
        uploads = [each["upload_timestamp"] for each in releases.values()]
        fields["release_count"] = len(releases)
        fields["first_upload_timestamp"] = min(filter(None, uploads), default=None)
    return fields


def _upload_time(file: Mapping[str, Any]) -> int | None:
    """Unix seconds of a file's upload; PyPI's times without a zone are UTC."""
    for key in ("upload_time_iso_8601", "upload-time", "upload_time"):
        text = file.get(key)
        if isinstance(text, str):
            try:
                moment = datetime.fromisoformat(text)
                return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
            except (ValueError, OverflowError):
                continue
    return None


_FILE = ("filename", "url", "packagetype", "python_version", "size", "requires_python")
_VULNERABILITY = ("id", "aliases", "summary", "fixed_in", "link", "withdrawn")


def _file(file: Mapping[str, Any]) -> dict[str, Any]:
    digests = file.get("digests")
    return {key: _plain(file.get(key)) for key in _FILE} | {
        "sha256": _plain(digests.get("sha256")) if isinstance(digests, dict) else None,
        "upload_timestamp": _upload_time(file),
        "yanked": file.get("yanked") is True,
    }


def _vulnerability(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _plain(entry.get(key)) for key in _VULNERABILITY}


def _plain(value: Any) -> Any:
    """The value, or a list's values, without anything nested: depth is an attack on its readers."""
    if isinstance(value, list):
        return [each for each in value if not isinstance(each, list | dict)]
    return None if isinstance(value, dict) else value


def _requires_python(files: list[dict[str, Any]]) -> str | None:
    found = (file.get("requires_python") for file in files)
    return next((text for text in found if isinstance(text, str) and text), None)
