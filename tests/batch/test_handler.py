"""Batches against a registry that answers badly: every target ends up in exactly one place."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
from collections import Counter
from contextlib import contextmanager

import aiohttp
import pytest
from scrapy import Spider
from scrapy.utils.test import get_crawler

from pyfcrawl.batch.gate import gates_of
from pyfcrawl.batch.handler import BatchDownloadHandler
from pyfcrawl.batch.messages import Batch, BatchResponse, Target, batch_request
from tests.upstream import Registry, Upstream

PLONE = ["Framework :: Plone"]


def registry():
    found = Registry()
    for n in range(4):
        found.add(f"plone-{n}", PLONE, versions=["1.0", "1.1"])
        found.add(f"other-{n}", ["Framework :: PloneX"])
    return found


@pytest.fixture(scope="module")
def served():
    with Upstream(registry()) as upstream:
        yield upstream


@pytest.fixture
def up(served):
    served.load(registry())
    served.clear_faults()
    served.configure(gzip=False, latency=0)
    served.reset()
    return served


NAMES = [*(f"plone-{n}" for n in range(4)), *(f"other-{n}" for n in range(4)), "absent"]


def target(root, name, **rest):
    return Target(f"{root}/pypi/{name}/json", f"0:0:{name}", name, **rest)


class Engine:
    """As much of Scrapy's engine as the gates look at."""

    def __init__(self, running=True):
        self.running = running
        self._slot = None


def carry_out(root, targets=None, classifiers=PLONE, twice=False, **given):
    """One batch through the handler (or two, one after the other); its response, and the stats."""
    settings = {"PYPI_ROOT": root, "PYPI_MAX_RPS": 0, "BATCH_CONCURRENCY": 16} | {
        "SOURCE_RATES": {"PYPI_ROOT": "PYPI_MAX_RPS"},
        "RETRY_AFTER_MAX": 600,
        "HOST_PATIENCE": 900,
        "BATCH_MAX_BODY": 1_000_000,
        "DOWNLOAD_TIMEOUT": 10,
        **given,
    }
    targets = [target(root, name) for name in NAMES] if targets is None else targets
    crawler = get_crawler(Spider, settings)
    crawler.engine = Engine()

    async def main():
        handler = BatchDownloadHandler.from_crawler(crawler)
        request = batch_request(Batch(targets, classifiers), print, print, "test")
        try:
            if twice:
                await handler.download_request(request)
            response = await handler.download_request(request)
            assert len(asyncio.all_tasks()) == 1
        finally:
            await handler.close()
        assert handler._session is None or handler._session.closed
        return response

    response = asyncio.run(main(), debug=False)
    assert isinstance(response, BatchResponse)
    assert Counter(each.key for each in targets) == Counter(
        each.key for each in everything(response)
    )
    assert all(failure.reason and "\n" not in failure.reason for failure in response.failures)
    gate = gates_of(crawler).of(root)
    assert gate._active == 0
    return response, crawler


def everything(response):
    yield from (each for each, _ in response.documents)
    yield from response.unmatched
    yield from response.gone
    yield from response.unchanged
    yield from (failure.target for failure in response.failures)


def names(targets):
    return sorted(each.name for each in targets)


def test_a_batch_is_sorted(up):
    response, crawler = carry_out(up.root)
    assert names(each for each, _ in response.documents) == [f"plone-{n}" for n in range(4)]
    assert names(response.unmatched) == [f"other-{n}" for n in range(4)]
    assert names(response.gone) == ["absent"]
    assert response.failures == []
    assert all(body.startswith(b"{") and body.endswith(b"}") for _, body in response.documents)
    assert crawler.stats.get_value("pyfcrawl/batch/requests") == 9
    assert crawler.stats.get_value("pyfcrawl/batch/batches") == 1
    assert crawler.stats.get_value("pyfcrawl/batch/failures") == 0
    assert len(up.requests) == 9


