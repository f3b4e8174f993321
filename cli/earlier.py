"""Earlier results: whether a file that is there says that it was made of a master, under a recipe like this one."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from shared.recipes import PIPELINE_VERSION, Recipe

#: Bytes that are looked through at once: the packet of a large TIFF lies at its end.
_BLOCK = 1 << 20

#: What a derivative says it was derived from, as we write it and as other tools do that change its metadata.
_MASTER = re.compile(rb"documentID(?:=[\"']|>)sha256:([0-9a-f]{64})")

#: The events of its history name their recipes; a master that is a derivative itself has handed down its own.
_RECIPE = re.compile(rb"recipe sha256:([0-9a-f]{64})")

#: Bytes that either text has at most.
_LONGEST = 85

#: How JPEG and PNG begin and end. TIFF and WebP have the marks near their end, so that none are left of a part.
_ENDS = {b"\xff\xd8": b"\xff\xd9", b"\x89PNG": b"IEND\xaeB`\x82"}


def made_before(path: Path, *, master: str, recipe: Recipe) -> bool:
    """Tells whether the marks of a file name a master (SHA-256), and a recipe that differs in nothing but its pipeline.

    The file may be anything, and is not parsed: every format has the marks as they are, and the last ones are its own.
    False where it cannot be read, and of one that was cut off.
    """
    try:
        if not path.is_file():  # a pipe, which never ends
            return False
        with path.open("rb") as file:
            return _last(file) in [(master.encode(), each) for each in _recipes(recipe)] and _is_whole(file)
    except OSError:
        return False


@lru_cache(maxsize=16)
def _recipes(recipe: Recipe) -> tuple[bytes, ...]:
    """Returns the digests of a recipe under each pipeline so far."""
    return tuple(replace(recipe, pipeline=version).digest.encode() for version in range(1, PIPELINE_VERSION + 1))


def _is_whole(file: BinaryIO) -> bool:
    """Tells whether a file ends as its format does; a copy that was broken off begins like the whole."""
    file.seek(0)
    start, size = file.read(8), file.seek(0, os.SEEK_END)
    if start.endswith(b"jP  "):
        return _boxes_end(file, size) == size
    end = next((end for begins, end in _ENDS.items() if start.startswith(begins)), b"")
    file.seek(max(0, size - len(end)))
    return file.read() == end


def _boxes_end(file: BinaryIO, size: int) -> int:
    """Returns where the last box of a JPEG 2000 file ends by what the boxes say (ISO 15444-1, I.4)."""
    at = 0
    while at < size:
        file.seek(at)
        length = int.from_bytes(file.read(8)[:4])
        if length == 0:  # to the end
            return size
        if length == 1:
            length = int.from_bytes(file.read(8))
        at += max(length, 8)
    return at


def _last(file: BinaryIO) -> tuple[bytes, bytes]:
    """Returns the master and the recipe that are named last in a file, each empty where none is."""
    master = recipe = seen = b""
    while block := file.read(_BLOCK):
        seen = seen[-_LONGEST:] + block
        master = [master, *_MASTER.findall(seen)][-1]
        recipe = [recipe, *_RECIPE.findall(seen)][-1]
    return master, recipe
