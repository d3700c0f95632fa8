"""What the stand-in for PyPI holds, and how it changes.

A `Registry` is plain data with PyPI's rules: every change gives its project a new, higher serial,
and a project page shows the metadata of the latest release.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from email.utils import formatdate
from typing import Any
from xml.sax.saxutils import escape

from packaging.utils import canonicalize_name

from tests.standin.generated import Generated
from tests.standin.projects import Project, Release, matches, put

_KEPT_STATES = 5

#: Feed -> how many entries PyPI's window has; more are kept, as deleted projects leave the feeds.
WINDOWS = {"updates": 100, "packages": 40}
_KEPT_ENTRIES = 1000
#: When serial 0 was; each serial takes a second.
_FIRST_SERIAL = 1_770_000_000


class Registry:
    """Projects by normalised name; every change raises `serial` and returns the new one.

    In `versions` and `release`, the keys uploaded (ISO time), files (number of them), yanked and
    yanked_reason describe the release; any other keyword is a key of PyPI's `info`.
    """

    def __init__(self, generated: Generated | None = None) -> None:
        self.generated = generated
        self.serial = generated.projects if generated else 0
        self._changed: dict[str, Project | None] = {}  # None: deleted
        self._news: list[tuple[str, str | None, int]] = []  # name, version (None: new), serial
        self._frozen: dict[str, bytes] = {}  # feeds as a cache has them

    def add(
        self,
        name: str,
        classifiers: Iterable[str] = ("Framework :: Plone",),
        versions: int | Iterable[str] | Mapping[str, Mapping[str, Any]] = 1,
        **info: Any,
    ) -> int:
        """A new project; `versions` is a number, version strings, or version -> release info."""
        if isinstance(versions, int):
            versions = [f"1.{nth}" for nth in range(versions)]
        if not isinstance(versions, Mapping):
            versions = {version: {} for version in versions}
        project = Project(name, 0, {**info, "classifiers": list(classifiers)})
        for version, own in versions.items():
            put(project, version, own)
        self._changed[canonicalize_name(name)] = project
        serial = self._next(project)
        self._announce(name, None, *project.releases)
        return serial

    def release(self, name: str, version: str, **info: Any) -> int:
        """A new release (or other metadata for one that exists)."""
        project = self._own(name)
        known = version in project.releases
        put(project, version, info)
        serial = self._next(project)
        if not known:
            self._announce(project.name, version)
        return serial

    def touch(self, name: str) -> int:
        """A new serial and nothing else, as after a change of roles."""
        return self._next(self._own(name))

    def touch_many(self, names: Iterable[str]) -> int:
        """`touch` each; returns the last serial."""
        return max(self.touch(name) for name in names)

    def release_many(self, names: Iterable[str], version: str) -> int:
        """The same new version for each; returns the last serial."""
        return max(self.release(name, version) for name in names)

    def edit(self, name: str, **info: Any) -> int:
        """Other metadata for the project and all its releases."""
        project = self._own(name)
        project.info.update(info)
        for release in project.releases.values():
            release.info = {key: release.info[key] for key in release.info.keys() - info.keys()}
        return self._next(project)

    def declassify(self, name: str) -> int:
        """Take all classifiers away."""
        return self.edit(name, classifiers=[])

    def yank(self, name: str, version: str, reason: str | None = None) -> int:
        return self._yank(name, version, True, reason)

    def unyank(self, name: str, version: str) -> int:
        return self._yank(name, version, False, None)

    def quarantine(self, name: str, quarantined: bool = True) -> int:
        """Leave it out of the listing while its JSON still answers."""
        project = self._own(name)
        project.listed = not quarantined
        return self._next(project)

    def delete(self, name: str) -> int:
        """Remove a project: not listed, its JSON 404."""
        self._own(name)
        self._changed[canonicalize_name(name)] = None
        self.serial += 1
        return self.serial

    def delete_release(self, name: str, version: str) -> int:
        """Remove a release; with its last one a project stays listed but its JSON is 404."""
        project = self._own(name)
        del project.releases[version]
        return self._next(project)

    def truth(self, prefix: str = "Framework :: Plone") -> set[tuple[str, str]]:
        """(display name, version) of every release of the listed projects that match."""
        return {
            (project.name, version)
            for project in self._projects(prefix)
            if project.listed and project.releases and matches(project.classifiers(), prefix)
            for version in project.releases
        }

    def names(self, prefix: str = "") -> list[str]:
        """Display names of the listed projects with releases (that match `prefix`)."""
        return sorted({name for name, _ in self.truth(prefix)})

    def project(self, name: str) -> Project | None:
        """The project of that normalised name, None when there is none."""
        if name in self._changed:
            return self._changed[name]
        number = self.generated.number(name) if self.generated else None
        return None if number is None or not self.generated else self.generated.project(number)

    def page(self, name: str) -> bytes | None:
        """Body of `/pypi/NAME/json` for a normalised name, None for 404."""
        generated = self.generated
        number = generated.number(name) if generated and name not in self._changed else None
        if generated and number is not None and not generated.is_match(number):
            return generated.filler_page(number)
        project = self.project(name)
        return project.page() if project and project.releases else None

    def release_page(self, name: str, version: str) -> bytes | None:
        """Body of `/pypi/NAME/VERSION/json` for a normalised name, None for 404."""
        project = self.project(name)
        return project.page(version) if project and version in project.releases else None

    def listed(self) -> Iterator[tuple[str, int]]:
        """(display name, serial) of every listed project."""
        for project in self._changed.values():
            if project and project.listed:
                yield project.name, project.serial
        generated = self.generated
        for number in range(generated.projects if generated else 0):
            name = generated.name(number)  # type: ignore[union-attr]
            if name not in self._changed:
                yield name, generated.serial(number)  # type: ignore[union-attr]

    def feed(self, kind: str) -> bytes:
        """Body of `/rss/updates.xml` or `/rss/packages.xml`: the newest of what still is there."""
        if kind in self._frozen:
            return self._frozen[kind]
        news = [each for each in reversed(self._news) if self._is_news(kind, *each[:2])]
        items = "".join(_item(*each) for each in news[: WINDOWS[kind]])
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0">\n  <channel>\n'
            f"    <title>{kind}</title>\n    <link>https://pypi.example/</link>\n"
            f"    <description>Newest {kind}</description>\n{items}  </channel>\n</rss>\n"
        ).encode()

    def freeze_feeds(self) -> None:
        """Serve the feeds as they are now, whatever changes."""
        self._frozen = {kind: self.feed(kind) for kind in WINDOWS}

    def _is_news(self, kind: str, name: str, version: str | None) -> bool:
        project = self._changed.get(canonicalize_name(name))
        if project is None or (version is None) is not (kind == "packages"):
            return False
        return version is None or version in project.releases

    def _announce(self, name: str, *versions: str | None) -> None:
        self._news += [(name, version, self.serial) for version in versions]
        del self._news[:-_KEPT_ENTRIES]

    def state(self) -> dict[str, Any]:
        """Everything as JSON values; `Registry.load` makes the same registry of it."""
        return {
            "generated": self.generated and asdict(self.generated),
            "serial": self.serial,
            "changed": {name: each and asdict(each) for name, each in self._changed.items()},
            "news": self._news,
        }

    @classmethod
    def load(cls, state: Mapping[str, Any]) -> Registry:
        """The registry that `state` was taken of."""
        registry = cls(Generated(**state["generated"]) if state["generated"] else None)
        registry.serial = state["serial"]
        registry._news = [tuple(each) for each in state["news"]]
        for name, fields in state["changed"].items():
            project = fields and Project(**fields)
            if project:
                project.releases = {v: Release(**r) for v, r in fields["releases"].items()}
            registry._changed[name] = project
        return registry

    def _own(self, name: str) -> Project:
        """The project itself, about to change: its page so far is kept in `past`."""
        project = self.project(canonicalize_name(name))
        if project is None:
            raise KeyError(f"no project {name!r} in the registry")
        self._changed[canonicalize_name(name)] = project
        if project.releases:
            project.past = [*project.past, project.page().decode()][-_KEPT_STATES:]
        return project

    def _next(self, project: Project) -> int:
        self.serial += 1
        project.serial = self.serial
        return self.serial

    def _yank(self, name: str, version: str, yanked: bool, reason: str | None) -> int:
        project = self._own(name)
        release = project.releases[version]
        release.yanked, release.yanked_reason = yanked, reason
        return self._next(project)

    def _projects(self, prefix: str) -> Iterator[Project]:
        """All projects; of the generated ones only those that can match `prefix`."""
        yield from filter(None, self._changed.values())
        generated = self.generated
        if generated is None:
            return
        for number in range(generated.projects):
            may = generated.is_match(number) if matches([generated.classifier], prefix) else True
            if may and generated.name(number) not in self._changed:
                yield generated.project(number)


def _item(name: str, version: str | None, serial: int) -> str:
    """One entry of a feed, as PyPI writes it: the display name in the title only."""
    page = f"https://pypi.example/project/{canonicalize_name(name)}/"
    link = f"{page}{version}/" if version else page
    title = f"{name} {version}" if version else f"{name} added to PyPI"
    return (
        f"    <item>\n      <title>{escape(title)}</title>\n      <link>{escape(link)}</link>\n"
        f"      <guid>{escape(link)}</guid>\n      <description>This &amp; that</description>\n"
        f"      <pubDate>{formatdate(_FIRST_SERIAL + serial, usegmt=True)}</pubDate>\n    </item>\n"
    )
