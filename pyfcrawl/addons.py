"""Settings that follow from other settings, and a check of those given, once all are known."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from scrapy.settings import BaseSettings

from pyfcrawl import __version__
from pyfcrawl.core.overdue import limits
from pyfcrawl.errors import ConfigurationError

#: Settings that are numbers, with the least value that makes sense.
_NUMBERS = {
    "API_RATE_LIMIT": 0,
    "BATCH_SIZE": 1,
    "BATCH_CONCURRENCY": 1,
    "BATCH_MAX_BODY": 1,
    "DOWNLOAD_TIMEOUT": 0.001,
    "HEARTBEAT": 0.1,
    "HOST_PATIENCE": 1,
    "INDEX_WAIT": 0,
    "LEASE_ATTEMPTS": 1,
    "LEASE_SECONDS": 1,
    "METRICS_PORT": 0,
    "MONITOR_FAILURE_RATE": 0,
    "PROGRESS_INTERVAL": 0.1,
    "REDIS_TIMEOUT": 0.001,
    "REDIS_WAIT": 0,
    "REMOVE_LIMIT": 0,
    "RENDER_TIMEOUT": 0.001,
    "RENDER_WORKERS": 0,
    "RETRY_AFTER_MAX": 0,
    "RETRY_TIMES": 0,
    "RSS_DEDUP_TTL_NEW": 0,
    "RSS_DEDUP_TTL_UPDATE": 0,
    "SCHEDULE_JITTER": 0,
    "TRUST_PROXY": 0,
    "TYPESENSE_TIMEOUT": 0.001,
}
#: Those that have an upper end, too.
_MOST = {"METRICS_PORT": 65535, "MONITOR_FAILURE_RATE": 100, "REMOVE_LIMIT": 100}
#: Those that may be empty, for 0.
_OFF = frozenset({"METRICS_PORT"})
#: Where users and passwords go that must not be in these addresses.
_USERS = {
    "CLICKHOUSE_URL": "CLICKHOUSE_USER and CLICKHOUSE_PASSWORD",
    "SCRAPYD_URL": "SCRAPYD_USERNAME and SCRAPYD_PASSWORD",
}
_WHOLE = frozenset(
    {
        *("BATCH_SIZE", "BATCH_CONCURRENCY", "BATCH_MAX_BODY", "RENDER_WORKERS", "METRICS_PORT"),
        "LEASE_ATTEMPTS",
        *("RSS_DEDUP_TTL_NEW", "RSS_DEDUP_TTL_UPDATE", "SCHEDULE_JITTER"),
        *("API_RATE_LIMIT", "TRUST_PROXY"),
    }
)


class DerivedSettings:
    """Index and state in their servers or DATA_DIR, User-Agent with CONTACT_URL, unless given."""

    @classmethod
    def update_pre_crawler_settings(cls, settings: BaseSettings) -> None:
        """For commands, which have settings but no crawler."""
        derive_settings(settings)

    def update_settings(self, settings: BaseSettings) -> None:
        """For crawls."""
        derive_settings(settings)


def derive_settings(settings: BaseSettings) -> None:
    """Fill in INDEX_URL, REDIS_URL, STATE_URL, HISTORY_URL and USER_AGENT where they are empty.

    REDIS_URL stays empty when REDIS_HOST is; addresses are not checked yet. Raises
    ConfigurationError when DATA_DIR is no path.
    """
    try:
        directory = Path(settings["DATA_DIR"]).expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigurationError(
            f"DATA_DIR={settings['DATA_DIR']!r} can't be used ({error}); give a directory"
        ) from error
    host = settings["TYPESENSE_HOST"]
    server = f"typesense+{settings['TYPESENSE_PROTOCOL']}://{host}:{settings['TYPESENSE_PORT']}"
    redis = _redis_url(settings)
    derived = {
        "REDIS_URL": redis,
        "INDEX_URL": server if host else f"sqlite:///{directory / 'index.db'}",
        "STATE_URL": _state_url(settings, redis) or f"sqlite:///{directory / 'state.db'}",
        "HISTORY_URL": f"sqlite:///{directory / 'history.db'}",
        "USER_AGENT": f"pyfcrawl/{__version__} (+{settings['CONTACT_URL']})",
    }
    for name, value in derived.items():
        if not settings[name]:
            settings.set(name, value, settings.getpriority(name) or 0)
    if settings["REDIS_URL"]:
        _share_runs(settings)


def _share_runs(settings: BaseSettings) -> None:
    """Workers of one run have a scheduler and a keeper that know of each other."""
    settings.set("SCHEDULER", "pyfcrawl.scheduling.scheduler.LeaseScheduler", "addon")
    extensions = settings.getdict("EXTENSIONS")
    if (order := extensions.pop("pyfcrawl.extensions.keeper.Keeper", None)) is not None:
        extensions["pyfcrawl.extensions.shared_keeper.SharedKeeper"] = order
        settings.set("EXTENSIONS", extensions, settings.getpriority("EXTENSIONS") or 0)


def _redis_url(settings: BaseSettings) -> str:
    """REDIS_URL, or that of REDIS_HOST; "" without Redis."""
    host = str(settings["REDIS_HOST"] or "").strip()
    if host.count(":") > 1 and "[" not in host:
        host = f"[{host}]"  # an IPv6 address
    return str(settings["REDIS_URL"] or "") or (f"redis://{host}" if host else "")


def _state_url(settings: BaseSettings, redis: str) -> str:
    """The state in Redis as one address, with all that must be known of it; "" without Redis."""
    more = {
        "prefix": settings["REDIS_KEY_PREFIX"],
        "wait": settings["REDIS_WAIT"],
        "timeout": settings["REDIS_TIMEOUT"],
    }
    return f"{redis}{'&' if '?' in redis else '?'}{urlencode(more)}" if redis else ""


def check_settings(settings: BaseSettings) -> None:
    """Raise ConfigurationError for a setting of ours that can't be used, naming it."""
    rates = settings.getdict("SOURCE_RATES")
    for name, least in (_NUMBERS | dict.fromkeys(rates.values(), 0)).items():
        value = 0 if name in _OFF and settings[name] == "" else settings[name]
        _check_number(name, value, least, int if name in _WHOLE else float)
    for name in settings.getdict("SOURCE_CONCURRENCY").values():
        _check_number(name, settings[name], 1, int)
    limits(str(settings["OVERDUE_AFTER"]))
    try:
        settings.getbool("IMAGE_PROBE")
    except ValueError:
        raise ConfigurationError(
            f"IMAGE_PROBE={settings['IMAGE_PROBE']} is neither True nor False"
        ) from None
    _check_redis(settings)
    for name in [*rates, "CLICKHOUSE_URL"]:
        _check_root(name, str(settings[name]))
    if settings["SCRAPYD_URL"]:
        _check_root("SCRAPYD_URL", str(settings["SCRAPYD_URL"]))
    for name in [*settings.getdict("SOURCE_TOKENS").values(), "CLICKHOUSE_PASSWORD"]:
        _check_secret(name, str(settings[name] or ""))


