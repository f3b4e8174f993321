"""A folder for one bench, removed with all that is in it, on a disk that has room."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Bytes of a file on disk at least.
_BLOCK = 4096

#: What is left free beyond what a bench needs, as a share of that.
_RESERVE = 0.2


@contextmanager
def scratch(*, files: int = 0, size: int = 0) -> Iterator[Path]:
    """Gives a folder of its own; ends the bench where there is no room for so many files, `size` bytes in all."""
    root = Path(tempfile.gettempdir())
    state = os.statvfs(root)
    needed = (1 + _RESERVE) * max(size, files * _BLOCK)
    room = state.f_bavail * state.f_frsize
    if room < needed:
        raise SystemExit(f"{root} has {room / 1e9:.1f} GB free; this bench needs {needed / 1e9:.1f} GB.")
    # Some file systems make inodes as they go, and say 0 for all.
    if state.f_files and state.f_favail < (1 + _RESERVE) * files:
        raise SystemExit(f"{root} has {state.f_favail:,} inodes free; this bench needs {files:,}.")
    folder = Path(tempfile.mkdtemp(prefix="photochrom-scale-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
