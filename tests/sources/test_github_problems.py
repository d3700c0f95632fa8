"""The report of repositories not found, for programs and for people."""

from __future__ import annotations

import json

import pytest

from pyfcrawl.sources.github_problems import REASONS, Problem, as_json, as_markdown, read

NOW = 1_780_000_000


def problem(name: str = "x", reason: str = "not_found", *urls: str) -> Problem:
    return Problem(f"pkg:pypi/{name}", "pypi", name, ("plone",), reason, urls)


def test_json_comes_back_as_it_was():
    listed = [problem("a", "not_found", "https://github.com/a/b"), problem("b", "no_repo_url")]
    text = as_json(listed, NOW)
    assert read(text.encode()) == listed
    payload = json.loads(text)
    assert payload["updated"] == NOW
    assert [each["fix"] for each in payload["problems"]] == [each.fix for each in listed]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"problems": 7}',
        b'{"problems": [7, {}, {"package_id": "x"}]}',
        b"[" * 100_000,
        as_json([problem()], NOW).replace("not_found", "on_holiday").encode(),
    ],
)
def test_what_is_no_report_holds_no_problems(text: bytes):
    assert read(text) == []


def test_markdown_by_reason_with_the_fix():
    page = as_markdown([problem(reason, reason, "https://e.example/1") for reason in REASONS], NOW)
    assert "3 packages, as of 2026-05-28 20:26 UTC" in page
    for reason, (title, fix) in REASONS.items():
        assert f"## {title}: 1" in page
        assert fix in page
        assert f"| {reason} | pypi | `https://e.example/1` |" in page
    assert "##" not in as_markdown([], NOW)


def test_hostile_links_break_no_table_and_no_password_is_published():
    secret = ("https://u:hunter2@github.com/x", "git+https://hunter2@github.com/x")
    urls = (*secret, "git+ssh://git@github.com/x", "`|\n# boo <script>")
    found = [problem("x", "not_found", *urls)]
    for text in (as_markdown(found, NOW), as_json(found, NOW)):
        assert "hunter2" not in text
        assert "\n# boo" not in text
    rows = as_markdown(found, NOW).splitlines()
    shown = ("https://github.com/x", "git+https://github.com/x", *urls[2:3], "# boo <script>")
    assert f"| x | pypi | {', '.join(f'`{each}`' for each in shown)} |" in rows
