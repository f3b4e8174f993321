"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedRandom, TextIOWrapper
from pathlib import Path
from typing import TextIO
from uuid import uuid4

#: What an operating system says of a full disk, or a used-up quota.
FULL = (errno.ENOSPC, errno.EDQUOT)

#: What it says where a file system has no hard links.
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)

_PARTIAL = re.compile(r"\.photochrom-[0-9a-f]{32}\.part")


def is_partial(name: str) -> bool:
    """Tells whether a file's name is that of one that never became whole: of a process that was killed."""
    return _PARTIAL.fullmatch(name) is not None


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """Yields a text file (UTF-8, line ends as written) that takes the place of `path` at the end, if nothing failed."""
    with appearing(path, force=True) as file:
        text = TextIOWrapper(file, encoding="utf-8", newline="")
        yield text
        # Written so far, and the file not closed with it.
        text.detach()


@contextmanager
def appearing(path: Path, *, force: bool) -> Iterator[BufferedRandom]:
    """Yields a file to write and read that is at `path` at the end, if nothing failed.

    Raises FileExistsError where a file has come to be there by then, unless `force` replaces it.
    """
    partial = path.with_name(f".photochrom-{uuid4().hex}.part")
    try:
        with partial.open("x+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if force:
            partial.replace(path)
        else:
            _appear(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _appear(partial: Path, path: Path) -> None:
    """Gives a file its name, which nobody else may have."""
    try:
        path.hardlink_to(partial)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
        partial.rename(path)
