"""An egg of the project, and a scrapyd that it was deployed to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crawl.conftest import plone_registry
from tests.crawl.project import roots_at
from tests.deploy.scrapyd_server import AUTH, Scrapyd, checkout, scrapyd_deploy
from tests.upstream import Upstream

#: A page as the site's are, whether or not there is a site.
TEMPLATE = "pyfcrawl/web/templates/of-the-tests.html"


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with one template more."""
    source = checkout(tmp_path_factory.mktemp("checkout"))
    template = source / TEMPLATE
    template.parent.mkdir(parents=True, exist_ok=True)
    template.write_text("<p>A page</p>")
    package = template.parent.parent / "__init__.py"
    if not package.exists():
        package.write_text("")
    return source


@pytest.fixture(scope="session")
def egg(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The egg that scrapyd-deploy builds."""
    egg = tmp_path_factory.mktemp("egg") / "pyfcrawl.egg"
    scrapyd_deploy("--build-egg", str(egg), cwd=source)
    return egg


@pytest.fixture(scope="module")
def up() -> Iterator[Upstream]:
    """The stand-in that jobs crawl."""
    with Upstream(plone_registry()) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def scrapyd(up: Upstream, egg: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scrapyd]:
    """A scrapyd with the egg, deployed to the target that scrapy.cfg names."""
    directory = tmp_path_factory.mktemp("scrapyd")
    server = Scrapyd(directory, **roots_at(up.root))
    try:
        server.start()
        deploying = tmp_path_factory.mktemp("deploying")
        text = (Path(__file__).parents[2] / "scrapy.cfg").read_text(encoding="utf-8")
        assert "http://localhost:6800/" in text
        target = f"{server.root}/\nusername = {AUTH[0]}\npassword = {AUTH[1]}"
        (deploying / "scrapy.cfg").write_text(text.replace("http://localhost:6800/", target))
        said = scrapyd_deploy("--egg", str(egg), cwd=deploying)
        assert '"spiders": 5' in said, said
        yield server
    finally:
        server.kill()
