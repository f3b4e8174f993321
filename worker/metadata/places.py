"""Where a picture lies: on its page, and on the Earth; and where in it the subject is.

All hold for rows and columns as they stand in the file.
"""

from __future__ import annotations

from worker.metadata.directories import LONG, SHORT, Directory, Field, rational, short
from worker.metadata.turns import Turn

#: XPosition and YPosition (TIFF 6.0, section 8), in the unit of the resolution.
ON_PAGE = (286, 287)

#: Scale, tie points, transformation and keys (OGC GeoTIFF 1.1, 7.1).
ON_EARTH = (33550, 33922, 34264, 34735, 34736, 34737)

#: Among the details: area and location of the subject, told before the picture is turned (EXIF 2.32, 4.6.5), and the
#: size of the picture for which they were.
_EXIF = 34665
_IN_PICTURE = (37396, 41492)
_PIXEL_SIZE = (40962, 40963)
_MOST = 0xFFFF

_CENTIMETERS_PER_INCH = 2.54

#: Centimeters from a page's corner that are believed.
_FARTHEST = 10_000


def turn(directory: Directory, turned: Turn) -> None:
    """Takes the places out of a first directory whose picture is turned: they would be elsewhere.

    Those of the subject are turned with it, where they can be read and were told for a picture of this size.
    """
    if turned.orientation == 1:
        return
    for tag in (*ON_PAGE, *ON_EARTH):
        directory.pop(tag, None)
    details = directory.get(_EXIF)
    if isinstance(details, dict):
        told = [_numbers(details.get(tag)) for tag in _PIXEL_SIZE]
        fits = all(found in ([], [real]) for found, real in zip(told, (turned.width, turned.height), strict=True))
        for tag in _IN_PICTURE:
            numbers = turned.subject(_numbers(details.pop(tag, None)))
            # EXIF has 16 bits for it.
            if fits and numbers and max(numbers) <= _MOST:
                details[tag] = short(*numbers)


def _numbers(field: Field | Directory | None) -> list[int]:
    if not isinstance(field, Field) or field.type not in (SHORT, LONG):
        return []
    return [int(number) for number in field.numbers()]


def measure_in_inches(directory: Directory) -> None:
    """Turns the place on the page, told in centimeters, into inches; one that is beyond belief goes."""
    for tag in ON_PAGE:
        field = directory.pop(tag, None)
        place = next(iter(field.numbers()), None) if isinstance(field, Field) else None
        if place is not None and 0 <= place <= _FARTHEST:
            directory[tag] = rational(place / _CENTIMETERS_PER_INCH)
