"""What a crawl remembers, in a Redis that any number of workers on any machines share.

Under PREFIX:state: there are `cursors` and `pending:KEY` (hashes), `runs` (a list, newest first),
`memory:KIND` (hashes; a value is a JSON array of its time and itself) and `until` (a sorted set of
what has a time, so that it goes when that is over). All values are JSON.

What belongs together changes in one script or transaction. A write that was sent may have been
done although no answer came; those that must not be done twice carry a number, and the server
keeps the last one of each writer.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import islice
from typing import Any, TypeVar, cast

from pyfcrawl.errors import StoreError
from pyfcrawl.stores.memory import storable
from pyfcrawl.stores.redis_client import Patience, RedisAddress, connect
from pyfcrawl.stores.state import Cursor, Pending, Run

Item = TypeVar("Item")

_KEPT_RUNS = 100
#: Keys, or pairs of keys and values, of one command: more would keep others waiting.
_GROUP = 5000
#: Seconds after which the server forgets a writer's last number; nobody waits that long.
_WRITERS_DAYS = 3 * 86_400

#: KEYS: writer, ...; ARGV: number, seconds, ... What was done already is not done again.
_ONCE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
"""

#: KEYS: writer, cursors, pending; ARGV: number, seconds, key, cursor or "", count of settled
#: names, these, then name, serial, reason (JSON), since and attempts of each that failed.
_ADVANCE = (
    _ONCE
    + """
local old = ARGV[4] ~= '' and redis.call('HGET', KEYS[2], ARGV[3])
if old then
    local was, is = cjson.decode(old), cjson.decode(ARGV[4])
    old = was.scope == is.scope and was.serial > is.serial
end
if ARGV[4] ~= '' and not old then redis.call('HSET', KEYS[2], ARGV[3], ARGV[4]) end
local first = 6 + ARGV[5]
for i = 6, first - 1 do redis.call('HDEL', KEYS[3], ARGV[i]) end
for i = first, #ARGV, 5 do
    local serial, since, attempts = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 3]), ARGV[i + 4]
    local known = redis.call('HGET', KEYS[3], ARGV[i])
    if known then
        known = cjson.decode(known)
        serial, since, attempts = math.max(known[1], serial), known[3], known[4] + 1
    end
    local value = string.format('[%d,%s,%d,%d]', serial, ARGV[i + 2], since, attempts)
    redis.call('HSET', KEYS[3], ARGV[i], value)
end
return 1
"""
)

#: KEYS: writer, runs; ARGV: number, seconds, run, how many are kept.
_RECORD = (
    _ONCE
    + """
redis.call('LPUSH', KEYS[2], ARGV[3])
redis.call('LTRIM', KEYS[2], 0, ARGV[4] - 1)
return 1
"""
)

#: KEYS: until; ARGV: what the keys of memories begin with, most at once. By the server's clock.
_EXPIRE = """
local now = redis.call('TIME')[1]
local over = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[2])
for _, entry in ipairs(over) do
    local cut = string.find(entry, '\\n', 1, true)
    redis.call('HDEL', ARGV[1] .. string.sub(entry, 1, cut - 1), string.sub(entry, cut + 1))
    redis.call('ZREM', KEYS[1], entry)
end
return #over
"""


