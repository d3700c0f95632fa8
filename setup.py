"""Packs profiles.yaml into wheels and eggs; all else stands in pyproject.toml.

The file is kept once, beside scrapy.cfg, where people edit it. What is built gets a copy, so that
a deployed egg knows the profiles. scrapyd-deploy runs this file, and writes one of its own, which
would pack no data at all, where there is none.
"""

from __future__ import annotations

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

PROFILES = "profiles.yaml"


class BuildWithProfiles(build_py):
    """Build the package, and put the profiles into it."""

    def run(self) -> None:
        """See the base class."""
        super().run()
        if not self.editable_mode:  # then the checkout is what runs, and has the file
            self.copy_file(PROFILES, self._copy())

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """See the base class."""
        outputs: list[str] = super().get_outputs(include_bytecode)
        return outputs if self.editable_mode else [*outputs, self._copy()]

    def _copy(self) -> str:
        return str(Path(self.build_lib) / "pyfcrawl" / PROFILES)


setup(cmdclass={"build_py": BuildWithProfiles})
