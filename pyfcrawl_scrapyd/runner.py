"""Runs a job: scrapyd's runner, with the deployed egg ahead of all else of its name.

Scrapyd puts an egg behind everything that is installed, and `python -m` puts the directory it is
started in ahead of everything. Either would run another pyfcrawl than the one that was deployed.
Imports nothing that installs a reactor: which one a crawl has is a setting of Scrapy's.
"""

from __future__ import annotations

import os
import sys

from scrapyd import runner


def main() -> None:
    """Scrapyd's runner, with the egg ahead of all else that is called pyfcrawl on this machine."""
    known = set(sys.path)
    with runner.project_environment(os.environ["SCRAPY_PROJECT"]):
        sys.path.sort(key=known.__contains__)  # what the egg brought along comes first
        from scrapy.cmdline import execute

        execute()


if __name__ == "__main__":
    main()
