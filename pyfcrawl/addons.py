"""Settings that follow from other settings, once those given on the command line are known."""

from __future__ import annotations

from pathlib import Path

from scrapy.settings import BaseSettings


class DataDirectory:
    """Puts the embedded index and the state into DATA_DIR unless their URLs are given."""

    @classmethod
    def update_pre_crawler_settings(cls, settings: BaseSettings) -> None:
        """For commands, which have settings but no crawler."""
        place_files(settings)

    def update_settings(self, settings: BaseSettings) -> None:
        """For crawls."""
        place_files(settings)


def place_files(settings: BaseSettings) -> None:
    """Fill in INDEX_URL and STATE_URL where they are empty."""
    directory = Path(settings["DATA_DIR"]).expanduser().resolve()
    for name, file in (("INDEX_URL", "index.db"), ("STATE_URL", "state.db")):
        if not settings[name]:
            settings.set(name, f"sqlite:///{directory / file}", "addon")
