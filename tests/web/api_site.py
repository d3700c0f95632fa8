"""A site over a small index for the tests of what programs ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette

from pyfcrawl.core.downloads import Day
from pyfcrawl.core.names import package_id
from pyfcrawl.core.profiles import Profile
from pyfcrawl.stores.history import PackageDays, open_history
from pyfcrawl.stores.index import IndexAddress, IndexWriter, Patch, open_writer
from pyfcrawl.stores.runs import ended
from pyfcrawl.stores.state import Cursor, Run, open_state
from pyfcrawl.web.app import create_app
from pyfcrawl.web.catalog import Catalog
from pyfcrawl.web.options import SiteOptions
from tests.commands.shell import DAY, NOW, document

#: Method, path and headers if there are any.
Asked = tuple[str, str] | tuple[str, str, Mapping[str, str]]

PROFILES = {
    "plone": Profile("plone", ("Framework :: Plone",), title="Plone"),
    "django": Profile("django", ("Framework :: Django",), title="Django"),
    "flask": Profile("flask", ("Framework :: Flask",), title="Flask"),  # never crawled
}

HOSTILE = '"><script>alert(1)</script>&\x1b[31m \u202e'

FACTS: dict[str, dict[str, Any]] = {
    "pkg:pypi/plone-api": {
        "download_last_day": 1200,
        "download_last_week": 8_400,
        "download_last_month": 36_000,
        "download_total": 3_450_000,
        "download_updated": NOW - DAY,
        "github_stars": 90,
        "github_archived": False,
    },
    "pkg:pypi/collective-easyform": {"github_archived": True, "github_stars": 50},
    "pkg:npm/%40plone/volto": {"download_total": 999, "download_last_month": 99},
}


def documents() -> list[dict[str, Any]]:
    """What is in the profile plone."""
    versions = {
        "framework_versions": ["Plone 6.0", "Plone 6.1"],
        "python_versions": ["Python 3.12"],
    }
    api = {**versions, "summary": "A Plone API", "license_expression": "GPL-2.0-only"}
    made = [
        document("plone.api", "2.0", uploaded=NOW - 10 * DAY, **api),
        document("plone.api", "1.10", latest=False, uploaded=NOW - 400 * DAY, **api),
        document("plone.api", "1.9", latest=False, uploaded=NOW - 500 * DAY, yanked=True, **api),
        document("plone.api", "3.0a1", latest=False, uploaded=NOW - 5 * DAY, **api),
        document(
            "collective.easyform",
            "5.0",
            uploaded=NOW - 900 * DAY,
            requires_dist=["plone.api>=1.9 ; extra == 'x'", "setuptools"],
            framework_versions=["Plone 5.2"],
            license_expression="MIT",
            summary="Forms",
        ),
        document("Products.CMFPlone", "6.1.3", uploaded=NOW - 2 * DAY, requires_dist=["Plone_API"]),
        document("@plone/volto", "18.0.0", registry="npm", uploaded=NOW - DAY),
        document("@plone/releases", "1.0.0", registry="npm", uploaded=NOW - DAY),
        document("hostile", "1.0", summary=HOSTILE, author=HOSTILE, uploaded=NOW - 3 * DAY),
    ]
    for number, each in enumerate(made):
        each["first_upload_timestamp"] = NOW - (1000 - 50 * number) * DAY
    first = {each["package_id"]: each["first_upload_timestamp"] for each in reversed(made)}
    return [{**each, "first_upload_timestamp": first[each["package_id"]]} for each in made]


@dataclass
class ApiSite:
    """The site with its files; `get` asks it as a client would."""

    data: Path
    index: IndexAddress
    options: SiteOptions = field(default_factory=lambda: SiteOptions(now=lambda: float(NOW)))
    client: str = "203.0.113.5"
    prefix: str = ""  # of collections, where others use the server

    def fill(self) -> None:
        """Write index, state and history."""
        with closing(open_writer(self.index)) as writer:
            plone, django = (self.profiles[name].collection for name in ("plone", "django"))
            _write(writer, plone, documents())
            _write(writer, django, [document("django-cms", "4.1", uploaded=NOW - DAY)])
            writer.patch(plone, [Patch(name, facts) for name, facts in FACTS.items()])
        with closing(open_state(self.state_url)) as state:
            state.advance(f"pypi/{self.prefix}plone", Cursor(90, "x", newest=100, updated=NOW))
            plone = f"{self.prefix}plone"
            run = Run("pypi", plone, NOW - 60, NOW, "finished", {"visited": 7}, id="1")
            ended(state, run, {plone: []}, {}, well=True)

    @property
    def profiles(self) -> dict[str, Profile]:
        """The profiles by name."""
        return {
            name: replace(each, collection=self.prefix + name) for name, each in PROFILES.items()
        }

    def drop(self) -> None:
        """Take the collections off a server."""
        with closing(open_writer(self.index)) as writer:
            for each in self.profiles.values():
                writer.drop(each.collection)

    @property
    def state_url(self) -> str:
        return f"sqlite:///{self.data / 'state.db'}"

    @property
    def history_url(self) -> str:
        return f"sqlite:///{self.data / 'history.db'}"

    def count(self, name: str, days: list[Day], registry: str = "pypi") -> None:
        """Keep days of downloads."""
        with closing(open_history(self.history_url)) as history:
            history.write([PackageDays(package_id(registry, name), days, "clickhouse")])

    def app(self) -> Starlette:
        """A new site; its rate limit starts afresh."""
        catalog = Catalog(self.profiles, "plone", self.index, self.state_url, self.history_url, {})
        return create_app(catalog, self.options)

    def get(
        self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """One answer of a new site."""
        return self.get_all([(method, path, headers or {})])[0]

    def get_all(self, asked: Iterable[Asked]) -> list[httpx.Response]:
        """Answers of one site, one after the other."""
        return asyncio.run(self._get_all(asked))

    async def _get_all(self, asked: Iterable[Asked]) -> list[httpx.Response]:
        app = self.app()
        transport = httpx.ASGITransport(app, client=(self.client, 5))
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://site.example") as client,
        ):
            return [await client.request(*each[:2], headers=(*each, {})[2]) for each in asked]


def _write(writer: IndexWriter, collection: str, some: list[dict[str, Any]]) -> None:
    writer.create(collection)
    assert not writer.upsert(collection, some).refused
