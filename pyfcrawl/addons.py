"""Settings that follow from other settings, and a check of those given, once all are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from scrapy.settings import BaseSettings

from pyfcrawl import __version__
from pyfcrawl.errors import ConfigurationError

#: Settings that are numbers, with the least value that makes sense.
_NUMBERS = {
    "API_RATE_LIMIT": 0,
    "BATCH_SIZE": 1,
    "BATCH_CONCURRENCY": 1,
    "BATCH_MAX_BODY": 1,
    "DOWNLOAD_TIMEOUT": 0.001,
    "HOST_PATIENCE": 1,
    "INDEX_WAIT": 0,
    "PROGRESS_INTERVAL": 0.1,
    "RENDER_TIMEOUT": 0.001,
    "RENDER_WORKERS": 0,
    "RETRY_AFTER_MAX": 0,
    "RETRY_TIMES": 0,
    "RSS_DEDUP_TTL_NEW": 0,
    "RSS_DEDUP_TTL_UPDATE": 0,
    "TRUST_PROXY": 0,
    "TYPESENSE_TIMEOUT": 0.001,
}
_WHOLE = frozenset(
    {
        *("BATCH_SIZE", "BATCH_CONCURRENCY", "BATCH_MAX_BODY", "RENDER_WORKERS"),
        *("RSS_DEDUP_TTL_NEW", "RSS_DEDUP_TTL_UPDATE", "API_RATE_LIMIT", "TRUST_PROXY"),
    }
)


class DerivedSettings:
    """Index and state in DATA_DIR, User-Agent with CONTACT_URL, unless they are given."""

    @classmethod
    def update_pre_crawler_settings(cls, settings: BaseSettings) -> None:
        """For commands, which have settings but no crawler."""
        derive_settings(settings)

    def update_settings(self, settings: BaseSettings) -> None:
        """For crawls."""
        derive_settings(settings)


def derive_settings(settings: BaseSettings) -> None:
    """Fill in INDEX_URL, STATE_URL, HISTORY_URL and USER_AGENT where they are empty.

    Raises ConfigurationError when DATA_DIR is no path.
    """
    try:
        directory = Path(settings["DATA_DIR"]).expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigurationError(
            f"DATA_DIR={settings['DATA_DIR']!r} can't be used ({error}); give a directory"
        ) from error
    host = settings["TYPESENSE_HOST"]
    server = f"typesense+{settings['TYPESENSE_PROTOCOL']}://{host}:{settings['TYPESENSE_PORT']}"
    derived = {
        "INDEX_URL": server if host else f"sqlite:///{directory / 'index.db'}",
        "STATE_URL": f"sqlite:///{directory / 'state.db'}",
        "HISTORY_URL": f"sqlite:///{directory / 'history.db'}",
        "USER_AGENT": f"pyfcrawl/{__version__} (+{settings['CONTACT_URL']})",
    }
    for name, value in derived.items():
        if not settings[name]:
            settings.set(name, value, settings.getpriority(name) or 0)


def check_settings(settings: BaseSettings) -> None:
    """Raise ConfigurationError for a setting of ours that can't be used, naming it."""
    rates = settings.getdict("SOURCE_RATES")
    for name, least in (_NUMBERS | dict.fromkeys(rates.values(), 0)).items():
        _check_number(name, settings[name], least, int if name in _WHOLE else float)
    for name in settings.getdict("SOURCE_CONCURRENCY").values():
        _check_number(name, settings[name], 1, int)
    try:
        settings.getbool("IMAGE_PROBE")
    except ValueError:
        raise ConfigurationError(
            f"IMAGE_PROBE={settings['IMAGE_PROBE']} is neither True nor False"
        ) from None
    for name in [*rates, "CLICKHOUSE_URL"]:
        _check_root(name, str(settings[name]))
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


def _check_root(name: str, value: str) -> None:
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
