"""Where a picture lies: on its page, and on the Earth; and where in it the subject is.

All hold for rows and columns as they stand in the file.
"""

from __future__ import annotations

from worker.metadata.directories import Directory, Field, rational

#: XPosition and YPosition (TIFF 6.0, section 8), in the unit of the resolution.
ON_PAGE = (286, 287)

#: Scale, tie points, transformation and keys (OGC GeoTIFF 1.1, 7.1).
ON_EARTH = (33550, 33922, 34264, 34735, 34736, 34737)

#: Among the details: area and location of the subject, told before the picture is turned (EXIF 2.32, 4.6.5).
_EXIF = 34665
_IN_PICTURE = (37396, 41492)

_CENTIMETERS_PER_INCH = 2.54

#: Centimeters from a page's corner that are believed.
_FARTHEST = 10_000


def leave(directory: Directory, orientation: int) -> None:
    """Takes the places out of a first directory that an orientation (1..8) turns: they would be elsewhere."""
    if orientation in range(2, 9):
        for tag in (*ON_PAGE, *ON_EARTH):
            directory.pop(tag, None)
        details = directory.get(_EXIF)
        if isinstance(details, dict):
            for tag in _IN_PICTURE:
                details.pop(tag, None)


def measure_in_inches(directory: Directory) -> None:
    """Turns the place on the page, told in centimeters, into inches; one that is beyond belief goes."""
    for tag in ON_PAGE:
        field = directory.pop(tag, None)
        place = next(iter(field.numbers()), None) if isinstance(field, Field) else None
        if place is not None and 0 <= place <= _FARTHEST:
            directory[tag] = rational(place / _CENTIMETERS_PER_INCH)
