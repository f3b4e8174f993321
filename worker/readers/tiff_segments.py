"""Strips and tiles of TIFF: from the bytes of one to its samples, never fewer than its rows need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from shared.errors import Corrupt
from worker.pictures import foreign_errors
from worker.readers import tiff_fax, tiff_jpeg, tiff_pictures
from worker.readers.contents import for_codec
from worker.readers.tiff_file import File
from worker.readers.tiff_layout import Layout
from worker.readers.tiff_tags import Compression, Photometric

#: Decoders of bytes to bytes. Each fills a buffer and returns the part that it filled.
_DECODERS: dict[Compression, Callable[..., Any]] = {
    Compression.LZW: imagecodecs.lzw_decode,
    Compression.DEFLATE: imagecodecs.deflate_decode,
    Compression.OLD_DEFLATE: imagecodecs.deflate_decode,
    Compression.PACKBITS: imagecodecs.packbits_decode,
    Compression.LZMA: imagecodecs.lzma_decode,
    Compression.ZSTD: imagecodecs.zstd_decode,
}

#: Bytes that a byte can decode to at most, so that no buffer is made for a promise that cannot be kept: Deflate 258
#: bytes by 2 bits (RFC 1951, 3.2.5), LZW 3,840 by 9 bits, PackBits 128 by 2 bytes.
_MOST_GAIN = {
    Compression.LZW: 3414,
    Compression.DEFLATE: 1032,
    Compression.OLD_DEFLATE: 1032,
    Compression.PACKBITS: 64,
}
#: Bytes for which it is not looked at.
_SLACK = 1 << 20


def read_rows(file: File, layout: Layout, index: int, top: int, bottom: int) -> NDArray[Any]:
    """Returns rows `top` to `bottom` of an uncompressed segment, or all those of a compressed one up to `bottom`.

    [rows, segment_width, segment_samples] of the layout's dtype, or the channels that a JPEG converts to; writable.
    Raises UnsupportedPicture, Truncated or Corrupt; `top` is 0 for a compressed one.
    """
    name = layout.name(index)
    offset, count = int(layout.offsets[index]), int(layout.counts[index])
    if layout.compression is Compression.NONE:
        packed = np.empty((bottom - top) * layout.segment_row_bytes, np.uint8)
        file.read_into(packed, offset + top * layout.segment_row_bytes, name)
        if layout.reversed_bits:
            packed = np.frombuffer(bytearray(imagecodecs.bitorder_decode(packed.tobytes())), np.uint8)
        return _unpacked(packed, layout, bottom - top)
    data = file.read(offset, count, name)
    if layout.reversed_bits and not layout.compression.is_picture:
        data = bytes(imagecodecs.bitorder_decode(data))
    with foreign_errors():
        if layout.compression.is_picture:
            samples = _decode_picture(data, layout, bottom)
        elif layout.compression.is_fax:
            samples = _decode_fax(data, layout, bottom)
        else:
            samples = _unpacked(_decompressed(data, layout, bottom, name), layout, bottom)
    return samples


def _decode_picture(data: bytes, layout: Layout, rows: int) -> NDArray[Any]:
    size = (layout.segment_width, layout.segment_height)
    if layout.compression is Compression.JPEG_2000:
        return tiff_pictures.decode_jpeg_2000(data, size, rows, samples=layout.segment_samples, bits=layout.bits)
    if layout.compression is Compression.WEBP:
        return tiff_pictures.decode_webp(data, size, rows, samples=layout.segment_samples)
    return tiff_jpeg.decode(
        data,
        layout.jpeg_tables if layout.compression is Compression.JPEG else None,
        size,
        rows,
        samples=layout.segment_samples,
        bits=layout.bits,
        ycc=layout.photometric is Photometric.YCBCR,
    )


def _decode_fax(data: bytes, layout: Layout, rows: int) -> NDArray[np.uint8]:
    if layout.bits != 1 or layout.segment_samples != 1:
        raise Corrupt(f"CCITT compression holds one bit a pixel, not {layout.segment_samples} x {layout.bits}.")
    code = {
        Compression.FAX_RLE: tiff_fax.Code.BYTE_ALIGNED,
        Compression.FAX_3: tiff_fax.Code.GROUP_3_2D if layout.fax_options & 1 else tiff_fax.Code.GROUP_3,
        Compression.FAX_4: tiff_fax.Code.GROUP_4,
    }[layout.compression]
    return tiff_fax.decode(data, rows, layout.segment_width, code)[:, :, np.newaxis]


def _decompressed(data: bytes, layout: Layout, rows: int, name: str) -> NDArray[np.uint8]:
    """Returns the bytes of the rows of a segment; those below them are dropped."""
    # The last strip or tile may be as high as the others, with rows below the picture.
    whole = layout.segment_height * layout.segment_row_bytes
    needed = rows * layout.segment_row_bytes
    gain = _MOST_GAIN.get(layout.compression)
    if gain and needed > _SLACK + gain * len(data):
        raise Corrupt(f"{name} claims to hold {needed:,} bytes in {len(data):,}.", seen=len(data))
    buffer = np.empty(whole, np.uint8)
    filled = len(_DECODERS[layout.compression](data, out=buffer.data))
    # Another size than those two comes of a hole that made the code lose its step, even if the rows are all there.
    if filled not in (needed, whole):
        raise Corrupt(f"{name} decodes to {filled:,} bytes; its rows need {needed:,}.", seen=filled, limit=needed)
    return buffer[:needed]


def _unpacked(packed: NDArray[np.uint8], layout: Layout, rows: int) -> NDArray[Any]:
    """Returns bytes as samples, differences summed up."""
    shape = (rows, layout.segment_width, layout.segment_samples)
    if layout.bits % 8:
        run = layout.segment_width * layout.segment_samples
        samples: NDArray[Any] = imagecodecs.packints_decode(
            for_codec(packed.data), layout.dtype, layout.bits, runlen=run
        )
        return samples.reshape(shape)
    if layout.predictor == 3:
        # Its bytes are ordered by their weight, whatever the file's order (TIFF Technical Note 3).
        return np.asarray(imagecodecs.floatpred_decode(packed.view(layout.dtype).reshape(shape), axis=-2))
    samples = packed.view(layout.dtype.newbyteorder(layout.order))
    if not samples.dtype.isnative:
        samples = samples.byteswap(inplace=True).view(layout.dtype)
    samples = samples.view(layout.dtype).reshape(shape)
    if layout.predictor == 2:
        whole = samples.view(f"u{layout.dtype.itemsize}")
        imagecodecs.delta_decode(whole, axis=-2, out=whole)
    return samples
