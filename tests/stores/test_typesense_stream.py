"""How a stream of documents is cut into batches for Typesense."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from pyfcrawl.stores.typesense_server import BATCH
from pyfcrawl.stores.typesense_stream import batches


def _releases(package: str, count: int) -> list[dict[str, Any]]:
    return [{"identifier": f"{package}@{n}", "package_id": package} for n in range(count)]


def _cut(documents: list[Any]) -> list[list[Any]]:
    found = list(batches(documents))
    assert [each for batch in found for each in batch] == documents
    assert all(0 < len(batch) <= BATCH for batch in found)
    return found


def test_full_batches_end_with_a_package() -> None:
    documents = [each for n in range(300) for each in _releases(f"package-{n}", 7)]
    found = _cut(documents)
    ends = [{each["package_id"] for each in batch} for batch in found]
    assert not any(one & other for one, other in pairwise(ends))
    assert {len(batch) for batch in found[:-1]} == {497}


def test_a_package_larger_than_a_batch_fills_several() -> None:
    found = _cut([*_releases("small", 3), *_releases("large", 1200)])
    assert [len(batch) for batch in found] == [500, 500, 203]


def test_an_identifier_that_comes_again_begins_a_batch() -> None:
    one, other = _releases("package", 2)
    assert _cut([one, other, one, one]) == [[one, other], [one], [one]]


def test_what_is_no_document_is_left_to_the_checks() -> None:
    odd: list[Any] = [None, {"identifier": 1}, {"identifier": 1}, "text"] * 200
    assert [len(batch) for batch in _cut(odd)] == [500, 300]
