"""`scrapy serve`: show the index to people and programs, as a site."""

from __future__ import annotations

import argparse
import socket
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from scrapy.commands import ScrapyCommand

from pyfcrawl.addons import check_settings
from pyfcrawl.commands import output
from pyfcrawl.commands.frame import Frame, no_words
from pyfcrawl.commands.metrics import metrics
from pyfcrawl.core.overdue import limits
from pyfcrawl.core.profiles import Profile, select
from pyfcrawl.errors import ConfigurationError
from pyfcrawl.stores.index import IndexAddress

if TYPE_CHECKING:
    from starlette.applications import Starlette

#: Seconds for which a page waits for an index that is away: a crawl has more time.
_PATIENCE = 10


class Command(Frame, ScrapyCommand):
    """Runs the site until it is stopped."""

    examples = (
        "scrapy serve",
        "scrapy serve -p plone,django --port 8000",
        "scrapy serve --host 0.0.0.0",
    )

    def syntax(self) -> str:
        """See ScrapyCommand."""
        return "[options]"

    def short_desc(self) -> str:
        """See ScrapyCommand."""
        return "Serve the index as a site, with search, pages and an API"

    def long_desc(self) -> str:
        """See ScrapyCommand."""
        return (
            "Serve the index as a site: search, a page for each package, comparison, statistics, "
            "feeds, badges and a JSON API. It only reads, so crawls may go on meanwhile. Without "
            "-p all profiles are shown, DEFAULT_PROFILE first."
        )

    def add_own_options(self, parser: argparse.ArgumentParser) -> None:
        """See Frame."""
        parser.add_argument("--host", help="address to listen on (default: SERVE_HOST)")
        parser.add_argument("--port", help="port to listen on (default: SERVE_PORT)")

    def carry_out(self, words: list[str], opts: argparse.Namespace) -> int:
        """See Frame."""
        no_words(words)
        if opts.target is not None:
            raise ConfigurationError(f"-t {opts.target}: the site shows profiles; name one with -p")
        settings = self._settings
        check_settings(settings)
        app = self._site(self._shown(opts))
        host = settings["SERVE_HOST"] if opts.host is None else opts.host
        port = (
            port_number("SERVE_PORT", settings["SERVE_PORT"])
            if opts.port is None
            else port_number("--port", opts.port)
        )
        with listening(host, port) as listener, metrics(settings):
            shown = f"[{host}]" if ":" in host else host
            output.show(f"http://{shown}:{listener.getsockname()[1]}/  (Ctrl-C stops it)")
            output.flush()
            serve(app, listener)
        return 0

    def _site(self, profiles: list[Profile]) -> Starlette:
        """The site over what the settings name. Raises ConfigurationError, StoreError."""
        # Loaded here, so that no other command waits for it.
        from pyfcrawl.web.app import create_app
        from pyfcrawl.web.catalog import Catalog
        from pyfcrawl.web.options import SiteOptions

        settings = self._settings
        catalog = Catalog(
            {each.name: each for each in profiles},
            profiles[0].name,
            impatient(IndexAddress.of(settings)),
            settings["STATE_URL"],
            settings["HISTORY_URL"],
            overdue_after=limits(settings["OVERDUE_AFTER"]),
        )
        catalog.reader()  # what can't be read is told now
        options = SiteOptions(
            site_url=site_url(settings["SITE_URL"]),
            trust_proxy=settings.getint("TRUST_PROXY"),
            api_rate_limit=settings.getint("API_RATE_LIMIT"),
        )
        return create_app(catalog, options)

    def _shown(self, opts: argparse.Namespace) -> list[Profile]:
        """The profiles to show, that to begin with first. Raises ConfigurationError."""
        known = self.profiles()
        if opts.profile_name is not None:
            return select(known, opts.profile_name)
        first = select(known, self._settings["DEFAULT_PROFILE"])
        return [*first, *(each for each in known.values() if each not in first)]


def serve(app: Starlette, listener: socket.socket) -> None:
    """Answer at a listening socket until a signal comes."""
    import uvicorn

    uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,  # the app's own, which can't be told lies
        )
    ).run(sockets=[listener])


def impatient(address: IndexAddress) -> IndexAddress:
    """The address for readers that wait as long as somebody at a browser would."""
    return replace(
        address, wait=min(address.wait, _PATIENCE), timeout=min(address.timeout, _PATIENCE)
    )


def port_number(name: str, value: object) -> int:
    """A TCP port; 0 takes any that is free. Raises ConfigurationError, which calls it `name`."""
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) < 65536):
        raise ConfigurationError(f"{name} {text[:80]!r} is no port; give a number from 0 to 65535")
    return int(text)


def site_url(value: object) -> str:
    """The site's own address without a slash at its end, "" for none.

    Raises ConfigurationError.
    """
    text = str(value or "").rstrip("/")
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if text and (not usable or parts.path or parts.query or parts.fragment or "@" in text):
        raise ConfigurationError(
            f"SITE_URL={text[:80]} is no address of a site; give one such as "
            "https://packages.example.org, without a path"
        )
    return text


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises ConfigurationError when it can't."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=2048)
        # Connections inherit it, and asyncio does so only for sockets of its own: a page's end
        # would wait 40 ms for the word that its beginning has arrived.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(
            f"can't listen on {host[:80]!r}, port {port}: {reason}; "
            "give others with --host and --port"
        ) from error
