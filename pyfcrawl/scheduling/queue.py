"""The queue of one run in Redis: requests are leased, answered for or given back, never popped.

Everything a worker has to tell and to ask goes in one round trip. A repeated call, after an answer
that got lost, does no harm: what is pushed twice is there once, only who holds a lease can end it,
and what was leased by that answer is handed out again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
from scrapy import Request, Spider
from scrapy_redis.queue import Base

from pyfcrawl.batch.messages import visits_of
from pyfcrawl.errors import StoreError
from pyfcrawl.scheduling import codec, scripts

Push = tuple[str, str]


class Server(Protocol):
    """What the queue needs of a Redis client."""

    def register_script(self, script: str) -> Any:
        """A script to call."""

    def hgetall(self, name: str) -> Any:
        """A whole hash."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a worker tells and asks.

    `pushes` are (id, request as `encode` gives it); `acks` ids that are done, `failures` ids with
    the reason why they are not, `returns` ids not begun, `holds` ids still worked on. `want` is how
    many more it takes. `plan`, once all of a plan is pushed, says so and keeps it; pushes and plan
    count when they come from the one that plans the run. `sizes` says of
    those pushed or done how many projects they stand for, where it isn't one.
    """

    pushes: Sequence[Push] = ()
    acks: Sequence[str] = ()
    failures: Sequence[tuple[str, str]] = ()
    returns: Sequence[str] = ()
    holds: Sequence[str] = ()
    want: int = 0
    plan: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict)


class Standing(msgspec.Struct):
    """How the queue stands after an exchange.

    `taken` are (id, request) leased to the worker now, `lost` ids of its `holds` that it holds no
    more. The numbers count ids; `planned` says that nothing will be added, `planner` that the run
    is this worker's to plan.
    """

    planned: bool
    planner: bool
    waiting: int
    leased: int
    delayed: int
    dead: int
    taken: list[tuple[str, str | bool]] = msgspec.field(default_factory=list)
    lost: list[str] = msgspec.field(default_factory=list)

    @property
    def drained(self) -> bool:
        """Whether nothing is left of the run, by whomever."""
        return self.planned and not (self.waiting or self.leased or self.delayed)


@dataclass(frozen=True, slots=True)
class Terms:
    """Milliseconds a lease lasts and a failure is put off first; tries until one is given up."""

    lease: int = 30_000
    delay: int = 1_000
    attempts: int = 5


class LeaseQueue(Base):  # type: ignore[misc]
    """scrapy-redis's queue base, with its way to encode requests and our way to hand them out.

    `key` names the run; all calls block, and may be made by one thread at a time.
    """

    def __init__(
        self, server: Server, spider: Spider | None, key: str, worker: str, terms: Terms
    ) -> None:
        self.server = server
        self.spider = spider
        self.key = key
        self.serializer = codec
        self.worker = worker
        self.terms = terms
        self.keys = [f"{key}:{name}" for name in scripts.KEYS]
        self._scripts: dict[str, Any] = {}

    def encode(self, request: Request) -> str:
        """A request as it lies in the queue: JSON. Raises TypeError when it can't be."""
        text: bytes = self._encode_request(request)
        return text.decode()

    def decode(self, text: str) -> Request:
        """The request again. Raises StoreError for text that is none, or for another version."""
        try:
            request: Request = self._decode_request(text)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise StoreError(f"a request in the queue means nothing here: {error}") from error
        return request

    def visits(self, text: str) -> list[str]:
        """Keys of what a request fetches, even if nothing here takes its answer any more.

        Raises StoreError for text that is none.
        """
        told = codec.loads(text)
        try:
            kept = {name: told[name] for name in ("url", "body", "cb_kwargs")}
            return visits_of(Request(**kept))
        except (LookupError, TypeError, ValueError, msgspec.MsgspecError) as error:
            raise StoreError(f"a request in the queue can't be made sense of: {error}") from error

    def claim(self, about: Mapping[str, str | int], new: bool = True) -> str:
        """Begin the run `about` which there is this to know, or find it: plan, join or wait.

        Where it is not `new`, and not there any more, it is "over".
        """
        told = [each for pair in about.items() for each in pair]
        answer: str = self._call(scripts.CLAIM, self.worker, self.terms.lease, int(new), *told)
        return answer

    def exchange(self, what: Exchange) -> Standing | None:
        """Tell and ask; None when the run is over."""
        told = {
            **{name: getattr(what, name) for name in Exchange.__slots__ if name != "plan"},
            **({"plan": what.plan} if what.plan else {}),
            "worker": self.worker,
            "term": self.terms.lease,
            "delay": self.terms.delay,
            "attempts": self.terms.attempts,
        }
        answer = self._call(scripts.EXCHANGE, msgspec.json.encode(told))
        return msgspec.json.decode(answer, type=Standing) if answer else None

    def finish(self) -> bool:
        """Whether this worker is to end the run, of which nothing is left."""
        return bool(self._call(scripts.FINISH, self.worker, self.terms.lease))

    def close(self) -> bool:
        """Remove the run; True when it was this worker's to end."""
        return bool(self._call(scripts.CLOSE, self.worker))

    def step_back(self) -> None:
        """Leave the planning of the run to others."""
        self._call(scripts.STEP_BACK, self.worker)

    def revive(self) -> int:
        """Send what was given up back to the queue, unless the run is ending; how much that was."""
        return int(self._call(scripts.REVIVE))

    def about(self) -> dict[str, str]:
        """What is known of the run; empty when there is none."""
        found: dict[str, str] = self.server.hgetall(self.keys[0])
        return found

    def dead(self) -> dict[str, tuple[str, str]]:
        """Id -> (request as it lies in the queue, reason) of all that was given up."""
        name = dict(zip(scripts.KEYS, self.keys, strict=True))
        ids = self.server.hgetall(name["dead"])
        bodies = self.server.hgetall(name["bodies"]) if ids else {}
        reasons = self.server.hgetall(name["reasons"]) if ids else {}
        return {each: (bodies.get(each, ""), reasons.get(each, "")) for each in ids}

    def _call(self, script: str, *arguments: Any) -> Any:
        known = self._scripts.get(script)
        if known is None:
            known = self._scripts[script] = self.server.register_script(script)
        return known(keys=self.keys, args=arguments)
