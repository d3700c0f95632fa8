"""Profiles: which ecosystem is indexed, and into which collection.

profiles.yaml is written by hand, so whatever is wrong in it is told in one line with the file,
the line, the profile, the key, what stands there and what to write instead. To know lines, the
YAML is read as a tree of nodes and checked there; no YAML tag ever constructs an object.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import yaml
from packaging.utils import InvalidName, canonicalize_name

from pyfcrawl.core.classifiers import tidy
from pyfcrawl.errors import ConfigurationError

_PACKAGE = __name__.partition(".")[0]
COLLECTION_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_SCOPE = re.compile(r"@[a-z0-9~-][a-z0-9._~-]*")
_NPM_NAME = re.compile(rf"(?:{_SCOPE.pattern}/)?[A-Za-z0-9~-][A-Za-z0-9._~-]*")
_QUOTES = "mend it there (texts with @, :, # and the like need quotes)"
COLLECTION_NAME_RULE = "use letters, digits, '_', '.' and '-', not starting with '.' or '-'"


@dataclass(frozen=True, slots=True)
class Synonyms:
    """Words that find the same; with a `root` only who types that finds the others, too."""

    words: tuple[str, ...]
    root: str = ""


@dataclass(frozen=True, slots=True)
class Pinned:
    """Packages, by name, that come first for a query, in that order."""

    query: str
    packages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """One ecosystem: what belongs to it and where its documents go.

    A project on PyPI belongs when one of its classifiers is, or lies below, one of
    `classifiers`; a package on npm when it has one of the keywords or scopes. `collection` and
    `title` are the name unless given. `quickstart` names a few projects on PyPI to try out.
    `synonyms` and `pinned` improve the search where the index can make use of them.
    """

    name: str
    classifiers: tuple[str, ...]
    npm_keywords: tuple[str, ...] = ()
    npm_scopes: tuple[str, ...] = ()
    quickstart: tuple[str, ...] = ()
    collection: str = ""
    title: str = ""
    synonyms: tuple[Synonyms, ...] = ()
    pinned: tuple[Pinned, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "collection", self.collection or self.name)
        object.__setattr__(self, "title", self.title or self.name)

    def fingerprint(self) -> str:
        """16 hex digits that change when other projects on PyPI may match than before.

        A cursor is worth only as much as the classifiers it was kept with: after an edit of
        these, projects that did not change may have to be visited again.
        """
        deciding = sorted({tidy(each) for each in self.classifiers})
        return hashlib.sha256(json.dumps(deciding).encode()).hexdigest()[:16]


def load_profiles(path: Path) -> dict[str, Profile]:
    """The profiles in a YAML file, by name, in the file's order.

    The file may be the one packed into this package, even where the package is a zip file.
    Raises ConfigurationError when the file can't be read or anything in it is wrong.
    """
    try:
        text = _bytes(path).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(
            f"PROFILES_FILE {str(path)!r} can't be read: {_one_line(reason)}; "
            "point the setting at a YAML file in UTF-8"
        ) from error
    return parse_profiles(text, str(path))


def _bytes(path: Path) -> bytes:
    packed = resources.files(_PACKAGE) / path.name
    return packed.read_bytes() if str(packed) == str(path) else path.read_bytes()


def parse_profiles(text: str, source: str) -> dict[str, Profile]:
    """The profiles in YAML text, by name; `source` is what errors call the text.

    Raises ConfigurationError for broken YAML, a missing, unknown or doubled key, a value of the
    wrong kind, and a collection that two profiles claim.
    """
    return _Reader(source).profiles(_compose(text, source))


def select(profiles: Mapping[str, Profile], names: str) -> list[Profile]:
    """The profiles named in `names`, e.g. "plone,django", each once, in that order.

    Raises ConfigurationError for a name that is not there, and when none is given.
    """
    wanted = dict.fromkeys(name.strip() for name in names.split(",") if name.strip())
    known = ", ".join(profiles) or "none"
    if not wanted:
        raise ConfigurationError(f"profile={names[:80]!r} names no profile; known: {known}")
    for name in wanted:
        if name not in profiles:
            near = difflib.get_close_matches(name[:80].lower(), profiles, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise ConfigurationError(f"profile={name[:80]!r} is unknown; {hint}known: {known}")
    return [profiles[name] for name in wanted]


def _compose(text: str, source: str) -> yaml.Node | None:
    """The node tree of YAML text, None when it holds nothing."""
    try:
        root: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        problem = _one_line(" ".join(filter(None, (error.context, error.problem))))
        raise ConfigurationError(f"{source}{line}: broken YAML: {problem}; {_QUOTES}") from error
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        # Signs that YAML forbids, escapes beyond Unicode, nesting thousands deep.
        problem = _one_line(error)
        raise ConfigurationError(f"{source}: broken YAML: {problem}; {_QUOTES}") from error
    return root


class _Reader:
    """Turns nodes into profiles; `where` says in errors which profile and key it is about."""

    def __init__(self, source: str) -> None:
        self.source = source

    def profiles(self, root: yaml.Node | None) -> dict[str, Profile]:
        top = self.mapping(root, "the file", required=("profiles",))
        named = self.mapping(top["profiles"], "profiles")
        result: dict[str, Profile] = {}
        owners: dict[str, str] = {}
        for name, node in named.items():
            if not COLLECTION_NAME.fullmatch(name):
                raise self.error(
                    node, f"profile {name[:80]!r}", f"is no profile name; {COLLECTION_NAME_RULE}"
                )
            result[name] = profile = self.profile(name, node)
            owner = owners.setdefault(profile.collection, name)
            if owner != name:
                problem = f"{profile.collection!r} is the collection of {owner!r} too; name another"
                raise self.error(node, f"profile {name!r}, key 'collection'", problem)
        return result

    def profile(self, name: str, node: yaml.Node) -> Profile:
        where = f"profile {name!r}"
        optional = ("title", "collection", "npm", "quickstart", "search")
        keys = self.mapping(node, where, required=("classifiers",), optional=optional)
        npm_where = f"{where}, key 'npm'"
        npm = {}
        if "npm" in keys:
            npm = self.mapping(keys["npm"], npm_where, optional=("keywords", "scopes"))
        search_where = f"{where}, key 'search'"
        search = {}
        if "search" in keys:
            search = self.mapping(keys["search"], search_where, optional=("synonyms", "pinned"))
        return Profile(
            name=name,
            classifiers=self.texts(keys, "classifiers", where, _classifier),
            npm_keywords=self.texts(npm, "keywords", npm_where, _text),
            npm_scopes=self.texts(npm, "scopes", npm_where, _scope),
            quickstart=self.texts(keys, "quickstart", where, _project),
            collection=self.text(keys, "collection", where, _collection),
            title=self.text(keys, "title", where, _text),
            synonyms=self.synonyms(search.get("synonyms"), f"{search_where}, key 'synonyms'"),
            pinned=self.pinned(search.get("pinned"), f"{search_where}, key 'pinned'"),
        )

    def synonyms(self, node: yaml.Node | None, where: str) -> tuple[Synonyms, ...]:
        """Lists of words, and mappings of a root to words; () for no node."""
        if node is None:
            return ()
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            problem = f"is {_described(node)}; write a list of lists such as [cms, content]"
            raise self.error(node, where, problem)
        return tuple(dict.fromkeys(self.synonym(each, where) for each in node.value))

    def synonym(self, node: yaml.Node, where: str) -> Synonyms:
        if isinstance(node, yaml.MappingNode):
            keys = self.mapping(node, where, required=("root", "synonyms"))
            root = self.text(keys, "root", where, _text)
            words = self.texts(keys, "synonyms", where, _text)
            if root.lower() in map(str.lower, words):
                raise self.error(node, where, f"has {root[:80]!r} as its own synonym; drop it")
            return Synonyms(words, root)
        words = self.entries(node, where, _text)
        if len({each.lower() for each in words}) < 2:
            raise self.error(node, where, f"is {_described(node)}; write two different words")
        return Synonyms(words)

    def pinned(self, node: yaml.Node | None, where: str) -> tuple[Pinned, ...]:
        """Queries with the packages to come first; () for no node."""
        if node is None:
            return ()
        if not isinstance(node, yaml.MappingNode) or not node.value:
            problem = f"is {_described(node)}; write a mapping such as forms: [easyform]"
            raise self.error(node, where, problem)
        queries = self.mapping(node, where)
        return tuple(Pinned(each, self.texts(queries, each, where, _package)) for each in queries)

    def mapping(
        self,
        node: yaml.Node | None,
        where: str,
        required: tuple[str, ...] = (),
        optional: tuple[str, ...] = (),
    ) -> dict[str, yaml.Node]:
        """The node's keys and values; any key will do when neither tuple names one."""
        if not isinstance(node, yaml.MappingNode) or not node.value:
            needed = ", ".join(required + optional) or "at least one profile"
            raise self.error(node, where, f"is {_described(node)}; write a mapping with {needed}")
        result: dict[str, yaml.Node] = {}
        for key_node, value in node.value:
            key = self.checked(key_node, f"{where}, a key", _text)
            if key in result:
                raise self.error(key_node, f"{where}, key {key!r}", "stands there twice; keep one")
            allowed = required + optional
            if allowed and key not in allowed:
                problem = f"is unknown; known: {', '.join(allowed)}"
                raise self.error(key_node, f"{where}, key {key[:80]!r}", problem)
            result[key] = value
        for key in required:
            if key not in result:
                raise self.error(node, f"{where}, key {key!r}", "is missing; add it")
        return result

    def texts(
        self, keys: dict[str, yaml.Node], key: str, where: str, check: Callable[[str], str]
    ) -> tuple[str, ...]:
        """The list under `key`, doubles dropped, () when the key is absent."""
        return self.entries(keys[key], f"{where}, key {key!r}", check) if key in keys else ()

    def entries(self, node: yaml.Node, where: str, check: Callable[[str], str]) -> tuple[str, ...]:
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            problem = f"is {_described(node)}; write a list with at least one text"
            raise self.error(node, where, problem)
        return tuple(dict.fromkeys(self.checked(each, where, check) for each in node.value))

    def text(
        self, keys: dict[str, yaml.Node], key: str, where: str, check: Callable[[str], str]
    ) -> str:
        """The text under `key`, "" when the key is absent."""
        return self.checked(keys[key], f"{where}, key {key!r}", check) if key in keys else ""

    def checked(self, node: yaml.Node, where: str, check: Callable[[str], str]) -> str:
        if not isinstance(node, yaml.ScalarNode) or node.tag != "tag:yaml.org,2002:str":
            raise self.error(
                node, where, f"is {_described(node)}; write a text (in quotes, if need be)"
            )
        try:
            return check(node.value)
        except ValueError as error:
            raise self.error(node, where, f"is {_described(node)}; {error}") from error

    def error(self, node: yaml.Node | None, where: str, problem: str) -> ConfigurationError:
        line = f", line {node.start_mark.line + 1}" if node is not None else ""
        return ConfigurationError(f"{self.source}{line}: {where}: {problem}")


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("write something or leave the key out")
    return " ".join(value.split())


