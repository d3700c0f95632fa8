"""A local stand-in for every source: tests and benchmarks talk to it instead of the network.

`with Upstream(registry) as up:` serves in a process of its own at `up.root`, so that a crawl in a
subprocess and the test can both reach it. Through `up` the test changes the registry, asks for
faults and reads what was requested. By hand:
`python tests/upstream.py --projects 200 --matching 20`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

_PROJECT = Path(__file__).resolve().parent.parent
if str(_PROJECT) not in sys.path:
    sys.path.insert(0, str(_PROJECT))

from tests.standin.faults import Answer, Fault  # noqa: E402
from tests.standin.generated import Generated  # noqa: E402
from tests.standin.http import KINDS, Connection, Service  # noqa: E402
from tests.standin.registry import Registry  # noqa: E402

__all__ = ["Generated", "Registry", "Request", "Upstream"]


@dataclass(frozen=True, slots=True)
class Request:
    """One request the server saw; `status` 0: it never answered. `at` in monotonic seconds."""

    at: float
    method: str
    path: str
    status: int
    fault: str | None
    head: str

    def header(self, name: str) -> str | None:
        """Value of a request header, None when it was not sent."""
        for line in self.head.split("\r\n")[1:]:
            if line.lower().startswith(f"{name.lower()}:"):
                return line.partition(":")[2].strip()
        return None


class Upstream:
    """The stand-in as its test sees it.

    `root` is its address. `registry` takes every operation of `Registry` while it runs. Options:
    release_json (False: 404 on every per-release JSON), gzip (compress for clients that accept
    it), latency (seconds before each answer), serials (False: the listing gives none), validators
    (False: no ETag); `configure` changes them later.
    """

    def __init__(self, registry: Registry | None = None, **options: Any) -> None:
        self._initial, self._options = registry or Registry(), options
        self._child: subprocess.Popen[bytes] | None = None
        self.root = ""

    def __enter__(self) -> Self:
        command = [sys.executable, str(Path(__file__).resolve()), "--child"]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert child.stdin is not None
        assert child.stdout is not None
        self._child = child
        child.stdin.write(json.dumps(self._initial.state()).encode() + b"\n")
        child.stdin.flush()
        self.root = f"http://127.0.0.1:{int(child.stdout.readline())}"
        self.configure(**self._options)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._child is not None
        for pipe in (self._child.stdin, self._child.stdout):
            assert pipe is not None
            pipe.close()
        self._child.kill()
        self._child.wait()

    @property
    def pid(self) -> int:
        """The server's process."""
        assert self._child is not None
        return self._child.pid

    @property
    def registry(self) -> Registry:
        """Operations on the registry being served."""
        return cast(Registry, _Remote(self, "registry"))

    @property
    def npm(self) -> Any:
        """Operations on npm's registry, counters and jsDelivr (tests/standin/npm.py)."""
        return _Remote(self, "npm")

    @property
    def github(self) -> Any:
        """Operations on GitHub, GitLab and Codeberg (tests/standin/forges.py)."""
        return _Remote(self, "github")

    @property
    def stats(self) -> Any:
        """Operations on download numbers (tests/standin/stats.py)."""
        return _Remote(self, "stats")

    @property
    def log(self) -> list[Request]:
        """Every request since `reset`, in the order of arrival."""
        return [Request(*row) for row in self.call("log")]

    @property
    def requests(self) -> list[str]:
        """Paths requested since `reset`, in the order of arrival."""
        return [request.path for request in self.log]

    @property
    def counters(self) -> dict[str, int]:
        """requests, bytes, connections and peak (in flight at once) since `reset`."""
        return cast(dict[str, int], self.call("counters"))

    @property
    def faulted(self) -> Counter[str]:
        """How often each kind of fault struck since `reset`."""
        return Counter(request.fault for request in self.log if request.fault)

    def load(self, registry: Registry) -> None:
        """Serve another registry from now on, at the same address."""
        self.call("load", registry.state())

    def reset(self) -> None:
        """Forget log and counters; registry and faults stay."""
        self.call("reset")

    def configure(self, **options: Any) -> None:
        """Change options: release_json, gzip, latency, serials, validators."""
        self.call("configure", **options)

    def freeze_listing(self, frozen: bool = True) -> None:
        """Serve the listing as it is now, whatever changes, until freed again."""
        self.call("freeze_listing", frozen)

    def fault(
        self,
        kind: str | int,
        *,
        rate: float = 1.0,
        path_prefix: str = "",
        paths: Iterable[str] | None = None,
        seed: int = 0,
        times: int | None = None,
        first: int | None = None,
        **options: Any,
    ) -> None:
        """Make requests fail: those under `path_prefix` (or exactly `paths`), at `rate`.

        `times` limits the strikes in all, `first` strikes only each path's first so many requests.
        Kinds: a status as 429, 503, 500 (option retry_after, or retry_at: that many seconds from
        then, as a date), cut (connection ends in the body), reset (ends without an answer),
        truncated (valid HTTP, half a JSON), junk (rotating), hang and slow (option seconds), drip
        (a byte each `seconds`), stale (an older page of the project), wrong (another project's
        page), huge and bomb (option size; bomb is gzipped to a thousandth), loop (redirect to
        itself). Several faults: the first that strikes wins.
        """
        if str(kind) not in KINDS and not str(kind).isdigit():
            raise ValueError(
                f"no fault {kind!r}; there are {', '.join(sorted(KINDS))} and statuses"
            )
        self.call(
            "fault",
            kind=str(kind),
            rate=rate,
            path_prefix=path_prefix,
            paths=None if paths is None else list(paths),
            seed=seed,
            times=times,
            first=first,
            options=options,
        )

    def clear_faults(self) -> None:
        """Let everything answer properly again."""
        self.call("clear_faults")

    def call(self, operation: str, *args: Any, **kwargs: Any) -> Any:
        """Carry out an operation in the server; raises KeyError with its complaint."""
        host = self.root.removeprefix("http://")
        connection = http.client.HTTPConnection(host, timeout=60)
        body = json.dumps([operation, args, kwargs], default=_plain)
        connection.request("POST", "/_control", body)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        if "error" in answer:
            raise KeyError(answer["error"])
        return answer["result"]


