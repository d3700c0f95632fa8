"""Requests travel as JSON, come back as they were, and carry no secret."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scrapy import Request, Spider
from scrapy.utils.request import request_from_dict

from pyfcrawl.batch.messages import Batch, Target, batch_request, visits_of
from pyfcrawl.errors import StoreError
from pyfcrawl.scheduling import codec


class Some(Spider):
    name = "some"

    def parse_it(self, response):
        """A callback."""

    def failed(self, failure):
        """An errback."""


def there_and_back(request: Request) -> Request:
    spider = Some()
    text = codec.dumps(request.to_dict(spider=spider))
    json.loads(text)
    return request_from_dict(codec.loads(text), spider=spider)


def test_a_request_comes_back_as_it_was():
    spider = Some()
    request = Request(
        "https://pypi.example/simple/a/",
        method="POST",
        headers={"Accept": "application/json", "X-Twice": ["a", "b"]},
        body=b"\xff\x00binary",
        callback=spider.parse_it,
        errback=spider.failed,
        priority=-3,
        dont_filter=True,
        meta={"download_slot": "batch", "list": [404]},
        cb_kwargs={"context": {"näme": [1, None, True]}},
    )
    back = codec.loads(codec.dumps(request.to_dict(spider=spider)))
    assert back == request.to_dict(spider=spider) | {"body": request.body}
    again = request_from_dict(back, spider=spider)
    assert (again.callback, again.errback) == (spider.parse_it, spider.failed)


@given(st.binary(max_size=2000))
def test_any_body_comes_back(body):
    assert there_and_back(Request("https://pypi.example/", body=body)).body == body


def test_a_batch_is_a_small_fraction_of_what_it_stands_for():
    targets = [
        Target(
            f"https://pypi.example/pypi/some-project-{n}/json", f"3:{n}:some-project-{n}", floor=n
        )
        for n in range(200)
    ]
    spider = Some()
    request = batch_request(Batch(targets, ["A :: B"]), spider.parse_it, spider.failed, "b")
    text = codec.dumps(request.to_dict(spider=spider))
    assert len(text) < 0.3 * len(request.body)
    assert visits_of(there_and_back(request)) == [each.key for each in targets]


@pytest.mark.parametrize("header", ["Authorization", "authorization", "Cookie"])
def test_secrets_never_lie_in_a_queue(header):
    request = Request("https://npm.example/x", headers={header: "Bearer hush", "Accept": "a/b"})
    text = codec.dumps(request.to_dict(spider=Some()))
    assert b"hush" not in text
    assert b"a/b" in text


def test_what_json_has_no_form_for_is_refused_before_it_is_queued():
    request = Request("https://pypi.example/", meta={"it": object()})
    with pytest.raises(TypeError):
        codec.dumps(request.to_dict(spider=Some()))


@pytest.mark.parametrize(
    "text",
    [b"", b"\x80\x04}", b"[]", b"null", b'{"body": {"deflate": "!!"}}', b'{"headers": 1}', b"{"],
)
def test_anything_else_is_told_in_one_line(text):
    with pytest.raises(StoreError, match="purge"):
        codec.loads(text)


def test_a_request_that_names_a_class_is_refused():
    with pytest.raises(StoreError, match="names a class"):
        codec.loads('{"url": "https://pypi.example/", "_class": "os.system"}')
