"""A scrapyd, or what stands where one should be, that answers strangely."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from pyfcrawl.errors import ScheduleError
from pyfcrawl.timetable.jobs import all_jobs
from pyfcrawl.timetable.scrapyd import ScrapydServer


class Torn(BaseHTTPRequestHandler):
    """Says that it packs its answers, and sends something else."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"torn")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def torn() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Torn) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_an_answer_that_cannot_be_unpacked_is_one_line(torn: str) -> None:
    with (
        closing(ScrapydServer(torn, "", "", "pyfcrawl")) as client,
        pytest.raises(ScheduleError, match="doesn't answer") as caught,
    ):
        client.start(all_jobs("plone")["sync"], "sync-1")
    assert "\n" not in str(caught.value)
