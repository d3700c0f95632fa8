"""Trove classifiers (https://peps.python.org/pep-0301/): what a project says it belongs to.

A classifier is a path of segments, `Framework :: Plone :: 6.1`. Everything here goes by whole
segments, so that `Framework :: PloneX` never counts as Plone. Spacing is forgiven, case is not.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from functools import cache

from pyfcrawl.core.versions import sort_key

_VERSION = re.compile(r"[0-9]+(\.[0-9]+)*")
_PYTHON = ("Programming Language", "Python")
_MAX_LENGTH = 200  # twice the longest known classifier; more is not worth a guess

Segments = tuple[str, ...]


def tidy(classifier: str) -> str:
    """The classifier with its spacing as the registry writes it, e.g. `A::B  C` as `A :: B C`."""
    return " :: ".join(_segments(classifier))


def matches(classifiers: Iterable[str], wanted: Iterable[str]) -> bool:
    """Whether any classifier is one of the wanted ones or lies below one."""
    prefixes = [segments for segments in _all_segments(wanted) if any(segments)]
    return any(
        segments[: len(prefix)] == prefix
        for segments in _all_segments(classifiers)
        for prefix in prefixes
    )


def framework_versions(classifiers: Iterable[str]) -> list[str]:
    """Frameworks with the versions supported, e.g. `Plone 6.1`, by name and rising version.

    The version is a classifier's last segment and the framework is the one before it. Anything
    else there (`Addon`, `Core`, a segment below the version) says nothing about a version.
    """
    return _labels(
        segments[-2:]
        for segments in _all_segments(classifiers)
        if segments[0] == "Framework" and len(segments) > 2
    )


def python_versions(classifiers: Iterable[str]) -> list[str]:
    """Python versions supported, e.g. `Python 3`, `Python 3.12`, in rising order."""
    return _labels(
        segments[1:]
        for segments in _all_segments(classifiers)
        if segments[:2] == _PYTHON and len(segments) == 3
    )


@cache
def python_minors() -> tuple[str, ...]:
    """Minor versions of Python 3 that are out, e.g. `3.12`, in rising order.

    Known is what the trove-classifiers package lists; the last of them is still in the making.
    """
    versions = (path.removeprefix(" :: ".join((*_PYTHON, ""))) for path in _known())
    minors = {each for each in versions if re.fullmatch(r"3\.[0-9]+", each)}
    return tuple(sorted(minors, key=sort_key)[:-1])


def nearest(classifier: str) -> str | None:
    """The known classifier spelled most like this one, None when nothing comes close.

    Known is what the trove-classifiers package lists, and every group above such a classifier.
    """
    by_lower_case = {known.lower(): known for known in sorted(_known())}
    wanted = tidy(classifier).lower()
    if len(wanted) > _MAX_LENGTH:
        return None
    found = difflib.get_close_matches(wanted, by_lower_case, n=1)
    return by_lower_case[found[0]] if found else None


def framework_named(name: str) -> str | None:
    """A known framework as classifiers write it, by its name in any case and with any separators.

    Python counts as one. None for what nobody knows.
    """
    return _frameworks().get(bare(name))


def bare(name: str) -> str:
    """A framework's name without what people spell differently: case and separators."""
    return re.sub(r"[\s._-]+", "", name.lower())


def unknown(classifiers: Iterable[str]) -> list[tuple[str, str | None]]:
    """Those classifiers that are not known, each once, as given, with the nearest known one.

    Deprecated classifiers are known: projects keep them.
    """
    given = dict.fromkeys(each for each in classifiers if isinstance(each, str))
    return [(each, nearest(each)) for each in given if tidy(each) not in _known()]


def _segments(classifier: str) -> Segments:
    return tuple(" ".join(segment.split()) for segment in classifier.split("::"))


def _all_segments(classifiers: Iterable[str]) -> Iterator[Segments]:
    return (_segments(each) for each in classifiers if isinstance(each, str))


def _labels(pairs: Iterable[Segments]) -> list[str]:
    """`NAME VERSION` for each pair of both, sorted by name and then as versions sort."""
    sound = {
        (name, version)
        for name, version in pairs
        if name and _VERSION.fullmatch(version) and not _VERSION.fullmatch(name)
    }
    in_order = sorted(sound, key=lambda pair: (pair[0], sort_key(pair[1]), pair[1]))
    return [f"{name} {version}" for name, version in in_order]


@cache
def _frameworks() -> dict[str, str]:
    paths = [_segments(each) for each in _known()]
    names = {path[-1] for path in paths if path[0] == "Framework" and len(path) > 1}
    named = {name for name in names if not _VERSION.fullmatch(name)}
    return {bare(name): name for name in sorted({*named, _PYTHON[1]})}


@cache
def _known() -> frozenset[str]:
    # Imported here: checking a profile and some pages need it, crawling doesn't.
    from trove_classifiers import all_classifiers

    paths = [_segments(each) for each in all_classifiers]
    return frozenset(" :: ".join(path[:n]) for path in paths for n in range(1, len(path) + 1))
