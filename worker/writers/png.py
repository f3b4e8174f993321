"""PNG (third edition), written strip by strip: 8 and 16 bits, metadata in chunks before the pixels."""

from __future__ import annotations

import struct
import zlib
from typing import IO

import numpy as np
from numpy.typing import NDArray

from models.spaces import Samples
from worker.metadata import iptc
from worker.pictures import MOST_TEXTS, Dressing, Text
from worker.writers.pages import Pages, cut, dpi_of, dropped, end, exif_of, first, texts_of

#: Longest side that libpng writes and reads unless it is told otherwise (PNG_USER_WIDTH_MAX).
_SIDE = 1_000_000

_SIGNATURE = b"\x89PNG\r\n\x1a\n"

#: Color types of RGB and RGB with alpha (PNG, 11.2.1).
_RGB, _RGBA = 2, 6

#: On 3 MP of a photo with grain in RGB, one thread, level 1 and the filter Sub make 0.53 of 8 bits at 90 MB/s and 0.84
#: of 16 bits at 40; level 3 makes 0.51 at 40, level 6 0.49 at 13, and 0.83 of 16 bits. More filters make no less.
_LEVEL = 1
_SUB = 1

#: Bytes that are filtered at once, about.
_BAND_BYTES = 1 << 20

_DESCRIPTION = "Description"

_INCHES_PER_METER = 1 / 0.0254

#: Hexadecimal digits of a line in ImageMagick's raw profiles.
_DIGITS = 72


def write(target: IO[bytes], pages: Pages) -> tuple[str, ...]:
    """Writes the page into an empty file; see `worker.pictures.Writer`.

    XML alone has no place, nor has a text more than a reader takes: `metadata_dropped`. Raises UnsupportedPicture above
    1,000,000 pixels a side.
    """
    dressing, strips = first(pages, side=_SIDE, what="PNG")
    color = _RGBA if dressing.alpha else _RGB
    header = struct.pack(">IIBBBBB", dressing.width, dressing.height, dressing.depth, color, 0, 0, 0)
    target.write(_SIGNATURE + _chunk(b"IHDR", header))
    texts = _texts(dressing)
    for chunk in _chunks(dressing, texts[:MOST_TEXTS]):
        target.write(chunk)
    packer = zlib.compressobj(_LEVEL)
    row = dressing.width * (3 + dressing.alpha) * dressing.depth // 8
    for band in cut(dressing, strips, min(max(_BAND_BYTES // row, 1), dressing.height)):
        if packed := packer.compress(_filtered(band).data):
            target.write(_chunk(b"IDAT", packed))
    target.write(_chunk(b"IDAT", packer.flush()))
    target.write(_chunk(b"IEND", b""))
    end(pages, what="PNG")
    return dropped(dressing.metadata.documents, texts[MOST_TEXTS:])


def _filtered(samples: Samples) -> NDArray[np.uint8]:
    """Returns the rows of samples as bytes: each the difference from that of the pixel to the left (PNG, 9.2)."""
    big_endian = np.ascontiguousarray(samples.astype(samples.dtype.newbyteorder(">"), copy=False))
    rows = big_endian.view(np.uint8).reshape(len(samples), -1)
    pixel = rows.shape[1] // samples.shape[1]
    filtered = np.empty((len(rows), 1 + rows.shape[1]), np.uint8)
    filtered[:, 0] = _SUB
    filtered[:, 1 : 1 + pixel] = rows[:, :pixel]
    np.subtract(rows[:, pixel:], rows[:, :-pixel], out=filtered[:, 1 + pixel :])
    return filtered


def _chunks(dressing: Dressing, texts: list[bytes]) -> list[bytes]:
    metadata = dressing.metadata
    chunks = []
    if dressing.profile:
        chunks.append(_chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(dressing.profile)))
    if dpi := dpi_of(dressing):
        x, y = (round(value * _INCHES_PER_METER) for value in dpi)
        chunks.append(_chunk(b"pHYs", struct.pack(">IIB", x, y, 1)))
    chunks.append(_chunk(b"eXIf", exif_of(dressing)))
    chunks += texts
    if metadata.xmp:
        chunks.append(_text(b"XML:com.adobe.xmp", metadata.xmp))
    if metadata.iptc:
        # PNG has no place of its own for it; ImageMagick and exiftool look here.
        chunks.append(_raw_profile(b"iptc", iptc.to_photoshop(metadata.iptc)))
    return chunks


def _texts(dressing: Dressing) -> list[bytes]:
    """Returns the master's texts; the description, first, has the sentence at its end, once."""
    texts = texts_of(dressing)
    told = [text.words for text in texts if text.keyword == _DESCRIPTION]
    if not any(dressing.description in words for words in told):
        told.append(dressing.description)
    others = [text for text in texts if text.keyword != _DESCRIPTION]
    return [
        _text(text.keyword.encode("latin-1"), text.words.encode(), language=text.language.encode("ascii"))
        for text in [Text(keyword=_DESCRIPTION, words="\n".join(told)), *others]
    ]


def _text(keyword: bytes, text: bytes, *, language: bytes = b"") -> bytes:
    """Returns a text in UTF-8, not compressed (PNG, 11.3.3.4)."""
    return _chunk(b"iTXt", keyword + b"\0\0\0" + language + b"\0\0" + text)


def _raw_profile(name: bytes, data: bytes) -> bytes:
    digits = data.hex().encode()
    lines = [digits[at : at + _DIGITS] for at in range(0, len(digits), _DIGITS)]
    text = b"\n".join((b"", name, b"%8d" % len(data), *lines, b""))
    return _chunk(b"zTXt", b"Raw profile type " + name + b"\0\0" + zlib.compress(text))


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))
