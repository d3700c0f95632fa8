"""Looks repositories up: by GraphQL many at once, by REST one by one, each at most once a run."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from scrapy import Request
from scrapy.http import Response

from pyfcrawl.core.repos import Kind, Repository, parse
from pyfcrawl.errors import SourceError
from pyfcrawl.sources import forges, github
from pyfcrawl.sources.github_entry import Entry
from pyfcrawl.spiders.github_asking import (
    HOPELESS,
    Asker,
    LimitReachedError,
    TokenRefusedError,
    UnansweredError,
    limited_wait,
    told_wait,
)
from pyfcrawl.spiders.github_pace import Pace
from pyfcrawl.spiders.github_packages import Package
from pyfcrawl.spiders.merging import merged

#: Requests for contributors under way at once.
_SIDE_BY_SIDE = 4

#: Seconds for which what another profile, or a run that was killed, looked up is news enough.
_FRESH = 3_600

_GONE = (404, 410)

#: Seconds to wait when GitHub refuses a query without a reason: its documentation asks for as much
#: where a limit is not told (https://docs.github.com/en/graphql/overview/rate-limits).
_REFUSED = 60.0

_GITHUB_HEADERS = {
    "Accept": "application/vnd.github+json",
    "X-GitHub-Api-Version": "2022-11-28",
}


@dataclass(slots=True)
class Want:
    """A repository, and the packages that are waiting to hear of it."""

    repository: Repository
    packages: list[Package] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Event:
    """What became of a look-up.

    `found` and `missing` come with the entry; when `more` is set, an event `contributors` follows
    a found one, with their entry or without. `failed` says why. `left`: not asked, for its limit.
    """

    kind: Literal["found", "missing", "failed", "left", "contributors"]
    want: Want
    entry: Entry | None = None
    reason: str = ""
    more: bool = False


class Lookups:
    """Looks up repositories at the hosts under `roots`.

    `entries` are those remembered, by repository key; what was looked up at `since` or later (Unix
    seconds) counts as known. `with_token` says whether GitHub gets a token.
    """

    def __init__(
        self,
        asker: Asker,
        roots: Mapping[Kind, str],
        with_token: bool,
        entries: Mapping[str, Entry],
        since: float,
    ) -> None:
        self._asker = asker
        self._roots = roots
        self._with_token = with_token
        self._entries = dict(entries)
        self._since = since
        self._asked: set[str] = set()
        self._few = asyncio.Semaphore(_SIDE_BY_SIDE)
        self.until = 0.0
        self.contributors_left = 0
        self._without_people = 0  # requests for contributors in a row that failed

    async def look_up(self, wants: Iterable[Want]) -> AsyncIterator[Event]:
        """An event for each, as answers come; hosts don't wait for each other.

        Raises TokenRefusedError when GitHub doesn't know the token.
        """
        open_: dict[Kind, list[Want]] = {}
        for want in wants:
            entry = self._entry(want)
            if want.repository.key in self._asked or self._is_known(want, entry):
                yield self._known(want, entry)
            else:
                open_.setdefault(want.repository.kind, []).append(want)
        by_github = self._graphql if self._with_token else self._anonymous
        streams = [
            by_github(these) if kind == "github" else self._one_by_one(these)
            for kind, these in open_.items()
        ]
        async for event in merged(streams):
            yield event

    def _entry(self, want: Want) -> Entry:
        return self._entries.setdefault(want.repository.key, Entry())

    def _is_known(self, want: Want, entry: Entry) -> bool:
        """Whether it needn't be looked up: lately enough, and later than its packages were."""
        if entry.checked >= self._since:
            return True
        newer = all((each.checked or 0) < entry.checked for each in want.packages)
        fresh = entry.checked > time.time() - _FRESH
        there = entry.facts is not None and not self._contributors_due(want)
        return there and newer and fresh

    @staticmethod
    def _known(want: Want, entry: Entry) -> Event:
        return Event("missing" if entry.facts is None else "found", want, entry)

    def _checked(self, want: Want, entry: Entry) -> Event:
        """The event of an answer just read into the entry."""
        entry.checked = int(time.time())
        self._asked.add(want.repository.key)
        return self._known(want, entry)

    def _gone(self, want: Want) -> Event:
        """It is not there; whatever is there another time is another repository."""
        entry = self._entries[want.repository.key] = Entry()
        return self._checked(want, entry)

    def _left(self, wants: Iterable[Want], error: LimitReachedError) -> Iterator[Event]:
        self.until = max(self.until, error.until)
        return (Event("left", want) for want in wants)

    # --- GraphQL ------------------------------------------------------------------------------

    async def _graphql(self, wants: Sequence[Want]) -> AsyncIterator[Event]:
        """Many in one query; fewer after one that was too much, more again when all is well."""
        pace = Pace(self._asker.tries)
        todo = deque(wants)
        while todo:
            chunk = [todo.popleft() for _ in range(min(pace.size, len(todo)))]
            try:
                answers = await self._query([each.repository for each in chunk])
            except LimitReachedError as error:
                for event in self._left([*chunk, *todo], error):
                    yield event
                return
            undecided = {each.key for each in answers.undecided}
            again = [each for each in chunk if each.repository.key in undecided]
            for event in await self._decided(chunk, answers):
                yield event
            if pace.gives_up(len(chunk), len(again)):
                lost = [*again, *todo] if pace.hopeless else again
                if pace.hopeless:
                    todo.clear()
                for want in lost:
                    yield Event("failed", want, reason=answers.reason)
            else:
                todo.extendleft(reversed(again))

    async def _query(self, repositories: list[Repository]) -> github.Answers:
        """One query's answers. Raises LimitReachedError; whatever else fails leaves it open."""
        request = Request(
            github.graphql_url(self._roots["github"]),
            method="POST",
            body=github.query(repositories),
            headers={**_GITHUB_HEADERS, "Content-Type": "application/json"},
        )

        def waits(response: Response) -> float | None:
            if response.status != 200:
                wait = told_wait(response)
                return _REFUSED if wait is None and response.status == 403 else wait
            try:
                answers = github.read_answers(response.body, repositories)
            except SourceError:
                return None
            return limited_wait(response, answers.reset) if answers.limited else None

        try:
            response = await self._asker.ask(request, "GitHub's GraphQL", waits)
            if response.status == 200:
                return github.read_answers(response.body, repositories)
            reason = f"answered {response.status}"
        except (UnansweredError, SourceError) as error:
            reason = str(error)
        return github.Answers(undecided=repositories, reason=reason)

    async def _decided(self, chunk: Sequence[Want], answers: github.Answers) -> list[Event]:
        events: list[Event] = []
        for want in chunk:
            key, entry = want.repository.key, self._entry(want)
            if key in answers.refused:
                events.append(Event("failed", want, reason="GitHub refuses to tell"))
            elif key in answers.missing or (key in answers.silent and await self._is_gone(want)):
                events.append(self._gone(want))
            elif key in answers.silent:
                events.append(Event("failed", want, reason="an answer without the repository"))
            elif key in answers.found:
                entry.facts, entry.etag = answers.found[key], ""
                events.append(self._checked(want, entry))
        found = [each for each in events if each.kind == "found"]
        await asyncio.gather(*(self._contributors(each.want) for each in found))
        return events

    async def _is_gone(self, want: Want) -> bool:
        """Whether REST says that it isn't there: a null alone may be anything."""
        url = forges.repository_url(self._roots["github"], want.repository)
        try:
            response = await self._get(url, "github", "")
        except (LimitReachedError, UnansweredError):
            return False
        return response.status in _GONE

    # --- REST ---------------------------------------------------------------------------------

    async def _anonymous(self, wants: Sequence[Want]) -> AsyncIterator[Event]:
        """GitHub without a token, most wanted first, as long as its limit lasts.

        Repositories never looked up come first, then the contributors of these, then all others.
        """
        new = [each for each in wants if not self._was_seen(each)]
        others = [each for each in wants if self._was_seen(each)]
        later: list[Want] = []
        async for event in self._one_by_one(new):
            more = event.kind == "found" and self._contributors_due(event.want)
            if more:
                later.append(event.want)
            yield Event(event.kind, event.want, event.entry, event.reason, more)
        for want in later:
            done = await self._contributors(want)
            yield Event("contributors", want, self._entry(want) if done else None)
        async for event in self._one_by_one(others):
            if event.kind == "found":
                await self._contributors(event.want)
            yield event

    def _was_seen(self, want: Want) -> bool:
        known = any(each.checked is not None for each in want.packages)
        return known or self._entry(want).checked > 0

    async def _one_by_one(self, wants: Sequence[Want]) -> AsyncIterator[Event]:
        failures = 0
        for place, want in enumerate(wants):
            try:
                event = await self._one(want)
            except LimitReachedError as error:
                for left in self._left(wants[place:], error):
                    yield left
                return
            yield event
            failures = failures + 1 if event.kind == "failed" else 0
            if failures >= HOPELESS:
                for lost in wants[place + 1 :]:
                    yield Event("failed", lost, reason=event.reason)
                return

    async def _one(self, want: Want) -> Event:
        """One repository by REST. Raises LimitReachedError."""
        repository, entry = want.repository, self._entry(want)
        url = forges.repository_url(self._roots[repository.kind], repository)
        known = entry.etag if entry.facts is not None else ""
        try:
            response = await self._get(url, repository.kind, known)
            if response.status in _GONE:
                return self._gone(want)
            if response.status == 200:
                entry.facts = forges.read_repository(repository.kind, response.body)
                entry.etag = _etag(response)
            elif response.status != 304 or not known:
                return Event("failed", want, reason=f"answered {response.status}")
        except (UnansweredError, SourceError) as error:
            return Event("failed", want, reason=str(error))
        return self._checked(want, entry)

    async def _get(self, url: str, kind: Kind, etag: str) -> Response:
        headers = dict(_GITHUB_HEADERS) if kind == "github" else {"Accept": "application/json"}
        if etag:
            headers["If-None-Match"] = etag
        try:
            return await self._asker.insist(Request(url, headers=headers), f"{kind} REST")
        except TokenRefusedError:
            if kind == "github" and self._with_token:
                raise
            raise UnansweredError("answered 401") from None

    def _contributors_due(self, want: Want) -> bool:
        return want.repository.kind == "github" and self._entry(want).contributors_due(
            int(time.time())
        )

    async def _contributors(self, want: Want) -> bool:
        """Read GitHub's contributors into the entry when they are due; whether it was done."""
        if not self._contributors_due(want):
            return False
        entry = self._entry(want)
        known = entry.contributors_etag if entry.contributors is not None else ""
        url = forges.contributors_url(self._roots["github"], _canonical(want, entry))
        try:
            async with self._few:
                if self._without_people >= HOPELESS:
                    return False
                response = await self._get(url, "github", known)
            if response.status == 200:
                entry.contributors = forges.read_contributors(response.body)
                entry.contributors_etag = _etag(response)
            elif response.status in (204, 403, 404):  # none, too many to count, gone
                entry.contributors, entry.contributors_etag = None, ""
            elif response.status != 304:
                return False
        except LimitReachedError as error:
            self.until = max(self.until, error.until)
            self.contributors_left += 1
            return False
        except (UnansweredError, SourceError):
            self._without_people += 1
            return False
        self._without_people = 0
        entry.contributors_checked = int(time.time())
        return True


def _canonical(want: Want, entry: Entry) -> Repository:
    """The repository under its present name: the old one would cost a redirect."""
    found = parse(entry.facts["github_url"]) if entry.facts else None
    if isinstance(found, Repository) and found.kind == "github":
        return found
    return want.repository


def _etag(response: Response) -> str:
    found = (response.headers.get("ETag") or b"").decode("latin-1")
    return found if found.isascii() and found.isprintable() else ""
