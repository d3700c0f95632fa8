"""Projects and releases, and the JSON pages PyPI shows of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from packaging.version import InvalidVersion, Version

_FIRST_UPLOAD = datetime(2023, 1, 1, 12, tzinfo=UTC)

_UNKNOWN = """
author author_email bugtrack_url description_content_type docs_url download_url dynamic home_page
keywords license license_expression license_files maintainer maintainer_email platform project_urls
provides_extra requires_dist requires_python summary yanked_reason
"""

_INFO: dict[str, Any] = {
    **dict.fromkeys(_UNKNOWN.split()),
    "description": "",
    "downloads": {"last_day": -1, "last_month": -1, "last_week": -1},
    "yanked": False,
}


@dataclass
class Release:
    """One release; `info` holds what differs from the project's own metadata."""

    version: str
    info: dict[str, Any] = field(default_factory=dict)
    uploaded: str = ""
    files: int = 2
    yanked: bool = False
    yanked_reason: str | None = None


@dataclass
class Project:
    """One project; `past` holds its earlier pages (JSON text), newest last."""

    name: str
    serial: int
    info: dict[str, Any]
    releases: dict[str, Release] = field(default_factory=dict)
    listed: bool = True
    past: list[str] = field(default_factory=list)

    def latest(self) -> Release:
        """PyPI's choice: not yanked first, then stable, then by version."""
        return max(self.releases.values(), key=_rank)

    def classifiers(self) -> list[str]:
        """Classifiers of the latest release."""
        return list(self.release_info(self.latest())["classifiers"])

    def release_info(self, release: Release) -> dict[str, Any]:
        """The `info` object of one release, with every key that PyPI gives."""
        page = f"https://pypi.example/project/{self.name}/"
        return {
            **_INFO,
            "classifiers": [],
            **self.info,
            **release.info,
            "name": self.name,
            "version": release.version,
            "yanked": release.yanked,
            "yanked_reason": release.yanked_reason,
            "package_url": page,
            "project_url": page,
            "release_url": f"{page}{release.version}/",
        }

    def page(self, version: str | None = None) -> bytes:
        """Body of `/pypi/NAME/json`, or with `version` of `/pypi/NAME/VERSION/json`."""
        release = self.releases[version] if version else self.latest()
        page = {
            "info": self.release_info(release),
            "last_serial": self.serial,
            "ownership": {"organization": None, "roles": [{"role": "Owner", "user": "someone"}]},
            "urls": self._files(release),
            "vulnerabilities": [],
        }
        if version is None:
            page["releases"] = {each: self._files(r) for each, r in self.releases.items()}
        return json.dumps(page, separators=(",", ":"), sort_keys=True).encode()

    def _files(self, release: Release) -> list[dict[str, Any]]:
        return [self._file(release, number) for number in range(release.files)]

    def _file(self, release: Release, number: int) -> dict[str, Any]:
        kind = "bdist_wheel" if number else "sdist"
        ending = f"-py3-none-{'any' if number == 1 else number}.whl" if number else ".tar.gz"
        filename = f"{self.name.lower().replace('-', '_')}-{release.version}{ending}"
        digest = sha256(filename.encode()).hexdigest()
        return {
            "comment_text": None,
            "digests": {"blake2b_256": digest[::-1], "md5": digest[:32], "sha256": digest},
            "downloads": -1,
            "filename": filename,
            "has_sig": False,
            "md5_digest": digest[:32],
            "packagetype": kind,
            "python_version": "py3" if number else "source",
            "requires_python": self.release_info(release)["requires_python"],
            "size": 10_000 + int(digest[:4], 16),
            "upload_time": release.uploaded[:19],
            "upload_time_iso_8601": release.uploaded,
            "url": f"https://files.example/packages/{digest[:2]}/{digest[2:60]}/{filename}",
            "yanked": release.yanked,
            "yanked_reason": release.yanked_reason,
        }


def _rank(release: Release) -> tuple[bool, bool, Version]:
    try:
        version = Version(release.version)
    except InvalidVersion:
        return not release.yanked, False, Version("0.dev0")
    return not release.yanked, not version.is_prerelease, version


def matches(classifiers: Iterable[str], prefix: str) -> bool:
    """Whether a classifier is `prefix` or lies below it, by whole segments; "" takes all."""
    return not prefix or any(f"{each} :: ".startswith(f"{prefix} :: ") for each in classifiers)


def put(project: Project, version: str, info: Mapping[str, Any]) -> None:
    """Give the project a release; `info` as in `Registry.release`."""
    own = {"uploaded", "files", "yanked", "yanked_reason"}
    release = Release(version, {key: info[key] for key in info.keys() - own})
    for key in own & info.keys():
        setattr(release, key, info[key])
    uploaded = _FIRST_UPLOAD + timedelta(days=30 * len(project.releases))
    release.uploaded = release.uploaded or uploaded.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    project.releases[version] = release
