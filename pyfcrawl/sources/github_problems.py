"""Packages whose repository can't be found: why, which links were tried, and the usual fix."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from pyfcrawl.core.repos import Reason
from pyfcrawl.core.screening import JUNK

ProblemReason = Reason | Literal["not_found"]

#: Reason -> what it means, and what a maintainer can do about it.
REASONS: Mapping[str, tuple[str, str]] = {
    "not_found": (
        "The repository is not there",
        "It was removed, made private or renamed without a trace: put its present address into "
        "the package's metadata and release that, or make it public.",
    ),
    "malformed_identifier": (
        "The link names no repository",
        "Give the whole address with owner and name, such as https://github.com/OWNER/NAME.",
    ),
    "no_repo_url": (
        "No link to a repository",
        "Link the repository in the package's metadata: a project URL labelled Source on PyPI, "
        "the field repository on npm.",
    ),
}

_SECRET = re.compile(r"//(?!git@)[^/@\s]*@")
_UNPRINTABLE = re.compile(r"[\s`|]+")


@dataclass(frozen=True, slots=True)
class Problem:
    """One package's problem; `urls` are the links tried, best first."""

    package_id: str
    registry: str
    name: str
    collections: tuple[str, ...]
    reason: str
    urls: tuple[str, ...]

    @property
    def fix(self) -> str:
        """What usually helps."""
        return REASONS[self.reason][1]


def as_json(problems: Iterable[Problem], now: int) -> str:
    """The report for programs: `updated` in Unix seconds, and the problems with their fixes."""
    listed = [{**asdict(each), "urls": _shown(each.urls), "fix": each.fix} for each in problems]
    return json.dumps({"updated": now, "problems": listed}, indent=1) + "\n"


def as_markdown(problems: Iterable[Problem], now: int) -> str:
    """The report for people, by reason."""
    moment = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M UTC")
    by_reason: dict[str, list[Problem]] = {reason: [] for reason in REASONS}
    for problem in problems:
        by_reason[problem.reason].append(problem)
    total = sum(map(len, by_reason.values()))
    lines = ["# Repositories not found", "", f"{total} packages, as of {moment}.", ""]
    for reason, found in by_reason.items():
        if found:
            lines += _section(reason, found)
    return "\n".join(lines)


def _section(reason: str, problems: list[Problem]) -> list[str]:
    title, fix = REASONS[reason]
    rows = [
        f"| {_cell(each.name)} | {each.registry} | {', '.join(map(_code, _shown(each.urls)))} |"
        for each in sorted(problems, key=lambda each: each.package_id)
    ]
    head = ["| package | registry | links tried |", "|---|---|---|"]
    return [f"## {title}: {len(problems)}", "", f"`{reason}`. {fix}", "", *head, *rows, ""]


def read(text: bytes) -> list[Problem]:
    """The problems of an earlier report; what can't be read of it is left out."""
    try:
        payload = msgspec.json.decode(text)
    except JUNK:
        return []
    entries = payload.get("problems") if isinstance(payload, dict) else None
    found = map(_problem, entries if isinstance(entries, list) else ())
    return [each for each in found if each is not None]


def _problem(entry: Any) -> Problem | None:
    try:
        problem = msgspec.convert(entry, Problem)
    except (msgspec.ValidationError, RecursionError):
        return None
    return problem if problem.reason in REASONS else None


def _shown(urls: Iterable[str]) -> list[str]:
    """Links as they may be published: some hold a password or a token."""
    return [_SECRET.sub("//", url)[:500] for url in urls]


def _code(url: str) -> str:
    return f"`{_UNPRINTABLE.sub(' ', url).strip()}`"


def _cell(text: str) -> str:
    return _UNPRINTABLE.sub(" ", text)[:200]
