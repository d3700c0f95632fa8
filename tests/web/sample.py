"""A small ecosystem to show: packages with a past, as crawls and enrichment would have left them.

Everything goes the way of real data: READMEs are rendered, documents built and scored by core,
written by stores. What is drawn by lot is always the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from pyfcrawl.core import health
from pyfcrawl.core.build import build_document
from pyfcrawl.core.names import package_id
from pyfcrawl.core.profiles import Profile
from pyfcrawl.core.readme import digest
from pyfcrawl.stores.history import PackageDays, open_history
from pyfcrawl.stores.index import Document, IndexAddress, IndexWriter, Patch, open_writer
from pyfcrawl.stores.runs import ended
from pyfcrawl.stores.standing import Gap
from pyfcrawl.stores.state import Cursor, Pending, Run, open_state

#: 2026-11-20 12:00 UTC and a day, in Unix seconds.
NOW, DAY = 1_795_176_000, 86_400
TODAY = date(2026, 11, 20)

PROFILE = Profile(
    "plone", ("Framework :: Plone",), title="Plone", npm_keywords=("plone",), npm_scopes=("@plone",)
)
EMPTY_PROFILE = Profile("django", ("Framework :: Django",), title="Django")

_PEOPLE = (
    ("Ada Winter", "ada@people.example"),
    ("Bo Lindqvist", "bo@people.example"),
    ("Carla Núñez", "carla@people.example"),
    ("Dmitri Okafor", "dmitri@people.example"),
    ("Eun-ji Park", "eunji@people.example"),
    ("The Garden Collective", "hello@garden.example"),
)
_LICENSES = ("MIT", "BSD-3-Clause", "GPL-2.0-only", "Apache-2.0", "GPL-2.0-or-later")
_THINGS = (
    *("form", "calendar", "gallery", "search", "newsletter", "workflow", "cache", "sitemap"),
    *("redirect", "consent", "glossary", "chart", "table", "translation", "login", "audit"),
    *("export", "import", "theme", "tiles", "slider", "map", "poll", "comment"),
    *("tagging", "webhook", "mailer", "preview", "versioning", "quota", "archive", "feedback"),
)
_LEADS = (
    "Lets editors manage every {0} without leaving the page they are on.",
    "The {0} for content that changes every day and must not be lost.",
    "Adds one {0} or many to your site, with permissions, translations and an API.",
    "Everything an intranet needs of its {0}, tested on sites with a million objects.",
)

README = """# {name}

{lead}

