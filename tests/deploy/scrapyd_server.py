"""A real scrapyd for tests, with a directory of its own, and the eggs that are deployed to it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
AUTH = ("somebody", "a-secret")


def checkout(target: Path) -> Path:
    """A copy of what git would keep of the project, so that nothing is built in the original."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in listed.splitlines():
        if not name.startswith("tests/") and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target / name)
    return target


def scrapyd_deploy(*arguments: str, cwd: Path) -> str:
    """`scrapyd-deploy ...`; returns all it said."""
    done = subprocess.run(
        [sys.executable, "-m", "scrapyd_client.deploy", *arguments],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": str(cwd)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


class Scrapyd:
    """scrapyd as scrapyd.conf sets it up, in an empty directory; only our part of it importable."""

    def __init__(self, directory: Path, **environment: str) -> None:
        self.directory = directory
        part = directory / "importable"
        shutil.copytree(ROOT / "pyfcrawl_scrapyd", part / "pyfcrawl_scrapyd")
        shutil.copy(ROOT / "scrapyd.conf", directory)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.root = f"http://127.0.0.1:{port}"
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        self.environment = kept | {
            "HOME": str(directory),
            "PYTHONPATH": str(part),
            "SCRAPYD_HTTP_PORT": str(port),
            "SCRAPYD_USERNAME": AUTH[0],
            "SCRAPYD_PASSWORD": AUTH[1],
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What scrapyd has said so far."""
        return (self.directory / "said").read_text(encoding="utf-8")

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.directory / "said").open("ab") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "scrapyd"],
                cwd=self.directory,
                env=self.environment,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        end = time.monotonic() + 120
        while not self._answers():
            assert self.process.poll() is None, self.log
            assert time.monotonic() < end, self.log
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            return self.get("daemonstatus")["status"] == "ok"
        except httpx.TransportError:
            return False

    def stop(self, how: int = signal.SIGTERM, wait: float = 90) -> int:
        """End it; returns its exit status."""
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(wait)

    def kill(self) -> None:
        """End it and all it started."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def get(self, name: str, **parameters: str) -> Any:
        """NAME.json"""
        address = f"{self.root}/{name}.json"
        return httpx.get(address, params=parameters, auth=AUTH, timeout=120).json()

    def post(self, name: str, **fields: Any) -> Any:
        """NAME.json of the project."""
        data = {"project": "pyfcrawl", **fields}
        return httpx.post(f"{self.root}/{name}.json", data=data, auth=AUTH, timeout=120).json()

    def jobs(self, state: str) -> list[str]:
        """Ids of the jobs that are pending, running or finished."""
        return [each["id"] for each in self.get("listjobs")[state]]

    def wait_until(self, state: str, job: str, seconds: float = 180) -> None:
        """Wait until the job is in that state."""
        end = time.monotonic() + seconds
        while job not in self.jobs(state):
            assert time.monotonic() < end, self.log
            time.sleep(0.2)

    def job_log(self, spider: str, job: str) -> str:
        """The log of a job, "" before there is one."""
        path = self.directory / "logs" / "pyfcrawl" / spider / f"{job}.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""
