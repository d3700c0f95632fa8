"""No spider asks a source faster than it allows, and none forgets to say how fast it asks."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from scrapy.spiderloader import SpiderLoader
from scrapy.utils.project import get_project_settings

ROOT = Path(__file__).resolve().parent.parent

#: Requests a second that each source allows, by what it publishes; None: it sets no such limit.
ALLOWED = {
    "PYPI_ROOT": None,  # no limit at its edge; asks for a User-Agent with a contact
    "NPM_ROOT": None,  # five million requests a month
    "NPM_DOWNLOADS_ROOT": 5,  # not published; well below what has been seen to be refused
    "JSDELIVR_CDN_ROOT": None,  # "no limits"
    "JSDELIVR_DATA_ROOT": None,
    "GITHUB_API_ROOT": 900 / 60,  # points a minute, a GET being one
    "GITLAB_API_ROOT": 400 / 60,  # projects a minute
    "CODEBERG_API_ROOT": 5,  # not published; a small machine run by volunteers
    "PYPISTATS_ROOT": 30 / 60,
}

#: Settings by which one spider could lift what is set for all.
THROTTLES = re.compile(r"AUTOTHROTTLE|_RPS$|^DOWNLOAD|^RETRY_AFTER|^SOURCE|MIDDLEWARES$")

#: Of these a spider may lower its own.
LIMITS = (
    *("CONCURRENT_REQUESTS", "CONCURRENT_REQUESTS_PER_DOMAIN", "BATCH_CONCURRENCY"),
    "HELD_REQUESTS",
)


def defaults() -> dict[str, object]:
    """The settings as they are without an environment."""
    program = (
        "import json, pyfcrawl.settings as s;"
        "print(json.dumps({k: v for k, v in vars(s).items() if k.isupper()}, default=str))"
    )
    plain = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=plain | {"PYTHON_DOTENV_DISABLED": "1"},
        capture_output=True,
        check=True,
    )
    found: dict[str, object] = json.loads(run.stdout)
    return found


@pytest.fixture(scope="module")
def settings() -> dict[str, object]:
    return defaults()


def test_every_root_has_its_rate(settings: dict[str, object]) -> None:
    rates = settings["SOURCE_RATES"]
    assert isinstance(rates, dict)
    assert {name for name in settings if name.endswith("_ROOT")} == rates.keys() == ALLOWED.keys()
    assert all(name in settings for name in rates.values())


def test_every_root_that_a_spider_reads_has_its_rate(settings: dict[str, object]) -> None:
    rooms = [ROOT / "pyfcrawl" / room for room in ("spiders", "sources", "pipelines")]
    text = "\n".join(path.read_text() for room in rooms for path in room.glob("*.py"))
    used = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)*_ROOT\b", text))
    assert {"PYPI_ROOT"} <= used <= ALLOWED.keys()


@pytest.mark.parametrize("root", ALLOWED)
def test_no_default_is_above_what_a_source_allows(settings: dict[str, object], root: str) -> None:
    rates = settings["SOURCE_RATES"]
    assert isinstance(rates, dict)
    rate, allowed = float(str(settings[rates[root]])), ALLOWED[root]
    assert rate >= 0
    if allowed is not None:
        assert 0 < rate <= allowed


def test_requests_are_throttled_and_say_who_asks(settings: dict[str, object]) -> None:
    assert settings["AUTOTHROTTLE_ENABLED"] is True
    assert str(settings["CONTACT_URL"]).startswith("https://")
    middlewares = settings["DOWNLOADER_MIDDLEWARES"]
    assert isinstance(middlewares, dict)
    assert middlewares["pyfcrawl.middlewares.PolitenessMiddleware"] > 550  # behind Retry's


def test_no_spider_lifts_a_limit(settings: dict[str, object]) -> None:
    loader = SpiderLoader.from_settings(get_project_settings())
    spiders = [loader.load(name) for name in loader.list()]
    assert {getattr(each, "root_setting", "") for each in spiders} <= ALLOWED.keys()
    for spider in spiders:
        own = spider.custom_settings or {}
        assert not list(filter(THROTTLES.search, own)), spider.name
        for name in LIMITS:
            assert int(own.get(name, 0)) <= int(str(settings[name])), f"{spider.name} {name}"
