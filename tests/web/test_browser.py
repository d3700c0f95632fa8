"""What people do on the site, in a real browser: typing, clicking, keys alone, without scripts."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.web.browser import Visitor

DARK, LIGHT = "rgb(21, 23, 26)", "rgb(252, 251, 248)"


def hits(page: Page) -> Locator:
    return page.locator("ol.list h3")


def facet(page: Page, label: str) -> Locator:
    named = page.locator("span", has_text=re.compile(f"^{re.escape(label)}$"))
    return page.locator("aside.facets li a").filter(has=named).first


def asked(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


# --- searching ----------------------------------------------------------------------------------


def test_results_come_while_typing(visitor: Visitor) -> None:
    page = visitor.open("/")
    before = page.evaluate("performance.timeOrigin")
    page.locator("#q").press_sequentially("collective.calendar", delay=15)
    expect(hits(page).first).to_have_text("collective.calendar")
    expect(page).to_have_url(re.compile(r"/\?q=collective\.calendar$"))
    expect(page.get_by_role("status")).to_have_text(re.compile(r"^\d+ packages? found$"))
    expect(page.locator("aside.facets")).not_to_have_attribute("aria-busy", "true")
    page.locator("#q").fill("newslettre")  # forgiven
    expect(hits(page).first).to_have_text(re.compile("newsletter"))
    page.locator("#q").fill("nothinglikethis")
    expect(page.get_by_role("heading", name="Nothing for")).to_be_visible()
    assert page.evaluate("performance.timeOrigin") == before  # it is still the same page


def test_the_title_says_what_is_shown(visitor: Visitor) -> None:
    page = visitor.open("/")
    expect(page).to_have_title("Plone packages")
    page.locator("#q").fill("calendar & <map>")
    expect(page).to_have_title("calendar & <map> – Plone packages")
    facet(page, "npm").click()
    page.locator("#q").fill("volto")
    expect(page).to_have_title("volto – Plone packages")
    page.go_back()
    expect(page).to_have_title("calendar & <map> – Plone packages")


@pytest.mark.parametrize("cut_off", [False, True])
def test_what_fails_is_told_beside_the_last_results(visitor: Visitor, cut_off: bool) -> None:
    page = visitor.open("/?q=content")
    found = hits(page).all_inner_texts()
    page.context.set_offline(cut_off)
    page.locator("#q").evaluate("box => box.removeAttribute('maxlength')")
    page.locator("#q").fill("content" if cut_off else "x" * 5000)  # the latter is refused
    notice = page.locator("[data-failed]")
    expect(notice).to_be_visible()
    expect(page.get_by_role("status")).to_have_text(notice.inner_text())
    for place in ("[data-results]", "[data-filters]"):
        expect(page.locator(place)).not_to_have_attribute("aria-busy", "true")
        expect(page.locator(f"{place} header")).to_have_count(0)
    assert hits(page).all_inner_texts() == found
    expect(page.locator("main")).to_have_count(1)
    page.wait_for_timeout(600)  # the filters were asked for later
    expect(page.locator("header.top")).to_have_count(1)
    page.context.set_offline(False)
    page.locator("#q").fill("volto")
    expect(hits(page).first).to_have_text("@plone/volto")
    expect(notice).to_have_count(0)
    # Browsers complain of each answer that isn't there.
    assert all("Failed to load resource" in each for each in visitor.complaints)
    visitor.complaints.clear()


def test_a_facets_address_gives_the_same_again(visitor: Visitor) -> None:
    page = visitor.open("/")
    count = int(facet(page, "npm").locator(".count").inner_text())
    facet(page, "npm").click()
    expect(page.locator("#count")).to_have_text(f"{count} packages")
    assert asked(page) == {"registry": ["npm"]}
    found = hits(page).all_inner_texts()
    assert len(found) == count
    page.reload()
    assert hits(page).all_inner_texts() == found
    expect(facet(page, "npm")).to_have_attribute("aria-current", "true")
    page.locator("#q").fill("volto")  # what is chosen stays chosen
    expect(hits(page)).to_have_text(["@plone/volto"])
    assert asked(page) == {"registry": ["npm"], "q": ["volto"]}


def test_going_back(visitor: Visitor) -> None:
    page = visitor.open("/?q=content")
    found = hits(page).all_inner_texts()
    facet(page, "MIT").click()
    expect(page).to_have_url(re.compile("license=MIT"))
    expect(hits(page)).not_to_have_text(found)
    chosen = hits(page).all_inner_texts()
    hits(page).first.get_by_role("link").click()
    expect(page.locator("h1")).to_have_text(chosen[0])
    page.go_back()
    expect(hits(page)).to_have_text(chosen)
    page.go_back()
    expect(hits(page)).to_have_text(found)
    expect(page.locator("#q")).to_have_value("content")
    page.go_forward()
    expect(hits(page)).to_have_text(chosen)


def test_from_a_search_to_a_package(visitor: Visitor) -> None:
    page = visitor.open("/?q=plone.api")
    hits(page).first.get_by_role("link").click()
    expect(page).to_have_url(re.compile("/package/pypi/plone.api$"))
    expect(page.locator("h1")).to_have_text("plone.api")
    expect(page.locator("#downloads svg.chart").first).to_be_visible()
    page.get_by_label("On this page").get_by_role("link", name="README").click()
    expect(page.locator("#h-readme")).to_be_in_viewport()
    page.locator("#readme").get_by_role("heading", name="Installation").scroll_into_view_if_needed()
    expect(page.locator("#readme pre").first).to_be_visible()


def test_comparing(visitor: Visitor) -> None:
    page = visitor.open("/?q=calendar")
    names = hits(page).all_inner_texts()[:2]
    for name in names:
        page.get_by_label(f"Compare {name}", exact=True).check()
    page.get_by_role("button", name="Compare those chosen").click()
    columns = page.locator("table.comparison thead th a")
    expect(columns).to_have_text(names)
    page.get_by_label("Add a package").fill("npm/@plone/volto")
    page.get_by_role("button", name="Add").click()
    expect(columns).to_have_text([*names, "@plone/volto"])
    page.get_by_role("link", name=f"Take away {names[0]}").click()
    expect(columns).to_have_text([names[1], "@plone/volto"])


# --- colours ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "paper", "other"), [("dark", DARK, LIGHT), ("light", LIGHT, DARK)]
)
def test_colours(visitor: Visitor, scheme: str, paper: str, other: str) -> None:
    page = visitor.open("/", color_scheme=scheme)
    body = page.locator("body")
    expect(body).to_have_css("background-color", paper)
    page.get_by_role("button", name="Switch between light and dark").click()
    expect(body).to_have_css("background-color", other)
    page.reload()
    expect(body).to_have_css("background-color", other)
    page.goto("/status")
    expect(body).to_have_css("background-color", other)
    page.get_by_role("button", name="Switch between light and dark").click()
    expect(body).to_have_css("background-color", paper)


# --- without scripts ----------------------------------------------------------------------------


@pytest.mark.parametrize("width", [360, 1280])
def test_without_scripts(visitor: Visitor, width: int) -> None:
    page = visitor.open("/", width, java_script_enabled=False)
    expect(page.get_by_role("button", name="Switch between light and dark")).to_be_hidden()
    page.locator("#q").fill("calendar")
    page.locator("#q").press("Enter")
    assert asked(page)["q"] == ["calendar"]
    expect(hits(page).first).to_contain_text("calendar")
    if width < 896:  # filters are folded away where they would push the results down
        page.locator("aside.facets summary").first.click()
    facet(page, "PyPI").click()
    assert asked(page) == {"q": ["calendar"], "registry": ["pypi"]}
    page.locator("#q").fill("")
    page.get_by_role("button", name="Search").click()
    first = hits(page).all_inner_texts()
    page.get_by_role("link", name="Next").click()
    assert asked(page)["page"] == ["2"]
    assert not set(first) & set(hits(page).all_inner_texts())
    page.get_by_role("link", name="Stars").click()
    assert asked(page)["sort"] == ["stars"]
    hits(page).first.get_by_role("link").click()
    expect(page.locator("h1")).to_have_text("Products.Garden")
    expect(page.get_by_role("button", name="Copy")).to_be_hidden()
    page.get_by_text("By week, as a table").click()
    expect(page.get_by_role("group", name="By week, as a table").locator("table")).to_be_visible()


# --- by keyboard --------------------------------------------------------------------------------

FOCUS = """() => {
    const it = document.activeElement;
    const style = getComputedStyle(it), box = it.getBoundingClientRect();
    const part = it.closest("aside.facets") ? "facet" : it.closest("ol.list") ? "hit" : "";
    return {
        what: part || it.id || it.tagName,
        text: it.textContent.trim(), tag: it.tagName,
        seen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1
            && box.width > 0 && box.bottom > 0 && box.top < innerHeight,
    };
}"""


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_by_keyboard(visitor: Visitor, width: int) -> None:
    page = visitor.open("/", width, reduced_motion="reduce")  # nothing is still on its way
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport(ratio=1)
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    expect(page.locator("#q")).to_have_value("")
    page.keyboard.type("a/b")  # which is a letter in the box
    expect(page.locator("#q")).to_have_value("a/b")
    page.goto("/")
    stops = []
    while not stops or stops[-1]["what"] != "hit":
        page.keyboard.press("Tab")
        stops.append(page.evaluate(FOCUS))
        assert stops[-1]["seen"], stops[-1]
        assert len(stops) < 80
        if stops[-1]["what"] == "facet" and stops[-1]["tag"] == "SUMMARY" and width < 896:
            break
    whats = [each["what"] for each in stops]
    assert whats.index("q") < whats.index("facet")
    if width < 896:
        assert not facet(page, "PyPI").is_visible()
        page.keyboard.press("Enter")
        expect(facet(page, "PyPI")).to_be_visible()
    else:
        assert whats.index("facet") < whats.index("hit")


def test_a_facet_and_a_package_by_keyboard(visitor: Visitor) -> None:
    page = visitor.open("/")
    facet(page, "PyPI").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("registry=pypi"))
    expect(facet(page, "PyPI")).to_be_focused()  # goes on from where it was
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUS)["what"] == "hit":
            break
    name = page.evaluate(FOCUS)["text"]
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text(name)
    page.wait_for_load_state()  # the heading is there before the script that knows the key
    page.keyboard.press("/")
    expect(page).to_have_url(re.compile(r"/$"))


# --- what it costs, and what does no harm -------------------------------------------------------


def test_the_first_page_is_light(visitor: Visitor) -> None:
    page = visitor.open("about:blank")
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    kinds: dict[str, str] = {}
    sizes: dict[str, float] = {}
    wire.on("Network.responseReceived", lambda it: kinds.update({it["requestId"]: it["type"]}))
    wire.on(
        "Network.loadingFinished",
        lambda it: sizes.update({it["requestId"]: it["encodedDataLength"]}),
    )
    page.goto("/", wait_until="networkidle")
    counted = {key: size for key, size in sizes.items() if kinds.get(key) != "Image"}
    assert {"Document", "Stylesheet", "Script"} <= {kinds[key] for key in counted}
    assert 5_000 < sum(counted.values()) < 100_000


def test_images_load_when_they_come_into_view(visitor: Visitor) -> None:
    page = visitor.open("/package/pypi/Products.Garden", 360)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("[...document.images].every((each) => each.loading === 'lazy')")
    assert not [each.url for each in visitor.elsewhere if "screen.png" in each.url]
    with page.expect_request(re.compile("screen.png")):
        page.locator("#readme").scroll_into_view_if_needed()


def test_a_hostile_readme_does_nothing(visitor: Visitor) -> None:
    page = visitor.open("/package/pypi/hostile.readme")
    page.locator("#readme").scroll_into_view_if_needed()
    page.wait_for_load_state("networkidle")
    readme = page.locator(".readme")
    expect(readme).to_contain_text("A fine start")
    for link in readme.get_by_text("trap").all():
        link.click()
    readme.locator("p").last.click()
    page.mouse.move(300, 300)
    page.wait_for_timeout(300)
    assert page.evaluate("window.harm") is None
    assert page.url.split("#")[0].endswith("/package/pypi/hostile.readme")
    assert page.evaluate("document.baseURI").startswith(visitor.root)
    assert len(page.frames) == 1
    assert readme.locator("script, style, iframe, form, svg, [style], [name], video").count() == 0
    assert (
        page.locator("main > article .readme p").last.evaluate(
            "it => getComputedStyle(it).position"
        )
        == "static"
    )
    expect(page.locator("footer")).to_be_visible()
    assert page.locator("h1").count() == 1
    asked_for = {each.url for each in visitor.elsewhere}
    assert asked_for == {"https://evil.example/x.png"}  # an image, as any README may have


def test_a_script_that_got_in_would_not_run(visitor: Visitor) -> None:
    page = visitor.open("/")
    page.evaluate("""() => {
        const bad = document.createElement("script");
        bad.textContent = "window.harm = 1";
        document.body.append(bad);
        document.body.insertAdjacentHTML("beforeend", "<img src='/x' onerror='window.harm = 2'>");
    }""")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.harm") is None
    refusals = [each for each in visitor.complaints if "Content Security Policy" in each]
    assert len(refusals) == 2
    visitor.complaints.clear()
