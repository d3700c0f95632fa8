"""The site over a filled index: an SQLite file, and a Typesense server where one can be had."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from starlette.testclient import TestClient

from pyfcrawl.stores.index import IndexAddress, open_writer
from pyfcrawl.web.app import create_app
from pyfcrawl.web.catalog import Catalog
from pyfcrawl.web.options import SiteOptions
from tests.stores.typesense_server import ServerElsewhere, TypesenseServer
from tests.web import sample
from tests.web.api_site import ApiSite
from tests.web.browser import Visitor, chromium, fill, serving


def catalog_of(stores: sample.Stores) -> Catalog:
    """A catalog over the sample: one profile that is crawled, one that isn't."""
    profiles = {each.name: each for each in (sample.PROFILE, sample.EMPTY_PROFILE)}
    return Catalog(
        *(profiles, "plone", stores.index, stores.state_url, stores.history_url),
        overdue_after={"pypistats": 3600, "pypi": 86_400},
        now=lambda: sample.NOW,
    )


def client_of(stores: sample.Stores, **options: object) -> TestClient:
    """The site, asked as a browser would; to be used as a context manager."""
    given = {"now": lambda: sample.NOW, **options}
    app = create_app(catalog_of(stores), SiteOptions(**given))  # type: ignore[arg-type]
    return TestClient(app, raise_server_exceptions=False, follow_redirects=False)


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> sample.Stores:
    """The sample in files."""
    return sample.make(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="session")
def served(
    typesense_server: TypesenseServer | ServerElsewhere,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[sample.Stores]:
    """The sample with its index on a Typesense server."""
    where = typesense_server.address()
    address = IndexAddress(
        f"typesense+{where.protocol}://{where.host}:{where.port}", where.api_key, 30, 30
    )
    yield sample.make(tmp_path_factory.mktemp("served"), address)
    with closing(open_writer(address)) as writer:
        writer.drop("plone")


@pytest.fixture(scope="session", params=["sqlite", "typesense"])
def site(request: pytest.FixtureRequest) -> Iterator[TestClient]:
    """The site on either index."""
    name = "stores" if request.param == "sqlite" else "served"
    with client_of(request.getfixturevalue(name)) as client:
        client.get("/profile")  # waits for the overview, which other pages do for a moment only
        yield client


@pytest.fixture(scope="session")
def client(stores: sample.Stores) -> Iterator[TestClient]:
    """The site on files."""
    with client_of(stores) as opened:
        opened.get("/profile")
        yield opened


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[TestClient]:
    """The site before the first crawl."""
    urls = [f"sqlite:///{tmp_path / name}.db" for name in ("index", "state", "history")]
    with client_of(sample.Stores(IndexAddress(urls[0]), urls[1], urls[2])) as opened:
        yield opened


@pytest.fixture(scope="session")
def api_site(tmp_path_factory: pytest.TempPathFactory) -> ApiSite:
    """A site over an embedded index for the tests of what programs ask for; not to be changed."""
    data = tmp_path_factory.mktemp("api")
    site = ApiSite(data, IndexAddress(f"sqlite:///{data / 'index.db'}"))
    site.fill()
    return site


@pytest.fixture(scope="session")
def api_server(
    typesense_server: TypesenseServer | ServerElsewhere,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ApiSite]:
    """The same with its index on a Typesense server."""
    where = typesense_server.address()
    address = IndexAddress(
        f"typesense+{where.protocol}://{where.host}:{where.port}", where.api_key, 30, 30
    )
    site = ApiSite(tmp_path_factory.mktemp("api_server"), address, prefix="api_")
    site.fill()
    yield site
    site.drop()


@pytest.fixture(params=["api_site", "api_server"])
def either(request: pytest.FixtureRequest) -> ApiSite:
    """That site on either index."""
    site: ApiSite = request.getfixturevalue(request.param)
    return site


# What drives the browser runs an event loop in this thread, in which no other may begin: so it
# ends with each module.


@pytest.fixture(scope="session")
def shown_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory to be looked at with a browser."""
    data = tmp_path_factory.mktemp("shown")
    fill(data)
    return data


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, or another."""
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def shown(browser: Browser, shown_data: Path) -> Iterator[str]:
    """The address of the running site."""
    with serving(shown_data) as root:
        yield root


@pytest.fixture
def visitor(browser: Browser, shown: str) -> Iterator[Visitor]:
    """Somebody who looks at it, and to whom no page may complain."""
    someone = Visitor(browser, shown)
    yield someone
    someone.leave()
