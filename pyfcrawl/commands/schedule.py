"""`scrapy schedule`: crawls by the crontab lines of the settings, here or at a scrapyd."""

from __future__ import annotations

import argparse
import logging
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from rich.text import Text
from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError
from scrapy.spiderloader import get_spider_loader

from pyfcrawl.addons import check_settings
from pyfcrawl.commands import output
from pyfcrawl.commands.frame import INTERRUPTED, Frame, no_words
from pyfcrawl.commands.metrics import metrics
from pyfcrawl.core.profiles import Profile, select
from pyfcrawl.errors import ConfigurationError, ScheduleError
from pyfcrawl.stores.state import open_state
from pyfcrawl.timetable.crontab import Crontab, zone
from pyfcrawl.timetable.jobs import Job, all_jobs, named
from pyfcrawl.timetable.local import LocalCrawls
from pyfcrawl.timetable.loop import Planned, Timetable
from pyfcrawl.timetable.marks import Marks
from pyfcrawl.timetable.scrapyd import ScrapydServer
from pyfcrawl.timetable.signals import Signals
from pyfcrawl.timetable.slots import Slots, share_of

#: A file in DATA_DIR that is touched while the timetable lives, for health checks.
ALIVE = "schedule.alive"

#: Seconds a state that is away is waited for: meanwhile nothing is started, and nobody is heard.
_STATE_WAIT = 5.0


class Command(Frame, ScrapyCommand):
    """Runs the timetable, shows it, or has one job of it carried out now."""

    examples = ("scrapy schedule", "scrapy schedule --list", "scrapy schedule --once sync")
    usual_target = "SCHEDULE_PROFILES"

    def syntax(self) -> str:
        """See ScrapyCommand."""
        return "[options]"

    def short_desc(self) -> str:
        """See ScrapyCommand."""
        return "Run crawls on a timetable"

    def long_desc(self) -> str:
        """See ScrapyCommand."""
        return (
            "Run crawls on the timetable of the settings SCHEDULE_*, until it is stopped. With "
            "SCRAPYD_URL jobs are posted to a scrapyd; without, they are processes of this "
            "machine, one of each spider at a time."
        )

    def add_own_options(self, parser: argparse.ArgumentParser) -> None:
        """See Frame."""
        group = parser.add_mutually_exclusive_group()
        group.add_argument("--once", metavar="JOB", help="carry out one job now, on or off")
        group.add_argument("--list", action="store_true", help="show the jobs and their next times")
        parser.add_argument("--json", action="store_true", help="with --list: as JSON")

    def carry_out(self, words: list[str], opts: argparse.Namespace) -> int:
        """See Frame."""
        no_words(words)
        if opts.target is not None:
            raise UsageError("-t: a timetable is for profiles; choose them with -p")
        if opts.json and not opts.list:
            raise UsageError("--json goes with --list")
        check_settings(self._settings)
        profiles = self._profiles(opts)
        jobs = all_jobs(",".join(each.name for each in profiles))
        if opts.once is not None:
            return self._once(named(jobs, opts.once), opts)
        with closing(open_state(self._settings["STATE_URL"], wait=_STATE_WAIT)) as state:
            marks = Marks(state, self._settings["SCHEDULE_NAME"] or socket.gethostname())
            planned = self._planned(jobs, self._lines(jobs, profiles), marks)
            if opts.list:
                return _show(jobs, planned, marks, opts.json)
            marks.keep_only(each.job.name for each in planned)
            return self._run(planned, marks, opts)

    # --- what there is to do ------------------------------------------------------------------

    def _profiles(self, opts: argparse.Namespace) -> list[Profile]:
        settings = self._settings
        names = opts.profile_name or settings["SCHEDULE_PROFILES"] or settings["DEFAULT_PROFILE"]
        return select(self.profiles(), names)

    def _lines(self, jobs: dict[str, Job], profiles: list[Profile]) -> dict[str, str]:
        """The crontab lines of jobs that aren't turned off; npm's is where nothing is on npm."""
        lines = {job.name: str(self._settings[job.setting]).strip() for job in jobs.values()}
        if not any(each.npm_keywords or each.npm_scopes for each in profiles):
            del lines["npm"]
        return {name: line for name, line in lines.items() if line}

    def _planned(self, jobs: dict[str, Job], lines: dict[str, str], marks: Marks) -> list[Planned]:
        """The jobs that have a line. Raises ConfigurationError for what can't be run."""
        within = zone(self._settings["SCHEDULE_TIMEZONE"])
        jitter, host = int(self._settings["SCHEDULE_JITTER"]), socket.gethostname()
        installation = marks.installation()
        planned = []
        for name, line in lines.items():
            job = jobs[name]
            self._check(job)
            share = share_of(installation, host, name)
            slots = Slots(Crontab(line, within, job.setting), share, jitter)
            planned.append(Planned(job, slots))
        return planned

    def _check(self, job: Job) -> None:
        spider: Any = get_spider_loader(self._settings).load(job.spider)
        spider.check(self._settings, job.arguments)

    # --- having it done -----------------------------------------------------------------------

    def _run(self, planned: list[Planned], marks: Marks, opts: argparse.Namespace) -> int:
        self._log()
        with Signals() as signals:
            target = self._target(opts)
            logging.getLogger(__name__).info(
                "Timetable of %s, %s", _names(planned), self._settings["SCRAPYD_URL"] or "run here"
            )
            try:
                with metrics(self._settings, {each.job.spider for each in planned}):
                    Timetable(planned, target, marks, time.time, self._sleeping(signals)).run()
            finally:
                if isinstance(target, LocalCrawls):
                    target.end()
        return INTERRUPTED if signals.caught == signal.SIGINT else 0

    def _sleeping(self, signals: Signals) -> Callable[[float], bool]:
        alive = self._data / ALIVE
        try:
            self._data.mkdir(parents=True, exist_ok=True)
            alive.touch()
        except OSError as error:
            raise ConfigurationError(
                f"DATA_DIR={self._data} can't be written ({error.strerror}); give another"
            ) from error

        told = ""

        def sleep(seconds: float) -> bool:
            nonlocal told
            try:
                alive.touch()
            except OSError as error:  # a health check will see that it grows old
                if told != str(error):
                    logging.getLogger(__name__).warning("No sign of life is left: %s", error)
                told = str(error)
            return signals.sleep(seconds)

        return sleep

    def _once(self, job: Job, opts: argparse.Namespace) -> int:
        self._check(job)
        self._log()
        target = self._target(opts)
        job_id = f"{job.name}-once-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
        with Signals() as signals:
            if not target.start(job, job_id):
                raise ScheduleError(
                    f"--once {job.name}: a crawl of {job.spider} is under way; wait for its end"
                )
            if isinstance(target, ScrapydServer):
                output.line(job_id)
                return 0
            while target.running():
                if signals.sleep(1):
                    target.end()
        return target.status if target.status >= 0 else 128 - target.status

    def _target(self, opts: argparse.Namespace) -> LocalCrawls | ScrapydServer:
        settings = self._settings
        if settings["SCRAPYD_URL"]:
            return ScrapydServer(
                settings["SCRAPYD_URL"],
                settings["SCRAPYD_USERNAME"],
                settings["SCRAPYD_PASSWORD"],
                settings["SCRAPYD_PROJECT"],
            )
        given = [part for each in opts.set for part in ("-s", each)]
        level = ["-L", opts.loglevel] if opts.loglevel else []
        return LocalCrawls(self._data, settings["LOG_FORMAT"], [*given, *level])

    @property
    def _data(self) -> Path:
        return Path(self._settings["DATA_DIR"]).expanduser().resolve()

    def _log(self) -> None:
        form, level = self._settings["LOG_FORMAT"], self._settings["LOG_LEVEL"]
        logging.basicConfig(format=form, level=level, stream=sys.stderr)
        logging.getLogger("httpx").setLevel(logging.WARNING)


