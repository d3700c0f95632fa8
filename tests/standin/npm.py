"""What the stand-in for npm holds: packages, their files, how often they are downloaded.

One object serves four mounts, as they are four views of the same packages: the registry (search
and packuments), its download counts, and jsDelivr's files and lists of files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.standin.faults import Answer


class NpmRegistry:
    """Packages by name; every change moves a package's `time.modified` on.

    Options (`configure`): scores (search results carry real scores; else npm's constants), deep
    (from this result on search pages repeat the first), extra (names that turn up in every search),
    validators (False: no ETag), files (False: jsDelivr knows nothing), tells_keywords (False:
    search results are without).
    """

    def __init__(self) -> None:
        self.mount = "npm"
        self.scores = False
        self.deep: int | None = None
        self.extra: list[str] = []
        self.validators = self.files = self.tells_keywords = True
        self._packages: dict[str, dict[str, Any]] = {}
        self._hidden: set[str] = set()
        self._files: dict[str, dict[str, str]] = {}
        self._downloads: dict[str, list[int]] = {}
        self._clock = 0

    # --- operations -----------------------------------------------------------------------------

    def configure(self, **options: Any) -> None:
        """Set options."""
        for name, value in options.items():
            setattr(self, name, value)

    def add(
        self,
        name: str,
        versions: Iterable[str] = ("1.0.0",),
        keywords: Any = ("plone",),
        readme: str | None = "# {name} {version}",
        **entry: Any,
    ) -> None:
        """A new package; `entry` holds further keys of package.json, the same in all versions."""
        self._packages[name] = {"name": name, "dist-tags": {}, "versions": {}, "time": {}}
        for version in versions:
            self.publish(name, version, keywords=keywords, readme=readme, **entry)

    def add_many(self, prefix: str, count: int, **package: Any) -> None:
        """`count` packages like each other: PREFIX0, PREFIX1 ..."""
        for number in range(count):
            self.add(f"{prefix}{number}", **package)

    def publish(
        self, name: str, version: str, readme: str | None = "# {name} {version}", **entry: Any
    ) -> None:
        """A new version, which becomes latest unless it is a pre-release of an older package."""
        package = self._packages[name]
        bare = name.rpartition("/")[2]
        tarball = f"https://npm.example/{name}/-/{bare}-{version}.tgz"
        dist = {"tarball": tarball, "shasum": "0" * 40, "integrity": "sha512-x", "fileCount": 3}
        package["versions"][version] = {
            "name": name,
            "version": version,
            "dist": dist | {"unpackedSize": 1000},
            **entry,
        }
        package["time"][version] = self._now()
        if "-" not in version or not package["dist-tags"]:
            package["dist-tags"]["latest"] = version
        if readme is not None:
            text = readme.replace("{name}", name).replace("{version}", version)
            self._files.setdefault(f"{name}@{version}", {})["README.md"] = text
        self._touch(name)

    def edit(self, name: str, version: str, **entry: Any) -> None:
        """Other keys in a version's package.json (None: without that key)."""
        found = self._packages[name]["versions"][version]
        found.update(entry)
        for key in [key for key, value in found.items() if value is None]:
            del found[key]
        self._touch(name)

    def deprecate(self, name: str, version: str, reason: Any) -> None:
        """Deprecate a version."""
        self.edit(name, version, deprecated=reason)

    def tag(self, name: str, version: str) -> None:
        """Make a version latest."""
        self._packages[name]["dist-tags"]["latest"] = version
        self._touch(name)

    def write(self, name: str, version: str, files: Mapping[str, str]) -> None:
        """The files of a version, as jsDelivr has them."""
        self._files[f"{name}@{version}"] = dict(files)

    def set(self, name: str, **keys: Any) -> None:
        """Keys of the packument itself; `time.modified` stays, so that only its ETag changes."""
        self._packages[name].update(keys)

    def unpublish(self, name: str, version: str | None = None) -> None:
        """Take back a version, or the whole package as npm does: its packument stays, hollow."""
        package = self._packages[name]
        if version is None:
            when = self._now()
            package["time"] = {"modified": when, "unpublished": {"time": when}}
            del package["versions"], package["dist-tags"]
            return
        del package["versions"][version]
        if package["dist-tags"].get("latest") == version:
            package["dist-tags"]["latest"] = list(package["versions"])[-1]
        self._touch(name)

    def delete(self, name: str) -> None:
        """Remove a package: 404."""
        del self._packages[name]

    def hide(self, name: str, hidden: bool = True) -> None:
        """Leave it out of search results."""
        (self._hidden.add if hidden else self._hidden.discard)(name)

    def downloaded(self, name: str, day: int, week: int, month: int) -> None:
        """How often; a package nobody said this of has no numbers."""
        self._downloads[name] = [day, week, month]

    def truth(self, keywords: Iterable[str], scopes: Iterable[str]) -> list[list[str]]:
        """[name, version] of every version of the packages that belong."""
        return [
            [name, version]
            for name, package in self._packages.items()
            if self._belongs(package, set(keywords), set(scopes))
            for version in package["versions"]
        ]

    def packument(self, name: str) -> Any:
        """The packument as served."""
        return self._packages[name]

    # --- answers --------------------------------------------------------------------------------

    def answer(self, method: str, path: str, head: bytes, body: bytes) -> Answer:
        """What the mount asked answers to a GET."""
        parts = urlsplit(path)
        if self.mount == "npm-downloads":
            return self._point(*unquote(parts.path).split("/", 4)[3:])
        if self.mount == "jsdelivr":
            return self._file(unquote(parts.path.removeprefix("/npm/")))
        if self.mount == "jsdelivr-data":
            return self._list(unquote(parts.path.removeprefix("/v1/packages/npm/")))
        if parts.path == "/-/v1/search":
            asked = parse_qs(parts.query)
            return self._search(asked["text"][0], int(asked["size"][0]), int(asked["from"][0]))
        if parts.path.count("/") > 1:  # npm wants the slash of a scope encoded
            return _missing()
        package = self._packages.get(unquote(parts.path[1:]))
        return self._json(package) if package else _missing()

    def _json(self, value: Any) -> Answer:
        body = json.dumps(value).encode()
        etag = f'W/"{blake2b(body, digest_size=12).hexdigest()}"' if self.validators else ""
        return Answer(200, body, etag=etag)

    def _search(self, text: str, size: int, start: int) -> Answer:
        kind, _, word = text.partition(":")
        word = word.strip('"')
        names = [name for name in self._packages if self._is_hit(name, kind, word)]
        names += [name for name in self.extra if name not in names]
        begin = 0 if self.deep is not None and start >= self.deep else start
        objects = [self._hit(name) for name in names[begin : begin + min(size, 250)]]
        return Answer(200, json.dumps({"objects": objects, "total": len(names)}).encode())

    def _is_hit(self, name: str, kind: str, word: str) -> bool:
        package = self._packages[name]
        if name in self._hidden or not package.get("versions"):
            return False
        if kind == "scope":
            return name.startswith(f"@{word}/")
        return self._belongs(package, {word}, set())

    def _belongs(self, package: Mapping[str, Any], keywords: set[str], scopes: set[str]) -> bool:
        if not package.get("versions"):
            return False
        declared = package["versions"][package["dist-tags"]["latest"]].get("keywords") or ()
        words = declared.replace(",", " ").split() if isinstance(declared, str) else declared
        return bool(keywords & set(words)) or package["name"].partition("/")[0] in scopes

    def _hit(self, name: str) -> dict[str, Any]:
        package = self._packages[name]
        latest = package["versions"][package["dist-tags"]["latest"]]
        told = ("name", "version", "keywords") if self.tells_keywords else ("name", "version")
        known = {key: latest[key] for key in told if key in latest}
        return {"package": known, "score": self._score(name), "searchScore": 100.0}

    def _score(self, name: str) -> dict[str, Any]:
        if not self.scores:
            return {"final": 312.4, "detail": {"quality": 1, "popularity": 1, "maintenance": 1}}
        share = len(name) / 100
        detail = {"quality": 0.9, "popularity": share, "maintenance": 0.3}
        return {"final": (1.2 + share) / 3, "detail": detail}

    def _point(self, period: str, names: str) -> Answer:
        at = {"last-day": 0, "last-week": 1, "last-month": 2}[period]
        asked = names.split(",")
        if len(asked) > 1 and any(name.startswith("@") for name in asked):
            return Answer(400, b'{"error":"scoped packages are not supported in bulk"}')
        if len(asked) > 128:
            return Answer(400, b'{"error":"too many packages"}')
        points = {
            name: {"downloads": self._downloads[name][at], "package": name}
            if name in self._downloads
            else None
            for name in asked
        }
        if len(asked) > 1:
            return Answer(200, json.dumps(points).encode())
        point = points[asked[0]]
        return Answer(200, json.dumps(point).encode()) if point else _missing()

    def _file(self, path: str) -> Answer:
        release, file = _split(path)
        text = self._files.get(release, {}).get(file) if self.files else None
        return Answer(200, text.encode(), "text/plain") if text is not None else _missing()

    def _list(self, release: str) -> Answer:
        files = self._files.get(release)
        if files is None or not self.files:
            return _missing()
        listed = [{"name": f"/{name}", "size": len(text)} for name, text in files.items()]
        return Answer(200, json.dumps({"type": "npm", "files": listed}).encode())

    def _touch(self, name: str) -> None:
        self._packages[name]["time"]["modified"] = self._now()

    def _now(self) -> str:
        self._clock += 1
        minutes, seconds = divmod(self._clock, 60)
        hours, minutes = divmod(minutes, 60)
        return f"2024-01-{1 + hours // 24:02}T{hours % 24:02}:{minutes:02}:{seconds:02}.000Z"


def _split(path: str) -> tuple[str, str]:
    """`name@version` and file of `@scope/name@version/file`."""
    parts = path.split("/")
    length = 2 if path.startswith("@") else 1
    return "/".join(parts[:length]), "/".join(parts[length:])


def _missing() -> Answer:
    return Answer(404, b'{"error":"Not found"}')
