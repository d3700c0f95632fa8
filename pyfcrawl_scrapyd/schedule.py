"""Jobs that could only die are refused when they are scheduled."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from scrapyd import webservice
from twisted.internet import defer, utils
from twisted.logger import Logger
from twisted.web import error, http
from twisted.web.server import NOT_DONE_YET, Request

log = Logger()

#: Parameters of schedule.json that are no arguments of the spider.
_ITS_OWN = frozenset({b"project", b"spider", b"_version", b"jobid", b"priority", b"setting"})


class Schedule(webservice.Schedule):
    """schedule.json that refuses a job with an unknown spider, profile, argument or setting.

    The deployed project itself says what is wrong, as `scrapy crawl --check` does, in a process
    of its own: scrapyd goes on serving meanwhile.
    """

    def render(self, txrequest: Request) -> Any:
        """Check first, then do as scrapyd does."""
        if txrequest.method != b"POST" or not self._complete(txrequest):
            return super().render(txrequest)
        checking = self._refusal(txrequest)
        txrequest.notifyFinish().addErrback(lambda _: checking.cancel())  # the client is gone
        checking.addErrback(_uncheckable)
        checking.addCallback(self._answer, txrequest)
        return NOT_DONE_YET

    def _complete(self, txrequest: Request) -> bool:
        """Whether there is something to check; if not, scrapyd says what is missing."""
        given = txrequest.args
        project = given.get(b"project", [b""])[0].decode(errors="replace")
        version = given.get(b"_version", [b""])[0].decode(errors="replace")
        if b"spider" not in given or project not in self.root.poller.queues:
            return False
        return not version or self.root.eggstorage.list(project).count(version) > 0

    @defer.inlineCallbacks
    def _refusal(self, txrequest: Request) -> Any:
        """Why the job can't be carried out, "" when it can."""
        environment, arguments = _checking(txrequest.args)
        command = ("-m", self.root.runner, "crawl", *arguments, "--check")
        result = yield utils.getProcessOutputAndValue(sys.executable, command, env=environment)
        said, status = result[1].decode(errors="replace"), result[2]
        return (_last_line(said) or f"the check ended with status {status}") if status else ""

    def _answer(self, refusal: str | None, txrequest: Request) -> None:
        if refusal is None:
            return
        if refusal:
            answer = _Refusal(self.root, refusal).render(txrequest)
        else:
            answer = super().render(txrequest)
        txrequest.write(answer)
        txrequest.finish()


class _Refusal(webservice.WsResource):
    """An answer in scrapyd's words: status "error", and the message."""

    def __init__(self, root: Any, message: str) -> None:
        super().__init__(root)
        self._message = message

    def render_POST(self, txrequest: Request) -> None:
        """See WsResource."""
        raise error.Error(code=http.OK, message=self._message.encode())


def _checking(given: Mapping[bytes, list[bytes]]) -> tuple[dict[str, str], list[str]]:
    """Environment and arguments of the check of a job that was asked for."""
    texts = {name.decode(errors="replace"): _texts(values) for name, values in given.items()}
    environment = os.environ | {"SCRAPY_PROJECT": texts["project"][0], "PYTHONIOENCODING": "utf-8"}
    if "_version" in texts:
        environment["SCRAPYD_EGG_VERSION"] = texts["_version"][0]
    arguments = [
        part
        for name, values in texts.items()
        if name.encode() not in _ITS_OWN
        for part in ("-a", f"{name}={values[0]}")
    ]
    settings = [part for each in texts.get("setting", ()) for part in ("-s", each)]
    return environment, [texts["spider"][0], *arguments, *settings]


def _texts(values: list[bytes]) -> list[str]:
    """Scrapyd itself complains of what is not in UTF-8; a process can't be given a NUL."""
    return [value.decode(errors="replace").replace("\0", "\ufffd") for value in values]


def _last_line(said: str) -> str:
    """The last line of what a process said, without `error: ` and who says so."""
    lines = [line for each in said.splitlines() if (line := each.strip())]
    return lines[-1].rpartition("error: ")[2] if lines else ""


def _uncheckable(failure: Any) -> str | None:
    """What to answer when a check could not end; None when nobody waits any more."""
    if failure.check(defer.CancelledError):
        return None
    log.failure("A job could not be checked", failure)
    return "the job could not be checked; the log of scrapyd says why"
