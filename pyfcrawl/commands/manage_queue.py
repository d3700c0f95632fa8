"""The subcommand of `scrapy manage` for the runs that workers share over Redis."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.console import RenderableType

from pyfcrawl.addons import check_settings
from pyfcrawl.commands import output
from pyfcrawl.commands.manage_frame import Action, Manager, agreed, say
from pyfcrawl.errors import ConfigurationError

if TYPE_CHECKING:
    from pyfcrawl.scheduling.overview import EndedRun, Failed, RunStanding, WorkerStanding
    from pyfcrawl.scheduling.place import Place

#: Failed requests, and names of ended runs, that are shown.
_SHOWN = 10


@contextmanager
def _place(command: Manager) -> Iterator[Place]:
    settings = command.settings
    assert settings is not None
    check_settings(settings)
    if not settings["REDIS_URL"]:
        raise ConfigurationError(
            "queue: there is none without Redis, as no workers share a run; set REDIS_URL"
        )
    # Only who asks for it waits for Redis's client to be loaded.
    from pyfcrawl.scheduling.place import Place
    from pyfcrawl.stores.redis_client import RedisAddress

    found = Place(RedisAddress.of(settings))
    try:
        yield found
    finally:
        found.close()


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what",
        metavar="retry-dead|purge",
        nargs="?",
        choices=("retry-dead", "purge"),
        help="what to do with it; nothing: show it",
    )
    parser.add_argument(
        "queued", metavar="RUN", nargs="?", help="purge that run only (default: all of them)"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument("--force", action="store_true", help="purge: don't ask")


def _queue(command: Manager, opts: argparse.Namespace) -> int:
    if opts.queued and opts.what != "purge":
        raise ConfigurationError(f"queue {opts.what}: {opts.queued!r} is a word too many")
    with _place(command) as place:
        if opts.what == "retry-dead":
            return _retry_dead(place)
        if opts.what == "purge":
            return _purge(place, opts)
        return _show(place, opts.json)


# --- looking -----------------------------------------------------------------------------------


def _show(place: Place, as_json: bool) -> int:
    runs, ended = place.runs(), place.ended()
    if as_json:
        told = [asdict(each) | {"left": each.left} for each in runs]
        output.show_json({"runs": told, "ended": [asdict(each) for each in ended]}, indent=2)
        return 0
    now = time.time()
    for each in runs:
        output.show(*_described(each, now), "")
    if not runs:
        say("No run is under way.")
    if ended:
        output.show("", *_ended_table(ended))
        say("Their projects are pending: the next crawl tries them first.")
    return 0


def _described(run: RunStanding, now: float) -> list[RenderableType]:
    lines = [output.plain(run.label), f"  run      {output.plain(run.name)}"]
    ago = output.span(now - run.started)
    lines.append(f"  planner  {output.plain(run.planner)}, {_planning(run)}, begun {ago} ago")
    if not run.alone:
        lines += [f"  requests {_numbers(run)}", f"  pace     {_pace(run)}"]
    return [*lines, *_worker_table(run.workers), *_failed_table(run)]


def _planning(run: RunStanding) -> str:
    if run.alone:
        return "does all of it; others stand by"
    if run.ending:
        return "all done, being ended"
    return "planned" if run.planned is not None else "still planning"


def _numbers(run: RunStanding) -> str:
    numbers = {
        "waiting": run.waiting,
        "leased": run.leased,
        "failed and delayed": run.delayed,
        "given up": run.dead,
        "done": run.done,
    }
    told = (f"{number:,} {what}" for what, number in numbers.items())
    return f"{', '.join(told)} of {run.requests:,}"


def _pace(run: RunStanding) -> str:
    left = "unknown" if run.left is None else output.span(run.left)
    return (
        f"{run.visited:,} of {run.projects:,} projects, {run.project_rate:,.1f} projects/s,"
        f" {run.rate:,.2f} requests/s in the last minute; time left {left}"
    )


def _worker_table(workers: list[WorkerStanding]) -> list[RenderableType]:
    rows = [
        (
            output.plain(each.worker),
            f"{each.holds:,}",
            "" if each.until is None else _relative(each.until),
            "" if each.heard is None else f"{output.span(each.heard)} ago",
        )
        for each in workers
    ]
    headings = ("Worker", "Leased", "Until", "Heard of")
    return [output.table(headings, rows, right=("Leased",))] if rows else []


def _relative(seconds: float) -> str:
    if seconds < 0:
        return f"over since {output.span(-seconds)}"
    return f"in {output.span(seconds)}"


def _failed_table(run: RunStanding) -> list[RenderableType]:
    shown = run.failed[:_SHOWN]
    rows = [
        (
            output.plain(each.label),
            f"{each.projects:,}",
            f"{each.tries:,}",
            _again(each),
            output.plain(each.reason),
        )
        for each in shown
    ]
    headings = ("Failed", "Projects", "Tries", "Again", "Reason")
    hidden = run.delayed + run.dead - len(shown)
    more = [f"and {hidden:,} more"] if hidden > 0 and rows else []
    return [output.table(headings, rows, right=headings[1:3]), *more] if rows else []


def _again(failed: Failed) -> str:
    return "given up" if failed.due is None else f"in {output.span(max(0.0, failed.due))}"


def _ended_table(ended: list[EndedRun]) -> list[RenderableType]:
    rows = [
        (
            output.moment(run.at).removesuffix(" UTC"),
            output.plain(run.name),
            output.plain(name),
            output.plain(reason),
        )
        for run in ended
        for name, reason in run.projects.items()
    ]
    headings = ("Given up", "Run", "Project", "Reason")
    hidden = len(rows) - _SHOWN
    more = [f"and {hidden:,} more"] if hidden > 0 else []
    return [output.table(headings, rows[:_SHOWN], widest={"Project": 28}), *more]


# --- changing ----------------------------------------------------------------------------------


def _retry_dead(place: Place) -> int:
    told = False
    for run in place.runs():
        count = place.revive(run.name)
        if count:
            say(f"{run.name}: {output.count(count, 'request')} queued again")
        elif run.dead:
            say(f"{run.name} is being ended: what it gave up is pending for the next crawl")
        told = told or bool(run.dead)
    if ended := place.forget_ended():
        names = {name for each in ended for name in each.projects}
        say(
            f"{output.count(len(ended), 'ended run')} gave up"
            f" {output.count(len(names), 'project')}: pending, so the next crawl tries them first;"
            " the list is cleared"
        )
    elif not told:
        say("Nothing is given up.")
    return 0


def _purge(place: Place, opts: argparse.Namespace) -> int:
    runs = [each for each in place.runs() if opts.queued in (None, each.name)]
    if not runs:
        if opts.queued:
            raise ConfigurationError(f"queue purge: no run {opts.queued!r} is under way")
        say("No run is under way.")
        return 0
    status = 0
    for run in runs:
        what = f"{run.name} ({run.label}) with {output.count(_queued(run), 'request')}"
        if not opts.force and not agreed(f"purge {what}"):
            say(f"{run.name} is left as it is")
            status = 1
        elif place.drop(run.name):
            say(
                f"{what} dropped: its workers stop, cursors stay where they were, and the next"
                " crawl finds it again"
            )
        else:
            say(f"{run.name} has ended meanwhile")
    return status


def _queued(run: RunStanding) -> int:
    return run.waiting + run.leased + run.delayed + run.dead


ACTIONS = (
    Action(
        "queue",
        "look at the runs that workers share (Redis)",
        "Show each run that workers share over Redis: who planned it, how much of it waits, is"
        " leased by whom, failed, was given up and is done, its pace and the time left; and what"
        " ended runs gave up. With retry-dead what was given up is tried again; purge drops runs"
        " under way, after asking: the next crawl finds what was in them.",
        (
            "scrapy manage queue",
            "scrapy manage queue --json",
            "scrapy manage queue retry-dead",
            "scrapy manage queue purge --force",
        ),
        _queue,
        _options,
    ),
)
