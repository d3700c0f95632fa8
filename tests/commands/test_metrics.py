"""Commands that stay expose what the state store knows, where METRICS_PORT says."""

from __future__ import annotations

import contextlib
import signal
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from pyfcrawl.stores.state import Run
from tests.commands.shell import NOW, Shell
from tests.crawl.project import wait_for
from tests.redis_server import free_port


def read(port: int) -> str:
    with contextlib.suppress(URLError, OSError), urlopen(f"http://127.0.0.1:{port}/metrics") as it:
        return str(it.read().decode())
    return ""


@pytest.mark.parametrize("command", [("schedule",), ("serve", "--port", "0")])
def test_a_process_that_stays_tells_of_all_runs(shell: Shell, command: tuple[str, ...]) -> None:
    with shell.state() as state:
        state.record(Run("pypi", "plone", NOW, NOW + 9, "finished", {"visited": 3}))
    port = free_port()
    off = [f"-sSCHEDULE_{each}=" for each in ("RSS", "SYNC", "NPM", "REFRESH", "DOWNLOADS")]
    off += ["-sSCHEDULE_GITHUB=", "-sSCHEDULE_FULL="]
    process = shell.start(*command, f"-sMETRICS_PORT={port}", *off)
    try:
        wait_for(lambda: "pyfcrawl_state_up 1.0" in read(port), 60)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
