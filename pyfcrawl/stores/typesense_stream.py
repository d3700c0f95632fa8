"""A stream of documents on its way into a Typesense collection, two batches at a time.

While the server takes in one batch the next is looked up and sent, and the one after that made
ready, so the server never waits for us.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from pyfcrawl.stores.index import WriteReport
from pyfcrawl.stores.typesense_server import BATCH
from pyfcrawl.stores.typesense_write import CollectionWriter, Prepared, prepared
from pyfcrawl.stores.values import chunks

#: Batches under way at once; the server works them off one after the other.
_UNDERWAY = 2
#: A full batch gives up to so many documents to the next one, so that it ends with a package:
#: batches that share one can't overlap.
_MOST_KEPT_BACK = BATCH // 2
#: Documents made ready between two short rests, in seconds.
_PIECE, _REST = 10, 0.0001


def upsert(writer: CollectionWriter, documents: Iterable[Any]) -> WriteReport:
    """As IndexWriter.upsert. What the iterable raises is raised when all under way is done."""
    report = WriteReport()
    underway: deque[tuple[frozenset[str], Future[WriteReport]]] = deque()
    with ThreadPoolExecutor(_UNDERWAY, "typesense") as threads:
        for batch in batches(documents):
            sound = _prepared(batch, report)
            packages = _packages(sound)
            while len(underway) >= _UNDERWAY or any(packages & each for each, _ in underway):
                add(report, underway.popleft()[1].result())
            underway.append((packages, threads.submit(writer.upsert, sound)))
        for _, result in underway:
            add(report, result.result())
    return report


def _prepared(batch: Iterable[Any], report: WriteReport) -> list[Prepared]:
    """As `prepared`; a crawl's event loop gets the interpreter in between."""
    sound: list[Prepared] = []
    for piece in chunks(batch, _PIECE):
        sound += prepared(piece, report)
        time.sleep(_REST)
    return sound


def batches(documents: Iterable[Any]) -> Iterator[list[Any]]:
    """Batches in which no identifier occurs twice, ending where a package does if possible."""
    batch: list[Any] = []
    seen: set[Any] = set()
    for document in documents:
        identifier = _text(document, "identifier")
        if identifier in seen and identifier is not None:
            yield batch
            batch, seen = [], set()
        elif len(batch) >= BATCH:
            end = _end(batch, _text(document, "package_id"))
            yield batch[:end]
            batch = batch[end:]
            seen = {_text(each, "identifier") for each in batch}
        batch.append(document)
        seen.add(identifier)
    if batch:
        yield batch


def _end(batch: list[Any], following: str | None) -> int:
    """Where to end a full batch, whose next document is one of the package `following`."""
    for end in range(len(batch), len(batch) - _MOST_KEPT_BACK - 1, -1):
        package = _text(batch[end - 1], "package_id")
        if package != following or package is None:
            return end
    return len(batch)


def _text(document: Any, name: str) -> str | None:
    value = document.get(name) if isinstance(document, dict) else None
    return value if isinstance(value, str) else None


def _packages(documents: Iterable[Prepared]) -> frozenset[str]:
    return frozenset(each.own["package_id"] for each in documents)


def add(report: WriteReport, part: WriteReport) -> None:
    """Count a part's results in a report."""
    report.written += part.written
    report.unchanged += part.unchanged
    report.refused += part.refused