class _Remote:
    """Calls methods of an object in the server as if it were here."""

    def __init__(self, up: Upstream, target: str) -> None:
        self._up, self._target = up, target

    def __getattr__(self, name: str) -> Any:
        if (self._target, name) == ("registry", "serial"):
            return self._up.call("serial")

        def call(*args: Any, **kwargs: Any) -> Any:
            result = self._up.call(f"{self._target}.{name}", *args, **kwargs)
            if (self._target, name) == ("registry", "truth"):
                return {tuple(each) for each in result}
            return result

        return call


def _plain(value: Any) -> Any:
    return list(value)


class _Server:
    """The process behind `Upstream`: a `Service` and the operations on it."""

    def __init__(self, registry: Registry) -> None:
        self.service = Service(registry)

    def control(self, body: bytes) -> Answer:
        """Carry out one `[operation, args, kwargs]`."""
        try:
            operation, args, kwargs = json.loads(body)
            result = self._run(operation, args, kwargs)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            return Answer(200, json.dumps({"error": problem}).encode())
        return Answer(200, json.dumps({"result": result}, default=_plain).encode())

    def _run(self, operation: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        target, _, name = operation.rpartition(".")
        if target == "registry":
            return getattr(self.service.registry, name)(*args, **kwargs)
        if target:
            return getattr(self.service.mounted(target), name)(*args, **kwargs)
        if operation == "serial":
            return self.service.registry.serial
        if operation == "log":
            return self.service.log
        if operation == "fault":
            return self.service.faults.append(Fault(**kwargs))
        if operation == "load":
            return self.service.load(Registry.load(args[0]))
        if operation == "clear_faults":
            return self.service.faults.clear()
        return getattr(self.service, operation)(*args, **kwargs)

    async def listen(self, port: int = 0) -> asyncio.Server:
        """Start serving on 127.0.0.1."""
        loop = asyncio.get_running_loop()
        protocol = lambda: Connection(self.service, self.control)  # noqa: E731
        return await loop.create_server(protocol, "127.0.0.1", port, backlog=1024)


async def _serve(registry: Registry, port: int, announce: str) -> None:
    server = await _Server(registry).listen(port)
    print(announce.format(port=server.sockets[0].getsockname()[1]), flush=True)
    await server.serve_forever()


def _serve_parent() -> None:
    """Serve the registry given on standard input; end when the parent is gone."""
    registry = Registry.load(json.loads(sys.stdin.readline()))

    def watch() -> None:
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
    asyncio.run(_serve(registry, 0, "{port}"))


def main() -> None:
    """Serve a generated registry until Ctrl-C."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--projects", type=int, default=200)
    parser.add_argument("--matching", type=int, default=20)
    parser.add_argument("--releases", type=int, default=10, help="of each matching project")
    parser.add_argument("--classifier", default="Framework :: Plone")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        _serve_parent()
    generated = Generated(given.projects, given.matching, given.releases, given.classifier)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(Registry(generated), given.port, "http://127.0.0.1:{port}"))


if __name__ == "__main__":
    main()