def test_it_says_who_asks_and_takes_compressed_answers(up):
    up.configure(gzip=True)
    response, _ = carry_out(up.root, USER_AGENT="pyfcrawl/0 (+https://contact.example)")
    assert len(response.documents) == 4
    assert {each.header("User-Agent") for each in up.log} == {
        "pyfcrawl/0 (+https://contact.example)"
    }
    assert all("gzip" in each.header("Accept-Encoding") for each in up.log)
    assert all(each.header("Cookie") is None for each in up.log)


def test_connections_are_kept(up):
    carry_out(up.root, twice=True, BATCH_CONCURRENCY=2)
    assert up.counters["requests"] == 18
    assert up.counters["connections"] <= 2


def test_what_is_indexed_comes_even_if_it_does_not_match(up):
    targets = [target(up.root, "other-1", keep=True), target(up.root, "other-2")]
    response, _ = carry_out(up.root, targets)
    assert names(each for each, _ in response.documents) == ["other-1"]
    assert names(response.unmatched) == ["other-2"]


def test_without_a_screen_everything_sound_comes(up):
    url = f"{up.root}/pypi/plone-1/1.0/json"
    targets = [Target(url, "k1", "plone-1"), target(up.root, "other-2"), target(up.root, "absent")]
    response, _ = carry_out(up.root, targets, classifiers=None)
    assert names(each for each, _ in response.documents) == ["other-2", "plone-1"]
    assert names(response.gone) == ["absent"]


@pytest.mark.parametrize("kind", ["truncated", "wrong", "junk"])
def test_a_release_is_looked_at_too_so_that_junk_is_asked_for_again(up, kind):
    up.fault(kind)
    response, _ = carry_out(
        up.root, [Target(f"{up.root}/pypi/plone-1/1.0/json", "k", "plone-1")], classifiers=None
    )
    assert [failure.retry for failure in response.failures] == [True]


@pytest.mark.parametrize(
    ("kind", "options", "reason", "retry"),
    [
        (429, {}, "answered 429", True),
        (503, {}, "answered 503", True),
        (500, {}, "answered 500", True),
        (403, {}, "answered 403", True),
        ("cut", {}, "", True),
        ("reset", {}, "", True),
        ("truncated", {}, "junk", True),
        ("wrong", {}, "another project", True),
        ("stale", {}, "stale", False),
        ("hang", {}, "DOWNLOAD_TIMEOUT", True),
        ("drip", {"seconds": 0.2}, "DOWNLOAD_TIMEOUT", True),
        ("huge", {"size": 3_000_000}, "BATCH_MAX_BODY", False),
        ("bomb", {"size": 20_000_000}, "BATCH_MAX_BODY", False),
        ("loop", {}, "", True),
    ],
)
def test_what_goes_wrong_is_named_and_spares_the_others(up, kind, options, reason, retry):
    struck = ["plone-1", "other-2"]
    up.fault(kind, paths=[f"/pypi/{name}/json" for name in struck], **options)
    floors = {name: up.registry.serial if name in struck else 0 for name in NAMES}
    targets = [
        target(up.root, name, floor=floors[name] if kind == "stale" else 0) for name in NAMES
    ]
    # Short only where it must run out: a busy machine may take its time over the others.
    seconds = 3 if reason == "DOWNLOAD_TIMEOUT" else 60
    response, _ = carry_out(up.root, targets, DOWNLOAD_TIMEOUT=seconds)
    assert names(failure.target for failure in response.failures) == sorted(struck)
    assert {failure.retry for failure in response.failures} == {retry}
    assert all(reason in failure.reason for failure in response.failures)
    assert all(len(failure.reason) <= 200 for failure in response.failures)
    assert names(each for each, _ in response.documents) == ["plone-0", "plone-2", "plone-3"]
    assert names(response.unmatched) == ["other-0", "other-1", "other-3"]
    assert names(response.gone) == ["absent"]


def test_all_kinds_of_junk(up):
    up.fault("junk")
    response, _ = carry_out(up.root, [target(up.root, f"plone-{n % 4}") for n in range(40)])
    assert len(response.failures) == 40
    assert all(failure.retry for failure in response.failures)


