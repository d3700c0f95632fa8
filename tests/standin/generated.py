"""Registries for benchmarks: a great many projects that exist by number only.

READMEs have the structure of real ones, with invented text.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Any

from tests.standin.projects import Project, put

_STAND_IN_NAME, _STAND_IN_SERIAL = "zz-stand-in-name", 987654321987

_VOCABULARY = """
add-on behavior block browser cache catalog column comment configure content control custom
dashboard default deploy design document editor element event export feature field filter
folder form gallery group header import index install integrate item language layer layout
link list listing login manage menu message metadata migrate module navigation news notify
object option overview page panel permission photo policy portal portlet preview profile
publish query register relation render report request resource restrict result role rule
schema search section select server service session setting share sidebar site slider source
state storage structure style subscribe subsite support survey tag task template text theme
tile title toolbar translate type update upgrade upload user validate vary version video view
visible vocabulary widget workflow zone a an the of for with from into and or by in on to is
are can will this that which every each all some when where new old simple fast small
"""
_WORDS = _VOCABULARY.split()


def _sentence(random: Random) -> str:
    words = random.choices(_WORDS, k=random.randint(7, 18))
    return " ".join(words).capitalize() + "."


def _paragraph(random: Random, sentences: int = 4) -> str:
    return " ".join(_sentence(random) for _ in range(sentences))


def _heading(text: str, underline: str = "-") -> str:
    return f"{text}\n{underline * len(text)}"


@lru_cache(maxsize=512)
def readme(number: int, name: str, newest: bool = True) -> str:
    """A reStructuredText README of some 400 words; the newest releases add a changelog entry."""
    random = Random(number)
    bullets = "\n".join(f"- **{random.choice(_WORDS)}**: {_sentence(random)}" for _ in range(6))
    module = name.replace("-", "_")
    code = f".. code-block:: python\n\n    from {module} import api\n\n    api.run(size={number})"
    install = "Install it by adding it to your buildout::\n\n    [buildout]\n\n    eggs =\n        "
    changes = [f"1.{nth}.0 (2024-0{nth + 1}-01)" for nth in range(5 if newest else 4)]
    log = "\n\n".join(
        f"{_heading(each, '~')}\n\n- {_sentence(random)}" for each in reversed(changes)
    )
    parts = [
        _heading(name, "="),
        ".. image:: https://img.example/badge.svg\n    :target: https://ci.example/build",
        _paragraph(random),
        _heading("Features"),
        bullets,
        _paragraph(random),
        _heading("Installation"),
        install + name,
        _heading("Usage"),
        _paragraph(random),
        code,
        _paragraph(random),
        f"See the `documentation <https://docs.example/{name}>`_ for *more* of ``{module}``.",
        _heading("Contribute"),
        "1. Issue tracker: https://code.example/issues\n2. Source: https://code.example/source",
        _heading("Changelog"),
        log,
    ]
    return "\n\n".join(parts) + "\n"


#: Descriptions for the projects that match nothing; with the rest they make about 7 kB of JSON.
FILLERS = [readme(-1 - number, "filler")[:1900] for number in range(16)]


@dataclass(frozen=True)
class Generated:
    """A great many projects by number: number i is called `project-000000i`.

    Every (projects // matching)-th carries `classifier`, `releases` releases and a README of its
    own; the rest are fillers of about 7 kB JSON each. Serials run from 1 to `projects`, mixed.
    """

    projects: int
    matching: int
    releases: int = 10
    classifier: str = "Framework :: Plone"

    def number(self, name: str) -> int | None:
        """The number behind a normalised name, None when it is none of these."""
        digits = name.removeprefix("project-")
        if len(digits) == 7 and digits.isdecimal() and int(digits) < self.projects:
            return int(digits)
        return None

    def name(self, number: int) -> str:
        return f"project-{number:07d}"

    def serial(self, number: int) -> int:
        """A permutation of 1..projects, for projects without the factor 1,000,003."""
        return number * 1_000_003 % self.projects + 1

    def is_match(self, number: int) -> bool:
        if not self.matching:
            return False
        step = self.projects // self.matching
        return number % step == 0 and number // step < self.matching

    def project(self, number: int) -> Project:
        """The project of that number, as it was before any change."""
        name, serial = self.name(number), self.serial(number)
        return (
            self._match(number, name, serial)
            if self.is_match(number)
            else _filler(number, name, serial)
        )

    def filler_page(self, number: int) -> bytes:
        """A filler's page out of a template: 20 times as fast as making it."""
        name = self.name(number)
        page = _template(number % len(FILLERS)).replace(_STAND_IN_NAME.encode(), name.encode())
        for_files = _STAND_IN_NAME.replace("-", "_"), name.replace("-", "_")
        page = page.replace(for_files[0].encode(), for_files[1].encode())
        return page.replace(b"%d" % _STAND_IN_SERIAL, b"%d" % self.serial(number))

    def _match(self, number: int, name: str, serial: int) -> Project:
        project = Project(name, serial, _authored(number, [self.classifier]))
        for nth in range(self.releases):
            text = readme(number, name, newest=nth >= self.releases * 4 // 5)
            put(project, f"1.{nth}.0", {"description": text, "summary": f"Add-on number {number}"})
        return project


def _filler(number: int, name: str, serial: int) -> Project:
    project = Project(name, serial, _authored(number, ["Framework :: Django"]))
    project.info["description"] = FILLERS[number % len(FILLERS)]
    for nth in range(2):
        put(project, f"0.{nth + 1}", {})
    return project


def _authored(number: int, classifiers: list[str]) -> dict[str, Any]:
    return {
        "author_email": f"Author {number % 97} <author{number % 97}@mail.example>",
        "classifiers": [
            "Development Status :: 5 - Production/Stable",
            *classifiers,
            "License :: OSI Approved :: MIT License",
            "Programming Language :: Python :: 3.12",
        ],
        "description_content_type": "text/x-rst",
        "keywords": "web, content, management",
        "license_expression": "MIT",
        "project_urls": {"Source": f"https://code.example/{number % 97}/project"},
        "requires_dist": ["requests>=2", "PyYAML", "pytest; extra == 'test'"],
        "requires_python": ">=3.9",
        "summary": "Does what it says",
    }


@lru_cache(maxsize=len(FILLERS))
def _template(kind: int) -> bytes:
    return _filler(kind, _STAND_IN_NAME, _STAND_IN_SERIAL).page()
