"""The image and the compose files hold together; no Docker is needed to tell.

What only Docker can tell, whether the images build and come up, docs/deployment.md names.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pureshellcheck
import pytest
import yaml

from tests.deploy.scrapyd_server import ROOT, Scrapyd

COMPOSE = {
    name: yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    for name in ("docker-compose.yml", ".devcontainer/docker-compose.yml")
}
SERVICES = [
    (file, name, service)
    for file, whole in COMPOSE.items()
    for name, service in whole["services"].items()
]
PRODUCTION = COMPOSE["docker-compose.yml"]["services"]
OURS = ("scrapyd", "schedule", "web")

#: Environment of programs that aren't ours: scrapyd, Typesense, valkey-cli.
OTHERS = {"SCRAPYD_BIND_ADDRESS", "TYPESENSE_DATA_DIR", "TYPESENSE_ENABLE_CORS", "REDISCLI_AUTH"}
#: What the compose file asks of .env beside settings.
COMPOSE_OWN = {"REDIS_PASSWORD"}
SECRET = re.compile(r"KEY|PASSWORD|TOKEN|AUTH")


def settings() -> set[str]:
    tree = ast.parse((ROOT / "pyfcrawl" / "settings.py").read_text(encoding="utf-8"))
    return {
        str(node.args[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "_env"
        and isinstance(node.args[0], ast.Constant)
    }


def environment() -> Iterator[tuple[str, str, str, str]]:
    """(file, service, name, value) of all that services are given."""
    for file, name, service in SERVICES:
        for key, value in service.get("environment", {}).items():
            assert isinstance(value, str), f"{name}: {key} needs quotes"
            yield file, name, key, value


def named_volumes(service: dict[str, Any]) -> set[str]:
    sources = {str(each).partition(":")[0] for each in service.get("volumes", [])}
    return {each for each in sources if not each.startswith((".", "/"))}


# --- compose ----------------------------------------------------------------------------------


def test_the_services_are_there() -> None:
    assert set(PRODUCTION) == {"typesense", "valkey", *OURS}


@pytest.mark.parametrize(("file", "name", "service"), SERVICES)
def test_what_a_service_names_exists(file: str, name: str, service: dict[str, Any]) -> None:
    whole = COMPOSE[file]
    assert named_volumes(service) <= set(whole["volumes"])
    for other, how in service.get("depends_on", {}).items():
        assert other in whole["services"]
        if how["condition"] == "service_healthy":
            assert "healthcheck" in whole["services"][other]
    assert ("build" in service) == (name in OURS)
    assert ":" in service["image"] or name in OURS, "a version, so that an upgrade is meant"


def test_every_volume_is_used() -> None:
    for file, whole in COMPOSE.items():
        used = [named_volumes(service) for owner, _, service in SERVICES if owner == file]
        assert set().union(*used) == set(whole["volumes"])


@pytest.mark.parametrize("name", PRODUCTION)
def test_a_service_is_looked_after(name: str) -> None:
    service = PRODUCTION[name]
    assert service["restart"] == "unless-stopped"
    assert {"test", "interval", "timeout", "retries", "start_period"} <= set(service["healthcheck"])
    assert re.fullmatch(r"\d+[gm]", service["mem_limit"])
    assert service["cpus"] > 0
    assert named_volumes(service)
    assert service["logging"]["options"]["max-size"]


def test_every_name_in_an_environment_means_something() -> None:
    known = settings() | OTHERS
    assert {name for _, _, name, _ in environment()} - known == set()
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    asked = set(re.findall(r"\$\{(\w+)", text))
    assert asked - known == COMPOSE_OWN


def test_secrets_come_from_the_env_file_only() -> None:
    for file, service, name, value in environment():
        if SECRET.search(name) and not file.startswith(".devcontainer"):
            assert re.fullmatch(r"\$\{\w+:\?.+\}", value), f"{service}: {name}"
    assert re.search(r":\$\{REDIS_PASSWORD:\?", PRODUCTION["scrapyd"]["environment"]["REDIS_URL"])
    given = PRODUCTION["web"]["environment"].keys()
    assert {name for name in given if SECRET.search(name)} == {"TYPESENSE_API_KEY"}
    assert "env_file" not in PRODUCTION["web"]


def test_only_the_site_is_reached_from_elsewhere() -> None:
    published = {name: service.get("ports", []) for name, service in PRODUCTION.items()}
    open_to_all = {
        name
        for name, ports in published.items()
        for each in ports
        if not each.startswith("127.0.0.1:")
    }
    assert open_to_all == {"web"}


def test_valkey_forgets_nothing() -> None:
    command = " ".join(PRODUCTION["valkey"]["command"])
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command
    assert "--requirepass ${REDIS_PASSWORD:?" in command


def test_typesense_is_the_version_that_is_tested() -> None:
    images = {service["image"] for _, name, service in SERVICES if name == "typesense"}
    assert images == {"typesense/typesense:0.24.1"}


@pytest.mark.parametrize("name", OURS)
def test_our_services_run_commands_of_the_image(name: str) -> None:
    service = PRODUCTION[name]
    assert service["healthcheck"]["test"] == ["CMD", "python", "/app/healthy.py", name]
    assert service["command"][0] in {"scrapyd", "schedule", "serve"}
    assert service["init"] is True
    grace = re.fullmatch(r"(\d+)s", service["stop_grace_period"])
    assert grace is not None
    assert int(grace[1]) > 60, "longer than crawls are given"


def test_the_devcontainer_names_what_there_is() -> None:
    text = (ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8")
    described = json.loads(text)
    whole = COMPOSE[".devcontainer/" + described["dockerComposeFile"]]
    service = whole["services"][described["service"]]
    assert any(f":{described['workspaceFolder']}" in each for each in service["volumes"])
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"make (\w+)", described["postCreateCommand"]):
        assert f"\n{target}:" in makefile


# --- image ------------------------------------------------------------------------------------


def dockerfile() -> list[tuple[str, str]]:
    """(instruction, rest) of each line."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines]


