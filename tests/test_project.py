"""Rules for the project as a whole, and that Scrapy's own habits work in it."""

from __future__ import annotations

import ast
import fnmatch
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LONGEST_MODULE = 350
BENCHMARKS = {path.stem for path in (ROOT / "benchmarks").glob("*.py")}  # import one another
LONGEST_FUNCTION = 45

# In pieces, so that this file passes its own test.
REGISTRY_HOSTS = tuple(
    "".join(parts).encode()
    for parts in (
        ("pypi", ".org"),
        ("pypi.", "python", ".org"),
        ("python", "hosted", ".org"),
        ("npm", "js", ".org"),
        ("npm", "js", ".com"),
    )
)


def project_files() -> Iterator[Path]:
    """Every file but those .gitignore names."""
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    ignored = [".git", *(line.strip("/") for line in lines if not line.startswith("#"))]
    pending = [ROOT]
    while pending:
        for path in sorted(pending.pop().iterdir()):
            if any(fnmatch.fnmatch(path.name, pattern) for pattern in ignored):
                continue
            if path.is_dir():
                pending.append(path)
            else:
                yield path


FILES = {str(path.relative_to(ROOT)): path for path in project_files()}
MODULES = [name for name in FILES if name.endswith(".py")]
PACKAGE = [name for name in MODULES if name.startswith("pyfcrawl/")]


def parsed(name: str) -> ast.Module:
    return ast.parse(FILES[name].read_text(encoding="utf-8"), name)


def hosts_in(content: bytes) -> list[str]:
    """Hosts of real registries that stand in a file."""
    return [host.decode() for host in REGISTRY_HOSTS if host in content.lower()]


def test_files_are_found() -> None:
    assert {"README.md", "Makefile", "tests/test_project.py", ".ci/run"} <= FILES.keys()


def test_no_address_of_a_registry_is_written_down() -> None:
    found = {name: hosts_in(path.read_bytes()) for name, path in FILES.items()}
    assert {name: hosts for name, hosts in found.items() if hosts} == {}


def test_an_address_would_be_seen() -> None:
    content = b"See https://" + REGISTRY_HOSTS[0].title() + b"/project/x"
    assert hosts_in(content) == [REGISTRY_HOSTS[0].decode()]


# --- house style ------------------------------------------------------------------------------


def test_every_module_says_why_it_exists() -> None:
    assert [name for name in MODULES if not ast.get_docstring(parsed(name))] == []


def test_no_module_is_too_long() -> None:
    """Tests aside: a list of cases may be as long as it is."""
    code = [name for name in MODULES if not name.startswith("tests/")]
    lines = {name: FILES[name].read_bytes().count(b"\n") for name in code}
    assert {name: count for name, count in lines.items() if count > LONGEST_MODULE} == {}


def test_no_function_is_too_long() -> None:
    lines = {
        f"{name}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for name in MODULES
        for node in ast.walk(parsed(name))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: count for name, count in lines.items() if count > LONGEST_FUNCTION} == {}


Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def undocumented(body: list[ast.stmt], prefix: str = "") -> Iterator[str]:
    """Public classes, functions and methods without a docstring."""
    for node in body:
        if not isinstance(node, Definition) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node) and not _is_stub(node):
            yield prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from undocumented(node.body, f"{node.name}.")


def _is_stub(node: Definition) -> bool:
    """Whether its body is `...`, as in a protocol whose own docstring tells all."""
    (first, *rest) = node.body
    return not rest and isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)


def test_what_is_public_is_documented() -> None:
    found = {name: list(undocumented(parsed(name).body)) for name in PACKAGE}
    assert {name: each for name, each in found.items() if each} == {}


def test_something_undocumented_would_be_seen() -> None:
    source = 'class A:\n    """Says."""\n    def b(self): return 1\n\ndef c(): return 2'
    assert list(undocumented(ast.parse(source).body)) == ["A.b", "c"]


# --- requirements -----------------------------------------------------------------------------


def requirements(file: str) -> set[str]:
    """Normalised names of the distributions that a requirements file lists."""
    lines = (line.partition("#")[0].strip() for line in (ROOT / file).read_text().splitlines())
    return {
        canonicalize_name(Requirement(line).name) for line in lines if line and line[0] not in "-#"
    }


def imported(names: list[str]) -> Iterator[tuple[str, str]]:
    """(top-level module from outside the project, file that imports it)."""
    for name in names:
        for node in ast.walk(parsed(name)):
            modules = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules = [node.module or ""]
            for module in modules:
                top = module.partition(".")[0]
                if top not in {*sys.stdlib_module_names, "pyfcrawl", "tests", "docs", *BENCHMARKS}:
                    yield top, name


def missing(names: list[str], listed: set[str]) -> set[str]:
    """Imports that no listed requirement, nor one Scrapy surely brings along, stands for."""
    distributions = packages_distributions()
    listed = listed | {"twisted"}  # Scrapy's foundation, part of its public API
    return {
        f"{module} ({file})"
        for module, file in imported(names)
        if not {canonicalize_name(each) for each in distributions.get(module, ())} & listed
    }


def test_all_that_is_imported_is_required() -> None:
    assert missing(PACKAGE, requirements("requirements.txt")) == set()


def test_all_that_scrapyd_loads_is_required() -> None:
    names = [name for name in MODULES if name.startswith("pyfcrawl_scrapyd/")]
    listed = requirements("requirements.txt") | requirements("requirements-scrapyd.txt")
    assert len(names) > 3
    assert missing(names, listed) == set()


def test_all_that_tests_import_is_required() -> None:
    files = ("requirements.txt", "requirements-scrapyd.txt", "requirements-dev.txt")
    listed = set().union(*(requirements(file) for file in files))
    assert missing(MODULES, listed) == set()


def test_a_missing_requirement_would_be_seen() -> None:
    assert any("scrapy" in each for each in missing(PACKAGE, set()))


# --- Scrapy -----------------------------------------------------------------------------------


def scrapy(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scrapy", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_scrapy_lists_the_spiders() -> None:
    result = scrapy("list")
    assert (result.returncode, result.stdout) == (0, "github\nnpm\npypi\npypistats\nrss\n")


def test_scrapy_check_passes() -> None:
    result = scrapy("check")
    assert result.returncode == 0, result.stderr
    assert re.search(r"^OK", result.stderr, re.MULTILINE)


@pytest.mark.parametrize(
    ("asked", "given", "expected"),
    [
        ("BATCH_SIZE", "BATCH_SIZE=7", "7"),
        ("INDEX_URL", "INDEX_URL=sqlite:////x/i.db", "sqlite:////x/i.db"),
        ("USER_AGENT", "USER_AGENT=me", "me"),
    ],
)
def test_a_setting_given_on_the_command_line_counts(asked: str, given: str, expected: str) -> None:
    assert scrapy("settings", "--get", asked, "-s", given).stdout.strip() == expected