def test_a_410_is_gone(up):
    up.fault(410, paths=["/pypi/plone-1/json"])
    response, _ = carry_out(up.root, [target(up.root, "plone-1")])
    assert names(response.gone) == ["plone-1"]


def test_retry_after_holds_the_host(up):
    up.fault(429, retry_after=1, times=1)
    response, _ = carry_out(up.root, BATCH_CONCURRENCY=1)
    assert len(response.failures) == 1
    first, second = up.log[0].at, up.log[1].at
    assert second - first >= 0.95


def test_an_absurd_retry_after_is_bounded(up):
    up.fault(503, retry_after=10**9, times=1)
    response, _ = carry_out(up.root, RETRY_AFTER_MAX=0.3)
    assert len(response.failures) == 1


def test_strain_narrows_and_a_good_host_does_not(up):
    up.fault(503)
    _, crawler = carry_out(up.root)
    assert gates_of(crawler).of(up.root).window < 8
    up.clear_faults()
    _, crawler = carry_out(up.root)
    assert gates_of(crawler).of(up.root).window == 16
    up.fault(403)
    _, crawler = carry_out(up.root)
    assert gates_of(crawler).of(up.root).window == 8


def test_concurrency_is_bounded(up):
    up.configure(latency=0.02)
    carry_out(up.root, [target(up.root, f"plone-{n % 4}") for n in range(60)], BATCH_CONCURRENCY=3)
    assert up.counters["peak"] <= 3


def test_a_host_that_is_not_there(up):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        root = f"http://127.0.0.1:{bound.getsockname()[1]}"
        response, _ = carry_out(root)
    assert len(response.failures) == len(NAMES)
    assert all(failure.retry for failure in response.failures)


@pytest.mark.parametrize(
    "url",
    ["http://[bad/x", "http://", "nonsense", "ftp://a.example/", "http://a b/",
     "http://" + "é" * 99, "http://x" * 900, "http://\x00/", "", "http://127.0.0.1:99999/"],
)  # fmt: skip
def test_an_address_that_is_none_spares_the_others(up, url):
    targets = [Target(url, "odd", "odd"), target(up.root, "plone-1")]
    response, _ = carry_out(up.root, targets)
    assert [failure.target.key for failure in response.failures] == ["odd"]
    assert names(each for each, _ in response.documents) == ["plone-1"]


def test_even_a_bug_spares_the_others(up, monkeypatch, caplog):
    sort_in = BatchResponse.sort_in

    def broken(self, target, body, wanted, etag=""):
        if target.name == "plone-1":
            raise LookupError("oops")
        sort_in(self, target, body, wanted, etag)

    monkeypatch.setattr(BatchResponse, "sort_in", broken)
    response, _ = carry_out(up.root)
    assert [failure.reason for failure in response.failures] == ["oops"]
    assert len(response.documents) == 3
    assert "LookupError" in caplog.text


def test_a_stopped_crawl_sends_nothing(up):
    crawler = get_crawler(
        Spider, {"PYPI_ROOT": up.root, "BATCH_CONCURRENCY": 2, "RETRY_AFTER_MAX": 2}
    )
    crawler.engine = Engine(running=False)

    async def main():
        handler = BatchDownloadHandler.from_crawler(crawler)
        targets = [target(up.root, name) for name in NAMES]
        response = await handler.download_request(
            batch_request(Batch(targets, PLONE), print, print, "test")
        )
        await handler.close()
        return response

    response = asyncio.run(main())
    assert {failure.reason for failure in response.failures} == {"the crawl was stopped"}
    assert len(response.failures) == len(NAMES)
    assert up.requests == []


