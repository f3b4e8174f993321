"""ICC profiles for the tests, made by hand: gray ones, and table-based ones of RGB and CMYK."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

GAMMA_22 = b"curv\0\0\0\0\0\0\0\1\x02\x33"
GAMMA_18 = b"para\0\0\0\0\0\x00\0\0\x00\x01\xcc\xcd"
LINEAR = b"curv\0\0\0\0\0\0\0\0"
#: A table of five values, steeper than a line.
TABLE = b"curv\0\0\0\0\0\0\0\5" + struct.pack(">5H", 0, 4000, 16000, 36000, 65535)

_WHITE = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)


def profile(space: bytes, tags: Sequence[tuple[bytes, bytes]], *, pcs: bytes = b"XYZ ", kind: bytes = b"mntr") -> bytes:
    """Returns a profile of tags (ICC.1:2022, 7)."""
    offset, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, value in tags:
        table += struct.pack(">4sII", name, offset + len(body), len(value))
        body += value + b"\0" * (-len(value) % 4)
    head = struct.pack(">I4sI4s4s4s", offset + len(body), b"", 0x02400000, kind, space, pcs)
    head = (head + bytes(12) + b"acsp").ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def gray_profile(curve: bytes) -> bytes:
    """Returns a gray profile with a tone curve."""
    return profile(b"GRAY", [(b"wtpt", _WHITE), (b"kTRC", curve)])


def matrix_profile(curves: Sequence[bytes], primaries: Sequence[Sequence[float]]) -> bytes:
    """Returns an RGB profile of three curves and three primaries, XYZ."""
    tags = [(b"wtpt", _WHITE)]
    for name, curve, xyz in zip(b"rgb", curves, primaries, strict=True):
        letter = bytes([name])
        tags.append((letter + b"TRC", curve))
        tags.append((letter + b"XYZ", b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(part * 65536) for part in xyz))))
    return profile(b"RGB ", tags)


def table_profile(space: bytes, channels: int) -> bytes:
    """Returns an RGB or CMYK profile whose table (lut8Type, 10.11) maps corners to Lab: channels darken or lighten."""
    grid = np.indices((2,) * channels).reshape(channels, -1).T
    ink = space == b"CMYK"
    values = []
    for corner in grid:
        share = corner[:3] * (1 - corner[3]) + corner[3] if ink else 1 - corner
        lightness = 100 * (1 - share.mean())
        values += [round(lightness * 255 / 100), 128, 128]
    identity = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes([channels, 3, 2, 0]) + struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table += identity * channels + bytes(values) + identity * 3
    return profile(space, [(b"wtpt", _WHITE), (b"A2B0", table)], pcs=b"Lab ", kind=b"prtr" if ink else b"scnr")
