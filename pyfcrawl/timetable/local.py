"""Crawls as processes of this machine, one of each spider at a time.

A lock file for each spider keeps a second one from starting. The crawl inherits the lock and holds
it to its end, so it counts even when the timetable that started it was killed meanwhile, and for
other timetables with the same data directory.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyfcrawl.errors import ScheduleError
from pyfcrawl.timetable.jobs import STARTED_BY, Job

logger = logging.getLogger(__name__)

#: Seconds that crawls get to write what they have fetched when the timetable is stopped.
GRACE = 55


@dataclass(slots=True)
class _Crawl:
    """A process, and since when (monotonic seconds) it runs which job."""

    job: Job
    process: subprocess.Popen[bytes]
    since: float


class LocalCrawls:
    """Starts `scrapy crawl` with `options` more, and locks in the directory `locks`."""

    def __init__(self, locks: Path, log_format: str, options: Sequence[str] = ()) -> None:
        self._locks = locks
        self._log_format = log_format
        self._options = options
        self._crawls: list[_Crawl] = []
        #: How the last crawl that ended did so: an exit status, or below 0 a signal.
        self.status = 0

    def start(self, job: Job, job_id: str) -> bool:
        """See Target."""
        try:
            with self._locked(job.spider) as lock:
                if lock is None:
                    return False
                process = subprocess.Popen(  # noqa: S603 - a list, and no shell
                    self._command(job),
                    stdin=subprocess.DEVNULL,
                    pass_fds=(lock,),
                    # In a group of its own, so that Ctrl-C reaches it through us, and once.
                    start_new_session=True,
                )
        except OSError as error:
            raise ScheduleError(
                f"{job.name} can't be started ({error}); is DATA_DIR writable?"
            ) from error
        self._crawls.append(_Crawl(job, process, time.monotonic()))
        return True

    @contextlib.contextmanager
    def _locked(self, spider: str) -> Iterator[int | None]:
        """A lock's file descriptor, None while another process holds it."""
        import fcntl  # which Windows doesn't have

        self._locks.mkdir(parents=True, exist_ok=True)
        path = self._locks / f"crawl-{spider}.lock"
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield lock
        finally:
            os.close(lock)

    def _command(self, job: Job) -> list[str]:
        arguments = [f"-a{name}={value}" for name, value in job.arguments.items()]
        # Several crawls write to one log, so each line says whose it is.
        log_format = self._log_format.replace("%(name)s", f"[{job.name}] %(name)s")
        # Of the one METRICS_PORT the timetable itself makes use, for all crawls.
        own = ("-s", f"LOG_FORMAT={log_format}", "-s", STARTED_BY, "-s", "METRICS_PORT=0")
        settings = (*own, *self._options)
        return [sys.executable, "-m", "scrapy", "crawl", job.spider, *arguments, *settings]

    def look(self) -> None:
        """See Target."""
        for crawl in [each for each in self._crawls if each.process.poll() is not None]:
            self._crawls.remove(crawl)
            self.status = status = crawl.process.returncode
            level = logging.WARNING if status else logging.INFO
            took = time.monotonic() - crawl.since
            logger.log(level, "%s ended with status %d after %.0f s", crawl.job.name, status, took)

    def running(self) -> bool:
        """Whether a crawl is under way."""
        self.look()
        return bool(self._crawls)

    def end(self, grace: float = GRACE) -> None:
        """Tell all crawls to end, and wait; what is not done after `grace` seconds is killed."""
        if self._crawls:
            names = ", ".join(each.job.name for each in self._crawls)
            logger.info("Waiting for %s to end", names)
        for crawl in self._crawls:
            crawl.process.send_signal(signal.SIGINT)
        until = time.monotonic() + grace
        for crawl in self._crawls:
            try:
                crawl.process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                logger.warning("%s didn't end in time and is killed", crawl.job.name)
                os.killpg(crawl.process.pid, signal.SIGKILL)
                crawl.process.wait()
        self.look()
