"""Settings that follow from other settings, and a check of those given, once all are known."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from scrapy.settings import BaseSettings

from pyfcrawl import __version__
from pyfcrawl.errors import ConfigurationError

#: Settings that are numbers, with the least value that makes sense.
_NUMBERS = {
    "BATCH_SIZE": 1,
    "BATCH_CONCURRENCY": 1,
    "BATCH_MAX_BODY": 1,
    "DOWNLOAD_TIMEOUT": 0.001,
    "HOST_PATIENCE": 1,
    "INDEX_WAIT": 0,
    "PROGRESS_INTERVAL": 0.1,
    "PYPI_MAX_RPS": 0,
    "RENDER_TIMEOUT": 0.001,
    "RENDER_WORKERS": 0,
    "RETRY_AFTER_MAX": 0,
    "RETRY_TIMES": 0,
    "TYPESENSE_TIMEOUT": 0.001,
}
_WHOLE = frozenset({"BATCH_SIZE", "BATCH_CONCURRENCY", "BATCH_MAX_BODY", "RENDER_WORKERS"})


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
    """Fill in INDEX_URL, STATE_URL and USER_AGENT where they are empty.

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
        "USER_AGENT": f"pyfcrawl/{__version__} (+{settings['CONTACT_URL']})",
    }
    for name, value in derived.items():
        if not settings[name]:
            settings.set(name, value, settings.getpriority(name) or 0)


def check_settings(settings: BaseSettings) -> None:
    """Raise ConfigurationError for a setting of ours that can't be used, naming it."""
    for name, least in _NUMBERS.items():
        kind = int if name in _WHOLE else float
        try:
            usable = kind(settings[name]) >= least
        except (TypeError, ValueError):
            usable = False
        if not usable:
            what = "a whole number" if kind is int else "a number"
            raise ConfigurationError(f"{name}={settings[name]} is not {what} of {least} or more")
    try:
        settings.getbool("IMAGE_PROBE")
    except ValueError:
        raise ConfigurationError(
            f"IMAGE_PROBE={settings['IMAGE_PROBE']} is neither True nor False"
        ) from None
    root = urlsplit(str(settings["PYPI_ROOT"]))
    if root.scheme not in ("http", "https") or not root.netloc:
        raise ConfigurationError(
            f"PYPI_ROOT={settings['PYPI_ROOT']} is no http(s) address; "
            "give the root of the registry, such as https://pypi.example"
        )
