"""Scarcity: each way in which a machine has too little is told with what helps against it."""

from __future__ import annotations

import errno
import tempfile
from pathlib import Path

import pytest

from worker.sandbox.scarcity import SCARCE, scarce

ADVICE = {
    errno.ENOSPC: "Make room there, or write to another folder.",
    errno.EDQUOT: "Make room there, or write to another folder.",
    errno.EROFS: "file system. Write to another folder.",
    errno.EMFILE: "Raise the limit of open files: `ulimit -n`, or LimitNOFILE of a systemd service.",
    errno.ENFILE: "Raise the limit of open files: `sysctl fs.file-max`.",
}


@pytest.mark.parametrize("number", sorted(SCARCE))
def test_the_advice_helps(number: int, tmp_path: Path) -> None:
    """No room is made in a file system that cannot be written to, and no process's limit helps the whole system."""
    with (tmp_path / "picture.tif").open("w+b") as target:
        detail = scarce(number, target).detail
    assert detail.endswith(ADVICE[number])
    assert (str(tmp_path) in detail) is ("folder" in ADVICE[number])


def test_a_file_without_a_name_is_in_the_folder_for_such_files() -> None:
    """For a file that is nowhere to be seen it is told how to have it elsewhere."""
    with tempfile.TemporaryFile() as target:
        detail = scarce(errno.EROFS, target).detail
    assert f" in {Path(tempfile.gettempdir()).resolve()}: " in detail
    assert detail.endswith("file system. Set TMPDIR to another folder.")
