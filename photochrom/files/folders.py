"""Folders: made at any depth."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path


def make_folder(path: Path) -> None:
    """Makes a folder and those above it, if they are not there. Raises OSError.

    One by one: `mkdir(parents=True)` calls itself for each, and Python ends it at a depth of about a thousand.
    """
    try:
        path.mkdir(exist_ok=True)
    except FileNotFoundError:
        missing = [path, *takewhile(lambda each: not each.exists(), path.parents)]
        for each in reversed(missing):
            each.mkdir(exist_ok=True)