def _classifier(value: str) -> str:
    if not all(tidy(value).split(" :: ")):
        raise ValueError("write a classifier such as 'Framework :: Plone'")
    return tidy(value)


def _collection(value: str) -> str:
    if not COLLECTION_NAME.fullmatch(value):
        raise ValueError(COLLECTION_NAME_RULE)
    return value


def _scope(value: str) -> str:
    if not _SCOPE.fullmatch(value):
        raise ValueError("write an npm scope such as '@plone', with its @ and in lower case")
    return value


def _project(value: str) -> str:
    try:
        canonicalize_name(value, validate=True)
    except InvalidName as error:
        raise ValueError("write the name of a project on PyPI") from error
    return value


def _package(value: str) -> str:
    try:
        return value if _NPM_NAME.fullmatch(value) else _project(value)
    except ValueError as error:
        raise ValueError("write the name of a package on PyPI or npm") from error


def _described(node: yaml.Node | None) -> str:
    """What stands there, short enough for an error line."""
    match node:
        case yaml.ScalarNode(tag="tag:yaml.org,2002:null") | None:
            return "empty"
        case yaml.ScalarNode(tag="tag:yaml.org,2002:str"):
            return repr(node.value[:80])
        case yaml.ScalarNode():
            return f"{_one_line(node.value)[:80]}, no text"
        case yaml.SequenceNode():
            return f"a list of {len(node.value)}" if node.value else "an empty list"
        case _:
            return "a mapping" if node.value else "an empty mapping"


def _one_line(text: object) -> str:
    return " ".join(str(text).split())[:200]
