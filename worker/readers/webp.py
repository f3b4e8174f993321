"""Reader of WebP (RFC 9649): lossy and lossless, with or without alpha; of an animation the first frame.

The format has no check sums: a hole in a lossy picture cannot be told from a picture.
"""

from __future__ import annotations

from typing import IO

import imagecodecs

from models.spaces import Samples
from shared.errors import Corrupt
from shared.formats import WEBP
from worker.pictures import Kind, Master
from worker.readers.blocks import taken
from worker.readers.contents import contents, for_codec
from worker.readers.finds import Finds
from worker.readers.webp_chunks import summarize
from worker.readers.whole_page import WholePage


def open_master(source: IO[bytes]) -> Master:
    """Opens a WebP file; see `Reader.open_master`. An animation has one page, its first frame (`multi_page`)."""
    summary = summarize(contents(source))
    if not summary.width or not summary.height:
        raise Corrupt("The file claims a picture without pixels.", seen=0)
    blocks = {kind: taken(body, "profile or metadata") for kind, body in summary.blocks.items()}
    finds = Finds(
        profile=blocks.get(b"ICCP"),
        exif=blocks.get(b"EXIF", b"").removeprefix(b"Exif\0\0") or None,
        xmp=blocks.get(b"XMP "),
        warnings=["multi_page"] if summary.frames > 1 else [],
    )
    header, orientation = finds.header(
        width=summary.width,
        height=summary.height,
        kind=Kind.RGB,
        depth=8,
        stored_depth=8,
        alpha=summary.alpha,
        compression="lossless" if summary.lossless else "lossy",
    )
    alpha = summary.alpha
    page = WholePage(source, header, lambda data: _decode(data, alpha=alpha), orientation=orientation)
    return Master(format=WEBP, pages=(page,))


def _decode(data: memoryview, *, alpha: bool) -> Samples:
    samples: Samples = imagecodecs.webp_decode(for_codec(data), hasalpha=alpha)
    return samples
