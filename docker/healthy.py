"""Whether a service of ours does its work: exit status 0, or 1 and a line why not."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import httpx

#: Seconds without a sign of life: several times what the timetable waits for a slow scrapyd.
_LONGEST_SILENCE = 300


def scrapyd() -> None:
    """It answers, to those who know its password."""
    port = os.environ.get("SCRAPYD_HTTP_PORT", "6800")
    auth = (os.environ.get("SCRAPYD_USERNAME", ""), os.environ.get("SCRAPYD_PASSWORD", ""))
    _get(f"http://127.0.0.1:{port}/daemonstatus.json", auth if any(auth) else None)


def web() -> None:
    """The site and its index answer."""
    _get(f"http://127.0.0.1:{os.environ.get('SERVE_PORT', '8080')}/health-check", None)


def schedule() -> None:
    """The timetable went round lately."""
    alive = Path(os.environ.get("DATA_DIR", ".pyfcrawl")) / "schedule.alive"
    silent = time.time() - alive.stat().st_mtime
    if silent > _LONGEST_SILENCE:
        raise OSError(f"{alive} was touched {silent:.0f} s ago")


def _get(address: str, auth: tuple[str, str] | None) -> None:
    with httpx.Client(auth=auth, timeout=8, trust_env=False) as client:
        client.get(address).raise_for_status()


def main(name: str) -> int:
    """Check the service of that name."""
    try:
        {"scrapyd": scrapyd, "web": web, "schedule": schedule}[name]()
    except (OSError, httpx.HTTPError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
