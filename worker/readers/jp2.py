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
from shared.errors import Corrupt, Truncated
from shared.formats import JP2
from worker.metadata import iptc
from worker.pictures import Master
from worker.readers.codestream import SOC, Stream, check, read_stream
from worker.readers.contents import contents
from worker.readers.finds import Finds, dots_per_inch
from worker.readers.jp2_boxes import boxes, read_resolution
from worker.readers.jp2_color import read_color
from worker.readers.whole_page import WholePage, scaled

#: `uuid` boxes: XMP (ISO 16684-1, and XMP part 3, 1.1.4), EXIF and IPTC as ExifTool and others write them.
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_EXIF = b"JpgTiffExif->JP2"
_IPTC = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
#: Photoshop's resources, IPTC among them.
_PHOTOSHOP = bytes.fromhex("2c4c010085044 0b9a03e562148d6dfeb".replace(" ", ""))


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
    page = WholePage(
        source, header, lambda data: _decode(data, where, stream, color.depth), orientation=orientation
    )
    return Master(format=JP2, pages=(page,))


def _find(data: memoryview) -> _Parts:
    """Walks the boxes of a file."""
    parts = _Parts()
    finds = parts.finds
    at = 0
    for kind, body in boxes(data):
        if kind == b"jp2h" and parts.head is None:
            parts.head = body
            _find_resolution(finds, body)
    return parts