def test_the_image_copies_what_there_is_and_lets_in() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    copied = [rest.split()[:-1] for word, rest in dockerfile() if word == "COPY"]
    sources = [each for line in copied for each in line if "--from" not in str(line)]
    assert {"requirements.txt", "setup.py", "profiles.yaml", "pyfcrawl", "scrapyd.conf"} <= {
        *sources
    }
    for each in sources:
        assert (ROOT / each).exists(), each
        assert each.partition("/")[0] not in ignored, each
    assert {".env", ".git", ".pyfcrawl"} <= {*ignored}


def test_the_image_runs_as_nobody_special_and_is_watched() -> None:
    steps = dockerfile()
    words = [word for word, _ in steps]
    assert ("USER", "pyfcrawl") in steps
    assert words.index("USER") < words.index("ENTRYPOINT")
    assert "HEALTHCHECK" in words
    bases = {rest for word, rest in steps if word == "FROM"}
    assert bases == {"python:3.13-slim AS base", "base AS build", "base"}
    assert not any(SECRET.search(rest) for word, rest in steps if word in ("ENV", "ARG"))


@pytest.mark.parametrize("script", ["docker/entrypoint", ".ci/run"])
def test_scripts_are_sound(script: str) -> None:
    path = ROOT / script
    assert os.access(path, os.X_OK)
    text = path.read_text(encoding="utf-8")
    assert "set -euo pipefail" in text
    checked = subprocess.run(["bash", "-n", str(path)], capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert [f"{each.line}: {each.message}" for each in pureshellcheck.check(text)] == []


def test_an_unsound_script_would_be_seen() -> None:
    assert pureshellcheck.check("#!/bin/bash\nrm -rf $1/x\n")


# --- what the entrypoint does -----------------------------------------------------------------


def entrypoint(directory: Path, *words: str, **environment: str) -> subprocess.Popen[bytes]:
    """The container's first process, where /data is `directory`."""
    programs = Path(sys.executable).parent
    return subprocess.Popen(
        [str(ROOT / "docker" / "entrypoint"), *words],
        cwd=ROOT,
        env={**environment, "PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(directory)},
        stdout=(directory / "out").open("ab"),
        stderr=subprocess.STDOUT,
    )


def test_anything_but_scrapyd_is_a_command(tmp_path: Path) -> None:
    process = entrypoint(tmp_path, "list", PYPI_ROOT="https://pypi.example")
    assert process.wait(60) == 0
    assert "pypistats" in (tmp_path / "out").read_text()


def healthy(service: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docker" / "healthy.py"), service],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stderr


def test_scrapyd_starts_with_the_egg_deployed(egg: Path, tmp_path: Path) -> None:
    server = Scrapyd(tmp_path / "server", PYPI_ROOT="https://pypi.example")
    home = tmp_path / "home"
    old = home / "eggs" / "pyfcrawl" / "9999999999.egg"
    old.parent.mkdir(parents=True)
    old.write_text("of another image")
    shutil.copy(ROOT / "scrapyd.conf", home)
    given = {**server.environment, "PYFCRAWL_EGG": str(egg), "SCRAPYD_DIR": str(home)}
    assert healthy("scrapyd", **given)[0] == 1
    process = entrypoint(tmp_path, "scrapyd", **{k: v for k, v in given.items() if k != "PATH"})
    try:
        end = time.monotonic() + 60
        while healthy("scrapyd", **given)[0]:
            assert process.poll() is None, (tmp_path / "out").read_text()
            assert time.monotonic() < end
        assert server.get("listspiders", project="pyfcrawl")["spiders"] == [
            *("github", "npm", "pypi", "pypistats", "rss")
        ]
        assert healthy("scrapyd", **{**given, "SCRAPYD_PASSWORD": "wrong"})[0] == 1
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def test_a_timetable_that_is_silent_is_not_healthy(tmp_path: Path) -> None:
    alive = tmp_path / "schedule.alive"
    assert healthy("schedule", DATA_DIR=str(tmp_path))[0] == 1
    alive.touch()
    assert healthy("schedule", DATA_DIR=str(tmp_path)) == (0, "")
    os.utime(alive, (time.time() - 600,) * 2)
    status, said = healthy("schedule", DATA_DIR=str(tmp_path))
    assert status == 1
    assert "schedule.alive was touched 60" in said


def test_a_site_that_is_away_is_not_healthy() -> None:
    status, said = healthy("web", SERVE_PORT="9")
    assert status == 1
    assert said.startswith("web: ")
    assert "Traceback" not in said
