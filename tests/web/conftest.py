"""Sites for tests, over real stores."""

from __future__ import annotations

import pytest

from pyfcrawl.stores.index import IndexAddress
from tests.web.api_site import ApiSite


@pytest.fixture(scope="session")
def api_site(tmp_path_factory: pytest.TempPathFactory) -> ApiSite:
    """A site over an embedded index, to be asked, not changed."""
    data = tmp_path_factory.mktemp("api")
    site = ApiSite(data, IndexAddress(f"sqlite:///{data / 'index.db'}"))
    site.fill()
    return site
