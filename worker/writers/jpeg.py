"""JPEG (JFIF 1.02): 8 bits, full color resolution, and metadata in the segments where every program looks for it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import IO

from shared.errors import MetadataTooLarge, UnsupportedPicture
from worker.bands import rows_of
from worker.metadata import exif, extensions, iptc
from worker.metadata.packets import Unreadable
from worker.pictures import MOST_TEXTS, Dressing
from worker.writers.jpeg_bands import coded
from worker.writers.pages import Pages, comments_of, cut, dpi_of, dropped, end, exif_of, first

#: Longest side that libjpeg writes (JPEG_MAX_DIMENSION).
_SIDE = 65_500

#: Bytes of a segment without its length.
_ROOM = 65_533

_START = b"\xff\xd8"
_APP0, _APP1, _APP2, _APP13, _COMMENT = 0xE0, 0xE1, 0xE2, 0xED, 0xFE

_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
_ICC = b"ICC_PROFILE\0"

#: Digest, whole length and offset before each part of an extension (ISO 16684-3, 6.3.4).
_PART = struct.Struct(">32sII")

_MOST_ICC_SEGMENTS = 255


def write(target: IO[bytes], pages: Pages) -> tuple[str, ...]:
    """Writes the page into an empty file; see `worker.pictures.Writer`. Raises UnsupportedPicture above 65,500 pixels.

    XML is left out, with the warning `metadata_dropped`; so are comments more than a reader takes, and, of EXIF of more
    than a segment, the maker's note, and if that is not enough all but what is said here.
    """
    dressing, strips = first(pages, side=_SIDE, what="JPEG")
    segments, warnings = _segments(dressing)
    target.write(_START)
    for segment in segments:
        target.write(segment)
    bands = cut(dressing, strips, rows_of(dressing.width))
    # The first segment of the file knows the resolution; the encoder's does not.
    for part in coded(bands, width=dressing.width, height=dressing.height, quality=dressing.quality):
        target.write(part)
    end(pages, what="JPEG")
    return warnings


def _segments(dressing: Dressing) -> tuple[list[bytes], tuple[str, ...]]:
    block, is_whole = _exif(dressing)
    comments = [part for words in comments_of(dressing) for part in _parts_of_text(words.encode())]
    # The last may be the sentence.
    kept = comments if len(comments) <= MOST_TEXTS else [*comments[: MOST_TEXTS - 1], comments[-1]]
    warnings = dropped(dressing.metadata.documents, not is_whole, len(kept) < len(comments))
    segments = [_density(dpi_of(dressing)), _segment(_APP1, block)]
    if dressing.metadata.xmp:
        segments += _xmp_segments(dressing.metadata.xmp)
    if dressing.profile:
        segments += _profile_segments(dressing.profile)
    if dressing.metadata.iptc:
        resources = iptc.to_photoshop(dressing.metadata.iptc)
        segments += [_segment(_APP13, iptc.PREFIX + part) for part in _parts(resources, _ROOM - len(iptc.PREFIX))]
    segments += [_segment(_COMMENT, part) for part in kept]
    return segments, warnings


def _exif(dressing: Dressing) -> tuple[bytes, bool]:
    """Returns as much of the EXIF block as a segment holds, with its prefix, and whether that is all."""
    master = dressing.metadata.exif
    block = _exif_with(dressing, master)
    if len(block) <= _ROOM:
        return block, True
    block = _exif_with(dressing, master and exif.without_note(master))
    return (block if len(block) <= _ROOM else _exif_with(dressing, None)), False


def _exif_with(dressing: Dressing, master: bytes | None) -> bytes:
    return exif.PREFIX + exif_of(replace(dressing, metadata=replace(dressing.metadata, exif=master)), jpeg=True)


def _density(dpi: tuple[float, float] | None) -> bytes:
    """Returns the JFIF segment: whole dots per inch, or the shape of a pixel only."""
    unit, x, y = 0, 1, 1
    if dpi and all(1 <= round(value) <= 0xFFFF for value in dpi):
        unit, x, y = 1, round(dpi[0]), round(dpi[1])
    return _segment(_APP0, struct.pack(">5sHBHHBB", b"JFIF\0", 0x0102, unit, x, y, 0, 0))


def _xmp_segments(packet: bytes) -> Iterator[bytes]:
    if len(_XMP) + len(packet) <= _ROOM:
        yield _segment(_APP1, _XMP + packet)
        return
    try:
        main, extension, digest = extensions.split(packet, _ROOM - len(_XMP))
    except Unreadable as error:
        raise MetadataTooLarge(
            f"The XMP packet of {len(packet):,} bytes cannot be split for JPEG: {error}", seen=len(packet)
        ) from error
    yield _segment(_APP1, _XMP + main)
    offset = 0
    for part in _parts(extension, _ROOM - len(_XMP_EXTENSION) - _PART.size):
        yield _segment(_APP1, _XMP_EXTENSION + _PART.pack(digest.encode(), len(extension), offset) + part)
        offset += len(part)


def _profile_segments(profile: bytes) -> Iterator[bytes]:
    """Returns the profile in numbered parts (ICC.1:2022, B.4)."""
    parts = _parts(profile, _ROOM - len(_ICC) - 2)
    if len(parts) > _MOST_ICC_SEGMENTS:
        raise UnsupportedPicture(
            f"The profile has {len(profile):,} bytes: more than JPEG has segments for.", seen=len(profile)
        )
    for number, part in enumerate(parts, 1):
        yield _segment(_APP2, _ICC + bytes((number, len(parts))) + part)


def _parts(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def _parts_of_text(text: bytes) -> Iterator[bytes]:
    """Yields UTF-8 in parts that fit into a segment, cut between characters: each is read by itself."""
    at = 0
    while at < len(text):
        end = at + _ROOM
        # 10xxxxxx goes on with a character (RFC 3629, 3).
        while end < len(text) and text[end] & 0xC0 == 0x80:
            end -= 1
        yield text[at:end]
        at = end


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body
