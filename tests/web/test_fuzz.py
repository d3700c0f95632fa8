"""The site asked everything its description allows, and what it doesn't, over real HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from pyfcrawl.web.endpoints import Endpoint
from pyfcrawl.web.options import SiteOptions
from pyfcrawl.web.programs import ENDPOINTS
from tests.commands.shell import NOW
from tests.web.api_site import ApiSite

#: Always the same examples, so that it takes the same time and fails for everybody or nobody.
bounded = settings(
    max_examples=20,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def root(api_site: ApiSite) -> Iterator[str]:
    """The address of a running site without a rate limit."""
    options = SiteOptions(api_rate_limit=0, now=lambda: float(NOW))
    app = ApiSite(api_site.data, api_site.index, options).app()
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", proxy_headers=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def described(root: str) -> Any:
    schema = schemathesis.openapi.from_url(f"{root}/api/v1/openapi.json")
    schema.config.checks.negative_data_rejection.expected_statuses = ["400", "404", "414"]
    return schema


#: What is put into paths now and then, as hardly anything drawn by lot is there.
KNOWN: list[dict[str, str]] = [
    {},
    {"profile": "plone", "registry": "pypi", "name": "plone.api", "version": "2.0"},
    {"profile": "plone", "registry": "npm", "name": "@plone/volto", "version": "18.0.0"},
    {"profile": "plone", "name": "hostile", "framework": "plone"},
]


def has_empty(case: schemathesis.Case) -> bool:
    """Whether a parameter of the query is empty."""
    sent = requests.Request(params=case.as_transport_kwargs()["params"], url="http://x").prepare()
    return any(not value for _, value in parse_qsl(urlsplit(sent.url).query, True))


ASKED = [
    pytest.param(each, mode, id=f"{each.template}-{mode.value}")
    for each in ENDPOINTS
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or each.parameters.__struct_fields__
]


@pytest.mark.parametrize(("endpoint", "mode"), ASKED)
def test_any_input_gives_an_answer_that_is_described(
    described: Any, endpoint: Endpoint, mode: GenerationMode
) -> None:
    operation = described[endpoint.template]["GET"]
    # What days must be to each other, and what is to be seen of a text, no description can say.
    has_rules = {"first", "left_text"} & set(endpoint.parameters.__struct_fields__)
    excluded = [positive_data_acceptance] if has_rules else []

    @bounded
    @given(operation.as_strategy(generation_mode=mode), st.sampled_from(KNOWN))
    def ask(case: schemathesis.Case, known: dict[str, str]) -> None:
        if mode is GenerationMode.POSITIVE:
            case.path_parameters |= {k: v for k, v in known.items() if k in case.path_parameters}
        assume(not has_empty(case))  # these count as not given, so they do no harm
        case.call_and_validate(excluded_checks=excluded)

    ask()
