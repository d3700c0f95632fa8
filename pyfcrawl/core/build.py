"""A release's metadata made into a document: every field owned by the release or the listing.

Health is scored by `core.health` on what this returns; enrichment fields are never set here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pyfcrawl.core import links, repos
from pyfcrawl.core.classifiers import framework_versions, python_versions
from pyfcrawl.core.licenses import license_expression
from pyfcrawl.core.names import normalized, package_id, release_id
from pyfcrawl.core.people import clean_keywords, clean_text, person_fields
from pyfcrawl.core.readme import Readme
from pyfcrawl.core.versions import version_fields

Document = dict[str, Any]


def build_document(
    registry: str,
    name: str,
    version: str,
    metadata: Mapping[str, Any],
    listing: Mapping[str, Any],
    requires_python: str | None,
    readme: Readme,
    screenshot_url: str = "",
) -> Document:
    """The document of one release.

    `metadata` is the registry's (PyPI: `info`), empty when it gave none; `listing` the fields
    owned by the listing; `requires_python` what the files say where the metadata doesn't.
    """
    return {
        **_identity(registry, name, version),
        **version_fields(version, registry),
        **_what(metadata, requires_python),
        **_who(metadata),
        **_where(metadata),
        **_text(metadata, readme, screenshot_url),
        **listing,
        "metadata_complete": bool(metadata),
    }


def _identity(registry: str, name: str, version: str) -> Document:
    scope, slash, _ = name.rpartition("/")
    return {
        "identifier": release_id(registry, name, version),
        "package_id": package_id(registry, name),
        "registry": registry,
        "name": name,
        "name_sortable": normalized(name, registry),
        "npm_scope": scope.lower() if registry == "npm" and slash else None,
        "version": version,
    }


def _what(metadata: Mapping[str, Any], requires_python: str | None) -> Document:
    classifiers = _texts(metadata.get("classifiers"))
    declared = clean_text(metadata.get("license"))
    expression = clean_text(metadata.get("license_expression"))
    return {
        "version_raw": clean_text(metadata.get("version")),
        "summary": clean_text(metadata.get("summary")),
        "keywords": clean_keywords(metadata.get("keywords")),
        "classifiers": classifiers,
        "framework_versions": framework_versions(classifiers),
        "python_versions": python_versions(classifiers),
        "requires_python": clean_text(metadata.get("requires_python")) or requires_python,
        "requires_dist": _texts(metadata.get("requires_dist")),
        "platform": _texts(metadata.get("platform")),
        "license": declared or expression,
        "license_expression": license_expression(expression, declared, classifiers) or None,
    }


def _who(metadata: Mapping[str, Any]) -> Document:
    fields: Document = {}
    for role in ("author", "maintainer"):
        name = clean_text(metadata.get(role))
        mail = clean_text(metadata.get(f"{role}_email"))
        fields[role], fields[f"{role}_email"] = person_fields(name, mail)
    return fields


def _where(metadata: Mapping[str, Any]) -> Document:
    labelled = metadata.get("project_urls")
    urls = labelled if isinstance(labelled, dict) else {}
    return {
        "home_page": links.homepage_of(metadata),
        "docs_url": links.web_address(metadata.get("docs_url")),
        "bugtrack_url": links.tracker_of(metadata),
        "repository_url": links.repository_of(metadata) or repos.url_in(metadata),
        "download_url": links.web_address(metadata.get("download_url")),
        "project_url": links.web_address(metadata.get("project_url")),
        "package_url": links.web_address(metadata.get("package_url")),
        "release_url": links.web_address(metadata.get("release_url")),
        "project_urls": {
            label: url for label, value in urls.items() if (url := links.web_address(value))
        },
    }


def _text(metadata: Mapping[str, Any], readme: Readme, screenshot_url: str) -> Document:
    summary = clean_text(metadata.get("summary"))
    chapter = "\n".join(part for part in (summary, readme.first_chapter) if part)
    return {
        "description": readme.html or None,
        "title": readme.title or None,
        "first_chapter": chapter or None,
        "main_content": readme.main_content or None,
        "changelog": readme.changelog or None,
        "screenshot_url": screenshot_url or None,
    }


def _texts(value: Any) -> list[str]:
    """A list of texts from a list, or from one text; whatever else is in it is left out."""
    values: Iterable[Any] = value if isinstance(value, list) else [value]
    return [text for each in values if (text := clean_text(each))]
