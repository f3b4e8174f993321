"""The contact sheet: a row a photo, a column for each way it was colored, with small captions."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from models.spaces import Samples

Picture = NDArray[np.uint8]

#: The longer side of a picture, pixels.
_SIDE = 256

#: Space beside a picture, and height of a caption, pixels.
_GAP, _CAPTION = 6, 20

#: Gray of the ground: neither dark nor light beside a photo. And that of the words.
_GROUND, _INK = 96, 240


class Sheet:
    """A contact sheet in the making."""

    def __init__(self, columns: Sequence[str]) -> None:
        """Takes the words above the columns."""
        self._columns = columns
        self._rows: list[Picture] = []

    def add(self, name: str, pictures: Sequence[Samples]) -> None:
        """Adds a row: its name, and a picture a column, all of one size, sRGB uint8[h, w] or [h, w, 3]."""
        tiles = np.concatenate([_tile(picture) for picture in pictures], axis=1)
        self._rows.append(np.concatenate([_captions([name], tiles.shape[1]), tiles]))

    def picture(self) -> Picture:
        """Returns the sheet, sRGB uint8[h, w, 3]."""
        width = len(self._columns) * (_SIDE + _GAP)
        return np.concatenate([_captions(self._columns, width), *self._rows])


def _tile(picture: Samples) -> Picture:
    """Returns a picture fitted to its column, as high as it then is."""
    height, width = picture.shape[:2]
    scale = _SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    tile = np.full((size[1] + _GAP, _SIDE + _GAP, 3), _GROUND, np.uint8)
    left = (_SIDE + _GAP - size[0]) // 2
    tile[: size[1], left : left + size[0]] = small if small.ndim == 3 else small[:, :, None]
    return tile


def _captions(words: Sequence[str], width: int) -> Picture:
    """Returns a line with words at the left of as many equal parts."""
    line = np.full((_CAPTION, width, 3), _GROUND, np.uint8)
    for number, word in enumerate(words):
        # OpenCV's own letters are those of ASCII.
        text = word.encode("ascii", "replace").decode()
        place = number * width // len(words) + _GAP, _CAPTION - 6
        cv2.putText(line, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (_INK,) * 3, 1, cv2.LINE_AA)
    return line
