"""Reader of JPEG (ITU-T T.81): 8 and 12 bits, lossless of 2 to 16; gray, RGB and CMYK.

A file counts as whole only if no decoder has anything to remark: a hole, a byte too many before a marker or a missing
end refuse it. What lies behind the end of the picture is not looked at: further pictures of an MPO, or a camera's data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO

import imagecodecs
import numpy as np
import simplejpeg

from models.spaces import Samples
from shared.errors import Corrupt, Truncated, UnsupportedPicture
from shared.formats import JPEG
from worker.metadata.exif import resolution
from worker.pictures import Kind, Master, foreign_errors
from worker.readers.contents import contents, for_codec
from worker.readers.jpeg_blocks import Blocks
from worker.readers.jpeg_scans import check_scans
from worker.readers.jpeg_segments import SOS, Frame, is_frame, read_frame, segments
from worker.readers.whole_page import WholePage, scaled

_KINDS = {1: Kind.GRAY, 3: Kind.RGB, 4: Kind.CMYK}
_SPACES = {1: "GRAY", 3: "RGB", 4: "CMYK"}


def open_master(source: IO[bytes]) -> Master:
    """Opens a JPEG file; see `Reader.open_master`."""
    data = contents(source)
    frame, blocks, end = _read(data)
    lies = blocks.lies()
    with foreign_errors():
        _admit(_with(data[:end], lies), frame)
    finds = blocks.finds()
    # EXIF first: it is what cameras and scanners write on purpose, while JFIF's field has to hold something.
    finds.dpi = (resolution(finds.exif) if finds.exif else None) or finds.dpi
    header, orientation = finds.header(
        width=frame.width,
        height=frame.height,
        kind=_KINDS[frame.components],
        depth=8 if frame.precision <= 8 else 16,
        stored_depth=frame.precision,
        compression="lossless" if frame.lossless else "lossy",
    )
    inverted = frame.components == 4 and blocks.adobe
    page = WholePage(
        source, header, lambda data: _decode(data, frame, lies, inverted=inverted), orientation=orientation
    )
    return Master(format=JPEG, pages=(page,))


def _read(data: memoryview) -> tuple[Frame, Blocks, int]:
    """Returns the frame header, what the segments carry, and where the first scan's data begin."""
    frame = None
    end = 0
    blocks = Blocks()
    for marker, at, body in segments(data):
        if is_frame(marker):
            if frame:
                raise Corrupt("The JPEG has two frame headers.", seen=2, limit=1)
            frame = read_frame(marker, at, body)
        elif marker != SOS:
            blocks.add(marker, at, body)
        end = at + len(body)
    if frame is None:
        raise Corrupt("The JPEG has a scan, but no frame header before it.")
    return frame, blocks, end


def _with(data: memoryview, lies: Mapping[int, int]) -> memoryview:
    """Returns the bytes with others at some offsets; a copy if there are any."""
    if not lies:
        return data
    copy = bytearray(data)
    for at, value in lies.items():
        copy[at] = value
    return memoryview(copy)


def _admit(data: memoryview, frame: Frame) -> None:
    """Raises what the decoder says of the header; no pixel is decoded."""
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
    except ValueError as error:
        if "subsampling" in str(error):
            raise UnsupportedPicture(
                "The JPEG's color is sampled in a way that no strict decoder knows; 4:4:4, 4:2:2, 4:2:0, 4:4:0, 4:1:1 "
                "and 4:4:1 are read."
            ) from error
        raise
    if (width, height) != (frame.width, frame.height):
        raise Corrupt(f"The JPEG has {frame.width:,} x {frame.height:,} pixels, or {width:,} x {height:,}.")


def _decode(data: memoryview, frame: Frame, lies: Mapping[int, int], *, inverted: bool) -> Samples:
    """Returns the samples as they lie in the file; CMYK with 0 for no ink."""
    check_scans(data, frame)
    space = _SPACES[frame.components]
    if frame.precision == 8:
        samples = _decode_strictly(_with(data, lies), space)
    else:
        # The strict decoder knows 8 bits only, and the one for the rest keeps silent about damage. How data are coded
        # does not depend on the precision, so the first is told a lie, and what it decodes is thrown away.
        _decode_strictly(_with(data, {**lies, frame.precision_at: 8}), space)
        samples = scaled(imagecodecs.jpeg8_decode(for_codec(data)), frame.precision)
    if inverted:
        # Adobe writes 0 for full ink (libjpeg-turbo, libjpeg.txt, "CMYK").
        np.subtract(np.iinfo(samples.dtype).max, samples, out=samples)
    return samples[:, :, 0] if samples.shape[2:] == (1,) else samples


def _decode_strictly(data: memoryview, space: str) -> Samples:
    try:
        samples: Samples = simplejpeg.decode_jpeg(data, space, strict=True)
    except ValueError as error:
        words = str(error)
        if "color conversion" in words:
            raise UnsupportedPicture(
                "The JPEG has lossless samples in YCbCr or YCCK; gray, RGB and CMYK are read."
            ) from error
        if "Corrupt JPEG data" in words:
            raise Corrupt(f"The file is damaged: {words}", seen=words) from error
        if "Premature end" in words:
            raise Truncated(f"The file ends before the picture does: {words}", seen=words) from error
        raise
    return samples
