"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO
from uuid import uuid4

_PARTIAL = re.compile(r"\.photochrom-[0-9a-f]{32}\.part")


def is_partial(name: str) -> bool:
    """Tells whether a file's name is that of one that never became whole: of a process that was killed."""
    return _PARTIAL.fullmatch(name) is not None


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """Yields a text file (UTF-8, line ends as written) that takes the place of `path` at the end, if nothing failed."""
    partial = path.with_name(f".photochrom-{uuid4().hex}.part")
    try:
        with partial.open("x", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
