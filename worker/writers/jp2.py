"""JPEG 2000 (ISO/IEC 15444-1) as JP2: 8 and 16 bits, reversible or by quality, metadata before the codestream."""

from __future__ import annotations

import math
import struct
from fractions import Fraction
from typing import IO

import imagecodecs

from worker.pictures import Dressing
from worker.writers.pages import Pages, dpi_of, dropped, exif_of, single, texts_of

_SIDE = 2**32 - 1

_METERS_PER_INCH = Fraction("0.0254")

#: Boxes of metadata: Adobe's for XMP (ISO 16684-3, 6.9), the one that Adobe and exiftool use for EXIF, and for IIM.
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_EXIF = b"JpgTiffExif->JP2"
_IPTC = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")

#: Enumerated color space of the colr box (I.5.3.3).
_SRGB = 16

#: Wavelet compression type (I.5.3.1).
_JPEG_2000 = 7


def write(target: IO[bytes], pages: Pages) -> tuple[str, ...]:
    """Writes the page into an empty file; see `worker.pictures.Writer`. Texts have no place (`metadata_dropped`)."""
    dressing, samples = single(pages, side=_SIDE, what="JPEG 2000")
    lossy = dressing.compression == "lossy"
    stream = imagecodecs.jpeg2k_encode(
        samples,
        level=decibels(dressing.quality) if lossy else 0,
        codecformat=imagecodecs.JPEG2K.CODEC.J2K,
        # Else four channels are taken as CMYK.
        colorspace=imagecodecs.JPEG2K.CLRSPC.SRGB,
        reversible=not lossy,
        numthreads=1,
    )
    del samples
    target.write(_box(b"jP  ", b"\r\n\x87\n"))
    target.write(_box(b"ftyp", b"jp2 \0\0\0\0jp2 "))
    target.write(_box(b"jp2h", _head(dressing)))
    metadata = dressing.metadata
    for name, block in ((_XMP, metadata.xmp), (_EXIF, exif_of(dressing)), (_IPTC, metadata.iptc)):
        if block:
            target.write(_box(b"uuid", name + block))
    for document in metadata.documents:
        target.write(_box(b"xml ", document))
    target.write(_box_start(b"jp2c", len(stream)))
    target.write(stream)
    return dropped(texts_of(dressing))


def decibels(quality: int) -> int:
    """Returns the peak signal-to-noise ratio that stands for a quality of 1..100: 30 to 50 dB, evenly.

    On photos with grain the encoder meets it within 1 dB; at 8 bits rounding takes another from 48 dB on. At 95 such a
    photo of 8 bits is as large as a JPEG of quality 95, 0.17 of the samples, and has 47.4 dB where that has 41.2.
    """
    return round(30 + quality / 5)


def _head(dressing: Dressing) -> bytes:
    channels = 3 + dressing.alpha
    size = struct.pack(">IIHBBBB", dressing.height, dressing.width, channels, dressing.depth - 1, _JPEG_2000, 0, 0)
    boxes = [_box(b"ihdr", size)]
    if dressing.profile:
        # Restricted ICC: of matrix profiles, to which ours belong.
        boxes.append(_box(b"colr", b"\2\0\0" + dressing.profile))
    else:
        boxes.append(_box(b"colr", struct.pack(">BBBI", 1, 0, 0, _SRGB)))
    if dressing.alpha:
        # Number, kind (0 color, 1 opacity) and what it belongs to: 1..3 red to blue, 0 the whole picture (I.5.3.6).
        kinds = [(0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 1, 0)]
        boxes.append(_box(b"cdef", struct.pack(">H", channels) + b"".join(struct.pack(">3H", *kind) for kind in kinds)))
    if dpi := dpi_of(dressing):
        horizontal, vertical = (_per_meter(value) for value in dpi)
        capture = struct.pack(">4H2b", *vertical[:2], *horizontal[:2], vertical[2], horizontal[2])
        boxes.append(_box(b"res ", _box(b"resc", capture)))
    return b"".join(boxes)


def _per_meter(dpi: float) -> tuple[int, int, int]:
    """Returns dots a meter as numerator, denominator (16 bits each) and a power of ten (I.5.3.7.1)."""
    dots = Fraction(dpi).limit_denominator(10_000) / _METERS_PER_INCH
    power = max(math.ceil(math.log10(dots / 0xFFFF)), 0)
    dots /= 10**power
    # The best quotient whose numerator still fits.
    nearest = dots.limit_denominator(max(min(0xFFFF, int(0xFFFF / dots)), 1))
    return min(nearest.numerator, 0xFFFF), nearest.denominator, power


def _box(kind: bytes, body: bytes) -> bytes:
    return _box_start(kind, len(body)) + body


def _box_start(kind: bytes, size: int) -> bytes:
    """Returns what stands before a box's `size` bytes (I.4)."""
    if size + 8 < 2**32:
        return struct.pack(">I4s", size + 8, kind)
    return struct.pack(">I4sQ", 1, kind, size + 16)
