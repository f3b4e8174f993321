"""EXIF (2.32): what a TIFF structure says of a picture in words and numbers, without what it says of the samples."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import IO

from worker.metadata import directories, notes, places
from worker.metadata.directories import UNDEFINED, Directory, Field, Layout, Structure, header, pack
from worker.metadata.turns import Turn

#: What stands before a block in JPEG and, by some writers, elsewhere.
PREFIX = b"Exif\0\0"

_DESCRIPTION, _ORIENTATION, _X_RESOLUTION, _Y_RESOLUTION, _UNIT, _SOFTWARE = 270, 274, 282, 283, 296, 305
_EXIF, _GPS, _INTEROPERABILITY = 34665, 34853, 40965
_PIXEL_X, _PIXEL_Y = 40962, 40963
_COMPONENTS, _COMPRESSED_BITS, _COLOR_SPACE = 37121, 37122, 40961
_POSITIONING = 531

#: Of the directory of interoperability: its kind, and the kind that says Adobe RGB (DCF 2.0).
_INDEX, _ADOBE_RGB = 1, b"R03"

#: Of a block, which is never a BigTIFF.
_HEADER_BYTES = 8

#: What a segment of a JPEG file holds of a block.
_MOST_PINNED = 65_533 - len(PREFIX)

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
        *(269, 270, 271, 272, 285, _X_RESOLUTION, _Y_RESOLUTION, _UNIT, _SOFTWARE, 306, 315, 316, 18246, 18249, 32781),
        *(33432, _EXIF, _GPS, 36867, *range(40091, 40096), 42016, *places.ON_PAGE, *places.ON_EARTH),
    )
)

#: What the values of one page may have in all, bytes; no real page comes near it.
_ALLOWANCE = 32 << 20

_CENTIMETERS_PER_INCH = 2.54


def is_block(block: bytes) -> bool:
    """Tells whether bytes are a TIFF structure, with or without the prefix; what it says may be damaged or nothing."""
    try:
        Structure(io.BytesIO(block.removeprefix(PREFIX)), allowance=0)
    except ValueError:
        return False
    return True


def clean(block: bytes, *, size: tuple[int, int] = (0, 0), otherwise: int = 1) -> tuple[int, bytes | None]:
    """Returns the orientation (1..8) of a block and the block itself as a file of another shape may carry it.

    `block` is a TIFF structure, with or without the prefix; `size` is width and height of the picture as it lies in its
    file, pixels; `otherwise` is the orientation where the block states none. What comes back has no prefix, no
    thumbnail, nothing on how samples are stored, no orientation but 1, and its places as `places.turn` leaves them; it
    is None where there is nothing or it cannot be read. A maker's note keeps its bytes and its place: some count from
    the block's start.
    """
    directory, layout = _read(block)
    orientation = directory.get(_ORIENTATION)
    turned = otherwise
    if isinstance(orientation, Field):
        turned = next((int(number) for number in orientation.numbers() if number in range(1, 9)), otherwise)
        directory[_ORIENTATION] = directories.short(1)
    places.turn(directory, Turn(orientation=turned, width=size[0], height=size[1]))
    return turned, _block(directory, layout) if directory else None


def of_tiff(source: IO[bytes], offset: int, *, turn: Turn | None = None) -> bytes | None:
    """Returns the descriptive fields of the page whose directory is at `offset` as a block, with its EXIF and GPS.

    `source` is a whole TIFF or BigTIFF file; its position stays. Places are left as `places.turn` does. None where
    nothing is there or it cannot be read.
    """
    position = source.tell()
    try:
        structure = Structure(source, allowance=_ALLOWANCE)
        directory = _directory(structure, offset, lambda tag: tag in _DESCRIPTIVE)
        if turn:
            places.turn(directory, turn)
        return _block(directory, structure.layout) if directory else None
    except (ValueError, OSError, OverflowError):
        return None
    finally:
        source.seek(position)


def resolution(block: bytes) -> tuple[float, float] | None:
    """Returns dots per inch, horizontally and vertically, as the picture lies in the file; None without a real one."""
    return _resolution(_read(block)[0])


def described(
    block: bytes | None,
    sentence: str,
    *,
    width: int,
    height: int,
    dpi: tuple[float, float] | None,
    srgb: bool = False,
    jpeg: bool = False,
) -> bytes:
    """Returns the block of a derivative: its master's, which may be None, with the sentence at the description's end.

    Software is Photochrom, orientation 1, the resolution `dpi` or none; a size in pixels, where the block has one, is
    that of the derivative; a color space, where it has one, is sRGB if the derivative was brought there (`srgb`). What
    EXIF demands of a JPEG file alone (2.32, 4.6.8) stands in that of one.
    """
    directory, layout = _read(block) if block else ({}, Layout())
    directory[_DESCRIPTION] = _extended(directory.get(_DESCRIPTION), sentence)
    directory[_SOFTWARE] = directories.text(b"Photochrom")
    directory[_ORIENTATION] = directories.short(1)
    if _number(directory, _UNIT) == 3:
        places.measure_in_inches(directory)
    for tag in (_X_RESOLUTION, _Y_RESOLUTION, _UNIT):
        directory.pop(tag, None)
    if dpi or jpeg:
        directory |= resolution_fields(dpi)
    if jpeg:
        directory[_POSITIONING] = directories.short(1)
    details = directory.get(_EXIF)
    if isinstance(details, dict):
        _describe(details, width=width, height=height, srgb=srgb, jpeg=jpeg)
        if not details:
            # TIFF knows no directory without a field (section 2).
            del directory[_EXIF]
    return _block(directory, layout)


def _describe(details: Directory, *, width: int, height: int, srgb: bool, jpeg: bool) -> None:
    """Makes what the details say of samples true of a derivative."""
    for tag in (_COMPONENTS, _COMPRESSED_BITS):
        details.pop(tag, None)
    if jpeg:
        # Y, Cb, Cr.
        details[_COMPONENTS] = Field(type=UNDEFINED, data=b"\1\2\3\0")
    for tag, pixels in ((_PIXEL_X, width), (_PIXEL_Y, height)):
        if tag in details:
            details[tag] = directories.long(pixels)
    if srgb and _COLOR_SPACE in details:
        details[_COLOR_SPACE] = directories.short(1)
        rules = details.get(_INTEROPERABILITY)
        index = rules.get(_INDEX) if isinstance(rules, dict) else None
        if isinstance(index, Field) and index.text() == _ADOBE_RGB:
            del details[_INTEROPERABILITY]


def without_note(block: bytes) -> bytes | None:
    """Returns a block without its maker's note, often the largest thing in one; None where nothing else is there."""
    directory, layout = _read(block)
    details = directory.get(_EXIF)
    if isinstance(details, dict):
        details.pop(notes.NOTE, None)
        if not details:
            del directory[_EXIF]
    return _block(directory, layout) if directory else None


def resolution_fields(dpi: tuple[float, float] | None) -> dict[int, Field | Directory]:
    """Returns the fields of a resolution: dots per inch, or pixels that are square and of no size (TIFF 6.0, 8)."""
    x, y = dpi or (1, 1)
    return {
        _X_RESOLUTION: directories.rational(x),
        _Y_RESOLUTION: directories.rational(y),
        _UNIT: directories.short(2 if dpi else 1),
    }


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
    return notes.turned(found, structure.layout)


def _block(directory: Directory, layout: Layout) -> bytes:
    """Returns a directory as a block in the layout's byte order, a maker's note at its home if that can be."""
    layout = Layout(order=layout.order)
    directory = notes.turned(directory, layout)
    pinned, note = notes.pinned(directory, _HEADER_BYTES, layout)
    start = header(_HEADER_BYTES + len(note), layout) + note
    block = start + pack(pinned, len(start), layout)
    if note and len(block) > _MOST_PINNED:
        # Rather a note that leads elsewhere than a block that JPEG has no room for.
        start = header(_HEADER_BYTES, layout)
        block = start + pack(directory, len(start), layout)
    return block


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
