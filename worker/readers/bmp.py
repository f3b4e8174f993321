"""Reader of BMP: 1 to 8 bits with a palette, 16 to 32 without, run lengths, either way up."""

from __future__ import annotations

from typing import IO

import numpy as np

from models.spaces import Samples
from shared.formats import BMP
from worker.pictures import Kind, Master
from worker.readers.blocks import taken
from worker.readers.bmp_header import RLE4, RLE8, Bitmap, read_bitmap
from worker.readers.bmp_runs import read_runs
from worker.readers.contents import contents
from worker.readers.finds import Finds, dots_per_inch
from worker.readers.whole_page import WholePage, spread

#: Pixels that are brought into order at once.
_BAND = 1 << 18


def open_master(source: IO[bytes]) -> Master:
    """Opens a BMP file; see `Reader.open_master`."""
    data = contents(source)
    bitmap = read_bitmap(data)
    finds = Finds(dpi=dots_per_inch(bitmap.per_meter))
    if bitmap.profile:
        finds.profile = taken(data[bitmap.profile], "profile")
        if not finds.profile or len(finds.profile) < bitmap.profile.stop - bitmap.profile.start:
            finds.profile = None
            finds.warnings.append("profile_unreadable")
    header, _ = finds.header(
        width=bitmap.width,
        height=bitmap.height,
        kind=bitmap.palette.kind if bitmap.palette else Kind.RGB,
        depth=16 if bitmap.sample_bits > 8 else 8,
        stored_depth=bitmap.sample_bits,
        alpha=len(bitmap.masks) == 4,
        compression="none",
    )
    return Master(format=BMP, pages=(WholePage(source, header, lambda data: _decode(data, bitmap)),))


def _decode(data: memoryview, bitmap: Bitmap) -> Samples:
    pixels = data[bitmap.start :]
    if bitmap.compression in (RLE8, RLE4):
        nibbles = bitmap.compression == RLE4
        rows = read_runs(pixels, width=bitmap.width, height=bitmap.height, nibbles=nibbles)
    else:
        rows = _rows(pixels, bitmap)
    if bitmap.bottom_up:
        rows = rows[::-1]
    if bitmap.palette:
        return bitmap.palette.look_up(rows if bitmap.compression else _indices(rows, bitmap))
    out: Samples = np.empty(
        (bitmap.height, bitmap.width, len(bitmap.masks) or 3), np.uint16 if bitmap.sample_bits > 8 else np.uint8
    )
    step = max(1, _BAND // bitmap.width)
    for top in range(0, bitmap.height, step):
        band = rows[top : top + step]
        if bitmap.bits == 24:
            out[top : top + step] = band[:, : 3 * bitmap.width].reshape(len(band), -1, 3)[:, :, ::-1]
        else:
            _unmask(band, bitmap, out[top : top + step])
    return out


def _rows(pixels: memoryview, bitmap: Bitmap) -> Samples:
    """Returns the bytes of the rows, uint8[h, stride], in the order of the file."""
    size = bitmap.stride * bitmap.height
    if len(pixels) < size:
        pixels = memoryview(bytes(pixels).ljust(size, b"\0"))
    rows: Samples = np.frombuffer(pixels, np.uint8, size).reshape(bitmap.height, bitmap.stride)
    return rows


def _indices(rows: Samples, bitmap: Bitmap) -> Samples:
    """Returns the indices uint8[h, w] of rows with one or several in a byte, the highest bits first."""
    if bitmap.bits == 8:
        return rows[:, : bitmap.width]
    if bitmap.bits == 1:
        return np.unpackbits(rows, axis=1, count=bitmap.width)
    shifts = np.arange(8 - bitmap.bits, -1, -bitmap.bits, dtype=np.uint8)
    spread_out = rows[:, :, np.newaxis] >> shifts & np.uint8((1 << bitmap.bits) - 1)
    return spread_out.reshape(len(rows), -1)[:, : bitmap.width]


def _unmask(band: Samples, bitmap: Bitmap, out: Samples) -> None:
    """Puts the channels of 16- or 32-bit pixels into `out`, spread over its range."""
    words = np.ascontiguousarray(band).view("<u2" if bitmap.bits == 16 else "<u4")[:, : bitmap.width]
    for channel, mask in enumerate(bitmap.masks):
        shift = (mask & -mask).bit_length() - 1
        values = (words & mask) >> shift
        out[:, :, channel] = spread(mask.bit_count(), out.itemsize * 8)[values]
