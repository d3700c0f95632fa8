"""Documents as a crawl and enrichment leave them, for the benchmarks of the Typesense store."""

from __future__ import annotations

from random import Random
from typing import Any

from search import RELEASES

from pyfcrawl.core.document import FIELDS, Owner, Type, owned_by

#: A README's words, so that a document has some 4 kB.
README_WORDS = {"first_chapter": 25, "main_content": 85, "changelog": 25}
CLASSIFIERS = [
    *(f"Programming Language :: Python :: 3.{minor}" for minor in range(8, 15)),
    *(f"Framework :: Plone :: {version}" for version in ("5.1", "5.2", "6.0", "6.1")),
    *(f"Development Status :: {each}" for each in ("3 - Alpha", "4 - Beta", "5 - Mature")),
    *(f"Topic :: Internet :: WWW/HTTP :: {each}" for each in ("Browsers", "Site Management")),
    "Intended Audience :: Developers",
    "Operating System :: OS Independent",
]


def full(document: dict[str, Any], random: Random) -> dict[str, Any]:
    """A document with the fields that the benchmark of searches has no use for."""
    name, version = document["name"], document["version"]
    digest = f"{random.getrandbits(256):064x}"
    files = [
        {
            "filename": f"{name}-{version}{suffix}",
            "size": random.randint(10_000, 900_000),
            "packagetype": kind,
            "sha256": digest,
            "url": f"https://files.example/{digest[:2]}/{name}-{version}{suffix}",
            "upload_timestamp": document["upload_timestamp"],
        }
        for suffix, kind in (("-py3-none-any.whl", "bdist_wheel"), (".tar.gz", "sdist"))
    ]
    parts = {name: _first_words(document[name], count) for name, count in README_WORDS.items()}
    wanted = document["main_content"].split()[-8:]
    links = {"Source": f"https://git.example/{name}", "Changes": f"https://docs.example/{name}"}
    return {
        **document,
        **parts,
        "description": "".join(f"<p>{part}</p>" for part in parts.values()),
        "classifiers": ["Framework :: Plone", *random.sample(CLASSIFIERS, 9)],
        "urls": files,
        "project_urls": links,
        "repository_url": links["Source"],
        "home_page": f"https://{name}.example",
        "project_url": f"https://pypi.example/project/{name}/",
        "release_url": f"https://pypi.example/project/{name}/{version}/",
        "requires_dist": [f"{word}>={random.randint(1, 9)}.0" for word in wanted],
        "requires_python": ">=3.10",
        "python_versions": ["Python 3.11", "Python 3.12", "Python 3.13"],
        "author_email": f"{document['author'].split()[0].lower()}@mail.example",
        "version_major": 1,
        "version_minor": int(version.split(".")[1]),
        "version_bugfix": 0,
        "version_is_valid": True,
        "version_is_prerelease": False,
        "health_score_breakdown": {"points": {"docs": 20, "age": 15}, "problems": ["no_tests"]},
        "health_score_last_calculated": 1_700_000_000,
        "release_count": RELEASES,
        "first_upload_timestamp": 1_600_000_000,
        "metadata_complete": True,
    }


def _first_words(text: str, count: int) -> str:
    return " ".join(text.split()[:count])


def facts(random: Random) -> dict[str, Any]:
    """What enrichment knows of a package."""
    numbers = {
        name: random.randint(0, 100_000)
        for name in owned_by(Owner.GITHUB, Owner.DOWNLOADS)
        if FIELDS[name].type is Type.INT
    }
    people = [{"login": f"person{n}", "contributions": random.randint(1, 999)} for n in range(5)]
    return numbers | {"contributors": people, "github_archived": False}
