"""Which source an address belongs to, and so which rate and which token."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scrapy.settings import Settings

from pyfcrawl.batch.gate import Gates
from pyfcrawl.batch.roots import Roots, by_root
from pyfcrawl.batch.tokens import Tokens

ROOTS = Roots(
    {
        "https://one.example/": "whole host",
        "https://one.example/npm": "npm",
        "https://one.example/npm/deeper/": "deeper",
        "http://one.example:8080/npm": "port",
        "https://api.example/v4": "api",
    }
)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://one.example", "whole host"),
        ("https://one.example/x/npm", "whole host"),
        ("https://one.example/npmx", "whole host"),
        ("https://one.example/npm", "npm"),
        ("https://one.example/npm?x=/deeper", "npm"),
        ("https://ONE.example:443/npm/%40plone%2fvolto", "npm"),
        ("https://one.example/npm/deeper/x", "deeper"),
        ("http://one.example/npm/x", None),
        ("http://one.example:8080/npm/x", "port"),
        ("https://api.example/v4/projects/a%2Fb", "api"),
        ("https://api.example/v5", None),
        ("https://one.example@evil.example/npm/x", None),
        ("https://one.example.evil.example/npm/x", None),
        ("https://api.example/v4/../v5", None),
        ("https://api.example/v4/%2e%2E/v5", None),
        ("https://api.example/v4/a..b/x.y", "api"),
        ("https://[one/", None),
        ("https://one.example:port/", None),
        ("batch://batch/x", None),
        ("", None),
    ],
)
def test_an_address_belongs_to_the_longest_root_it_is_under(url: str, found: str | None) -> None:
    assert ROOTS.of(url) == found
    assert ROOTS.of(url) == found  # also when the host was met before


@given(st.text(max_size=30))
def test_no_text_raises(text: str) -> None:
    assert ROOTS.of(text) is None
    assert ROOTS.of(f"https://one.example/npm/{text}") in ("npm", "deeper", None)


SETTINGS = {
    "PYPI_ROOT": "https://one.example/",
    "NPM_ROOT": "https://one.example",
    "CDN_ROOT": "https://one.example/cdn",
    "RATE": "3",
    "OTHER": "0.5",
    "TOKEN": "secret",
    "SOURCE_RATES": {"PYPI_ROOT": "RATE", "NPM_ROOT": "OTHER", "CDN_ROOT": "OTHER"},
    "SOURCE_TOKENS": {"NPM_ROOT": "TOKEN"},
}


def test_where_roots_are_the_same_the_spiders_own_counts() -> None:
    settings = Settings(SETTINGS)
    table = settings.getdict("SOURCE_RATES")
    first = {"https://one.example": "3", "https://one.example/cdn": "0.5"}
    assert by_root(settings, table, "") == first
    assert by_root(settings, table, "NPM_ROOT") == first | {"https://one.example": "0.5"}


def test_a_token_is_for_its_root_and_not_for_one_below() -> None:
    tokens = Tokens.of_settings(Settings(SETTINGS), "NPM_ROOT")
    assert tokens.header("https://one.example/x") == "Bearer secret"
    assert tokens.header("https://one.example/cdn/x") == ""
    assert tokens.header("http://one.example/x") == ""
    assert Tokens.of_settings(Settings(SETTINGS), "PYPI_ROOT").header("https://one.example/x") == ""
    assert "secret" not in repr(tokens)


def test_sources_on_one_host_have_gates_of_their_own() -> None:
    rates = {"https://one.example": 2.0, "https://one.example/npm": 0.0}
    gates = Gates(4, rates, lambda: False, 10)
    pypi, npm = gates.of("https://one.example/simple/"), gates.of("https://one.example/npm/x")
    assert pypi is not npm
    assert gates.of("https://ONE.example:443/") is pypi
    assert gates.of("https://two.example/") is gates.of("https://TWO.example/x")
    assert gates.of("https://two.example/") not in (pypi, npm)
