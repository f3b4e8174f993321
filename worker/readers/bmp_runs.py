"""Run lengths of BMP: RLE8 and RLE4 (Microsoft, "Bitmap Compression")."""

from __future__ import annotations

import numpy as np

from models.spaces import Samples
from shared.errors import Corrupt, Truncated

_END_OF_ROW, _END, _JUMP = 0, 1, 2


def read_runs(data: memoryview, *, width: int, height: int, nibbles: bool) -> Samples:
    """Returns the indices uint8[h, w] in the order of the file, the last row first.

    `nibbles` says that a byte holds two pixels. Pixels that the file jumps over are 0. Raises Truncated where the runs
    end before the last pixel, Corrupt where one goes beyond its row. What pads a row to four bytes is allowed, since
    ImageMagick codes it as well, and left out.
    """
    padded = -(-width // 8) * 8 if nibbles else -(-width // 4) * 4
    out = bytearray(padded * height)
    x, y, at = 0, 0, 0
    while y < height and not (y == height - 1 and x >= width):
        if at + 2 > len(data):
            raise _ended(y, height)
        count, value = data[at], data[at + 1]
        at += 2
        if count:
            _put(out, (x, y), _repeated(value, count, nibbles=nibbles), padded)
            x += count
        elif value == _END_OF_ROW:
            x, y = 0, y + 1
        elif value == _END:
            raise _ended(y, height)
        elif value == _JUMP:
            if at + 2 > len(data):
                raise _ended(y, height)
            x, y = x + data[at], y + data[at + 1]
            at += 2
            if x > width or y > height:
                raise Corrupt(f"A jump in row {y:,} leaves the picture.", seen=[x, y], limit=[width, height])
        else:
            length = (value + 1) // 2 if nibbles else value
            # Single pixels are padded to 16 bits.
            end = at + length + (length & 1)
            if end > len(data):
                raise _ended(y, height)
            raw = bytes(data[at : at + length])
            _put(out, (x, y), _split(raw)[:value] if nibbles else raw, padded)
            x += value
            at = end
    return np.frombuffer(out, np.uint8).reshape(height, padded)[:, :width]


def _put(out: bytearray, place: tuple[int, int], pixels: bytes, padded: int) -> None:
    x, y = place
    if x + len(pixels) > padded:
        raise Corrupt(f"A run in row {y:,} goes beyond it.", seen=x + len(pixels), limit=padded)
    out[y * padded + x : y * padded + x + len(pixels)] = pixels


def _repeated(value: int, count: int, *, nibbles: bool) -> bytes:
    if not nibbles:
        return bytes((value,)) * count
    return (bytes((value >> 4, value & 15)) * ((count + 1) // 2))[:count]


def _split(raw: bytes) -> bytes:
    return bytes(nibble for byte in raw for nibble in (byte >> 4, byte & 15))


def _ended(y: int, height: int) -> Truncated:
    return Truncated(f"The runs of the BMP end in row {y + 1:,} of {height:,}.", seen=y, limit=height)
