"""Settings that follow from others, and those that can't be: one line each, no secret shown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from scrapy.settings import Settings
from scrapy.utils.project import get_project_settings

from pyfcrawl.addons import check_settings, derive_settings
from pyfcrawl.errors import ConfigurationError
from pyfcrawl.stores.redis_client import RedisAddress


def given(**values: object) -> Settings:
    settings = get_project_settings()
    settings.setdict(values, "cmdline")
    return settings


def test_the_settings_as_they_are_can_be_used() -> None:
    check_settings(given())


def test_no_port_is_no_metrics() -> None:
    check_settings(given(METRICS_PORT=""))
    check_settings(given(METRICS_PORT="9410"))


def test_an_age_is_checked_too() -> None:
    with pytest.raises(ConfigurationError, match="OVERDUE_AFTER=pypi: 'pypi' is no spider"):
        check_settings(given(OVERDUE_AFTER="pypi"))


def test_the_history_is_beside_the_index(tmp_path) -> None:
    settings = given(DATA_DIR=str(tmp_path), HISTORY_URL="")
    derive_settings(settings)
    assert settings["HISTORY_URL"] == f"sqlite:///{tmp_path}/history.db"
    settings = given(DATA_DIR=str(tmp_path), HISTORY_URL="sqlite:////elsewhere.db")
    derive_settings(settings)
    assert settings["HISTORY_URL"] == "sqlite:////elsewhere.db"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("PYPISTATS_MAX_RPS", value) for value in ("fast", "-1", "nan", "", None)),
        *((name, "x") for name in ("PYPI_MAX_RPS", "NPM_MAX_RPS", "NPM_DOWNLOADS_MAX_RPS")),
        *((name, "x") for name in ("JSDELIVR_MAX_RPS", "GITHUB_MAX_RPS", "CODEBERG_MAX_RPS")),
        *(("RSS_DEDUP_TTL_NEW", value) for value in ("1.5", "-1", "a day")),
        ("RSS_DEDUP_TTL_UPDATE", "1e3"),
        *(("REMOVE_LIMIT", value) for value in ("-1", "100.5", "nan", "inf", "most", "")),
        *(("METRICS_PORT", value) for value in ("-1", "65536", "http", None)),
        *(("MONITOR_FAILURE_RATE", value) for value in ("-1", "101", "")),
        ("HEARTBEAT", "0"),
        *(("API_RATE_LIMIT", value) for value in ("many", "-1", "2.5")),
        *(("TRUST_PROXY", value) for value in ("True", "-1", "1.5")),
        *(("NPM_ROOT", value) for value in ("npm.example", "ftp://npm.example", "http://", "")),
        *(("GITHUB_API_ROOT", value) for value in ("http://[", "https://a.example:x/")),
        ("GITLAB_API_ROOT", "https://a b"),
        ("PYPISTATS_ROOT", "https://a.example/?x=1"),
        ("CLICKHOUSE_URL", "a.example:8123"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_with_its_name_and_value(name: str, value: str | None) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_settings(given(**{name: value}))
    line = str(caught.value)
    # What stands behind the question mark may be a password.
    shown = value if value is None else value.partition("?")[0]
    assert line.startswith(f"{name}={shown} is no")
    assert "\n" not in line


@pytest.mark.parametrize("name", ["NPM_AUTH_TOKEN", "GITHUB_TOKEN", "CLICKHOUSE_PASSWORD"])
@pytest.mark.parametrize("value", ["two words", "line\nbreak", "tab\t", "é", "\udcff", "\x00"])
def test_a_secret_that_cannot_be_is_not_shown(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_settings(given(**{name: value}))
    assert name in str(caught.value)
    assert value not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_state_is_in_redis_when_there_is_one(tmp_path) -> None:
    settings = given(DATA_DIR=str(tmp_path), REDIS_URL="redis://:pw@a.example/1", REDIS_WAIT="7")
    derive_settings(settings)
    check_settings(settings)
    address = RedisAddress.parse(settings["STATE_URL"])
    assert address == RedisAddress("redis://:pw@a.example/1", "pyfcrawl", 7, 10)
    settings = given(DATA_DIR=str(tmp_path), REDIS_URL="redis://a.example", STATE_URL="sqlite:///x")
    derive_settings(settings)
    assert settings["STATE_URL"] == "sqlite:///x"


@pytest.mark.parametrize(
    ("host", "url"),
    [("a.example", "redis://a.example"), ("a:7000", "redis://a:7000"), ("::1", "redis://[::1]")],
)
def test_a_host_alone_will_do(host: str, url: str) -> None:
    settings = given(REDIS_HOST=host, REDIS_KEY_PREFIX="site")
    derive_settings(settings)
    check_settings(settings)
    assert settings["REDIS_URL"] == url
    assert RedisAddress.parse(settings["STATE_URL"]) == RedisAddress(url, "site")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"REDIS_URL": "http://:s3cret@a.example"}, "REDIS_URL"),
        ({"REDIS_URL": "redis://:s3cret/@a.example"}, "REDIS_URL"),
        ({"REDIS_HOST": "a.example:port"}, "REDIS_HOST"),
        ({"REDIS_HOST": "a b"}, "REDIS_HOST"),
        ({"STATE_URL": "redis://:s3cret@a.example/x"}, "STATE_URL"),
        ({"REDIS_URL": "redis://a", "REDIS_KEY_PREFIX": "a*"}, "REDIS_KEY_PREFIX"),
        ({"REDIS_URL": "redis://a", "REDIS_WAIT": "-1"}, "REDIS_WAIT=-1"),
        ({"REDIS_TIMEOUT": "0"}, "REDIS_TIMEOUT=0"),
    ],
)
def test_a_redis_that_cannot_be_is_told_without_its_password(
    wrong: dict[str, str], named: str
) -> None:
    settings = given(**wrong)
    derive_settings(settings)
    with pytest.raises(ConfigurationError, match=named) as caught:
        check_settings(settings)
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["PYPI_ROOT", "NPM_ROOT", "CLICKHOUSE_URL", "SCRAPYD_URL"])
@pytest.mark.parametrize("user", ["user:s3cret", "s3cret", ":s3cret/x"])
def test_an_address_that_is_shown_holds_no_user(name: str, user: str) -> None:
    settings = given(**{name: f"https://{user}@registry.example"})
    with pytest.raises(ConfigurationError, match=f"^{name} holds a user") as caught:
        check_settings(settings)
    assert "s3cret" not in str(caught.value)


def test_without_redis_nothing_of_it_is_imported() -> None:
    program = (
        "import sys\n"
        "from scrapy.utils.project import get_project_settings\n"
        "from pyfcrawl.addons import check_settings, derive_settings\n"
        "from pyfcrawl.stores.state import open_state\n"
        "from pyfcrawl.batch import handler\n"
        "from pyfcrawl.extensions import keeper\n"
        "from pyfcrawl.scheduling import budget\n"
        "settings = get_project_settings()\n"
        "derive_settings(settings); check_settings(settings)\n"
        "open_state(settings['STATE_URL'], readonly=True).close()\n"
        "print([name for name in sys.modules if 'redis' in name])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout.strip() == "[]"


def test_without_typesense_nothing_of_it_is_imported(tmp_path: Path) -> None:
    """By a whole crawl, and by a command that reads."""
    program = (
        "import sys\n"
        "from scrapy.cmdline import execute\n"
        "try: execute(['scrapy', *sys.argv[1:]])\n"
        "finally: print([name for name in sys.modules if 'typesense' in name])"
    )
    environment = os.environ | {"DATA_DIR": str(tmp_path), "TYPESENSE_HOST": ""}
    for words in (["crawl", "pypi", "-anames=a", "-sRETRY_TIMES=0"], ["search", "a"], ["status"]):
        run = subprocess.run(
            [sys.executable, "-c", program, *words],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert run.stdout.splitlines()[-1:] == ["[]"], run.stdout + run.stderr