@contextmanager
def saying(raw):
    """A server that answers every connection with these bytes and hangs up."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(2)
                try:
                    connection.recv(65536)
                    connection.sendall(raw)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}"
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


def redirect(location):
    return b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n"


def ok(body, *headers):
    head = b"".join(header + b"\r\n" for header in headers)
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s" % (len(body), head, body)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1 304 Not Modified\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\n\r\n{}",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}",
        b"HTTP/1.1 9999 ?\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000 + b"\r\n",
        b"HTTP/1.1 503 x\r\nRetry-After: \xff\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 429 x\r\nRetry-After: Mon, 00 Foo\r\nContent-Length: 0\r\n\r\n",
        redirect(b""),
        redirect(b"http://[bad"),
        redirect(b"http://\xff\xfe/"),
        redirect(b"http://" + b"x" * 300 + b"/"),
        redirect("http://é\u3002\u3002x/".encode()),
        redirect(b"http://xn--\xc3\xa9-/"),
        redirect(b"ftp://127.0.0.1/"),
        redirect(b"file:///etc/passwd"),
        redirect(b"javascript:1"),
        redirect(b"http://127.0.0.1:99999/"),
        redirect(b"//"),
        ok(b"not gzip", b"Content-Encoding: gzip"),
        ok(b"x", b"Content-Encoding: br"),
        ok(b"x", b"Content-Encoding: zstd"),
        ok(b"x", b"Content-Encoding: deflate"),
        ok(b"{}", b"Content-Encoding: nonsense"),
        ok(b'{"info":{"name":"a","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}}"),
        ok(b"\xef\xbb\xbf{}"),
        ok(b'{"info":{"name":"' + b"y" * 10_000 + b'"}}'),
    ],
    ids=lambda raw: repr(raw[:48]),
)  # fmt: skip
def test_no_answer_is_too_odd(up, raw, caplog):
    with saying(raw) as odd:
        response, _ = carry_out(
            up.root, [target(odd, "a"), target(up.root, "plone-1")], RETRY_AFTER_MAX=0.1
        )
    assert names(each for each, _ in response.documents) == ["plone-1"]
    assert names(failure.target for failure in response.failures) == ["a"]
    assert all(len(failure.reason) <= 250 for failure in response.failures)
    response.failures[0].reason.encode()


def test_nothing_is_left_behind(up, recwarn):
    up.fault("cut", rate=0.5)
    carry_out(up.root)
    gc.collect()
    assert not [each for each in recwarn if issubclass(each.category, ResourceWarning)]
    assert not [
        each
        for each in gc.get_objects()
        if isinstance(each, aiohttp.ClientSession) and not each.closed
    ]


# --- validators, other media types, tokens, sources -------------------------------------------


def test_an_etag_comes_back_and_saves_the_body(up):
    targets = [Target(f"{up.root}/pypi/plone-{n}/json", f"k{n}") for n in range(3)]
    first, _ = carry_out(up.root, targets, classifiers=None)
    assert first.etags.keys() == {"k0", "k1", "k2"}
    up.registry.touch("plone-1")
    again = [Target(each.url, each.key, etag=first.etags[each.key]) for each in targets]
    second, crawler = carry_out(up.root, again, classifiers=None)
    assert sorted(each.key for each in second.unchanged) == ["k0", "k2"]
    assert [each.key for each, _ in second.documents] == ["k1"]
    assert second.etags.keys() == {"k1"}
    assert second.etags["k1"] != first.etags["k1"]
    assert crawler.stats.get_value("pyfcrawl/batch/bytes") == len(second.documents[0][1])


def test_unchanged_is_no_answer_to_who_did_not_ask():
    with saying(b"HTTP/1.1 304 Not Modified\r\n\r\n") as root:
        response, _ = carry_out(root, [target(root, "plone-1")])
    assert [failure.reason for failure in response.failures] == ["answered 304"]


def test_what_is_no_etag_is_not_kept(up):
    response = BatchResponse("batch://x")
    for key, etag in {"a": '"é"', "b": "\udcff", "c": 'W/"fine"', "d": "x\ny"}.items():
        response.sort_in(Target("u", key), b"", None, etag)
    assert response.etags == {"c": 'W/"fine"'}


def test_a_target_says_what_it_takes(up):
    url = f"{up.root}/pypi/plone-1/json"
    carry_out(up.root, [Target(url, "a"), Target(url, "b", accept="text/plain, */*")], None)
    assert {each.header("Accept") for each in up.log} == {"application/json", "text/plain, */*"}


def with_token(root, **more):
    return {
        "NPM_ROOT": f"{root}/pypi/Plone_1",
        "NPM_AUTH_TOKEN": "secret",
        "SOURCE_TOKENS": {"NPM_ROOT": "NPM_AUTH_TOKEN"},
        **more,
    }


def test_a_token_is_sent_under_its_root_only(up, caplog):
    """Other spellings of a name redirect to the usual one, and so out of the root here."""
    urls = ["Plone_1/json", "Plone_1/1.0/json", "plone-2/json", "Plone_1x/json"]
    targets = [Target(f"{up.root}/pypi/{url}", url) for url in urls]
    anonymous = Target(f"{up.root}/pypi/Plone_1/1.1/json", "no", anonymous=True)
    up.fault(503, paths=["/pypi/Plone_1/1.0/json"])
    response, _ = carry_out(up.root, [*targets, anonymous], None, **with_token(up.root))
    assert sorted(each.key for each, _ in response.documents) == [
        "Plone_1/json",
        "no",
        "plone-2/json",
    ]
    sent = {each.path: each.header("Authorization") for each in up.log}
    assert sent == {
        "/pypi/Plone_1/json": "Bearer secret",
        "/pypi/Plone_1/1.0/json": "Bearer secret",
        "/pypi/Plone_1/1.1/json": None,
        "/pypi/Plone_1x/json": None,
        "/pypi/plone-1x/json": None,
        "/pypi/plone-1/json": None,
        "/pypi/plone-1/1.1/json": None,
        "/pypi/plone-2/json": None,
    }
    told = [each.reason for each in response.failures]
    assert "secret" not in caplog.text + repr(told) + repr(response.request.body)


def test_redirects_end(up):
    up.fault("loop", path_prefix="/pypi/plone-1/")
    response, _ = carry_out(up.root)
    assert [failure.reason for failure in response.failures] == ["more than 10 redirects"]
    assert len(response.documents) == 3


@pytest.mark.parametrize("place", [b"", b"ftp://x.example/", b"http://[", b"javascript:x"])
def test_a_redirect_to_no_address_is_a_failure(place):
    with saying(redirect(place)) as root:
        response, _ = carry_out(root, [target(root, "x")])
    assert [failure.reason for failure in response.failures] == ["redirected to no address"]


def test_a_pause_of_one_source_holds_up_no_other(up):
    rates = {"PYPI_ROOT": "PYPI_MAX_RPS", "NPM_ROOT": "PYPI_MAX_RPS"}
    up.fault(429, path_prefix="/pypi/plone-1/", times=1, retry_after=2)
    here = target(up.root, "plone-1")
    there = [target(up.root, f"other-{n}", keep=True) for n in range(4)]
    given = {"NPM_ROOT": f"{up.root}/pypi/plone-1", "SOURCE_RATES": rates}
    crawler = get_crawler(
        Spider,
        {
            "PYPI_ROOT": up.root,
            "PYPI_MAX_RPS": 0,
            "BATCH_CONCURRENCY": 16,
            "RETRY_AFTER_MAX": 600,
            "BATCH_MAX_BODY": 1_000_000,
            **given,
        },
    )
    crawler.engine = Engine()

    async def main():
        handler = BatchDownloadHandler.from_crawler(crawler)
        try:
            for targets in ([here], [here, *there]):
                request = batch_request(Batch(targets, PLONE), print, print, "test")
                response = await handler.download_request(request)
        finally:
            await handler.close()
        return response

    response = asyncio.run(main())
    assert len(response.documents) == 5
    assert [each.path for each in up.log][-1] == "/pypi/plone-1/json"
    assert up.log[-1].at - up.log[0].at > 1