class RedisState:
    """StateStore in a Redis, used by any thread and any number of processes.

    A Redis that is away is waited for as long as its address says; a reader waits for some
    seconds. Raises StoreError when it doesn't come back, or refuses.
    """

    def __init__(self, address: RedisAddress, readonly: bool = False) -> None:
        self._address = address.for_reading() if readonly else address
        self._prefix = f"{address.prefix}:state:"
        self._client = connect(address.url, address.timeout)
        self._patience = Patience(self._address)
        self._closed = False
        # The numbers of a writer must arrive in their order.
        self._lock = threading.Lock()
        self._writer, self._number = f"{self._prefix}writer:{uuid.uuid4().hex}", 0
        self._advance = self._client.register_script(_ADVANCE)
        self._record = self._client.register_script(_RECORD)
        self._expire = self._client.register_script(_EXPIRE)
        self._call(self._client.ping)

    def _call(self, work: Callable[[], Any]) -> Any:
        if self._closed:
            raise StoreError(f"the state in {self._address} was closed; open it again")
        return self._patience.call(work)

    def _once(self, script: Any, keys: list[str], arguments: list[Any]) -> None:
        """Run a script that is done once, however often it has to be sent."""
        with self._lock:
            self._number += 1
            numbered = [self._number, _WRITERS_DAYS, *arguments]
            self._call(lambda: script([self._writer, *keys], numbered))

    def cursor(self, key: str) -> Cursor | None:
        """See StateReader."""
        value = self._call(lambda: self._client.hget(self._prefix + "cursors", key))
        return Cursor(**json.loads(value)) if value else None

    def pending(self, key: str) -> dict[str, Pending]:
        """See StateReader."""
        found = {
            name: Pending(*json.loads(value)) for name, value in self._all(f"pending:{key}").items()
        }
        return dict(sorted(found.items(), key=lambda each: (each[1].serial, each[0])))

    def _all(self, hash_name: str) -> dict[str, str]:
        """All of a hash, in steps that don't keep others waiting."""
        scan = self._client.hscan_iter
        return cast(
            "dict[str, str]",
            self._call(lambda: dict(scan(self._prefix + hash_name, count=_GROUP))),
        )

    def runs(self, limit: int = 10) -> list[Run]:
        """See StateReader."""
        if limit < 1:
            return []
        values = self._call(lambda: self._client.lrange(self._prefix + "runs", 0, limit - 1))
        return [Run(**json.loads(value)) for value in values]

    def advance(
        self,
        key: str,
        cursor: Cursor | None,
        failed: Mapping[str, Pending] | None = None,
        settled: Iterable[str] = (),
    ) -> None:
        """See StateStore."""
        gone = list(settled)
        arguments = [key, json.dumps(asdict(cursor)) if cursor else "", len(gone), *gone]
        for name, each in (failed or {}).items():
            reason = json.dumps(storable(each.reason))
            arguments += [name, each.serial, reason, each.since, each.attempts]
        keys = [self._prefix + "cursors", f"{self._prefix}pending:{key}"]
        self._once(self._advance, keys, arguments)

    def record(self, run: Run) -> None:
        """See StateStore."""
        self._once(self._record, [self._prefix + "runs"], [json.dumps(asdict(run)), _KEPT_RUNS])

    def recall(self, kind: str, keys: Iterable[str] | None = None, now: int = 0) -> dict[str, Any]:
        """See StateReader."""
        now = now or int(time.time())
        if keys is None:
            return dict(_current(self._all(f"memory:{kind}").items(), now))
        asked = {storable(key): key for key in keys}
        found = self._call(lambda: self._several(f"memory:{kind}", list(asked))) if asked else []
        there = ((asked[key], value) for key, value in found if value is not None)
        return dict(_current(there, now))

    def _several(self, hash_name: str, keys: list[str]) -> list[tuple[str, str | None]]:
        with self._client.pipeline(transaction=False) as pipeline:
            for group in _groups(keys):
                pipeline.hmget(self._prefix + hash_name, group)
            return list(
                zip(keys, (value for each in pipeline.execute() for value in each), strict=True)
            )

    def remember(self, kind: str, values: Mapping[str, Any], until: int | None = None) -> None:
        """See StateStore."""
        rows = {storable(key): json.dumps([until, value]) for key, value in values.items()}
        self._call(lambda: self._remember(kind, rows, until))

    def _remember(self, kind: str, rows: dict[str, str], until: int | None) -> None:
        times = self._prefix + "until"
        with self._client.pipeline() as pipeline:
            for group in _groups(rows):
                pipeline.hset(
                    f"{self._prefix}memory:{kind}", mapping={key: rows[key] for key in group}
                )
                entries = [f"{kind}\n{key}" for key in group]
                if until is None:
                    pipeline.zrem(times, *entries)
                else:
                    pipeline.zadd(times, dict.fromkeys(entries, until))
            self._expire([times], [f"{self._prefix}memory:", _GROUP], client=pipeline)
            pipeline.execute()

    def forget(self, kind: str, keys: Iterable[str]) -> None:
        """See StateStore."""
        gone = [storable(key) for key in keys]
        if gone:
            self._call(lambda: self._forget(kind, gone))

    def _forget(self, kind: str, keys: list[str]) -> None:
        with self._client.pipeline() as pipeline:
            for group in _groups(keys):
                pipeline.hdel(f"{self._prefix}memory:{kind}", *group)
                pipeline.zrem(self._prefix + "until", *(f"{kind}\n{key}" for key in group))
            pipeline.execute()

    def close(self) -> None:
        """See StateReader."""
        self._closed = True
        self._patience.close()
        self._client.close()


def _current(rows: Iterable[tuple[str, str]], now: int) -> Iterator[tuple[str, Any]]:
    """Key and value of what is not past its time."""
    for key, row in rows:
        until, value = json.loads(row)
        if until is None or until > now:
            yield key, value


def _groups(keys: Iterable[Item]) -> Iterator[list[Item]]:
    rest = iter(keys)
    while group := list(islice(rest, _GROUP)):
        yield group