# --- showing it -------------------------------------------------------------------------------


def _names(planned: list[Planned]) -> str:
    return ", ".join(each.job.name for each in planned) or "nothing"


def _show(jobs: dict[str, Job], planned: list[Planned], marks: Marks, as_json: bool) -> int:
    slots = {each.job.name: each.slots for each in planned}
    now = int(time.time())
    following = {name: each.following(now) for name, each in slots.items()}
    if as_json:
        described = [
            {
                "job": job.name,
                "spider": job.spider,
                "arguments": dict(job.arguments),
                "setting": job.setting,
                "crontab": slots[job.name].crontab.line if job.name in slots else None,
                "next": following.get(job.name),
                "last": marks.get(job.name) if job.name in slots else None,
            }
            for job in jobs.values()
        ]
        output.show_json(described, indent=2)
        return 0
    rows = [_row(job, slots.get(job.name), following.get(job.name)) for job in jobs.values()]
    output.show(output.table(("Job", "Crontab", "Next", "Crawl"), rows))
    return 0


def _row(job: Job, slots: Slots | None, following: int | None) -> list[str | Text]:
    arguments = " ".join(f"{name}={value}" for name, value in job.arguments.items())
    return [
        Text(job.name, "bold"),
        slots.crontab.line if slots else "off",
        output.moment(following) or "-",
        output.plain(f"{job.spider} {arguments}"),
    ]
