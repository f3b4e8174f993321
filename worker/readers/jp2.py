"""Reader of JPEG 2000 (ISO/IEC 15444-1), boxed and bare: 1 to 16 bits; gray, RGB and CMYK, with or without alpha.

The decoder keeps four bytes a sample beside those it gives: 100 megapixels of RGB need some 1.8 GB at 16 bits. The
format has no check sums. Missing ends, tiles and parts are seen, and holes as far as they break a rule of the coding;
damage that looks like data is not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import IO

import imagecodecs

from models.spaces import Samples
from shared.errors import Truncated
from shared.formats import JP2
from worker.pictures import Master
from worker.readers.blocks import require_small, taken
from worker.readers.codestream import SOC, Stream, check, read_stream
from worker.readers.contents import contents, for_codec
from worker.readers.finds import Finds, dots_per_inch
from worker.readers.jp2_boxes import boxes, make_box, read_resolution
from worker.readers.jp2_color import Color, read_color
from worker.readers.whole_page import WholePage, scaled

#: `uuid` boxes: XMP (ISO 16684-1, and XMP part 3, 1.1.4), EXIF and IPTC as ExifTool and others write them.
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_EXIF = b"JpgTiffExif->JP2"
_IPTC = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
#: Photoshop's resources, IPTC among them.
_PHOTOSHOP = bytes.fromhex("2c4c0100850440b9a03e562148d6dfeb")

#: What stands before the header box.
_START = make_box(b"jP  ", b"\r\n\x87\n") + make_box(b"ftyp", b"jp2 \0\0\0\0jp2 ")


@dataclass(kw_only=True, slots=True)
class _Parts:
    """Where in a file what stands."""

    #: the codestream
    stream: slice = field(default_factory=lambda: slice(0, 0))
    #: contents of the header box
    head: memoryview | None = None
    #: profile, metadata, resolution
    finds: Finds = field(default_factory=Finds)


def open_master(source: IO[bytes]) -> Master:
    """Opens a JPEG 2000 file; see `Reader.open_master`. Of several codestreams the first counts (`multi_page`)."""
    data = contents(source)
    parts = _Parts(stream=slice(0, len(data))) if data[:2] == SOC else _find(data)
    where = parts.stream
    stream = read_stream(data[where])
    color = read_color(stream, parts.head)
    finds = parts.finds
    if color.unreadable:
        finds.warnings.append("profile_unreadable")
    else:
        finds.profile = color.profile
    width, height = stream.size(stream.components[0])
    header, orientation = finds.header(
        width=width,
        height=height,
        kind=color.kind,
        depth=8 if color.depth <= 8 else 16,
        stored_depth=color.depth,
        alpha=color.alpha,
        compression="lossy" if stream.lossy else "lossless",
    )
    page = WholePage(source, header, lambda data: _decode(data, where, stream, color), orientation=orientation)
    return Master(format=JP2, pages=(page,))


def _find(data: memoryview) -> _Parts:
    """Walks the boxes of a file. Raises Truncated or Corrupt."""
    parts = _Parts()
    streams = documents = 0
    for kind, start, body in boxes(data):
        if kind == b"jp2h" and parts.head is None:
            parts.head = body
            _find_resolution(parts.finds, body)
        elif kind == b"jp2c":
            if not streams:
                parts.stream = slice(start, start + len(body))
            streams += 1
        elif kind == b"uuid":
            _find_block(parts.finds, bytes(body[:16]), body[16:])
        elif kind == b"xml ":
            documents += len(body)
            require_small(documents, "XML")
            parts.finds.documents.append(bytes(body))
    if not streams:
        raise Truncated(f"The file ends at byte {len(data):,}, before its codestream.", seen=len(data))
    if streams > 1:
        parts.finds.warnings.append("multi_page")
    return parts


def _find_resolution(finds: Finds, head: memoryview) -> None:
    for kind, _, body in boxes(head):
        if kind == b"res " and (per_meter := read_resolution(body)):
            finds.dpi = dots_per_inch(per_meter)


def _find_block(finds: Finds, name: bytes, body: memoryview) -> None:
    """Keeps a block of metadata; the first of a kind counts."""
    if name == _XMP:
        finds.xmp = finds.xmp or taken(body, "XMP")
    elif name == _EXIF:
        finds.exif = finds.exif or taken(body, "EXIF").removeprefix(b"Exif\0\0")
    elif name in (_IPTC, _PHOTOSHOP):
        finds.keep_iptc(taken(body, "IPTC"))
        if name == _IPTC and not finds.iptc:
            finds.warnings.append("metadata_unreadable")


def _decode(data: memoryview, where: slice, stream: Stream, color: Color) -> Samples:
    codestream = data[where]
    check(codestream, stream)
    if color.head:
        # The last box may be as long as it likes.
        codestream = memoryview(_START + color.head + b"\0\0\0\0jp2c" + codestream)
    return scaled(imagecodecs.jpeg2k_decode(for_codec(codestream)), color.depth)
