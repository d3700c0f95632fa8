"""A version's entry in a packument, made into metadata as core.build takes it.

Entries are package.json files of fifteen years: nearly every key may be a text, an object or a
list. Whatever can't be understood is taken as not given; nothing here raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from packageurl.contrib.purl2url import get_repo_url

from pyfcrawl.core.names import package_id, release_id
from pyfcrawl.core.people import clean_keywords, clean_text
from pyfcrawl.sources.npm_links import project_links

_MOST = 2_000  # people or dependencies of one version that are read
_LONGEST = 2_048
# `Name <mail> (page)`, each part optional, as npm itself reads people.
_PERSON = re.compile(r"\s*(?P<name>[^<(]*)(?:<(?P<mail>[^<>]*)>)?[^(]*(?:\([^()]*\))?\s*")


def metadata_of(name: str, version: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of one version; its README comes on top (`description`)."""
    package_page = _page(package_id("npm", name))
    return {
        "version": clean_text(entry.get("version")) or version,
        "summary": clean_text(entry.get("description")),
        "keywords": keywords_of(entry),
        "requires_dist": _dependencies(entry.get("dependencies")),
        "platform": ["node"],
        "license": _license(entry),
        **_people(entry),
        **project_links(entry),
        "project_url": package_page,
        "package_url": package_page,
        "release_url": _page(release_id("npm", name, version)),
    }


def keywords_of(entry: Mapping[str, Any]) -> list[str]:
    """Keywords as one clean list, from a list or a text."""
    return clean_keywords(entry.get("keywords"))


def _page(purl: str) -> str | None:
    """The registry's page on a package or release, as the library of package URLs knows it."""
    try:
        url: str | None = get_repo_url(purl)  # type: ignore[no-untyped-call]
    except Exception:  # names that are no package URL; the library's errors are of many kinds
        return None
    return url


def _dependencies(value: Any) -> list[str]:
    """`name@range` each; npm writes no range for any version."""
    given = list(value.items())[:_MOST] if isinstance(value, Mapping) else []
    return [
        f"{name}@{clean_text(wanted) or '*'}"
        for each, wanted in given
        if (name := clean_text(each)) and isinstance(wanted, str)
    ]


def _license(entry: Mapping[str, Any]) -> str | None:
    """As text: the name, the object's type, or the names of a list with OR between them."""
    found = _licenses(entry.get("license")) or _licenses(entry.get("licenses"))
    return " OR ".join(dict.fromkeys(found)) or None


def _licenses(value: Any) -> list[str]:
    values = value[:_MOST] if isinstance(value, list) else [value]
    names = (
        each.get("type") or each.get("name") or each.get("url")
        if isinstance(each, Mapping)
        else each
        for each in values
    )
    return [text for name in names if isinstance(name, str) and (text := clean_text(name))]


def _people(entry: Mapping[str, Any]) -> dict[str, str | None]:
    """Author (contributors where none is named) and maintainers."""
    authors = _named(entry.get("author")) or _named(entry.get("contributors"))
    return {**_joined("author", authors), **_joined("maintainer", _named(entry.get("maintainers")))}


def _joined(role: str, people: Iterable[tuple[str, str]]) -> dict[str, str | None]:
    pairs = list(people)
    names = dict.fromkeys(name for name, _ in pairs if name)
    mails = dict.fromkeys(mail for _, mail in pairs if mail)
    return {role: ", ".join(names) or None, f"{role}_email": ", ".join(mails) or None}


def _named(value: Any) -> list[tuple[str, str]]:
    """(name, address) of people given as text, object, or a list of these."""
    values = value[:_MOST] if isinstance(value, list) else [value]
    return [person for each in values if any(person := _person(each))]


def _person(value: Any) -> tuple[str, str]:
    if isinstance(value, Mapping):
        name, mail = _person(value.get("name"))
        declared = value.get("email", value.get("mail"))
        return name, _address(declared) or mail
    if not isinstance(value, str) or len(value) > _LONGEST:
        return "", ""
    found = _PERSON.match(value)
    name, mail = (found["name"] or "", _address(found["mail"])) if found else ("", "")
    name = clean_text(name.strip(" \t\r\n\"',;")) or ""
    return ("", name) if "@" in name and " " not in name and not mail else (name, mail)


def _address(value: Any) -> str:
    text = clean_text(value) if isinstance(value, str) and len(value) <= _LONGEST else None
    return text if text and "@" in text and not re.search(r"[\s<>,;]", text) else ""
