"""Scrapyd as a service that strangers can't use and that ends its crawls when it is stopped."""

from __future__ import annotations

import contextlib
import ipaddress
import os
from typing import Any

from scrapyd import app, launcher
from scrapyd.config import Config
from twisted.internet import defer, reactor
from twisted.internet.error import ProcessExitedAlready
from twisted.logger import Logger

log = Logger()

#: Seconds that crawls get to write what they have fetched when scrapyd is stopped.
_GRACE = 55


def application(config: Config) -> Any:
    """Scrapyd's own application, unless strangers could use it: SystemExit says so in a line."""
    address = os.environ.get("SCRAPYD_BIND_ADDRESS") or config.get("bind_address", "127.0.0.1")
    known = all(
        os.environ.get(f"SCRAPYD_{name.upper()}") or config.get(name, "")
        for name in ("username", "password")
    )
    if not known and not _is_loopback(address):
        raise SystemExit(
            f"error: bind_address={address} lets others run code here; set SCRAPYD_USERNAME and "
            "SCRAPYD_PASSWORD in the environment first"
        )
    return app.application(config)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


class Launcher(launcher.Launcher):
    """Ends its crawls when scrapyd is stopped, as `cancel.json` would, and waits for them."""

    def stopService(self) -> Any:
        """See Service: scrapyd ends when this is done."""
        super().stopService()
        self._get_message = lambda slot: None  # nothing more is started
        running = list(self.processes.values())
        if running:
            log.info("Waiting for {count} crawls to end", count=len(running))
            _kill_later(running)
        for process in running:
            _signal(process, "INT")
        return defer.DeferredList([_end(each) for each in running])


def _kill_later(processes: list[Any]) -> None:
    for process in processes:
        reactor.callLater(_GRACE, _signal, process, "KILL")  # type: ignore[arg-type]


def _end(process: Any) -> defer.Deferred[None]:
    """Done when the process has ended."""
    ended: defer.Deferred[None] = defer.Deferred()
    process.deferred.addBoth(lambda _: ended.callback(None))
    return ended


def _signal(process: Any, name: str) -> None:
    with contextlib.suppress(ProcessExitedAlready):
        process.transport.signalProcess(name)
