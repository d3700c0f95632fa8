"""Settings that follow from others, and those that can't be: one line each, no secret shown."""

from __future__ import annotations

import pytest
from scrapy.settings import Settings
from scrapy.utils.project import get_project_settings

from pyfcrawl.addons import check_settings, derive_settings
from pyfcrawl.errors import ConfigurationError


def given(**values: object) -> Settings:
    settings = get_project_settings()
    settings.setdict(values, "cmdline")
    return settings


def test_the_settings_as_they_are_can_be_used() -> None:
    check_settings(given())


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
