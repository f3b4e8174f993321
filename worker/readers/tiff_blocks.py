"""What a TIFF page carries beside its samples: profile, resolution, EXIF, IPTC and XMP. What is damaged is left out."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from shared.errors import PictureError
from worker.metadata import exif, iptc, xmp
from worker.metadata.turns import Turn
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


def read_metadata(directory: Directory, file: File, size: tuple[int, int]) -> tuple[Metadata, int, tuple[str, ...]]:
    """Returns EXIF, IPTC and XMP; the orientation (1..8); and a warning where there is a block that cannot be read.

    `size` is width and height of the page as it lies in the file, pixels.

    Raises MetadataTooLarge, and Corrupt for an orientation that lies outside the file.
    """
    for block, name in ((tag.IPTC, "IPTC"), (tag.PHOTOSHOP, "IPTC"), (tag.XMP, "XMP")):
        require_small(directory.size(block), name)
    packet = _readable(_packet, directory)
    orientation = directory.whole(tag.ORIENTATION, 0)
    if orientation not in range(1, 9):
        # XMP's word counts where the page has none, as in every format.
        orientation = xmp.orientation(packet) if packet else 1
    turn = Turn(orientation=orientation, width=size[0], height=size[1])
    fields = exif.of_tiff(file.source, directory.offset, turn=turn)
    records, damaged = _iptc(directory)
    lost = (
        fields is None and (tag.EXIF in directory or tag.GPS in directory),
        damaged,
        packet is None and tag.XMP in directory,
    )
    metadata = Metadata(exif=fields, iptc=records, xmp=packet, turn=turn if orientation != 1 else None)
    return metadata, orientation, ("metadata_unreadable",) if any(lost) else ()


def _readable(read: Callable[[Directory], bytes | None], directory: Directory) -> bytes | None:
    try:
        return read(directory)
    except (PictureError, UnicodeDecodeError):
        return None


def _iptc(directory: Directory) -> tuple[bytes | None, bool]:
    """Returns the IIM records of a page, and whether some cannot be read; whole ones are looked for in both fields."""
    blocks = [_readable(_numbered, directory), _readable(lambda page: page.data(tag.PHOTOSHOP), directory)]
    found = [iptc.records(block or b"") for block in blocks]
    damaged = any(cut for _, cut in found)
    for records, cut in sorted(found, key=lambda each: each[1]):
        if records:
            return records, cut
    return None, damaged or tag.IPTC in directory


def _numbered(directory: Directory) -> bytes | None:
    """Returns the field of IPTC; some writers hand it over as numbers of four bytes, turned for the file's order."""
    data = directory.data(tag.IPTC) or b""
    if data[:1] != _RECORD and data[3:4] == _RECORD:
        data = np.frombuffer(data[: len(data) // 4 * 4], ">u4").astype("<u4").tobytes()
    return data


def _packet(directory: Directory) -> bytes | None:
    """Returns the XMP packet, which in TIFF is UTF-8 (XMP part 3, 1.1.3), without what some writers leave behind it."""
    data = directory.data(tag.XMP) or b""
    return data.decode("utf-8-sig").rstrip("\0").encode() or None
