"""Keeps the account of a run: moves cursors and pending names behind what is durably done.

Spiders say what belongs to a project, the index pipeline says what is written; only when all of a
project is done or has failed for good does it count, and only when all projects up to a serial
count does the cursor move there.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scrapy import Spider
from scrapy import signals as scrapy_signals
from scrapy.crawler import Crawler

from pyfcrawl import signals
from pyfcrawl.core.ledger import Ledger, Outcome, Plan, Visit
from pyfcrawl.core.removals import is_held
from pyfcrawl.errors import PyfcrawlError
from pyfcrawl.extensions.notes import Note, Notes
from pyfcrawl.stores.state import Cursor, Pending, StateStore, open_state

logger = logging.getLogger(__name__)

_ERROR = "pyfcrawl/error"


@dataclass(frozen=True, slots=True)
class Closing:
    """What is to be saved of projects all work of which has ended."""

    visits: list[str]
    failed: list[str]
    outcome: Outcome
    notes: list[Note]


class Keeper:
    """Listens to the signals of pyfcrawl.signals; writes the state store."""

    def __init__(self, crawler: Crawler, state_url: str) -> None:
        self._crawler = crawler
        self._state_url = state_url
        self._state: StateStore | None = None
        self._plan = Plan([])
        self._ledger = Ledger(self._plan)
        self._pending: dict[str, set[str]] = {}
        self._notes = Notes()
        self._saved: int | None = None
        self._first_failure = ""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Keeper:
        """STATE_URL says where state is kept."""
        keeper = cls(crawler, crawler.settings["STATE_URL"])
        for receiver, signal in (
            (keeper.run_planned, signals.run_planned),
            (keeper.work_expected, signals.work_expected),
            (keeper.work_failed, signals.work_failed),
            (keeper.work_finished, signals.work_finished),
            (keeper.note_when_done, signals.note_when_done),
            (keeper.more_planned, signals.more_planned),
            (keeper.remember, signals.remember),
            (keeper.forget, signals.forget),
            (keeper.removals_settled, signals.removals_settled),
            (keeper.item_lost, scrapy_signals.item_dropped),
            (keeper.item_lost, scrapy_signals.item_error),
            (keeper.spider_idle, scrapy_signals.spider_idle),
            (keeper.spider_closed, scrapy_signals.spider_closed),
        ):
            crawler.signals.connect(receiver, signal)
        return keeper

    def run_planned(self, plan: Plan) -> None:
        """Open the account."""
        self._plan = plan
        self._ledger = Ledger(plan)
        self._stats.set_value("pyfcrawl/planned", sum(part.count for part in plan.parts))
        try:
            self._state = open_state(self._state_url)
            self._pending = {key: set(self._state.pending(key)) for key in plan.scopes}
        except PyfcrawlError as error:
            self._stop(error)
        self._count_pending()

    def work_expected(self, visit: str, units: int) -> None:
        """More is to come of a project."""
        self._ledger.expect(visit, units)

    def work_failed(self, visit: str, reason: str) -> None:
        """Something of a project failed for good."""
        self._ledger.fail(visit, reason)
        self._notes.fail(visit)
        # Waiting, for a cache or for the end of the run, is nobody's mistake.
        if not (reason.startswith("stale") or is_held(reason)):
            self._first_failure = self._first_failure or f"{Visit.parse(visit).name}: {reason}"

    def work_finished(self, visits: Sequence[str]) -> None:
        """Something of these projects ended; when it was the last of one, that is closed."""
        closed = [visit for visit in visits if self._ledger.finish(visit)]
        if closed:
            self._close(closed)

    def _close(self, visits: list[str]) -> None:
        """Save what became of these projects, all work of which has ended, and tell so."""
        closing = self._closing_of(visits)
        self._save_closing(closing)
        self._tell(closing)

    def _closing_of(self, visits: list[str]) -> Closing:
        failed = [visit for visit in visits if self._notes.failed(visit)]
        return Closing(visits, failed, self._ledger.take(), self._notes.close(visits))

    def _save_closing(self, closing: Closing) -> None:
        self._save(closing.outcome)
        for note in closing.notes:
            self.remember(note.kind, note.values, note.until)

    def _tell(self, closing: Closing) -> None:
        send = self._crawler.signals.send_catch_log
        send(signals.projects_closed, visits=closing.visits, failed=closing.failed)

    def more_planned(self, count: int) -> None:
        """A run that goes on found more to visit."""
        self._ledger.add(count)
        self._stats.inc_value("pyfcrawl/planned", count)

    def note_when_done(
        self, visit: str, kind: str, values: Mapping[str, Any], until: int | None = None
    ) -> None:
        """Hold back what is to be remembered once this project is done."""
        self._notes.add(visit, Note(kind, until, dict(values)))

    def remember(self, kind: str, values: Mapping[str, Any], until: int | None = None) -> None:
        """Remember at once; at worst something is looked at once more than needed."""
        if self._state is None:
            return
        try:
            self._state.remember(kind, values, until)
        except Exception as error:
            logger.warning("%s is not remembered: %s", kind, error)

    def forget(self, kind: str, keys: Sequence[str]) -> None:
        """Forget at once."""
        if self._state is None or not keys:
            return
        try:
            self._state.forget(kind, keys)
        except Exception as error:
            logger.warning("%s is not forgotten: %s", kind, error)

    def removals_settled(
        self, removed: Collection[str], left: Mapping[str, Collection[str]]
    ) -> None:
        """Nothing waits any more for removals, but where they are left: those were too many."""
        judged = set(removed).union(*left.values())
        for key in self._plan.scopes if judged else ():
            settled = self._waiting(key) & judged.difference(left.get(key.partition("/")[2], ()))
            self._advance(key, None, {}, settled)
            self._pending[key] -= settled
        self._count_pending()

    def _waiting(self, key: str) -> set[str]:
        """Names pending for nothing but a removal that is held."""
        try:
            pending = self._state.pending(key) if self._state else {}
        except PyfcrawlError as error:
            self._stop(error)
            return set()
        return {name for name, each in pending.items() if is_held(each.reason)}

    def item_lost(self, item: Any, **_: Any) -> None:
        """An item that no stage answered for (dropped on the way, or a stage raised)."""
        visit = getattr(item, "visit", "")
        if visit:
            self.work_failed(visit, "a pipeline stage failed; the log says why")
            self.work_finished([visit])

    def _save(self, outcome: Outcome, etag: str = "") -> None:
        frontier = self._ledger.frontier
        now = int(time.time())
        failed = {
            visit.name: Pending(visit.serial, reason, now)
            for visit, reason in outcome.failed.items()
        }
        mistakes = sum(not is_held(reason) for reason in outcome.failed.values())
        if mistakes:
            self._stats.inc_value("pyfcrawl/failed", mistakes)
        moved = frontier is not None and (frontier != self._saved or bool(etag))
        for key, scope in self._plan.scopes.items():
            settled = self._pending[key].intersection(outcome.done)
            if not (moved or failed or settled):
                continue
            cursor = self._cursor(frontier, scope, etag, now) if moved else None
            self._advance(key, cursor, failed, settled)
            self._pending[key] -= settled
            self._pending[key] |= failed.keys()
        self._saved = frontier
        if failed or outcome.done:
            self._count_pending()

    def _cursor(self, serial: int | None, scope: str, etag: str, now: int) -> Cursor:
        plan = self._plan
        return Cursor(serial or 0, scope, etag, plan.listed, plan.newest, now)

    def _advance(
        self, key: str, cursor: Cursor | None, failed: dict[str, Pending], settled: set[str]
    ) -> None:
        if self._state is None:
            return
        try:
            self._state.advance(key, cursor, failed, settled)
        except Exception as error:  # what failed is lost with it: no cursor may move any more
            self._stop(error)

    def _stop(self, error: Exception) -> None:
        """Without state nothing can be vouched for: end the run, keep what is written."""
        self._state = None
        self._stats.set_value(_ERROR, str(error))
        engine = self._crawler.engine
        if engine is not None:
            self._closing = asyncio.ensure_future(engine.close_spider_async(reason="error"))

    def _count_pending(self) -> None:
        names = set().union(*self._pending.values()) if self._pending else set()
        self._stats.set_value("pyfcrawl/pending", len(names))

    def spider_idle(self) -> None:
        """Nothing is left to do: say so, and whether all of it went well."""
        if self._plan.scopes and self._state is not None and not self._ledger.open:
            self._judge_removals()
        bad = sum(self._stats.get_value(f"pyfcrawl/{name}", 0) for name in ("failed", "refused"))
        if self._plan.scopes and not (self._ledger.open or bad or self._stats.get_value(_ERROR)):
            self._crawler.signals.send_catch_log(signals.run_clean)

    def _judge_removals(self) -> None:
        self._crawler.signals.send_catch_log(signals.removals_due)

    def spider_closed(self, spider: Spider, reason: str) -> None:
        """Close the account: a run that ended vouches for its listing."""
        self._stats.set_value("pyfcrawl/open", self._ledger.open)
        if self._ledger.open == 0 and reason == "finished":
            self._vouch()
        self._judge(reason, getattr(spider, "root_setting", "PYPI_ROOT"))
        if self._state is None:
            return
        self._state.close()

    def _vouch(self) -> None:
        """All that was planned is done: cursors stand at its end."""
        self._save(self._ledger.take(), etag=self._plan.etag)
        self._take_over()
        self._settle()

    def _take_over(self) -> None:
        """Collections rebuilt beside others serve now: their cursors take over too."""
        if self._state is None or not self._stats.get_value("pyfcrawl/switched"):
            return
        for key, final in self._plan.final.items():
            cursor = self._state.cursor(key)
            if cursor is not None:
                self._advance(final, cursor, {}, set(self._state.pending(final)))

    def _settle(self) -> None:
        """What the state remembers and this run, having seen everything, made untrue."""
        if self._state is None or self._stats.get_value(_ERROR):
            return
        if self._plan.final and not self._stats.get_value("pyfcrawl/switched"):
            return  # what it saw was thrown away
        self._forget_settled(self._plan)

    def _forget_settled(self, plan: Plan) -> None:
        for kind, keys in plan.settled.items():
            self.forget(kind, keys)

    def _judge(self, reason: str, root_setting: str) -> None:
        """What makes a run a failure: it could read nothing at all, or left projects undone."""
        failed = self._stats.get_value("pyfcrawl/failed", 0)
        if self._first_failure and failed and not self._stats.get_value("pyfcrawl/visited"):
            self._stats.set_value(
                _ERROR,
                f"{failed} of {failed} projects could not be read, the first being "
                f"{self._first_failure}; check {root_setting} and the network",
            )
        elif self._stats.get_value(_ERROR):
            return
        elif reason == "start_error":
            self._stats.set_value(
                _ERROR,
                "the crawl ended at its beginning, for an error that the log tells; what it was to "
                "do is left for the next one",
            )
        elif self._ledger.open and reason == "finished":
            self._stats.set_value(
                _ERROR,
                f"{self._ledger.open} projects were left undone by an error that the log tells; "
                "the next run takes them up again",
            )

    @property
    def _stats(self) -> Any:
        return self._crawler.stats
