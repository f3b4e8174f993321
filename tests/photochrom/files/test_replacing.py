"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from photochrom.files.replacing import appearing


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_what_came_meanwhile_is_not_replaced(tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that write the same name at once leave the first one's file, unless the second one is forced."""
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", refuse)
    path = tmp_path / "a.png"
    with pytest.raises(FileExistsError), appearing(path, force=False):
        write(path, b"first", force=False)
    assert path.read_bytes() == b"first"
    write(path, b"third", force=True)
    assert path.read_bytes() == b"third"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_half_is_left(tmp_path: Path) -> None:
    """What breaks off leaves what was there."""
    path = tmp_path / "a.png"
    path.write_bytes(b"before")
    with pytest.raises(TypeError):
        write(path, "half", force=True)  # type: ignore[arg-type]
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def write(path: Path, data: bytes, *, force: bool) -> None:
    """Writes a file."""
    with appearing(path, force=force) as file:
        file.write(b"...")
        file.seek(0)
        file.write(data)


def refuse(path: Path, target: Path) -> None:
    """What a FAT file system does."""
    raise PermissionError(errno.EPERM, "Operation not permitted")
