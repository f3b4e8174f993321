"""Folders at any depth."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from photochrom.files.folders import make_folder


@pytest.fixture
def top(tmp_path: Path) -> Iterator[Path]:
    """A folder that may become deeper than pytest can remove, which calls itself for each folder."""
    yield tmp_path / "top"
    subprocess.run(["rm", "-rf", tmp_path / "top"], check=True)


def test_a_folder_is_made_at_any_depth(top: Path) -> None:
    """A tree that is deeper than Python's stack is made, and one that is there stays."""
    deep = top.joinpath(*["d"] * 1_200)
    make_folder(deep)
    (deep / "a").touch()
    make_folder(deep)
    assert (deep / "a").exists()


def test_what_is_in_the_way_is_an_error(tmp_path: Path) -> None:
    """A file in a folder's place is named."""
    (tmp_path / "a").touch()
    for path in (tmp_path / "a", tmp_path / "a/b", tmp_path / "a/b/c"):
        with pytest.raises(OSError, match=f"{tmp_path}/a"):
            make_folder(path)
