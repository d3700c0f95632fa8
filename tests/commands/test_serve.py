"""`scrapy serve`: the site in a process of its own, and what it refuses."""

from __future__ import annotations

import signal
import socket

import httpx
import pytest

from pyfcrawl.commands.serve import impatient, listening
from pyfcrawl.stores.index import IndexAddress
from tests.commands.shell import Shell, document, error_of


def test_the_site_is_served_until_it_is_stopped(shell: Shell) -> None:
    shell.fill([document("plone.api")])
    process = shell.start("serve", "--port", "0")
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[0]
        assert address.startswith("http://127.0.0.1:")
        assert httpx.get(address + "health-check").text == "ok\n"
        answer = httpx.get(address)
        assert answer.status_code == 200
        assert "plone.api" in answer.text
        assert "server" not in answer.headers
        assert "Ecosystems" in answer.text
    finally:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode in (0, 130)
    assert "Traceback" not in said


def test_only_the_profiles_named_are_shown(shell: Shell) -> None:
    shell.fill([document("django-thing")], "django")
    process = shell.start("serve", "-p", "django", "--port", "0")
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[0]
        page = httpx.get(address).text
        assert "django-thing" in page
        assert "Ecosystems" not in page
        assert httpx.get(address + "?profile=plone").status_code == 404
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_answers_are_sent_at_once(host: str) -> None:
    with listening(host, 0) as listener, socket.create_connection(listener.getsockname()[:2]):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_pages_wait_less_for_an_index_than_crawls() -> None:
    address = impatient(IndexAddress("typesense+http://x", "key", timeout=30, wait=300))
    assert (address.timeout, address.wait, address.api_key) == (10, 10, "key")
    assert impatient(IndexAddress("sqlite:///x", wait=0, timeout=2)).wait == 0


@pytest.mark.parametrize("port", ["x", "-1", "65536", "8e3", "²"])
def test_a_port_that_is_none(shell: Shell, port: str) -> None:
    assert f"--port {port!r}" in error_of(shell("serve", f"--port={port}"))


def test_a_port_that_is_taken(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = error_of(shell("serve", "--port", port))
    assert f"port {port}" in said
    assert "--port" in said


def test_a_host_that_is_not_ours(shell: Shell) -> None:
    assert "'192.0.2.1'" in error_of(shell("serve", "--host", "192.0.2.1"))


def test_a_profile_that_is_not_there(shell: Shell) -> None:
    assert "profile='plnoe' is unknown; did you mean 'plone'?" in error_of(
        shell("serve", "-p", "plnoe")
    )


def test_a_collection_is_no_profile(shell: Shell) -> None:
    assert "-p" in error_of(shell("serve", "-t", "plone"))


def test_settings_that_can_not_be_used(shell: Shell) -> None:
    assert "SITE_URL=packages.example" in error_of(shell("serve", SITE_URL="packages.example"))
    assert "TRUST_PROXY=perhaps" in error_of(shell("serve", TRUST_PROXY="perhaps"))
    assert "SERVE_PORT" in error_of(shell("serve", SERVE_PORT="http"))
