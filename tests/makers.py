"""Picture files made by hand, for what no library writes: segments, chunks, boxes and headers."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from models.spaces import Samples

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

#: Adam7 (W3C PNG, third edition, section 8): first column, first row, step across, step down.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def scene(channels: int = 1, *, width: int = 61, height: int = 47, depth: int = 8, seed: int = 0) -> Samples:
    """A smooth picture with structure and full range: [h, w] or [h, w, channels], other for each seed."""
    dice = np.random.default_rng(seed)
    coarse = dice.integers(0, 256, (5, 6, channels), dtype=np.uint8)
    planes = [
        np.asarray(Image.fromarray(coarse[:, :, plane]).resize((width, height), Image.Resampling.BICUBIC))
        for plane in range(channels)
    ]
    fine = np.stack(planes, axis=-1).astype(np.float64)
    fine = (fine - fine.min()) / (fine.max() - fine.min())
    samples: Samples = np.rint(fine * ((1 << depth) - 1)).astype(np.uint8 if depth <= 8 else np.uint16)
    return samples[:, :, 0] if channels == 1 else samples


def exif_block(*, orientation: int | None = None, dpi: int | None = None, artist: str | None = None) -> bytes:
    """A TIFF structure with a few fields, without the prefix."""
    block = Image.Exif()
    if orientation:
        block[274] = orientation
    if dpi:
        block[282] = block[283] = IFDRational(Fraction(dpi))
        block[296] = 2
    if artist:
        block[315] = artist
    return block.tobytes().removeprefix(b"Exif\0\0")


def iptc_records(caption: str) -> bytes:
    """IIM with one record: 2:120, the caption."""
    text = caption.encode()
    return b"\x1c\x02\x78" + struct.pack(">H", len(text)) + text


def photoshop_resources(records: bytes) -> bytes:
    """IIM as an image resource."""
    return b"8BIM\x04\x04\0\0" + struct.pack(">I", len(records)) + records + b"\0" * (len(records) % 2)


def saved(samples: Samples, fmt: str, **options: object) -> bytes:
    """The file that Pillow writes."""
    out = io.BytesIO()
    Image.fromarray(samples).save(out, fmt, **options)  # type: ignore[arg-type]
    return out.getvalue()


def with_segments(jpeg: bytes, *segments: tuple[int, bytes]) -> bytes:
    """A JPEG with further segments (second byte of the marker, body) in front."""
    made = b"".join(b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body for marker, body in segments)
    return jpeg[:2] + made + jpeg[2:]


def without_segment(jpeg: bytes, marker: int) -> bytes:
    """A JPEG without its first segment of a kind."""
    start = jpeg.index(b"\xff" + bytes([marker]))
    return jpeg[:start] + jpeg[start + 2 + int.from_bytes(jpeg[start + 2 : start + 4], "big") :]


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk with a right check sum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_head(width: int, height: int, *, bits: int, color: int, interlaced: bool = False) -> bytes:
    """An IHDR chunk."""
    return png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, interlaced))


def png_file(
    samples: Samples, *, bits: int, color: int, extra: bytes = b"", interlaced: bool = False, pieces: int = 1
) -> bytes:
    """A PNG of samples [h, w] or [h, w, c] of `bits`; `extra` chunks stand before the pixels, in so many IDATs."""
    height, width = samples.shape[:2]
    parts = [samples[y::dy, x::dx] for x, y, dx, dy in _PASSES] if interlaced else [samples]
    rows = [b"\0" + _packed(row, bits) for part in parts if part.size for row in part]
    stream = zlib.compress(b"".join(rows))
    step = -(-len(stream) // pieces)
    body = b"".join(png_chunk(b"IDAT", stream[at : at + step]) for at in range(0, len(stream), step))
    head = png_head(width, height, bits=bits, color=color, interlaced=interlaced)
    return PNG_SIGNATURE + head + extra + body + png_chunk(b"IEND", b"")


def with_chunks(png: bytes, *chunks: bytes) -> bytes:
    """A PNG with further chunks behind IHDR."""
    return png[:33] + b"".join(chunks) + png[33:]


def box(kind: bytes, body: bytes) -> bytes:
    """A box of JP2."""
    return struct.pack(">I", len(body) + 8) + kind + body


def jp2_file(
    codestream: bytes, size: tuple[int, int], *, colr: bytes | None, channels: int, head: bytes = b"", tail: bytes = b""
) -> bytes:
    """A JP2 file around a codestream; `colr` is the contents of that box, `head` further boxes of the header."""
    ihdr = box(b"ihdr", struct.pack(">IIHBBBB", size[1], size[0], channels, 7, 7, 0, 0))
    color = box(b"colr", colr) if colr else b""
    start = box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
    return start + box(b"jp2h", ihdr + color + head) + box(b"jp2c", codestream) + tail


def enumerated(space: int) -> bytes:
    """The contents of a `colr` box for an enumerated color space."""
    return struct.pack(">BBBI", 1, 0, 0, space)


def riff_chunks(webp: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a WebP file."""
    at = 12
    while at + 8 <= len(webp):
        kind, size = struct.unpack_from("<4sI", webp, at)
        yield kind, webp[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def webp_file(chunks: Sequence[tuple[bytes, bytes]]) -> bytes:
    """A WebP file of chunks."""
    body = b"".join(kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def bmp_file(
    pixels: bytes,
    size: tuple[int, int],
    *,
    bits: int,
    compression: int = 0,
    palette: Samples | None = None,
    extra: bytes = b"",
    per_meter: tuple[int, int] = (0, 0),
    tail: bytes = b"",
) -> bytes:
    """A BMP of the pixels' bytes as they stand in the file; a negative height is top-down.

    `extra` makes the info header longer, or is masks behind one of 40 bytes; `palette` is uint8[n, 3].
    """
    table = b"".join(bytes([blue, green, red, 0]) for red, green, blue in palette) if palette is not None else b""
    longer = 0 if len(extra) in (12, 16) else len(extra)
    used = len(palette) if palette is not None else 0
    head = struct.pack("<IiiHHIIiiII", 40 + longer, *size, 1, bits, compression, len(pixels), *per_meter, used, 0)
    start = 14 + len(head) + len(extra) + len(table)
    file_head = b"BM" + struct.pack("<IHHI", start + len(pixels) + len(tail), 0, 0, start)
    return file_head + head + extra + table + pixels + tail


def bmp_rows(samples: Samples, *, bits: int, top_down: bool = False) -> bytes:
    """The bytes of uncompressed rows: indices [h, w], BGR for [h, w, 3]; padded to four bytes each."""
    rows = [_packed(row[:, ::-1] if row.ndim == 2 else row, bits) for row in samples]
    padded = [row + b"\0" * (-len(row) % 4) for row in rows]
    return b"".join(padded if top_down else padded[::-1])


def _packed(row: Samples, bits: int) -> bytes:
    if bits > 8 and row.dtype == np.uint16:
        return row.astype(">u2").tobytes()
    if bits >= 8:
        return row.astype(np.uint8).tobytes()
    parts = np.unpackbits(row.astype(np.uint8).reshape(-1, 1), axis=1)[:, 8 - bits :]
    return np.packbits(parts.reshape(-1)).tobytes()
