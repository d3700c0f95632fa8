"""A copy of the embedded index in one file, taken while it is read and written."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from pyfcrawl.errors import StoreError
from pyfcrawl.stores.sqlite_file import complaint


def snapshot(index: Path, target: Path) -> int:
    """Write the index as it is now to a new file; returns its size in bytes.

    The file is there only when it is whole, and an existing one is never overwritten. Raises
    StoreError.
    """
    if not index.is_file():
        raise StoreError(f"there is no index at {index} yet: crawl a profile first")
    if target.exists() or target.is_symlink():
        raise StoreError(f"{target} is there already: give another path or move it away")
    try:
        # Beside the target, so that it can be put in place in one step.
        with tempfile.TemporaryDirectory(prefix=".snapshot-", dir=target.parent) as directory:
            copy = Path(directory) / "index.db"
            _vacuum(index, copy)
            _to_disk(copy)
            _put(copy, target)
    except FileExistsError:
        raise StoreError(f"{target} came to be meanwhile: give another path") from None
    except OSError as error:
        raise StoreError(
            f"{target} can't be written: {error.strerror}; give a path in a directory that can be"
        ) from error
    return target.stat().st_size


def _vacuum(index: Path, copy: Path) -> None:
    uri = f"file:{quote(os.fspath(index.absolute()))}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=30, isolation_level=None)) as db:
            db.execute("VACUUM INTO ?", [os.fspath(copy)])
    except sqlite3.Error as error:
        raise complaint(index, error) from error


def _put(copy: Path, target: Path) -> None:
    try:
        os.link(copy, target)  # unlike a rename, never in place of another file
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        copy.rename(target)


def _to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
