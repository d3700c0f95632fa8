"""What the documentation says must exist, and what exists must be documented."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from docs import generate

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in [*ROOT.glob("*.md"), *DOCS.glob("*.md"), ROOT / "benchmarks" / "README.md"]
}


def rows(page: str) -> Iterator[list[str]]:
    """The cells of every table row of a page, headings left out."""
    for line in PAGES[page].splitlines():
        if line.startswith("| `") or (page.endswith("dependencies.md") and line.startswith("| ")):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            if cells[0] != "package":
                yield cells


def code(cell: str) -> str | None:
    """What stands in back-quotes, None when the cell is plain text."""
    found = re.fullmatch(r"`([^`]+)`", cell)
    return found[1] if found else None


# --- generated --------------------------------------------------------------------------------


def test_the_page_of_documents_is_current() -> None:
    assert PAGES["docs/documents.md"] == generate.page(), "run: make docs"


def test_the_page_is_written_only_when_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "documents.md"
    monkeypatch.setattr(generate, "PAGE", page)
    page.write_text("old")
    generate.main()
    assert page.read_text(encoding="utf-8") == generate.page()
    assert "documents.md" in capsys.readouterr().out
    generate.main()
    assert capsys.readouterr().out == ""


# --- settings ---------------------------------------------------------------------------------


def settings() -> dict[str, ast.expr]:
    """Name -> value, as settings.py assigns them."""
    tree = ast.parse((ROOT / "pyfcrawl" / "settings.py").read_text(encoding="utf-8"))
    return {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id.isupper()
    }


def described_settings() -> dict[str, list[str]]:
    return {code(cells[0]) or cells[0]: cells[1:] for cells in rows("docs/settings.md")}


def test_every_setting_is_described() -> None:
    assert described_settings().keys() == settings().keys()


def test_settings_say_whether_the_environment_is_asked() -> None:
    asked = {
        name
        for name, value in settings().items()
        for node in ast.walk(value)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_env"
    }
    assert {name for name, cells in described_settings().items() if cells[1] == "yes"} == asked


def test_the_defaults_are_those_described() -> None:
    program = (
        "import json, pyfcrawl.settings as s;"
        "print(json.dumps({name: str(value) for name, value in vars(s).items()}))"
    )
    ours = settings()
    plain = {name: value for name, value in os.environ.items() if name not in ours}
    output = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=plain | {"PYTHON_DOTENV_DISABLED": "1"},
        capture_output=True,
        check=True,
    ).stdout
    real = json.loads(output)
    told = {name: code(cells[0]) for name, cells in described_settings().items()}
    wrong = {
        name: real[name]
        for name, default in told.items()
        if default is not None and real[name] not in (default, str(ROOT / default))
    }
    assert wrong == {}
    assert {name for name, cells in described_settings().items() if cells[0] == "empty"} == {
        name for name, value in real.items() if name in ours and value == ""
    }


def test_the_example_environment_holds_settings_with_their_defaults() -> None:
    known = described_settings()
    lines = (ROOT / "example.env").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []
    given = dict(line[1:].split("=", 1) for line in lines if re.match(r"#[A-Z_]+=", line))
    assert len(given) > 5
    for name, value in given.items():
        assert known[name][1] == "yes", name
        comment = lines[lines.index(f"#{name}={value}") - 1]
        assert "(example)" in comment or value == code(known[name][0]) or value.startswith("/etc/")


# --- arguments, dependencies, commands --------------------------------------------------------


SPIDERS = {
    "pypi": "docs/crawling.md",
    **dict.fromkeys(("rss", "npm", "github", "pypistats"), "docs/sources.md"),
}


def section(page: str, heading: str) -> str:
    """A section of a page, without those that follow it; the whole page when it has none."""
    found = re.search(rf"^## {heading}$.*?(?=^## |\Z)", PAGES[page], re.MULTILINE | re.DOTALL)
    return found[0] if found else PAGES[page]


@pytest.mark.parametrize("spider", SPIDERS)
def test_every_spider_argument_is_described(spider: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "scrapy", "crawl", spider, "-a", "nonsense=1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 1
    line = next(line for line in run.stderr.splitlines() if "there are" in line)
    known = set(line.partition("there are ")[2].replace(",", " ").split())
    text = section(SPIDERS[spider], spider)
    assert set(re.findall(r"^\| `(\w+)=`", text, re.MULTILINE)) == known
    for name in known:
        assert f"-a {name}=" in text, f"no example of {name}="


def test_every_dependency_has_its_reason() -> None:
    lines = [
        line
        for file in ("requirements.txt", "requirements-scrapyd.txt", "requirements-dev.txt")
        for line in (ROOT / file).read_text(encoding="utf-8").splitlines()
        if line and line[0] not in "#-"
    ]
    listed = {canonicalize_name(Requirement(line).name) for line in lines}
    told = {cells[0]: cells[1] for cells in rows("docs/dependencies.md") if cells[0][0] != "-"}
    assert told.keys() == listed
    assert all(len(reason) > 10 for reason in told.values())


def commands(pattern: str) -> set[tuple[str, str]]:
    """(page, what `pattern` finds) in indented lines, code blocks and back-quotes."""
    found = set()
    for page, text in PAGES.items():
        pieces = re.findall(r"`[^`\n]+`|^ {4}.*$", text, re.MULTILINE)
        pieces += re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        found |= {(page, each) for piece in pieces for each in re.findall(pattern, piece)}
    return found


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    used = commands(r"\bmake ([a-z-]+)")
    assert {("README.md", "quickstart"), ("README.md", "test")} <= used
    assert {(page, each) for page, each in used if each not in targets} == set()


def test_scrapy_commands_exist() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "scrapy"], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    known = set(re.findall(r"^  ([a-z-]+) ", run.stdout, re.MULTILINE))
    used = commands(r"(?<![\w.-])scrapy ([a-z]+(?:-[a-z]+)*)")
    assert len(used) > 10
    assert {(page, each) for page, each in used if each not in known} == set()


# --- links ------------------------------------------------------------------------------------


def headings(page: str) -> set[str]:
    """The anchors of a page's headings."""
    titles = re.findall(r"^#+ (.+)$", PAGES[page], re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def links() -> Iterator[tuple[str, str]]:
    """(page, target) of every link that stays within the project."""
    for page, text in PAGES.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if not re.match(r"[a-z]+:", target):
                yield page, target


def is_broken(page: str, target: str) -> bool:
    file, _, anchor = target.partition("#")
    path = (ROOT / page).parent / file if file else ROOT / page
    if not path.resolve().exists():
        return True
    if not anchor:
        return False
    return anchor not in headings(str(path.resolve().relative_to(ROOT)))


def test_no_link_is_broken() -> None:
    assert [each for each in links() if is_broken(*each)] == []


def test_a_broken_link_would_be_seen() -> None:
    assert is_broken("README.md", "docs/nowhere.md")
    assert is_broken("README.md", "docs/crawling.md#nowhere")
    assert not is_broken("docs/profiles.md", "crawling.md#arguments")


def test_the_readme_leads_to_every_page() -> None:
    linked = {target for page, target in links() if page == "README.md"}
    assert {page for page in PAGES if page.startswith("docs/")} <= linked
