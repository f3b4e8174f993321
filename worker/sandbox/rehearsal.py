"""The rehearsal: pictures of our own, colored once in the nursery, so that its children find everything ready.

What a library loads or computes on first use (codecs, tables, compiled kernels) is then there in each fork.
"""

from __future__ import annotations

import struct
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.render import warm
from models.windows import Windows
from shared.recipes import DEPTHS, resolve
from worker.orders import Limits, Order
from worker.pipeline import derive

_SIDE = 64
_NET_SIDE = 32
_LIMITS = Limits(max_pixels=_SIDE**2, max_whole_pixels=_SIDE**2, max_pages=1, max_metadata_bytes=1 << 20)


def rehearse(cache_dir: Path) -> Callable[[], None]:
    """Compiles the kernels, or loads them from the cache, then reads and writes each format at each depth.

    A format that fails is told of on standard error: its pictures will fail, but not the others. Returns what makes a
    fresh child fetch the memory that it shares, before somebody waits for it.
    """
    # Threads do not survive a fork, and a worker has a process a core.
    cv2.setNumThreads(1)
    warm(cache_dir)
    for fmt, depths in DEPTHS.items():
        for depth in depths:
            _play(fmt, depth)
    return partial(_play, "jpeg", 8)


def _play(fmt: str, depth: int) -> None:
    try:
        _derive(_derive(_bitmap(), format=fmt, bit_depth=str(depth)))
    except Exception as error:  # noqa: BLE001 - codecs raise what they like
        print(f"rehearsal: {fmt} of {depth} bits failed: {error!r}", file=sys.stderr)  # noqa: T201 - no logs here


def _derive(master: bytes, **recipe: str) -> bytes:
    order = Order(master="0" * 64, recipe=resolve(recipe), model_name="lite", limits=_LIMITS, net_side=_NET_SIDE)
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as target:
        source.write(master)
        source.seek(0)
        derive(source, target, order, colorist=_flat, admit=lambda pixels: None)
        target.seek(0)
        return target.read()


def _flat(lightness: NDArray[np.float32], where: Windows) -> NDArray[np.float32]:
    height, width = lightness.shape
    return np.full((2, height // 4, width // 4), 10, np.float32)


def _bitmap() -> bytes:
    """Returns a gray ramp as a BMP of 8 bits with a palette (Microsoft, "Bitmap Storage")."""
    palette = b"".join(bytes((level, level, level, 0)) for level in range(256))
    rows = bytes(min(255, 4 * x) for x in range(_SIDE)) * _SIDE
    offset = 14 + 40 + len(palette)
    file_header = struct.pack("<2sIHHI", b"BM", offset + len(rows), 0, 0, offset)
    picture_header = struct.pack("<IiiHHIIiiII", 40, _SIDE, _SIDE, 1, 8, 0, len(rows), 2835, 2835, 256, 0)
    return file_header + picture_header + palette + rows
