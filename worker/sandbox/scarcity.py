"""Scarcity: the machine has too little of something for any picture; whose machine it is can help."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from shared.errors import SandboxUnavailable

_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)

#: What sets the limit of open files: of a process, of the system.
_FILES = {
    errno.EMFILE: "`ulimit -n`, or LimitNOFILE of a systemd service",
    errno.ENFILE: "`sysctl fs.file-max`",
}

#: Numbers of errors that say so.
SCARCE = frozenset((*_ROOM, *_FILES))


def scarce(number: int, target: IO[bytes]) -> SandboxUnavailable:
    """Returns the error of a child that met with one of `SCARCE`; it writes to no file but `target`, named or not."""
    if number in _FILES:
        return _too_few_files(number)
    folder = Path(f"/proc/self/fd/{target.fileno()}").readlink().parent
    elsewhere = (
        "set TMPDIR to another folder" if folder == Path(tempfile.gettempdir()).resolve() else "write to another folder"
    )
    # A file system that cannot be written to has no room to be made.
    advice = f"{elsewhere[0].upper()}{elsewhere[1:]}" if number == errno.EROFS else f"Make room there, or {elsewhere}"
    return SandboxUnavailable(f"A picture's file cannot be written in {folder}: {os.strerror(number)}. {advice}.")


def _too_few_files(number: int) -> SandboxUnavailable:
    return SandboxUnavailable(
        f"The sandbox may not open the few files that a picture needs: {os.strerror(number)}. Raise the limit of open "
        f"files: {_FILES[number]}."
    )


@contextmanager
def enough_files() -> Iterator[None]:
    """Turns what the system says where this process has too many files open into SandboxUnavailable."""
    try:
        yield
    except OSError as error:
        if error.errno in _FILES:
            raise _too_few_files(error.errno) from error
        raise
