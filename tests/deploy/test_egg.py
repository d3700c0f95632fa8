"""What scrapyd-deploy builds has all that the project needs, and works from the zip file it is."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.deploy.conftest import TEMPLATE
from tests.deploy.scrapyd_server import ROOT


def scrapy(egg: Path, cwd: Path, *arguments: str, **environment: str) -> str:
    """`scrapy ...` where nothing of the project is but the egg; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", *arguments],
        cwd=cwd,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(cwd),
            "PYTHONPATH": str(egg),
            "SCRAPY_SETTINGS_MODULE": "pyfcrawl.settings",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_egg_has_every_file_of_the_package(egg: Path, source: Path) -> None:
    with zipfile.ZipFile(egg) as packed:
        names = set(packed.namelist())
        profiles = packed.read("pyfcrawl/profiles.yaml")
    expected = {
        str(path.relative_to(source))
        for path in (source / "pyfcrawl").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert TEMPLATE in expected
    assert expected - names == set()
    assert profiles == (ROOT / "profiles.yaml").read_bytes()


def test_the_profiles_are_kept_once() -> None:
    assert not (ROOT / "pyfcrawl" / "profiles.yaml").exists()


def test_profiles_are_read_out_of_the_egg(egg: Path, tmp_path: Path) -> None:
    assert scrapy(egg, tmp_path, "settings", "--get", "PROFILES_FILE") == (
        f"{egg}/pyfcrawl/profiles.yaml"
    )
    listed = scrapy(egg, tmp_path, "profiles")
    assert all(name in listed for name in ("plone", "django", "wagtail"))


def test_profiles_of_ones_own_are_stronger(egg: Path, tmp_path: Path) -> None:
    text = "profiles: {mine: {classifiers: ['Framework :: Flask']}}"
    (tmp_path / "other.yaml").write_text(text)
    listed = scrapy(egg, tmp_path, "profiles", PROFILES_FILE=str(tmp_path / "other.yaml"))
    assert "mine" in listed
    assert "plone" not in listed
    (tmp_path / "profiles.yaml").write_text(text.replace("mine", "beside"))
    assert "beside" in scrapy(egg, tmp_path, "profiles")


def test_data_is_never_kept_inside_the_egg(egg: Path, tmp_path: Path) -> None:
    directory = scrapy(egg, tmp_path, "settings", "--get", "DATA_DIR")
    assert Path(directory) == tmp_path / ".pyfcrawl"
    given = scrapy(egg, tmp_path, "settings", "--get", "DATA_DIR", DATA_DIR="/srv/data")
    assert given == "/srv/data"
