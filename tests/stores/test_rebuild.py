"""Rebuilding a collection: nothing lost, no gap, and nothing left when it fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pyfcrawl.core.document import BOOKKEEPING
from pyfcrawl.core.names import package_id, release_id
from pyfcrawl.errors import StoreError, UnknownCollectionError
from pyfcrawl.stores.index import Document, IndexWriter, Patch, open_writer
from pyfcrawl.stores.rebuild import build_beside, discard, migrate, recreate, serve, switch
from tests.stores.contract import document, full_document

FACTS = {
    "github_stars": 5,
    "contributors": [{"login": "x"}],
    "github_archived": False,
    "download_last_month": 700,
    "download_total_since": "2026-01-01",
}


@pytest.fixture(params=["sqlite", "typesense"])
def writer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[IndexWriter]:
    """An empty index of each kind, open for writing."""
    if request.param == "sqlite":
        opened = open_writer(f"sqlite:///{tmp_path / 'index.db'}")
        yield opened
        opened.close()
        return
    server = request.getfixturevalue("typesense_server")
    from pyfcrawl.stores.typesense import TypesenseWriter

    served = TypesenseWriter(server.address())
    yield served
    served.close()
    cleaner = TypesenseWriter(server.address())
    for each in cleaner.collections():
        cleaner.drop(each.name)
    cleaner.close()


def content(writer: IndexWriter, name: str) -> list[Document]:
    """All documents, without what only tells when something was computed."""
    return [
        {field: value for field, value in each.items() if field not in BOOKKEEPING}
        for each in writer.iterate(name)
    ]


def fill(writer: IndexWriter, name: str = "live", packages: int = 30) -> None:
    """Packages with three releases each, every other one enriched, and one with all fields."""
    documents = [
        document(f"p{number:03}", version, summary=f"{number} {version}", release_count=3)
        for number in range(packages)
        for version in ("1.0", "1.10", "2.0")
    ]
    documents += [full_document(), document("@plone/volto", registry="npm")]
    assert not writer.upsert(name, documents).refused
    writer.patch(
        name,
        [Patch(package_id("pypi", f"p{number:03}"), FACTS) for number in range(0, packages, 2)],
    )
    writer.patch(name, [Patch(package_id("npm", "@plone/volto"), FACTS)])
    health = {"health_score": 70, "health_score_last_calculated": 5}
    writer.patch(name, [Patch(release_id("pypi", "p001", "2.0"), health)])


def names(writer: IndexWriter) -> list[str]:
    return [each.name for each in writer.collections()]


def rebuilt(writer: IndexWriter, name: str = "live", **options: Any) -> list[str]:
    """Recreate without waiting; what was said."""
    said: list[str] = []
    recreate(writer, name, say=said.append, in_flight=0, **options)
    return said


# --- serving -----------------------------------------------------------------------------------


def test_what_serves_is_made_once(writer: IndexWriter) -> None:
    info = serve(writer, "live")
    assert (info.name, info.documents, writer.aliases()) == ("live-1", 0, {"live": "live-1"})
    writer.upsert("live", [document("a")])
    again = serve(writer, "live")
    assert (again.name, again.generation, again.documents) == ("live-1", info.generation, 1)
    assert names(writer) == ["live-1"]


def test_a_collection_that_is_there_serves_as_it_is(writer: IndexWriter) -> None:
    made = writer.create("live")
    assert serve(writer, "live").generation == made.generation
    assert writer.aliases() == {}


def test_serving_goes_on_where_it_was_ended(writer: IndexWriter) -> None:
    made = writer.create("live-1")
    assert serve(writer, "live").generation == made.generation
    assert writer.aliases() == {"live": "live-1"}


def test_versions_kept_are_not_taken_for_new_ones(writer: IndexWriter) -> None:
    writer.create("live-1")
    writer.upsert("live-1", [document("old")])
    assert serve(writer, "live").name == "live-2"
    writer.create("live-7")
    assert build_beside(writer, "live") == "live-8"
    writer.create("other")
    writer.alias("other-1", "other")
    assert build_beside(writer, "other") == "other-2"


# --- recreating --------------------------------------------------------------------------------


def test_everything_is_in_the_new_version(writer: IndexWriter) -> None:
    serve(writer, "live")
    fill(writer)
    before = list(writer.iterate("live"))
    result = recreate(writer, "live", in_flight=0)
    assert (result.names, result.version, result.replaced) == (("live",), "live-2", "live-1")
    assert result.documents == len(before) == 92
    assert (names(writer), writer.aliases()) == (["live-2"], {"live": "live-2"})
    assert list(writer.iterate("live")) == before
    rebuilt(writer)
    assert names(writer) == ["live-3"]
    assert list(writer.iterate("live")) == before


def test_cursors_stay_good_where_the_store_can_say_so(writer: IndexWriter) -> None:
    generation = serve(writer, "live").generation
    rebuilt(writer)
    found = writer.collection("live")
    assert found is not None
    assert (found.generation == generation) is hasattr(writer, "create_like")


def test_an_empty_collection(writer: IndexWriter) -> None:
    serve(writer, "live")
    rebuilt(writer)
    assert names(writer) == ["live-2"]
    assert list(writer.iterate("live")) == []


def test_the_old_one_is_kept_when_asked_for(writer: IndexWriter) -> None:
    generation = serve(writer, "live").generation
    fill(writer)
    before = list(writer.iterate("live"))
    rebuilt(writer, keep_old=True)
    assert names(writer) == ["live-1", "live-2"]
    assert list(writer.iterate("live-1")) == list(writer.iterate("live-2")) == before
    serving = writer.collection("live")
    assert serving is not None
    # Both being there, a cursor kept for one must not vouch for the other.
    assert (serving.name, serving.generation != generation) == ("live-2", True)


def test_all_aliases_move(writer: IndexWriter) -> None:
    serve(writer, "live")
    writer.alias("packages", "live")
    fill(writer, "packages", 2)
    rebuilt(writer, "packages")
    assert writer.aliases() == {"live": "live-2", "packages": "live-2"}
    rebuilt(writer, "live-2")
    assert writer.aliases() == {"live": "live-3", "packages": "live-3"}
    assert names(writer) == ["live-3"]


def test_a_collection_without_alias_becomes_one(writer: IndexWriter) -> None:
    writer.create("live")
    writer.alias("packages", "live")
    fill(writer)
    before = list(writer.iterate("live"))
    assert "will be missing for a moment" in "".join(rebuilt(writer))
    assert names(writer) == ["live-1"]
    assert writer.aliases() == {"live": "live-1", "packages": "live-1"}
    assert list(writer.iterate("live")) == before


def test_a_name_that_looks_like_a_version_but_is_none(writer: IndexWriter) -> None:
    writer.create("django-4")
    writer.alias("packages", "django-4")
    writer.upsert("django-4", [document("a")])
    rebuilt(writer, "packages")
    assert names(writer) == ["django-4-1"]
    assert writer.aliases() == {"django-4": "django-4-1", "packages": "django-4-1"}


def test_an_own_name_can_not_be_kept(writer: IndexWriter) -> None:
    writer.create("live")
    with pytest.raises(StoreError, match="--keep-old: live is a collection's own name"):
        rebuilt(writer, keep_old=True)
    assert (names(writer), writer.aliases()) == (["live"], {})


def test_what_is_not_there_can_not_be_rebuilt(writer: IndexWriter) -> None:
    for name in ("nowhere", "\ud800", "", "x" * 5000):
        with pytest.raises(UnknownCollectionError):
            rebuilt(writer, name)
        with pytest.raises(UnknownCollectionError):
            migrate(writer, name, "target")
    assert names(writer) == []


def test_leftovers_are_told(writer: IndexWriter) -> None:
    serve(writer, "live")
    writer.create("live-2")
    said = rebuilt(writer)
    assert said[0].startswith("live-2 does not serve")
    assert writer.aliases() == {"live": "live-3"}
    assert names(writer) == ["live-2", "live-3"]


def test_the_new_version_is_told_of_before_it_serves(writer: IndexWriter) -> None:
    serve(writer, "live")
    fill(writer, packages=1)
    told: list[tuple[str, int, str]] = []

    def ready(version: str) -> None:
        found = writer.collection(version)
        assert found is not None
        told.append((version, found.documents, writer.aliases()["live"]))

    rebuilt(writer, ready=ready)
    assert told == [("live-2", 5, "live-1")]


# --- writes meanwhile --------------------------------------------------------------------------


class Proxy:
    """A writer that calls `before(number, method)` ahead of each of its calls."""

    def __init__(self, writer: IndexWriter, before: Callable[[int, str], None]) -> None:
        self._writer = writer
        self._before = before
        self._calls = 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._writer, name)

        def called(*args: Any, **kwargs: Any) -> Any:
            self._calls += 1
            self._before(self._calls, name)
            return method(*args, **kwargs)

        return called


def calls(writer: IndexWriter, name: str = "live") -> list[str]:
    """The calls a rebuild makes, on a collection filled as `fill` does; then undone."""
    made: list[str] = []
    rebuilt(Proxy(writer, lambda _, method: made.append(method)), name)  # type: ignore[arg-type]
    return made


#: Each is one change, made through the alias, of something no other change touches.
CHANGES: list[Callable[[IndexWriter], object]] = [
    lambda w: w.upsert("live", [document("new", release_count=1)]),
    lambda w: w.upsert("live", [document("p001", "3.0", release_count=4)]),
    lambda w: w.upsert("live", [document("p002", "2.0", summary="changed", release_count=3)]),
    lambda w: w.patch("live", [Patch(package_id("pypi", "p003"), FACTS)]),
    lambda w: w.patch("live", [Patch(package_id("pypi", "p004"), dict.fromkeys(FACTS))]),
    lambda w: w.patch("live", [Patch(release_id("pypi", "p005", "1.0"), {"yanked": True})]),
    lambda w: w.patch("live", [Patch(package_id("pypi", "p006"), {"release_count": 99})]),
    lambda w: w.patch("live", [Patch(release_id("pypi", "p007", "1.0"), {"health_score": 1})]),
    lambda w: w.delete("live", [release_id("pypi", "p008", "1.0")]),
    lambda w: w.delete_packages("live", [package_id("pypi", "p010")]),
    lambda w: w.delete_packages("live", [package_id("npm", "@plone/volto")]),
]


def model(writer: IndexWriter, changes: Iterable[Callable[[IndexWriter], object]]) -> Any:
    """What the collection holds after the changes, nobody rebuilding it."""
    writer.create("model")
    migrate(writer, "live", "model")
    for change in changes:
        change(Proxy2(writer))  # type: ignore[arg-type]
    expected = content(writer, "model")
    writer.drop("model")
    return expected


class Proxy2:
    """Sends to the model what is meant for the live collection."""

    def __init__(self, writer: IndexWriter) -> None:
        self._writer = writer

    def __getattr__(self, name: str) -> Any:
        return lambda _, values: getattr(self._writer, name)("model", values)


def test_changes_between_any_two_steps_reach_the_new_version(writer: IndexWriter) -> None:
    serve(writer, "live")
    fill(writer, packages=12)
    expected = model(writer, CHANGES)
    pristine = writer.create("pristine").name
    migrate(writer, "live", pristine)
    steps = calls(writer)
    for moment in range(1, len(steps) + 1, 1 if len(steps) < 40 else 2):
        writer.drop("live")
        serve(writer, "live")
        migrate(writer, pristine, "live")

        def interfere(number: int, _: str, moment: int = moment) -> None:
            if number == moment:
                for change in CHANGES:
                    change(writer)

        rebuilt(Proxy(writer, interfere))  # type: ignore[arg-type]
        assert content(writer, "live") == expected, f"before {steps[moment - 1]}, call {moment}"


def test_both_sides_written_after_the_change(writer: IndexWriter) -> None:
    """What the old one got last and what the new one got first are both there in the end."""
    serve(writer, "live")
    fill(writer, packages=6)
    one, two = package_id("pypi", "p001"), package_id("pypi", "p002")
    first, last = release_id("pypi", "p001", "1.0"), release_id("pypi", "p001", "2.0")
    crawled = document("p001", "1.0", summary="crawled", release_count=3)
    switched = []

    def interfere(_: int, method: str) -> None:
        if method == "alias" and not switched:
            switched.append(True)
            # The last moment of the old one ...
            writer.upsert("live", [crawled])
            writer.patch("live", [Patch(two, {"github_stars": 1, "release_count": 4})])
            writer.patch("live", [Patch(release_id("pypi", "p003", "1.0"), {"yanked": True})])
            writer.delete("live", [release_id("pypi", "p004", v) for v in ("1.0", "2.0")])
            writer.upsert("live", [document("late", summary="old"), document("last")])
        elif method == "iterate" and writer.aliases()["live"] == "live-2" and len(switched) == 1:
            switched.append(True)
            # ... and the first of the new one.
            writer.patch("live", [Patch(first, {"health_score": 9}), Patch(one, FACTS)])
            writer.patch("live", [Patch(two, {"github_stars": 2, "download_total": 8})])
            writer.delete("live", [release_id("pypi", "p003", "1.0")])
            writer.patch("live", [Patch(release_id("pypi", "p004", "1.0"), {"yanked": False})])
            writer.upsert("live", [document("late", summary="new")])

    rebuilt(Proxy(writer, interfere))  # type: ignore[arg-type]
    assert len(switched) == 2

    def has(identifier: str, **fields: Any) -> bool:
        found = writer.get("live", identifier)
        return found is not None and all(found[name] == value for name, value in fields.items())

    assert has(first, summary="crawled", health_score=9, **FACTS)
    assert has(last, summary="1 2.0", **FACTS)
    # The new one's stars are newer; downloads and the listing changed on one side each.
    assert has(release_id("pypi", "p002", "1.0"), github_stars=2, download_total=8, release_count=4)
    assert writer.get("live", release_id("pypi", "p003", "1.0")) is None
    assert has(release_id("pypi", "p004", "1.0"), yanked=False)
    assert writer.get("live", release_id("pypi", "p004", "2.0")) is None
    assert has(release_id("pypi", "late", "1.0"), summary="new")
    assert has(release_id("pypi", "last", "1.0"))


def test_a_busy_collection_is_rebuilt_without_loss(writer: IndexWriter) -> None:
    serve(writer, "live")
    packages = 400
    writer.upsert("live", [document(f"p{number:03}") for number in range(packages)])
    changes: list[Callable[[IndexWriter], object]] = []
    for number in range(packages):
        name = f"p{number:03}"
        changes.append(
            (
                lambda w, n=name: w.upsert("live", [document(n, summary="written anew")]),
                lambda w, n=name: w.patch("live", [Patch(package_id("pypi", n), FACTS)]),
                lambda w, n=name: w.delete("live", [release_id("pypi", n, "1.0")]),
                lambda w, n=name: w.upsert("live", [document(f"more-{n}")]),
            )[number % 4]
        )
    expected = model(writer, changes)
    started = threading.Event()
    failures: list[BaseException] = []

    def write() -> None:
        try:
            for number, change in enumerate(changes):
                change(writer)
                if number == 20:
                    started.set()
        except BaseException as error:
            failures.append(error)
            started.set()

    thread = threading.Thread(target=write)
    thread.start()
    started.wait(60)
    rebuilt(writer)
    thread.join(60)
    assert failures == []
    assert names(writer) == ["live-2"]
    assert content(writer, "live") == expected


def test_readers_never_notice(writer: IndexWriter) -> None:
    serve(writer, "live")
    fill(writer, packages=20)
    target = release_id("pypi", "p001", "1.0")
    expected = writer.get("live", target)
    done = threading.Event()
    seen: list[Any] = []

    def read() -> None:
        while not done.is_set():
            try:
                seen.append(writer.get("live", target))
            except StoreError as error:
                seen.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    rebuilt(writer)
    done.set()
    thread.join()
    assert [each for each in seen if each != expected] == []
    assert len(seen) > 5


def test_a_collection_without_alias_needs_a_pause(writer: IndexWriter) -> None:
    writer.create("live")
    writer.upsert("live", [document("a", "1.0")])
    number = iter(range(2, 100))

    def interfere(_: int, method: str) -> None:
        if method == "iterate":
            writer.upsert("live", [document("a", f"{next(number)}.0")])

    with pytest.raises(StoreError, match="written to without a pause"):
        rebuilt(Proxy(writer, interfere))  # type: ignore[arg-type]
    assert (names(writer), writer.aliases()) == (["live"], {})


@pytest.mark.parametrize("step", ["iterate", "aliases"])
def test_two_rebuilds_at_once_end_with_one(writer: IndexWriter, step: str) -> None:
    serve(writer, "live")
    fill(writer, packages=3)
    before = content(writer, "live")
    steps = calls(writer)
    at = len(steps) - steps[::-1].index("alias")
    at -= steps[at - 1 :: -1].index(step)

    def interfere(number: int, _: str) -> None:
        if number == at:
            rebuilt(writer)

    with pytest.raises(StoreError):
        rebuilt(Proxy(writer, interfere))  # type: ignore[arg-type]
    assert len(names(writer)) == 1
    assert writer.aliases() == {"live": names(writer)[0]}
    assert content(writer, "live") == before


# --- failures ----------------------------------------------------------------------------------


class Scene:
    """A collection of the same content again and again."""

    def __init__(self, writer: IndexWriter, plain: bool) -> None:
        self.writer = writer
        self.plain = plain
        self.old = "live" if plain else "live-1"
        self.set()
        fill(writer, packages=4)
        writer.create("pristine")
        migrate(writer, "live", "pristine")

    def set(self) -> None:
        writer = self.writer
        writer.create(self.old)
        if not self.plain:
            writer.alias("live", self.old)
        writer.alias("packages", "live")

    def reset(self) -> None:
        for each in self.versions():
            self.writer.drop(each)
        self.set()
        migrate(self.writer, "pristine", "live")

    def versions(self) -> list[str]:
        return [each for each in names(self.writer) if each != "pristine"]

    def serving(self) -> str:
        found = self.writer.collection("live")
        assert found is not None
        return found.name


@pytest.mark.parametrize("failure", [StoreError("the disk is full"), KeyboardInterrupt()])
@pytest.mark.parametrize("plain", [False, True], ids=["alias", "own name"])
def test_a_failure_at_any_step(writer: IndexWriter, failure: BaseException, plain: bool) -> None:
    """Before the change the old one serves and nothing is left; after it the new one does."""
    scene = Scene(writer, plain)
    before = content(writer, "live")
    steps = calls(writer)
    outcomes = set()
    for moment, method in enumerate(steps, 1):
        scene.reset()

        def fail(number: int, _: str, moment: int = moment) -> None:
            if number == moment:
                raise failure

        ended = None
        try:
            rebuilt(Proxy(writer, fail))  # type: ignore[arg-type]
        except (StoreError, KeyboardInterrupt) as error:
            ended = type(error)
        assert ended in (None, type(failure))
        assert content(writer, "live") == before, f"{method}, call {moment}"
        assert content(writer, "packages") == before, f"{method}, call {moment}"
        outcomes.add((scene.serving() == scene.old, bool(ended), len(scene.versions())))
    expected = {(True, True, 1)}
    if not plain:
        expected.add((False, True, 2))  # what the old one got last may be missing in the new one
    elif isinstance(failure, KeyboardInterrupt):
        expected.add((False, True, 1))  # the alias was set before it ended
    else:
        expected.add((False, False, 1))
    assert outcomes == expected


def test_a_failure_that_lasts_is_told_with_what_is_left(writer: IndexWriter) -> None:
    serve(writer, "live")
    fill(writer, packages=2)
    before = content(writer, "live")
    broken = []

    def fail(_: int, method: str) -> None:
        if broken or method == "upsert":
            broken.append(method)
            raise StoreError("the server is away")

    with pytest.raises(StoreError, match=r"the server is away.*scrapy manage delete live-2"):
        rebuilt(Proxy(writer, fail))  # type: ignore[arg-type]
    assert content(writer, "live") == before
    assert names(writer) == ["live-1", "live-2"]


def test_a_document_that_is_refused_stops_a_rebuild(writer: IndexWriter) -> None:
    serve(writer, "live")
    writer.upsert("live", [document("a"), document("b")])

    class Older(Proxy):
        def iterate(self, collection: str) -> Iterator[Document]:
            for each in writer.iterate(collection):
                yield each | ({"is_latest": "yes"} if each["name"] == "b" else {})

    with pytest.raises(StoreError, match=r"live-2 refuses pkg:pypi/b@1\.0: is_latest") as caught:
        rebuilt(Older(writer, lambda *_: None))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert (names(writer), writer.aliases()) == (["live-1"], {"live": "live-1"})
    report = migrate(Older(writer, lambda *_: None), "live", "target")  # type: ignore[arg-type]
    assert [each.identifier for each in report.refused] == ["pkg:pypi/b@1.0"]
    assert [each["name"] for each in writer.iterate("target")] == ["a"]


@pytest.mark.parametrize(
    "harm",
    [
        lambda w: w.delete("live-2", [release_id("pypi", "p001", "1.0")]),
        lambda w: w.patch("live-2", [Patch(release_id("pypi", "p001", "1.0"), {"summary": "x"})]),
        lambda w: w.patch("live-2", [Patch(package_id("pypi", "p001"), {"github_stars": 77})]),
    ],
    ids=["missing", "changed", "changed fact"],
)
def test_a_copy_that_is_not_equal_does_not_serve(
    writer: IndexWriter, harm: Callable[[IndexWriter], object]
) -> None:
    serve(writer, "live")
    fill(writer, packages=3)
    copied: list[str] = []

    def interfere(_: int, method: str) -> None:
        copied.append(method)
        if copied.count("iterate") == 1 and method == "collection" and "upsert" in copied:
            harm(writer)

    with pytest.raises(StoreError, match="live-2"):
        rebuilt(Proxy(writer, interfere))  # type: ignore[arg-type]
    assert (names(writer), writer.aliases()) == (["live-1"], {"live": "live-1"})


def test_a_server_killed_in_the_middle_is_waited_for(tmp_path: Path) -> None:
    from pyfcrawl.stores.typesense import TypesenseWriter
    from tests.stores.typesense_server import TypesenseServer, Unavailable

    try:
        server = TypesenseServer(tmp_path)
    except Unavailable as reason:
        pytest.skip(str(reason))
    writer = TypesenseWriter(server.address())
    serve(writer, "live")
    fill(writer, packages=300)
    before = content(writer, "live")
    doomed = ["upsert", "alias"]
    kills: list[threading.Timer] = []

    def interfere(_: int, method: str) -> None:
        if method in doomed:
            doomed.remove(method)
            kills.append(threading.Timer(0.05, restart))
            kills[-1].start()

    def restart() -> None:
        server.kill()
        server.start(wait=False)

    try:
        rebuilt(Proxy(writer, interfere))  # type: ignore[arg-type]
        assert (doomed, len(kills)) == ([], 2)
        for each in kills:
            each.join()
        assert content(writer, "live") == before
        assert names(writer) == ["live-2"]
    finally:
        writer.close()
        server.kill()


def test_what_is_not_seen_once_is_not_gone(writer: IndexWriter) -> None:
    """A server on its way up again may list a part of its documents only."""
    serve(writer, "live")
    fill(writer, packages=8)
    before = content(writer, "live")
    passes = 0

    class Forgetful:
        def __getattr__(self, name: str) -> Any:
            return getattr(writer, name)

        def iterate(self, collection: str, *fields: Any) -> Iterator[Document]:
            nonlocal passes
            passes += 1
            seen = writer.iterate(collection, *fields)
            return (each for each in seen if passes != 2 or each["name"] not in ("p001", "p004"))

    rebuilt(Forgetful())  # type: ignore[arg-type]
    assert passes > 2
    assert content(writer, "live") == before


# --- a crawl's new version ---------------------------------------------------------------------


def test_a_crawled_version_takes_over_what_no_crawl_brings(writer: IndexWriter) -> None:
    serve(writer, "live")
    fill(writer, packages=4)
    version = build_beside(writer, "live")
    assert (version, writer.aliases()) == ("live-2", {"live": "live-1"})
    writer.upsert(version, [document("p000", "2.0", release_count=1), document("p001", "9.0")])
    switch(writer, "live", version, in_flight=0)
    assert (names(writer), writer.aliases()) == (["live-2"], {"live": "live-2"})
    found = {each["identifier"]: each for each in writer.iterate("live")}
    volto = release_id("npm", "@plone/volto", "1.0")
    enriched = release_id("pypi", "p000", "2.0")
    assert set(found) == {enriched, release_id("pypi", "p001", "9.0"), volto}
    assert {name: found[enriched][name] for name in FACTS} == FACTS
    assert {name: found[volto][name] for name in FACTS} == FACTS
    assert found[enriched]["release_count"] == 1
    assert found[release_id("pypi", "p001", "9.0")]["github_stars"] is None


def test_a_crawled_version_in_place_of_an_own_name_or_of_nothing(writer: IndexWriter) -> None:
    writer.create("live")
    writer.upsert("live", [document("gone")])
    version = build_beside(writer, "live")
    writer.upsert(version, [document("new")])
    switch(writer, "live", version, in_flight=0)
    assert (names(writer), writer.aliases()) == (["live-1"], {"live": "live-1"})
    assert [each["name"] for each in writer.iterate("live")] == ["new"]
    switch(writer, "other", build_beside(writer, "other"), in_flight=0)
    assert writer.aliases()["other"] == "other-1"


def test_a_crawled_version_may_be_kept_beside(writer: IndexWriter) -> None:
    serve(writer, "live")
    writer.upsert("live", [document("a")])
    switch(writer, "live", build_beside(writer, "live"), keep_old=True, in_flight=0)
    assert names(writer) == ["live-1", "live-2"]
    assert list(writer.iterate("live")) == []


def test_a_failing_switch_leaves_the_old_one_serving(writer: IndexWriter) -> None:
    serve(writer, "live")
    fill(writer, packages=2)
    before = content(writer, "live")
    version = build_beside(writer, "live")

    def fail(_: int, method: str) -> None:
        if method == "alias":
            raise StoreError("no")

    with pytest.raises(StoreError):
        switch(Proxy(writer, fail), "live", version, in_flight=0)  # type: ignore[arg-type]
    assert content(writer, "live") == before
    assert discard(writer, version) is True
    assert names(writer) == ["live-1"]


def test_only_what_does_not_serve_is_discarded(writer: IndexWriter) -> None:
    serve(writer, "live")
    for name in ("live", "live-1", "nowhere"):
        assert discard(writer, name) is False
    assert names(writer) == ["live-1"]


# --- migrating ---------------------------------------------------------------------------------


def test_migrating_into_a_new_collection(writer: IndexWriter) -> None:
    serve(writer, "live")
    fill(writer)
    report = migrate(writer, "live", "copy")
    assert (report.written, report.refused) == (92, [])
    assert list(writer.iterate("copy")) == list(writer.iterate("live"))
    assert migrate(writer, "live", "copy").written == 0


def test_migrating_into_one_that_holds_other_things(writer: IndexWriter) -> None:
    serve(writer, "live")
    fill(writer, packages=2)
    writer.create("copy")
    writer.upsert("copy", [document("mine"), document("p001", "0.1"), document("p000", "1.0")])
    writer.patch("copy", [Patch(package_id("pypi", "p001"), {"github_stars": 8})])
    migrate(writer, "live", "copy")
    found = {each["identifier"]: each for each in writer.iterate("copy")}
    assert len(found) == 10
    # The source knows nothing of p001's repository, so what the target knows stays.
    assert found[release_id("pypi", "p001", "2.0")]["github_stars"] == 8
    assert found[release_id("pypi", "p000", "1.0")]["github_stars"] == 5
    assert found[release_id("pypi", "p000", "1.0")]["summary"] == "0 1.0"


def test_migrating_into_itself_is_refused(writer: IndexWriter) -> None:
    serve(writer, "live")
    for target in ("live", "live-1"):
        with pytest.raises(StoreError, match="one collection"):
            migrate(writer, "live", target)
