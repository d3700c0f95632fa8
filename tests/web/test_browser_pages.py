"""Every page in a real browser: it fits narrow and wide windows, and anybody can read it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import axe_playwright_python
import pytest

from tests.web.browser import LONG, Visitor

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")

PAGES = (
    *("/", "/?q=calendar&framework=Plone+6.1", "/?page=2", "/?q=zzzzqqq"),
    *("/package/pypi/plone.api", "/package/npm/@plone/volto", f"/package/pypi/{LONG}"),
    *("/package/pypi/hostile.readme", "/package/pypi/bare.package", f"/?q={LONG}"),
    *("/people", "/person?name=Ada+Winter", "/person?name=" + "Aforenamewithoutanyspace" * 4),
    *("/compare", "/compare?p=plone.api&p=collective.form", f"/compare?p=plone.api&p={LONG}"),
    *("/profile", "/status", "/api", "/status?profile=django"),
)
FAILING = (
    *("/nowhere", "/package/pypi/nothing", "/?profile=django", "/profile?profile=django"),
    f"/?q={'x' * 300}",
)

#: What sticks out of the window, but for what scrolls in a box of its own.
TOO_WIDE = """() => {
    const wide = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= wide) return [];
    return [...document.body.querySelectorAll("*")]
        .filter((each) => each.getBoundingClientRect().right > wide + 1)
        .map((each) => `${each.tagName}.${each.getAttribute("class") ?? ""}`)
        .slice(0, 8).concat("too wide");
}"""


def test_addresses_are_as_people_type_them() -> None:
    assert all(quote(each, safe="/?&=+@._-") == each for each in PAGES)


@pytest.mark.parametrize("address", [*PAGES, *FAILING])
def test_a_page_fits(visitor: Visitor, address: str) -> None:
    page = visitor.open(address, 360)
    for width in (360, 768, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(TOO_WIDE) == [], width
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        assert page.evaluate(TOO_WIDE) == [], f"{width}, unfolded"


@pytest.mark.parametrize("address", PAGES)
def test_everything_is_there_without_scripts(visitor: Visitor, address: str) -> None:
    with_scripts = visitor.open(address).locator("main").inner_text()
    without = visitor.open(address, java_script_enabled=False).locator("main").inner_text()
    assert len(without.split()) >= len(with_scripts.split()) - 2  # buttons that need them


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", [*PAGES, *FAILING])
def test_axe_finds_no_serious_fault(visitor: Visitor, address: str, scheme: str) -> None:
    page = visitor.open(address, color_scheme=scheme, reduced_motion="reduce", bypass_csp=True)
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    page.evaluate(AXE)
    found = page.evaluate("axe.run({resultTypes: ['violations']})")
    assert found["passes"]
    faults = {
        each["id"]: [node["html"][:200] for node in each["nodes"]][:4]
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    }
    assert faults == {}
