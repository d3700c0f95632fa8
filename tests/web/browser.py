"""A real browser in front of the real site: Chromium, and `scrapy serve` in a process of its own.

What a page logs, throws or asks of others is written down, and nothing of it gets out: images of
other hosts are answered here.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Route,
    sync_playwright,
)

from pyfcrawl.core import health
from pyfcrawl.core.build import build_document
from pyfcrawl.core.readme import Readme
from pyfcrawl.stores.index import Document, open_writer
from tests.commands.shell import PROJECT, Shell
from tests.web import sample

ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
_PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")

HOSTILE = """<p id="fine">A fine start</p>
<script>window.harm = "script"</script>
<script src="https://evil.example/x.js"></script>
<img src="https://evil.example/x.png" onerror="window.harm = 'onerror'" onload="window.harm = 1">
<img src="data:image/png,broken" onerror="window.harm = 'onerror'">
<a id="trap" href="javascript:window.harm='link'">trap</a>
<a href="java&#10;script:window.harm='link'">trap</a> <a href="data:text/html,harm">trap</a>
<p style="position:fixed;inset:0;background:red;z-index:99" class="skip top wide">cover</p>
<style>body { display: none } @import url("https://evil.example/x.css");</style>
<link rel="stylesheet" href="https://evil.example/x.css">
<iframe src="https://evil.example/frame"></iframe><object data="https://evil.example/o"></object>
<embed src="https://evil.example/e"><video src="https://evil.example/v" autoplay></video>
<meta http-equiv="refresh" content="0;url=https://evil.example/"><base href="https://evil.example/">
<form action="https://evil.example/"><input name="q" autofocus><button>Send</button></form>
<svg onload="window.harm='svg'"><script>window.harm='svg'</script></svg>
<math><mtext><table><mglyph><style><img src=x onerror="window.harm='math'"></style></table></math>
<details open ontoggle="window.harm='toggle'"><summary>More</summary>of it</details>
<p id="q">A false search box</p><p onclick="window.harm='click'" onmouseover="window.harm=1">x</p>
</section></div></main></body><h1>A way out</h1>"""

WIDE = f"""<h1>Wide things</h1><p>{"unbroken" * 60}</p><pre>{"wide code " * 60}</pre>
<table><tr>{"".join(f"<th>Column number {n}</th>" for n in range(20))}</tr></table>
<img src="https://images.example/wide.png" width="3000" height="200" alt="Wide">"""

#: Packages beside those of the sample: names and texts that don't fit, and one of which nothing
#: but its name is known.
LONG = f"collective.{'verylongname' * 8}"
ODD = (
    {"name": "hostile.readme", "description": HOSTILE, "summary": "Means harm"},
    {
        "name": LONG,
        "version": "2026.11.20.post12.dev20261120+a.local.version.of.some.length",
        "summary": "long" * 90,
        "description": WIDE,
        "author": "Aforenamewithoutanyspace" * 4,
        "license": "A license told in many words, " * 20,
        "requires_dist": [f"{'dependency' * 9}>=1.0,!=1.1; python_version < '3.14'"],
        "requires_python": ">=3.11,!=3.11.1,!=3.11.2,!=3.11.3,!=3.12.0,<4.0",
        "project_urls": {"Label" * 20: f"https://long.example/{'path' * 30}"},
        "keywords": ["keyword" * 12, "a", "b"],
        "yanked_reason": "x" * 400,
    },
    {"name": "bare.package"},
)


def _odd(fields: dict[str, Any]) -> Document:
    metadata = {"version": fields.get("version", "1.0"), "classifiers": ["Framework :: Plone"]}
    listing = {"is_latest": True, "yanked": False, "upload_timestamp": sample.NOW - sample.DAY}
    name = fields["name"]
    made = build_document("pypi", name, metadata["version"], metadata, listing, None, Readme())
    made |= fields
    return made | health.score(made, sample.NOW)


def fill(data: Path) -> None:
    """The sample and the odd packages, with the profiles that the command shows."""
    stores = sample.make(data)
    with closing(open_writer(stores.index)) as writer:
        assert not writer.upsert("plone", [_odd(each) for each in ODD]).refused
    profiles = {
        "plone": {
            "title": "Plone",
            "classifiers": ["Framework :: Plone"],
            "npm": {"keywords": ["plone"], "scopes": ["@plone"]},
        },
        "django": {"title": "Django", "classifiers": ["Framework :: Django"]},
    }
    (data / "profiles.yaml").write_text(yaml.safe_dump({"profiles": profiles}))


@contextmanager
def serving(data: Path) -> Iterator[str]:
    """`scrapy serve` over a data directory; its address without a slash at the end."""
    env = Shell(data).env(PROFILES_FILE=str(data / "profiles.yaml"), API_RATE_LIMIT="0")
    command = Shell.command("serve", "--port", "0")
    log = data / "serve.log"  # no pipe: one that nobody reads would stop a server that complains
    with log.open("ab") as said:
        process = subprocess.Popen(
            command, cwd=PROJECT, env=env, stdout=subprocess.PIPE, stderr=said, text=True
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, log.read_text()
        yield line.split()[0].rstrip("/")
    finally:
        process.terminate()
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
    assert "Traceback" not in log.read_text()


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser that CHROMIUM names or that is installed; the test is skipped without one."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
    if not os.access(found, os.X_OK):
        pytest.skip(f"no browser: {found} can't be run; install chromium or set CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(ARGUMENTS))
        yield browser
        browser.close()


@dataclass
class Visitor:
    """Somebody with a browser; what pages complain of and whom else they ask is kept."""

    browser: Browser
    root: str
    complaints: list[str] = field(default_factory=list)
    elsewhere: list[Request] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def open(self, address: str, width: int = 1280, **options: Any) -> Page:
        """A page in a browser that knows nothing of earlier ones."""
        size = {"width": width, "height": 800}
        context = self.browser.new_context(base_url=self.root, viewport=size, **options)
        context.set_default_timeout(15_000)
        self.contexts.append(context)
        context.route(lambda url: not url.startswith(self.root + "/"), self._answer)
        page = context.new_page()
        page.on("console", lambda said: self._note(page, said))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(address)
        return page

    def _note(self, page: Page, said: ConsoleMessage) -> None:
        # A browser complains of each page that isn't there, however well it says so.
        itself = "Failed to load resource" in said.text and said.location["url"] == page.url
        if said.type in ("error", "warning") and not itself:
            self.complaints.append(f"{said.type}: {said.text}")

    def _answer(self, route: Route) -> None:
        self.elsewhere.append(route.request)
        if route.request.resource_type == "image":
            route.fulfill(body=_PIXEL, content_type="image/gif")
        else:
            route.abort()

    def leave(self) -> None:
        """Close everything. Nothing may have been said, and only images come from elsewhere."""
        for each in self.contexts:
            each.close()
        assert self.complaints == []
        assert {each.resource_type for each in self.elsewhere} <= {"image"}
        assert not [each.url for each in self.elsewhere if "referer" in each.headers]
