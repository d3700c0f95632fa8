"""Searches a Typesense collection: a checked query as the server's parameters, answers as hits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pyfcrawl.core.document import FIELDS, Field, Type, Use
from pyfcrawl.stores.conditions import Condition, Plan
from pyfcrawl.stores.index import Document, SearchResult
from pyfcrawl.stores.spelling import Words
from pyfcrawl.stores.typesense_rows import document
from pyfcrawl.stores.typesense_schema import (
    COUNTED_AS_THEY_ARE,
    EXACT_KEYS,
    IS_HEAD,
    NAME_JOINED,
    PACKAGE_KEY,
    counted,
    exact_key,
    facet_key,
    has_key,
    key,
)
from pyfcrawl.stores.typesense_server import Server, any_of, ids_filter, is_id

#: How much more a word counts in one field than in another; 1 to 127.
_WEIGHTS = {
    "name": 127,
    NAME_JOINED: 127,
    "keywords": 40,
    "title": 40,
    "summary": 30,
    "first_chapter": 12,
    "main_content": 6,
    "changelog": 1,
    "description": 1,
}
_OTHER_WEIGHT = 4
_SEARCHED = (
    "name",
    NAME_JOINED,
    *(n for n, f in FIELDS.items() if Use.SEARCH in f.uses and n != "name"),
)
#: Where other releases than a package's head count, their long texts are found in the description.
_SEARCHED_IN_ALL = (*_SEARCHED, "description")

#: From this hit on it is asked first whether there are as many: pages cost the server memory.
_DEEP = 5_000
#: Facet values asked for beyond those wanted, so that ties at the end are cut by name.
_TIES = 50
_MOST_LABELS = 100_000
#: Words are dropped from the search until this many documents are found.
_ANY = 1_000

_ALL_FIELDS = tuple(FIELDS.values())
_TEXTS = (Type.STRING, Type.STRINGS)


class Labels:
    """Facet values by the hashes that the server counts, remembered: there are few."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}

    def of(
        self, server: Server, collection: str, wanted: Sequence[tuple[Field, str]]
    ) -> dict[tuple[str, str], str]:
        """(field's name, what the server counted) -> value."""
        as_they_are = {(f.name, v): v for f, v in wanted if f.name in COUNTED_AS_THEY_ARE}
        wanted = [each for each in wanted if (each[0].name, each[1]) not in as_they_are]
        unknown = [each for each in wanted if (each[0].name, each[1]) not in self._known]
        if len(self._known) > _MOST_LABELS:
            self._known.clear()
            unknown = list(wanted)
        searches = [
            {
                "q": "*",
                "filter_by": any_of(facet_key(field.name), [hashed]),
                "include_fields": field.name,
                "per_page": 1,
            }
            for field, hashed in unknown
        ]
        for (field, hashed), result in zip(
            unknown, server.search(collection, searches), strict=True
        ):
            for value in _values(result, field):
                if key(value) == hashed:
                    self._known[field.name, hashed] = value
        pairs = [(field.name, hashed) for field, hashed in wanted]
        return as_they_are | {pair: self._known[pair] for pair in pairs if pair in self._known}


def _values(result: Mapping[str, Any], field: Field) -> Iterator[str]:
    for hit in result["hits"]:
        value = hit["document"].get(field.name)
        yield from value if isinstance(value, list) else [value] if value is not None else []


