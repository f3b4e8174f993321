"""EXIF (2.32): what a TIFF structure says of a picture in words and numbers, without what it says of the samples."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import IO

from worker.metadata import directories
from worker.metadata.directories import Directory, Field, Layout, Structure, header, pack

#: What stands before a block in JPEG and, by some writers, elsewhere.
PREFIX = b"Exif\0\0"

_DESCRIPTION, _ORIENTATION, _X_RESOLUTION, _Y_RESOLUTION, _UNIT, _SOFTWARE = 270, 274, 282, 283, 296, 305
_EXIF, _GPS, _INTEROPERABILITY = 34665, 34853, 40965
_PIXEL_X, _PIXEL_Y = 40962, 40963

#: Tags of the first directory that say how samples are stored, or point to more of them (TIFF 6.0 and its supplements),
#: and the blocks that travel by themselves: XMP, IPTC, Photoshop, ICC.
_STRUCTURAL = frozenset(
    (
        *(*range(254, 267), 273, 277, 278, 279, 280, 281, 284, *range(288, 294), 297, 301, *range(317, 327), 330, 332),
        *(333, 334, 336, 338, 339, *range(340, 348), *range(512, 522), *range(529, 533), 559, 700, 33421, 33422),
        *(33723, 34377, 34675, 37724, 50838, 50839),
    )
)

#: Tags of a TIFF page that describe what is seen and where it comes from: document, description, maker, model, page,
#: software, date, artist, host, copyright, rating; the resolution; Windows' title, comment, author, keywords, subject.
_DESCRIPTIVE = frozenset(
    (
        *(269, 270, 271, 272, 285, 286, 287, _X_RESOLUTION, _Y_RESOLUTION, _UNIT, _SOFTWARE, 306, 315, 316, 18246),
        *(18249, 32781, 33432, _EXIF, _GPS, 36867, *range(40091, 40096), 42016),
    )
)

#: What the values of one page may have in all, bytes; no real page comes near it.
_ALLOWANCE = 32 << 20

_CENTIMETERS_PER_INCH = 2.54


def clean(block: bytes) -> tuple[int, bytes | None]:
    """Returns the orientation (1..8) of a block and the block itself as a file of another shape may carry it.

    `block` is a TIFF structure, with or without the prefix. What comes back has no prefix, no thumbnail, nothing on how
    samples are stored, and no orientation but 1. (1, None) where there is nothing or it cannot be read. A maker's note
    keeps its bytes; where it counts offsets from the start of the block, as some do, they may lead elsewhere then.
    """
    directory, layout = _read(block)
    orientation = directory.get(_ORIENTATION)
    turned = 1
    if isinstance(orientation, Field):
        turned = next((int(number) for number in orientation.numbers() if number in range(1, 9)), 1)
        directory[_ORIENTATION] = directories.short(1)
    return turned, _block(directory, layout) if directory else None


def of_tiff(source: IO[bytes], offset: int) -> bytes | None:
    """Returns the descriptive fields of the page whose directory is at `offset` as a block, with its EXIF and GPS.

    `source` is a whole TIFF or BigTIFF file; its position stays. None where nothing is there or it cannot be read.
    """
    position = source.tell()
    try:
        structure = Structure(source, allowance=_ALLOWANCE)
        directory = _directory(structure, offset, _DESCRIPTIVE.__contains__)
        return _block(directory, structure.layout) if directory else None
    except (ValueError, OSError, OverflowError):
        return None
    finally:
        source.seek(position)


def resolution(block: bytes) -> tuple[float, float] | None:
    """Returns dots per inch, horizontally and vertically, as the picture lies in the file; None without a real one."""
    return _resolution(_read(block)[0])


def described(block: bytes | None, sentence: str, *, width: int, height: int, dpi: tuple[float, float] | None) -> bytes:
    """Returns the block of a derivative: its master's, which may be None, with the sentence at the description's end.

    Software is Photochrom, orientation 1, the resolution `dpi` or none; a size in pixels, where the block has one, is
    that of the derivative.
    """
    directory, layout = _read(block) if block else ({}, Layout())
    directory[_DESCRIPTION] = _extended(directory.get(_DESCRIPTION), sentence)
    directory[_SOFTWARE] = directories.text(b"Photochrom")
    directory[_ORIENTATION] = directories.short(1)
    for tag in (_X_RESOLUTION, _Y_RESOLUTION, _UNIT):
        directory.pop(tag, None)
    if dpi:
        directory |= {
            _X_RESOLUTION: directories.rational(dpi[0]),
            _Y_RESOLUTION: directories.rational(dpi[1]),
            _UNIT: directories.short(2),
        }
    details = directory.get(_EXIF)
    if isinstance(details, dict):
        for tag, pixels in ((_PIXEL_X, width), (_PIXEL_Y, height)):
            if tag in details:
                details[tag] = directories.long(pixels)
    return _block(directory, layout)


def fields(block: bytes) -> Directory:
    """Returns the first directory of a block, for a TIFF to carry; EXIF and GPS are directories in it."""
    return _read(block)[0]


def _read(block: bytes) -> tuple[Directory, Layout]:
    """Returns what a block holds, nothing where it cannot be read."""
    block = block.removeprefix(PREFIX)
    try:
        # Fields that do not overlap have no more bytes than the block.
        structure = Structure(io.BytesIO(block), allowance=len(block))
        found = _directory(structure, structure.first, lambda tag: tag not in _STRUCTURAL)
    except (ValueError, OSError, OverflowError):
        return {}, Layout()
    return found, Layout(order=structure.layout.order)


def _directory(structure: Structure, offset: int, kept: Callable[[int], bool]) -> Directory:
    """Returns the directory at `offset` with the three that EXIF hangs under it; no pointer is followed further."""
    found = structure.directory(offset, kept=kept)
    for tag in (_EXIF, _GPS):
        structure.child(found, tag, kept=lambda _: True)
    details = found.get(_EXIF)
    if isinstance(details, dict):
        structure.child(details, _INTEROPERABILITY, kept=lambda _: True)
    return found


def _block(directory: Directory, layout: Layout) -> bytes:
    layout = Layout(order=layout.order)
    start = header(8, layout)
    return start + pack(directory, len(start), layout)


def _resolution(directory: Directory) -> tuple[float, float] | None:
    per_inch = {1.0: None, 2.0: 1.0, 3.0: _CENTIMETERS_PER_INCH}
    # EXIF 4.6.5: inches where no unit is given.
    scale = per_inch.get(_number(directory, _UNIT) or 2.0)
    x, y = (_number(directory, tag) for tag in (_X_RESOLUTION, _Y_RESOLUTION))
    if scale is None or x is None or y is None:
        return None
    dots = (x * scale, y * scale)
    return dots if all(math.isfinite(value) and value > 0 for value in dots) else None


def _number(directory: Directory, tag: int) -> float | None:
    field = directory.get(tag)
    return next(iter(field.numbers()), None) if isinstance(field, Field) else None


def _extended(field: Field | Directory | None, sentence: str) -> Field:
    """Returns a description with the sentence at its end, once; what was there keeps its bytes and its type."""
    told = sentence.encode()
    if not isinstance(field, Field) or field.type not in (directories.ASCII, directories.UTF8, directories.BYTE):
        return directories.text(told)
    before = field.text().rstrip()
    if told in before:
        return field
    return Field(type=field.type, data=b"\n".join(filter(None, (before, told))) + b"\0")
