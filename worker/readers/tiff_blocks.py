"""What a TIFF page carries beside its samples: profile, resolution, EXIF, IPTC and XMP. What is damaged is left out."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from shared.errors import PictureError
from worker.metadata import exif, iptc, xmp
from worker.pictures import Metadata
from worker.readers import tiff_tags as tag
from worker.readers.blocks import require_small
from worker.readers.tiff_directories import Directory
from worker.readers.tiff_file import File

#: Dots per inch of a dot per ResolutionUnit (TIFF 6.0, section 8): inch, centimeter. 1 stands for no unit.
_PER_INCH = {2: 1.0, 3: 2.54}

#: Marker of a record of IIM (IPTC-NAA 4.2, 1.5).
_RECORD = b"\x1c"


def read_dpi(directory: Directory) -> tuple[float, float] | None:
    """Returns dots per inch as the picture lies in the file; None where the page has none that make sense."""
    try:
        unit = directory.whole(tag.RESOLUTION_UNIT, 2)
        values = [directory.numbers(which, most=1) for which in (tag.X_RESOLUTION, tag.Y_RESOLUTION)]
    except PictureError:
        return None
    dots = [float(value[0]) * _PER_INCH.get(unit, math.nan) for value in values if value is not None]
    if len(dots) < 2 or not all(math.isfinite(value) and value > 0 for value in dots):
        return None
    return dots[0], dots[1]


def read_profile(directory: Directory) -> tuple[bytes | None, tuple[str, ...]]:
    """Returns the ICC profile, and a warning where there is one that cannot be read. Raises MetadataTooLarge."""
    require_small(directory.size(tag.PROFILE), "profile")
    try:
        return directory.data(tag.PROFILE) or None, ()
    except PictureError:
        return None, ("profile_unreadable",)


def read_metadata(directory: Directory, file: File) -> tuple[Metadata, int, tuple[str, ...]]:
    """Returns EXIF, IPTC and XMP; the orientation (1..8); and a warning where there is a block that cannot be read.

    Raises MetadataTooLarge, and Corrupt for an orientation that lies outside the file.
    """
    for block, name in ((tag.IPTC, "IPTC"), (tag.PHOTOSHOP, "IPTC"), (tag.XMP, "XMP")):
        require_small(directory.size(block), name)
    packet = _readable(_packet, directory)
    orientation = directory.whole(tag.ORIENTATION, 0)
    if orientation not in range(1, 9):
        # XMP's word counts where the page has none, as in every format.
        orientation = xmp.orientation(packet) if packet else 1
    fields = exif.of_tiff(file.source, directory.offset, orientation=orientation)
    records = _readable(_records, directory) or _readable(_wrapped_records, directory)
    lost = (
        fields is None and (tag.EXIF in directory or tag.GPS in directory),
        records is None and tag.IPTC in directory,
        packet is None and tag.XMP in directory,
    )
    metadata = Metadata(exif=fields, iptc=records, xmp=packet)
    return metadata, orientation, ("metadata_unreadable",) if any(lost) else ()


def _readable(read: Callable[[Directory], bytes | None], directory: Directory) -> bytes | None:
    try:
        return read(directory)
    except (PictureError, UnicodeDecodeError):
        return None


def _records(directory: Directory) -> bytes | None:
    """Returns IIM records, without the padding behind them."""
    data = directory.data(tag.IPTC) or b""
    if data[:1] != _RECORD and data[3:4] == _RECORD:
        # Some writers hand the bytes over as numbers of four, which are turned around for the file's byte order.
        data = np.frombuffer(data[: len(data) // 4 * 4], ">u4").astype("<u4").tobytes()
    end = 0
    while data[end : end + 1] == _RECORD:
        size = int.from_bytes(data[end + 3 : end + 5], "big")
        end += 5
        if size > 0x7FFF:
            # A long record says how many bytes its size has (1.6.2).
            digits = size & 0x7FFF
            size = int.from_bytes(data[end : end + min(digits, 8)], "big")
            end += digits
        end += size
    return data[:end] if 0 < end <= len(data) else None


def _wrapped_records(directory: Directory) -> bytes | None:
    return iptc.from_photoshop(directory.data(tag.PHOTOSHOP) or b"")


def _packet(directory: Directory) -> bytes | None:
    """Returns the XMP packet, which in TIFF is UTF-8 (XMP part 3, 1.1.3), without what some writers leave behind it."""
    data = directory.data(tag.XMP) or b""
    return data.decode("utf-8-sig").rstrip("\0").encode() or None