![The {thing} in use](https://images.example/{name}/screen.png)

## Features

- Works with the current and the previous major version of the framework.
- Every string is translatable; complete translations for **German**, **Spanish** and *Japanese*.
- Accessible: keyboard and screen reader are tested with each release.
- No dependency outside the framework's own stack.

| Option | Default | What it does |
|---|---|---|
| `{thing}_enabled` | `True` | Shows the {thing} on every page |
| `{thing}_limit` | `50` | How many entries are loaded at once |

## Installation

Add the package to your requirements and restart:

```python
from {module} import setup

setup(limit=50, cache="memory")
```

## Documentation

Read the full guide in the [documentation](https://docs.example/{name}), which has a tutorial,
a reference and recipes. Questions are welcome in the forum.

## Changelog

### {version}

- Faster start on large sites.
- Fix an error with names that hold a colon.
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a package shall be like; `age` is days since its last release."""

    name: str
    thing: str
    registry: str = "pypi"
    releases: int = 6
    age: int = 60
    archived: bool | None = False
    stars: int | None = 40
    downloads: int = 1000
    needs: tuple[str, ...] = ()
    number: int = 0


def plans() -> Iterator[Plan]:
    """Sixty packages: some famous, some new, some left alone."""
    random = Random(7)
    yield Plan("plone.api", "library", releases=24, age=38, stars=86, downloads=61_000)
    yield Plan("Products.Garden", "system", releases=60, age=12, stars=980, downloads=92_000)
    yield Plan("@plone/volto", "front end", "npm", 18, 4, stars=480, downloads=23_000)
    yield Plan("@plone/registry", "registry", "npm", 5, 90, stars=480, downloads=9_000)
    for number, thing in enumerate(_THINGS):
        names = (f"collective.{thing}", f"plone.app.{thing}")
        for nth, name in enumerate(names[: 1 + (number % 4 != 0)]):
            old = (number + nth) % 5 == 3
            yield Plan(
                name,
                thing,
                releases=random.randint(1, 14),
                age=random.randint(1200, 3200) if old else random.randint(2, 1000),
                archived=None if number % 7 == 6 else old and number % 2 == 0,
                stars=None if number % 7 == 6 else random.randint(0, 320),
                downloads=int(random.paretovariate(1.1) * 400),
                needs=("plone.api", "Products.Garden")[: 1 + number % 2],
                number=number,
            )


def documents(plan: Plan) -> list[Document]:
    """All releases of a package, oldest first."""
    random = Random(plan.name)
    first = plan.age + plan.releases * random.randint(25, 110)
    ages = sorted((random.randint(plan.age, first) for _ in range(plan.releases - 1)), reverse=True)
    made = [
        _document(plan, _version(nth, plan), NOW - age * DAY, nth == plan.releases - 1, random)
        for nth, age in enumerate([*ages, plan.age])
    ]
    for each in made:
        each["release_count"] = plan.releases
        each["first_upload_timestamp"] = made[0]["upload_timestamp"]
    if plan.name == "plone.api":
        made.append(_document(plan, "4.0.0a1", NOW - 3 * DAY, False, random))
        made[-1] |= {key: made[0][key] for key in ("release_count", "first_upload_timestamp")}
        made[-2 - 3] |= {"yanked": True, "yanked_reason": "Breaks sites with <b>folders</b>"}
    return made


def _version(nth: int, plan: Plan) -> str:
    return f"{1 + nth // 8}.{nth % 8}.{plan.number % 3}"


def _document(plan: Plan, version: str, uploaded: int, latest: bool, random: Random) -> Document:
    listing = {
        "is_latest": latest,
        "yanked": False,
        "upload_timestamp": uploaded,
        "vulnerabilities": [],
        "urls": [
            {
                "filename": f"{plan.name.replace('/', '-')}-{version}.tar.gz",
                "size": random.randint(9_000, 900_000),
                "upload_timestamp": uploaded,
            }
        ],
    }
    text = README.format(
        name=plan.name,
        thing=plan.thing,
        module=plan.name.replace("@", "").replace("/", "_").replace(".", "_").lower(),
        lead=_LEADS[len(plan.name) % len(_LEADS)].format(plan.thing),
        version=version,
    )
    readme = digest(text if plan.number % 9 != 4 else "A short note.", "text/markdown")
    return build_document(
        plan.registry, plan.name, version, _metadata(plan, version), listing, None, readme
    )


def _metadata(plan: Plan, version: str) -> dict[str, Any]:
    person, mail = _PEOPLE[plan.number % len(_PEOPLE)]
    other = _PEOPLE[(plan.number + 2) % len(_PEOPLE)][0]
    major = int(version.split(".")[0])
    frameworks = ("5.2", "6.0", "6.1", "6.2")[max(0, 3 - plan.age // 400 - 1) :][: 1 + major % 3]
    pythons = range(8 + major, min(15, 11 + major * 2))
    npm = plan.registry == "npm"
    dash = plan.name.lower().replace(".", "-").replace("@", "").replace("/", "-")
    return {
        "version": version,
        "summary": _LEADS[len(plan.name) % len(_LEADS)].format(plan.thing),
        "keywords": f"plone, {plan.thing}, content",
        "classifiers": []
        if npm
        else [
            "Development Status :: 5 - Production/Stable",
            "Framework :: Plone",
            *(f"Framework :: Plone :: {each}" for each in frameworks),
            *(f"Programming Language :: Python :: 3.{each}" for each in pythons),
        ],
        "author": person,
        "author_email": mail,
        "maintainer": f"{person}, {other}" if plan.number % 3 == 0 else None,
        "license_expression": _LICENSES[plan.number % len(_LICENSES)],
        "requires_python": None if npm else f">=3.{pythons[0] if pythons else 9}",
        "requires_dist": ["react@^18.2.0", "@plone/registry@^1.0.0"]
        if npm
        else ["setuptools", *(f"{each}>=1.{major}" for each in plan.needs)],
        "home_page": f"https://{dash}.example",
        "project_urls": {
            "Source": f"https://github.com/garden/{dash}",
            "Documentation": f"https://docs.example/{dash}",
            "Issue tracker": f"https://github.com/garden/{dash}/issues",
        },
        "package_url": f"https://{plan.registry}.example/project/{plan.name}/",
        "release_url": f"https://{plan.registry}.example/project/{plan.name}/{version}/",
    }


def facts(plan: Plan) -> Document:
    """What GitHub and the counters say of the package."""
    found: Document = {
        "download_last_day": plan.downloads // 30,
        "download_last_week": plan.downloads // 4,
        "download_last_month": plan.downloads,
        "download_total": plan.downloads * 14,
        "download_total_since": "2026-05-20",
        "download_updated": NOW - DAY // 2,
    }
    if plan.stars is None:
        return found
    dash = plan.name.lower().replace(".", "-").replace("@", "").replace("/", "-")
    return found | {
        "github_stars": plan.stars,
        "github_watchers": plan.stars // 5,
        "github_forks": plan.stars // 4,
        "github_open_issues": plan.stars // 9,
        "github_updated": NOW - max(1, plan.age - 5) * DAY,
        "github_archived": plan.archived,
        "github_license": "MIT",
        "github_url": f"https://github.com/garden/{dash}",
        "github_checked": NOW - DAY,
        "contributors": [
            {
                "username": name.split()[0].lower(),
                "avatar_url": f"https://avatars.example/{name[0]}.png",
                "contributions": 400 // (nth * nth + 1),
            }
            for nth, (name, _) in enumerate(_PEOPLE[:5])
        ],
    }


def fill(writer: IndexWriter, collection: str = "plone") -> None:
    """Write everything to an index."""
    writer.create(collection)
    for plan in plans():
        known = facts(plan)
        made = [each | health.score(each | known, NOW) for each in documents(plan)]
        assert not writer.upsert(collection, made).refused
        identifier = package_id(plan.registry, plan.name)
        assert not writer.patch(collection, [Patch(identifier, known)]).refused


def _days(plan: Plan, days: int = 150) -> PackageDays:
    random = Random(plan.name)
    rows = []
    versions = [each["version"] for each in documents(plan)][-4:]
    for ago in range(days, 0, -1):
        day = TODAY - timedelta(days=ago)
        base = plan.downloads / 30 * (0.55 if day.weekday() > 4 else 1.15)
        count = int(
            base
            * random.uniform(0.8, 1.2)
            * (1.7 if plan.registry == "pypi" and str(day) < "2026-08-24" else 1)
        )
        rows.append((str(day), "", count))
        rows += [
            (str(day), version, count * (nth + 1) // 12) for nth, version in enumerate(versions)
        ]
    return PackageDays(
        package_id(plan.registry, plan.name),
        rows,
        "pypistats" if plan.registry == "pypi" else "npm",
    )


def fill_history(url: str) -> None:
    """Downloads of every package, day by day."""
    with closing(open_history(url)) as history:
        history.write([_days(plan) for plan in plans()])


def fill_state(url: str, writer: IndexWriter, collection: str = "plone") -> None:
    """A cursor that is a little behind, pending names, a gap, runs."""
    info = writer.collection(collection)
    assert info is not None
    scope = f"{PROFILE.fingerprint()}:{info.generation}:all"
    with closing(open_state(url)) as state:
        state.advance(
            f"pypi/{collection}",
            Cursor(28_411_930, scope, "", 891_204, 28_412_007, NOW - 1800),
            {"collective.broken": Pending(28_411_100, "503 from the registry", NOW - 7200, 3)},
        )
        gap = Gap(collection, "updates", NOW - 9000, NOW - 8000, NOW - 7000)
        state.remember("gaps", {gap.key: gap.note})
        for nth, spider in enumerate(("github", "pypistats", "pypi", "pypi")):
            started = NOW - (4 - nth) * 5000
            counts = {"visited": 120 * nth, "written": 31 * nth, "removed": nth, "failed": nth // 2}
            reason = "finished" if nth != 2 else "shutdown"
            run = Run(
                *(spider, collection, started, started + 90 + nth, reason, counts),
                id=f"{spider}-{nth}",
            )
            ended(state, run, {collection: []}, {}, well=reason == "finished" and nth != 1)
        for spider, since, last in (("npm", 600, 5), ("rss", 30_000, 25_000)):
            run = Run(spider, collection, NOW - since, NOW, "", id=f"{spider}-now")
            sign = {"run": asdict(run), "beat": NOW - last, "every": 15}
            state.remember("runs/alive", {run.id: sign})  # for ever, as the sample is of that day


@dataclass(frozen=True, slots=True)
class Stores:
    """Where the sample is."""

    index: IndexAddress
    state_url: str
    history_url: str


def make(directory: Path, index: IndexAddress | None = None) -> Stores:
    """Fill stores in the directory, the index where it is said."""
    address = index or IndexAddress(f"sqlite:///{directory / 'index.db'}")
    stores = Stores(
        address, f"sqlite:///{directory / 'state.db'}", f"sqlite:///{directory / 'history.db'}"
    )
    with closing(open_writer(address)) as writer:
        fill(writer)
        fill_state(stores.state_url, writer)
    fill_history(stores.history_url)
    return stores


def moment(text: str) -> int:
    """Unix seconds of a day."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
