"""Many addresses as batches or one by one: every answer comes, every failure is told once."""

from __future__ import annotations

import asyncio
import json

import msgspec
import pytest
from scrapy import Request
from scrapy.exceptions import IgnoreRequest
from scrapy.http import TextResponse
from scrapy.spidermiddlewares.httperror import HttpError
from scrapy.utils.test import get_crawler
from twisted.python.failure import Failure

from pyfcrawl.batch.fetching import RETRIES_FIRST, Fetching, reason_of
from pyfcrawl.batch.messages import Batch, BatchResponse, Target
from pyfcrawl.batch.messages import Failure as Failed

ROOT = "https://pypi.example"


class Spider(Fetching):
    name = "fetching"

    def screen(self, then):
        return ["Framework :: Plone"] if then == "pages" else None

    def give_up(self, target, then, context, reason):
        self.given_up.append((target.key, then, dict(context), reason))

    async def pages(self, response, context):
        self.answers.append((response, context))
        yield {"seen": [target.key for target, _ in response.documents]}

    releases = pages


@pytest.fixture
def spider():
    crawler = get_crawler(Spider, {"RETRY_TIMES": 2, "BATCH_MAX_BODY": 1234})
    made = Spider.from_crawler(crawler)
    crawler.spider = made
    made.given_up, made.answers = [], []
    return made


def targets(count):
    return [Target(f"{ROOT}/pypi/n{n}/json", f"k{n}", f"n{n}", floor=n) for n in range(count)]


def body(name, classifiers=("Framework :: Plone",), serial=99):
    info = {"name": name, "classifiers": list(classifiers)}
    return json.dumps({"info": info, "last_serial": serial}).encode()


async def _collect(outputs):
    return [each async for each in outputs]


def collect(outputs):
    return asyncio.run(_collect(outputs))


def answer(request, content, status=200):
    return TextResponse(request.url, status=status, body=content, request=request)


def through_json(value):
    return json.loads(json.dumps(value))


@pytest.mark.parametrize(("size", "sizes"), [(2, [2, 2, 1]), (5, [5]), (100, [5])])
def test_targets_go_in_batches(spider, size, sizes):
    spider.batch_size = size
    context = {f"k{n}": {"n": n} for n in range(5)}
    requests = list(spider.fetch(targets(5), "pages", "pages-7", context, priority=3))
    batches = [msgspec.json.decode(request.body, type=Batch) for request in requests]
    assert [len(batch.targets) for batch in batches] == sizes
    assert [each for batch in batches for each in batch.targets] == targets(5)
    assert len({request.url for request in requests}) == len(requests)
    for request, batch in zip(requests, batches, strict=True):
        assert request.url.startswith("batch://batch/pages-7")
        assert batch.classifiers == ["Framework :: Plone"]
        assert (request.priority, request.dont_filter) == (3, True)
        assert request.meta["dont_retry"] is True
        assert set(request.cb_kwargs["context"]) == {each.key for each in batch.targets}
        through_json(request.cb_kwargs)  # queues carry JSON


def test_without_batches_each_goes_alone(spider):
    spider.batch_size = 1
    requests = list(spider.fetch(targets(3), "pages", "x", {"k1": {"n": 1}}))
    assert [request.url for request in requests] == [each.url for each in targets(3)]
    assert [request.cb_kwargs["context"] for request in requests] == [{}, {"k1": {"n": 1}}, {}]
    assert all(request.meta["download_maxsize"] == 1234 for request in requests)
    for request in requests:
        given = through_json(request.cb_kwargs)  # queues carry JSON
        assert msgspec.convert(given["target"], Target) in targets(3)


def test_nothing_to_fetch_makes_no_request(spider):
    for size in (1, 200):
        spider.batch_size = size
        assert list(spider.fetch([], "pages", "x")) == []


def test_what_failed_in_a_batch_is_asked_for_again_or_given_up(spider):
    one, two, three = targets(3)
    response = BatchResponse("batch://batch/x")
    response.documents.append((one, body("n0")))
    response.failures += [Failed(two, "answered 503"), Failed(three, "stale", retry=False)]
    context = {"k1": {"n": 1}, "k2": {"n": 2}}
    again, seen = collect(spider.parse_batch(response, "pages", context))
    assert isinstance(again, Request)
    assert (again.url, again.priority) == (two.url, RETRIES_FIRST)
    assert again.cb_kwargs["context"] == {"k1": {"n": 1}}
    assert seen == {"seen": ["k0"]}
    assert spider.given_up == [("k2", "pages", context, "stale")]