def _check_number(name: str, value: Any, least: float, kind: type[int] | type[float]) -> None:
    try:
        usable = kind(value) >= least
    except (TypeError, ValueError, OverflowError):
        usable = False
    if not usable:
        what = "a whole number" if kind is int else "a number"
        raise ConfigurationError(f"{name}={value} is not {what} of {least} or more")
    if float(value) > _MOST.get(name, math.inf):
        raise ConfigurationError(f"{name}={value} is not a number from {least} to {_MOST[name]}")


def _check_redis(settings: BaseSettings) -> None:
    """Raise ConfigurationError without its password; nothing is imported where there is none."""
    redis, host = _redis_url(settings), str(settings["REDIS_HOST"] or "")
    given = "REDIS_HOST" if host and redis.endswith(host) else "REDIS_URL"
    state = str(settings["STATE_URL"] or "")
    for name, url in ((given, _state_url(settings, redis)), ("STATE_URL", state)):
        if url and not url.startswith("sqlite"):
            from pyfcrawl.stores.redis_client import RedisAddress

            RedisAddress.parse(url, name)


def _check_root(name: str, value: str) -> None:
    if "@" in value:
        remedy = f"{_USERS[name]}, and " if name in _USERS else ""
        raise ConfigurationError(
            f"{name} holds a user or a password (its value is not shown), which would get into "
            f"logs and records; give {remedy}an address without them"
        )
    try:
        root = urlsplit(value)
        usable = root.scheme in ("http", "https") and bool(root.hostname) and root.port != 0
    except ValueError:
        usable = False
    if not usable or root.query or root.fragment or any(each.isspace() for each in value):
        raise ConfigurationError(
            f"{name}={value.partition('?')[0]} is no plain http(s) address; "
            f"give the root of the service, such as https://{name.partition('_')[0].lower()}.example"
        )


def _check_secret(name: str, value: str) -> None:
    """A secret travels in a header; what is wrong with it is told without showing it."""
    if not (value.isascii() and (value.isprintable() and " " not in value)):
        raise ConfigurationError(
            f"{name} holds a blank or a character that no header can carry (its value is not "
            "shown); copy it once more"
        )