class Search:
    """One query on its way."""

    def __init__(self, server: Server, collection: str, plan: Plan, labels: Labels) -> None:
        """A query that `planned` has checked."""
        self._server = server
        self._collection = collection
        self._plan = plan
        self._labels = labels
        self._heads_only = plan.grouped and not plan.by_release
        self._grouped = plan.grouped and plan.by_release
        self._searched = _SEARCHED if self._heads_only else _SEARCHED_IN_ALL
        filters = [self._condition(each) for each in plan.conditions]
        if self._heads_only:
            filters.append(f"{IS_HEAD}:=true")
        self._filter = " && ".join(each for each in filters if each)

    def run(self) -> SearchResult:
        """The page of hits, the count of all and the facets."""
        if not self._plan.text.strip():
            return self._result({"q": "*"})
        empty: dict[str, list[tuple[str, int]]] = {field.name: [] for field in self._plan.facets}
        result = SearchResult(0, [], empty, counts=[0] * len(self._plan.counts))
        for attempt in self._attempts():
            result = self._result(attempt)
            if result.found:
                return result
        if not Words.of(self._plan.text).words:
            self._server.count(self._collection, [""])  # whether there is such a collection
        return result

    def _result(self, attempt: Mapping[str, Any]) -> SearchResult:
        shared = self._shared(attempt)
        offset, limit = self._plan.offset, self._plan.limit
        page = {"page": offset // max(limit, 1) + 1, "per_page": limit}
        counting = offset + limit > _DEEP
        first = shared | self._facet_by() | ({"per_page": 0} if counting else page)
        answer, *narrowed = self._ask([first, *self._narrowed(shared)])
        found = int(answer["found"])
        facets = self._facets(answer)
        if limit and counting and offset < found:
            (answer,) = self._ask([shared | page])
        hits = self._newest(shared, _hits(answer)) if self._grouped else _hits(answer)
        # Where typing errors are forgiven, fewer documents may have more of them to forgive.
        counts = [min(int(each["found"]), found) for each in narrowed]
        documents = [document(hit, _ALL_FIELDS) for hit in hits]
        return SearchResult(found, documents, facets, counts=counts)

    def _narrowed(self, shared: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """For each condition to count by, the search with it as one more."""
        for each in self._plan.counts:
            both = (shared.get("filter_by", ""), self._condition(each))
            yield {**shared, "filter_by": " && ".join(filter(None, both)), "per_page": 0}

    def _attempts(self) -> Iterator[dict[str, Any]]:
        """Searches from strict to lax; each is wanted only if those before found nothing.

        All the words; all of them with typos forgiven; the words taken as one name; all the words
        that are known; any of them.
        """
        words = Words.of(self._plan.text)
        if words.words:
            forgiving = _search(words.words, words.unfinished, self._searched)
            yield forgiving | {"num_typos": 0}
            yield forgiving
        if len(words.words) < 2:
            return
        yield _search(["".join(words.words)], words.unfinished, (NAME_JOINED,))
        known, unfinished = self._known(words)
        if known and len(known) < len(words.words):
            yield _search(known, unfinished, self._searched)
        if len(known) > 1:
            yield _search(known, unfinished, self._searched) | {"drop_tokens_threshold": _ANY}

    def _known(self, words: Words) -> tuple[list[str], bool]:
        """The words that some document has, and whether the last of them is unfinished."""
        last = len(words.words) - 1
        singles = [
            _search([word], words.unfinished and number == last, self._searched) | {"per_page": 0}
            for number, word in enumerate(words.words)
        ]
        answers = zip(words.words, self._ask(singles), strict=True)
        known = [word for word, answer in answers if answer["found"]]
        return known, words.unfinished and words.words[last] in known[-1:]

    def _ask(self, searches: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return self._server.search(self._collection, searches)

    def _shared(self, attempt: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters that don't depend on the page."""
        result = {
            **attempt,
            "sort_by": self._order(attempt),
            "highlight_fields": "none",
            "highlight_full_fields": "none",
        }
        if self._filter:
            result["filter_by"] = self._filter
        if self._grouped:
            result |= {"group_by": PACKAGE_KEY, "group_limit": 1}
        return result

    def _newest(
        self, shared: Mapping[str, Any], hits: Sequence[Document]
    ) -> Sequence[dict[str, Any]]:
        """Of each hit's package the newest release that fits, in place of the best that fits."""
        if not hits:
            return hits
        packages = any_of(PACKAGE_KEY, [hit[PACKAGE_KEY] for hit in hits])
        newest = {
            **shared,
            "filter_by": f"{self._filter} && {packages}",
            "sort_by": _sort_key("version_sortable", True),
            "per_page": len(hits),
        }
        (answer,) = self._ask([newest])
        found = {hit[PACKAGE_KEY]: hit for hit in _hits(answer)}
        return [found.get(hit[PACKAGE_KEY], hit) for hit in hits]

    # Conditions

    def _condition(self, condition: Condition) -> str:
        if condition.field.type in _TEXTS:
            return self._text_condition(condition)
        if condition.field.type is Type.BOOL:
            values = ",".join("true" if low else "false" for low, _ in condition.ranges)
            sign = ":!=" if condition.operator == "!=" else ":="
            return f"{condition.field.name}{sign}[{values}]"
        return _number_condition(condition)

    def _text_condition(self, condition: Condition) -> str:
        field, operator = condition.field, condition.operator
        values = [str(low) for low, _ in condition.ranges]
        if field.name == "identifier":
            return self._identifier_condition(values, operator == "!=")
        if field.name == "package_id":
            name, keys = PACKAGE_KEY, [key(each) for each in values]
        elif Use.FACET in field.uses:
            name, keys = facet_key(field.name), [key(each) for each in values]
        else:
            name, keys = EXACT_KEYS, [exact_key(field.name, each) for each in values]
        chosen = any_of(name, keys)
        return chosen.replace(":=", ":!=", 1) if operator == "!=" else chosen

    def _identifier_condition(self, values: Sequence[str], negated: bool) -> str:
        if not negated:
            # An id that can't be is as good as one that isn't.
            return ids_filter(
                [each for each in values if is_id(each)] or ["\N{REPLACEMENT CHARACTER}"]
            )
        # The server can't exclude ids: exclude package and version, which say the same.
        excluded = self._server.by_id(self._collection, values, ["package_id", "version"])
        parts = [
            f"({PACKAGE_KEY}:!={key(each['package_id'])} || "
            f"{EXACT_KEYS}:!={exact_key('version', each['version'])})"
            for each in excluded.values()
        ]
        return " && ".join(parts)

    # Orders

    def _order(self, attempt: Mapping[str, Any]) -> str:
        plan = self._plan
        descending = plan.descending
        newest = _sort_key("version_sortable", True)
        by_name = _sort_key("name_sortable", False)
        if plan.sort is not None:
            first = _sort_key(plan.sort.name, descending)
            keys = [first, by_name, newest]
        elif "query_by" in attempt:
            keys = [f"_text_match:{'asc' if descending else 'desc'}", by_name, newest]
        else:
            keys = [_sort_key("name_sortable", descending), newest]
        return ",".join(dict.fromkeys(keys))

    # Facets

    def _facet_by(self) -> dict[str, Any]:
        if not self._plan.facets:
            return {}
        return {
            "facet_by": ",".join(counted(field.name) for field in self._plan.facets),
            "max_facet_values": self._plan.facet_values + _TIES,
        }

    def _facets(self, answer: Mapping[str, Any]) -> dict[str, list[tuple[str, int]]]:
        if not self._plan.facets:
            return {}
        found = {each["field_name"]: each["counts"] for each in answer.get("facet_counts", ())}
        counts = {f: found.get(counted(f.name), []) for f in self._plan.facets}
        pairs = [(field, each["value"]) for field, values in counts.items() for each in values]
        labels = self._labels.of(self._server, self._collection, pairs)
        result = {}
        for field, values in counts.items():
            named = [
                (labels[field.name, each["value"]], int(each["count"]))
                for each in values
                if (field.name, each["value"]) in labels
            ]
            named.sort(key=lambda pair: (-pair[1], pair[0]))
            result[field.name] = named[: self._plan.facet_values]
        return result


def _number_condition(condition: Condition) -> str:
    name = condition.field.name
    low, high = condition.ranges[0]
    if condition.operator == ">=":
        return f"{name}:>={low}"
    if condition.operator == "<=":
        return f"{name}:<={high}"
    if condition.operator == "!=":
        return f"({name}:<{low} || {name}:>{high} || {has_key(name)}:!=true)"
    values = [str(low) if low == high else f"{low}..{high}" for low, high in condition.ranges]
    return f"{name}:=[{','.join(values)}]"


def _sort_key(name: str, descending: bool) -> str:
    """Documents without a value come last either way."""
    missing = "(missing_values: last)" if FIELDS[name].type is Type.STRING else ""
    return f"{name}{missing}:{'desc' if descending else 'asc'}"


def _hits(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    groups = answer.get("grouped_hits")
    hits = answer.get("hits", ()) if groups is None else [h for g in groups for h in g["hits"]]
    return [hit["document"] for hit in hits]


def _search(words: Sequence[str], unfinished: bool, fields: Sequence[str]) -> dict[str, Any]:
    return {
        "q": " ".join(words),
        "query_by": ",".join(fields),
        "query_by_weights": ",".join(str(_WEIGHTS.get(name, _OTHER_WEIGHT)) for name in fields),
        "text_match_type": "max_weight",
        "prefix": unfinished,
        "num_typos": 2,
        "min_len_1typo": 4,
        "min_len_2typo": 8,
        "typo_tokens_threshold": 1,
        "drop_tokens_threshold": 0,
    }
