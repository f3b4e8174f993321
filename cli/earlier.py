"""Earlier results: whether a file that is there says that it was made of a master, under a recipe like this one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from shared.recipes import PIPELINE_VERSION, Recipe

#: Bytes that are looked through at once: the packet of a large TIFF lies at its end.
_BLOCK = 1 << 20


def made_before(path: Path, *, master: str, recipe: Recipe) -> bool:
    """Tells whether the marks of a file name a master (SHA-256), and a recipe that differs in nothing but its pipeline.

    The file may be anything, and is not parsed: every format has the marks as they are. False where it cannot be read.
    """
    try:
        if not path.is_file():  # a pipe, which never ends
            return False
        with path.open("rb") as file:
            return _names(file, [(f"sha256:{master}".encode(),), _recipes(recipe)])
    except OSError:
        return False


@lru_cache(maxsize=16)
def _recipes(recipe: Recipe) -> tuple[bytes, ...]:
    """Returns how a derivative names its recipe, under each pipeline so far."""
    each = (replace(recipe, pipeline=version).digest for version in range(1, PIPELINE_VERSION + 1))
    return tuple(f"recipe sha256:{digest}".encode() for digest in each)


def _names(file: BinaryIO, wanted: Sequence[Sequence[bytes]]) -> bool:
    """Tells whether one of each of these texts is in a file."""
    left = list(wanted)
    overlap = max(len(text) for texts in wanted for text in texts) - 1
    seen = b""
    while left and (block := file.read(_BLOCK)):
        seen = seen[-overlap:] + block
        left = [texts for texts in left if not any(text in seen for text in texts)]
    return not left
