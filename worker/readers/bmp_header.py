"""The headers of a BMP file: BITMAPCOREHEADER to BITMAPV5HEADER (Microsoft's wingdi.h), and OS/2's second."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from shared.errors import Corrupt, Truncated, UnsupportedPicture
from worker.readers.palette import Palette

_FILE_BYTES = 14
_CORE, _INFO, _V4 = 12, 40, 108
#: Sizes of a bitmap header: core, info, with masks, with alpha mask, OS/2's second, V4, V5.
_SIZES = (_CORE, _INFO, 52, 56, 64, _V4, 124)

#: Compressions.
RGB, RLE8, RLE4, MASKED, MASKED_WITH_ALPHA = 0, 1, 2, 3, 6
_OS2 = 64

#: Bits a pixel that each compression has.
_DEPTHS = {
    RGB: (1, 2, 4, 8, 16, 24, 32),
    RLE8: (8,),
    RLE4: (4,),
    MASKED: (16, 32),
    MASKED_WITH_ALPHA: (16, 32),
}

#: Masks of red, green and blue where no others are given, by bits a pixel.
_PLAIN_MASKS = {16: (0x7C00, 0x03E0, 0x001F), 32: (0xFF0000, 0x00FF00, 0x0000FF)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Bitmap:
    """What the headers say."""

    #: pixels
    width: int
    #: pixels
    height: int
    #: whether the last row comes first
    bottom_up: bool
    #: bits a pixel
    bits: int
    #: RGB, RLE8, RLE4, MASKED or MASKED_WITH_ALPHA
    compression: int
    #: where the pixels begin in the file
    start: int
    #: colors that pixels of up to 8 bits point to
    palette: Palette | None
    #: masks of red, green, blue and, if it is there, alpha, for 16 and 32 bits a pixel
    masks: tuple[int, ...]
    #: dots a meter
    per_meter: tuple[int, int]
    #: where an ICC profile stands in the file; None where there is none
    profile: slice | None

    @property
    def stride(self) -> int:
        """Bytes from one row to the next, without compression."""
        return (self.width * self.bits + 31) // 32 * 4

    @property
    def sample_bits(self) -> int:
        """Bits of the largest sample, or of an index."""
        if self.bits <= 8:
            return self.bits
        return max((mask.bit_count() for mask in self.masks), default=8)


def read_bitmap(data: memoryview) -> Bitmap:
    """Reads the headers. Raises Truncated, Corrupt or UnsupportedPicture."""
    _need(data, _FILE_BYTES + 4)
    offset, size = struct.unpack_from("<II", data, 10)
    if size not in _SIZES:
        raise UnsupportedPicture(
            f"The BMP has a header of {size:,} bytes; those of {', '.join(map(str, _SIZES))} are read.",
            seen=size,
            limit=list(_SIZES),
        )
    _need(data, _FILE_BYTES + size)
    head = data[_FILE_BYTES : _FILE_BYTES + size]
    compression, x, y, used = 0, 0, 0, 0
    if size == _CORE:
        width, height, _, bits = struct.unpack_from("<4H", head, 4)
    else:
        width, height, _, bits, compression, _, x, y, used = struct.unpack_from("<iiHHIIiiI", head, 4)
    if compression not in _DEPTHS or (size == _OS2 and compression > RLE4):
        raise UnsupportedPicture(
            f"The BMP has compression {compression}; none, RLE4, RLE8 and masks are read.", seen=compression
        )
    if bits not in _DEPTHS[compression]:
        raise UnsupportedPicture(
            f"The BMP has {bits} bits a pixel with compression {compression}; {_DEPTHS[compression]} are read.",
            seen=bits,
        )
    if width < 1 or not height or (height < 0 and compression in (RLE8, RLE4)):
        raise Corrupt(f"The BMP claims {width:,} x {height:,} pixels.", seen=[width, height])
    _need(data, offset)
    masks, table = _read_masks(data, head, bits=bits, compression=compression)
    bitmap = Bitmap(
        width=width,
        height=abs(height),
        bottom_up=height > 0,
        bits=bits,
        compression=compression,
        start=offset,
        palette=_read_palette(data[table:offset], bits, used, 3 if size == _CORE else 4) if bits <= 8 else None,
        masks=masks,
        per_meter=(x, y),
        profile=_find_profile(head),
    )
    if offset < table:
        raise Corrupt(f"The BMP's pixels begin at byte {offset:,}, within its header.", seen=offset, limit=table)
    if compression not in (RLE8, RLE4):
        # Some writers leave out what pads the last row.
        _need(data, offset + bitmap.stride * (bitmap.height - 1) + (width * bits + 7) // 8)
    return bitmap


def _need(data: memoryview, end: int) -> None:
    if end > len(data):
        raise Truncated(f"The BMP goes to byte {end:,}; the file ends at {len(data):,}.", seen=len(data), limit=end)


def _read_masks(data: memoryview, head: memoryview, *, bits: int, compression: int) -> tuple[tuple[int, ...], int]:
    """Returns the masks, and where a palette would begin."""
    end = _FILE_BYTES + len(head)
    if compression not in (MASKED, MASKED_WITH_ALPHA):
        return _PLAIN_MASKS.get(bits, ()), end
    count = 4 if compression == MASKED_WITH_ALPHA or len(head) > 52 else 3
    if len(head) == _INFO:
        end += 4 * count
        _need(data, end)
    elif len(head) < _INFO + 4 * count:
        raise Corrupt("The BMP's masks are cut off.", seen=len(head))
    masks: tuple[int, ...] = struct.unpack_from(f"<{count}I", data, _FILE_BYTES + _INFO)
    if count == 4 and not masks[3]:
        masks = masks[:3]
    for number, mask in enumerate(masks):
        run = mask >> _shift(mask)
        overlaps = any(mask & other for other in masks[:number])
        if not mask or run & (run + 1) or run.bit_count() > 16 or mask >> bits or overlaps:
            raise UnsupportedPicture(
                f"The BMP has the mask {mask:#x}; masks of up to 16 bits in a row, apart from each other, are read.",
                seen=mask,
            )
    return masks, end


def _shift(mask: int) -> int:
    """Returns the number of the lowest bit that is set; 0 for none."""
    return max(0, (mask & -mask).bit_length() - 1)


def _read_palette(data: memoryview, bits: int, used: int, entry: int) -> Palette:
    """Reads blue, green, red of each entry; no more than there is room for before the pixels."""
    count = min(used or 1 << bits, 1 << bits, len(data) // entry)
    if not count:
        raise Corrupt("The BMP has no palette.", seen=0)
    colors = np.frombuffer(data, np.uint8, count * entry).reshape(count, entry)
    return Palette.of(np.ascontiguousarray(colors[:, 2::-1]))


def _find_profile(head: memoryview) -> slice | None:
    """Returns where an embedded profile stands: V5 has its offset from the bitmap header, and its size."""
    if len(head) <= _V4 or bytes(head[56:60]) != b"DEBM":
        return None
    offset, size = struct.unpack_from("<II", head, 112)
    return slice(_FILE_BYTES + offset, _FILE_BYTES + offset + size)