@pytest.mark.parametrize(
    ("content", "status", "place"),
    [
        (body("n0"), 200, "documents"),
        (body("n0", ["Framework :: PloneX"]), 200, "unmatched"),
        (b"", 404, "gone"),
        (b"", 410, "gone"),
    ],
)
def test_a_single_answer_is_a_batch_of_one(spider, content, status, place):
    spider.batch_size = 1
    (request,) = spider.fetch(targets(1), "pages", "x", {"k0": {"n": 0}})
    given = through_json(request.cb_kwargs)
    collect(spider.parse_single(answer(request, content, status), **given))
    ((response, context),) = spider.answers
    found = getattr(response, place)
    assert (found[0][0] if place == "documents" else found[0]) == targets(1)[0]
    assert context == {"k0": {"n": 0}}
    others = {"documents", "unmatched", "gone", "failures"} - {place}
    assert not any(getattr(response, each) for each in others)
    assert spider.given_up == []


def test_a_junk_answer_is_retried_and_then_given_up(spider):
    spider.batch_size = 1
    (request,) = spider.fetch(targets(1), "pages", "x")
    for tries in range(3):
        outputs = collect(spider.parse_single(answer(request, b"<html>"), **request.cb_kwargs))
        again = [each for each in outputs if isinstance(each, Request)]
        if tries < 2:
            assert spider.given_up == []
            (request,) = again
    assert again == []
    ((key, then, _, reason),) = spider.given_up
    assert (key, then) == ("k0", "pages")
    assert "junk" in reason


def test_a_stale_answer_is_given_up_at_once(spider):
    spider.batch_size = 1
    *_, request = spider.fetch(targets(8), "pages", "x")
    outputs = collect(
        spider.parse_single(answer(request, body("n7", serial=6)), **request.cb_kwargs)
    )
    assert not [each for each in outputs if isinstance(each, Request)]
    assert "stale" in spider.given_up[0][3]


def test_statistics_do_not_grow_with_the_registry(spider):
    spider.batch_size = 1
    for n, request in enumerate(spider.fetch(targets(30), "pages", "x")):
        wrong = answer(request, body(f"other-{n}"))
        collect(spider.parse_single(wrong, **request.cb_kwargs))
        collect(spider.parse_single(answer(request, b"[" * n), **request.cb_kwargs))
    keys = [key for key in spider.crawler.stats.get_stats() if key.startswith("retry/reason")]
    assert 0 < len(keys) <= 3


def failure(error, request):
    made = Failure(error)
    made.request = request
    return made


def test_a_whole_batch_that_failed_gives_up_each(spider):
    spider.batch_size = 10
    (request,) = spider.fetch(targets(3), "releases", "x", {"k1": {"n": 1}})
    spider.batch_failed(failure(OSError("no\nmemory"), request))
    assert [row[0] for row in spider.given_up] == ["k0", "k1", "k2"]
    assert {row[1] for row in spider.given_up} == {"releases"}
    assert {row[3] for row in spider.given_up} == {"no memory"}
    assert all(row[2] == {"k1": {"n": 1}} for row in spider.given_up)


def test_a_single_that_failed_for_good_is_given_up(spider):
    spider.batch_size = 1
    (request,) = spider.fetch(targets(1), "pages", "x", {"k0": {"n": 0}})
    spider.single_failed(failure(IgnoreRequest("the crawl was stopped"), request))
    assert spider.given_up == [("k0", "pages", {"k0": {"n": 0}}, "the crawl was stopped")]


def test_reasons_are_short_lines():
    response = TextResponse("https://pypi.example/", status=503)
    assert reason_of(Failure(HttpError(response, "x" * 999))) == "answered 503"
    assert reason_of(Failure(OSError("a\n b" + "c" * 999))).startswith("a bc")
    assert len(reason_of(Failure(OSError("c" * 999)))) == 200
    assert reason_of(Failure(OSError())) == "OSError"
