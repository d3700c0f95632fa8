"""Which requests carry a token: those to an address under the root it belongs to, and no other.

A token is looked up when a request goes out and is kept in nothing that could be queued, logged or
sent on.
"""

from __future__ import annotations

from collections.abc import Mapping

from scrapy.settings import BaseSettings

from pyfcrawl.batch.roots import Roots, by_root


class Tokens:
    """The tokens of a crawl. `tokens` maps every root to its token, "" for none."""

    def __init__(self, tokens: Mapping[str, str]) -> None:
        self._tokens = Roots(tokens)

    @classmethod
    def of_settings(cls, settings: BaseSettings, preferred: str = "") -> Tokens:
        """By SOURCE_TOKENS; the roots of SOURCE_RATES that have none are known as such.

        A root may lie under another one's: its own lack of a token counts then.
        """
        without = dict.fromkeys(settings.getdict("SOURCE_RATES"), "")
        table = without | settings.getdict("SOURCE_TOKENS")
        return cls(by_root(settings, table, preferred))

    def header(self, url: str) -> str:
        """The value of the Authorization header for a request to `url`, "" for none."""
        token = self._tokens.of(url)
        return f"Bearer {token}" if token else ""
