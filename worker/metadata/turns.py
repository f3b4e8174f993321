"""Turns: what an orientation does to a picture, and to the places in it that were told before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple, TypeVar

Number = TypeVar("Number", int, Decimal)


class Axes(NamedTuple):
    """How a picture becomes upright: first rows and columns change places, then each may count from its other end."""

    swapped: bool
    from_right: bool
    from_bottom: bool


#: What each orientation asks for (EXIF 2.32, tag 0x0112): its row 0 and column 0 are, in this order, top left, top
#: right, bottom right, bottom left, left top, right top, right bottom, left bottom of what is seen.
AXES = {
    1: Axes(swapped=False, from_right=False, from_bottom=False),
    2: Axes(swapped=False, from_right=True, from_bottom=False),
    3: Axes(swapped=False, from_right=True, from_bottom=True),
    4: Axes(swapped=False, from_right=False, from_bottom=True),
    5: Axes(swapped=True, from_right=False, from_bottom=False),
    6: Axes(swapped=True, from_right=True, from_bottom=False),
    7: Axes(swapped=True, from_right=True, from_bottom=True),
    8: Axes(swapped=True, from_right=False, from_bottom=True),
}

#: Orientations that turn a picture on its side.
SIDEWAYS = tuple(orientation for orientation, axes in AXES.items() if axes.swapped)


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """A picture that was turned upright."""

    #: 1..8, as EXIF's
    orientation: int
    #: as it lies in the file, pixels
    width: int
    #: as it lies in the file, pixels
    height: int

    @property
    def sideways(self) -> bool:
        """Whether width and height have changed places."""
        return AXES[self.orientation].swapped

    def point(self, x: Number, y: Number, size: tuple[Number, Number]) -> tuple[Number, Number]:
        """Returns where a point lies afterwards; `size` is the largest x and y that there are before."""
        swapped, from_right, from_bottom = AXES[self.orientation]
        right, bottom = size
        if swapped:
            x, y, right, bottom = y, x, bottom, right
        return right - x if from_right else x, bottom - y if from_bottom else y

    def box(
        self, left: Number, top: Number, width: Number, height: Number, size: tuple[Number, Number]
    ) -> tuple[Number, Number, Number, Number]:
        """Returns left, top, width and height of a rectangle afterwards; `size` as in `point`."""
        corners = self.point(left, top, size), self.point(left + width, top + height, size)
        (left, right), (top, bottom) = (sorted(ends) for ends in zip(*corners, strict=True))
        return left, top, right - left, bottom - top

    def subject(self, numbers: Sequence[int]) -> list[int] | None:
        """Returns the subject's place or area afterwards (EXIF 2.32, tags 0x9214 and 0xA214).

        `numbers` are the pixel in its middle, then nothing, a diameter, or width and height. None where they are others
        or the pixel lies outside.
        """
        if not 2 <= len(numbers) <= 4 or not (0 <= numbers[0] < self.width and 0 <= numbers[1] < self.height):
            return None
        x, y = self.point(numbers[0], numbers[1], (self.width - 1, self.height - 1))
        extent = [*numbers[2:]]
        return [x, y, *(reversed(extent) if self.sideways else extent)]
