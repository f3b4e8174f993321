"""Panoramas: how near windows and one squeezed square come to what the net says of each photo alone, and to the truth.

Exits 1 where windows are farther than the square from what is said of each photo alone.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.in_place import lite
from bench.masters import color_photos
from models.lab import lab_of
from models.reduction import scaled
from models.spaces import master_lightness, srgb
from models.windows import Windows, cells, windows

Array = NDArray[np.float32]
Photo = NDArray[np.uint8]

#: Photos in a panorama that is put together.
_TOGETHER = (3, 6, 9)

#: Width to height of those that are cut out of a photo.
_CUTS = ((3, 1), (5, 1), (8, 1), (1, 5))

#: The shorter side of a panorama that is put together, pixels.
_ACROSS = 256

#: One picture, squeezed into what the net sees.
_SQUARE = Windows(count=1, wide=True)


def main() -> None:
    """Prints a row a kind."""
    photos = list(color_photos().values())
    print("mean |ab| of panoramas, in windows and squeezed into one square")
    print(f"{'':20}{'to each photo alone':>22}{'to true colors':>22}{'chroma, mean':>22}")
    print(f"{'':20}" + f"{'windows':>12}{'square':>10}" * 3)
    missed = []
    for count in _TOGETHER:
        for tall in (False, True):
            firsts = range(0, len(photos) - count + 1, count)
            rows = [_together(photos[first : first + count], tall=tall) for first in firsts]
            name = f"{count} photos, {'tall' if tall else 'wide'}"
            windowed, squeezed = _print_row(name, rows)
            if windowed > squeezed:
                missed.append(name)
    for width, height in _CUTS:
        _print_row(f"cut of {width}:{height}", [_cut(photo, width / height) for photo in photos])
    if missed:
        raise SystemExit(f"missed: {', '.join(missed)}")


def _print_row(name: str, rows: list[list[float]]) -> tuple[float, float]:
    """Prints the means, and returns those to each photo alone."""
    means = np.mean(rows, axis=0).tolist()
    print(f"{name:20}" + "".join(f"{value:{10 if number % 2 else 12}.1f}" for number, value in enumerate(means)))
    return means[0], means[1]


def _together(photos: list[Photo], *, tall: bool) -> list[float]:
    """Measures photos put together, side by side or one above the other."""
    axis = 0 if tall else 1
    scaled = []
    for photo in photos:
        along = round(photo.shape[axis] * _ACROSS / photo.shape[1 - axis])
        size = (_ACROSS, along) if tall else (along, _ACROSS)
        scaled.append(np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8))
    alone = np.concatenate([_said(photo, _SQUARE) for photo in scaled], axis=axis + 1)
    return _measured(np.concatenate(scaled, axis=axis), alone)


def _cut(photo: Photo, ratio: float) -> list[float]:
    """Measures the middle of a photo, cut to a ratio of width to height; alone is that part of the whole's colors."""
    height, width = photo.shape[:2]
    rows, columns = min(height, round(width / ratio)), min(width, round(height * ratio))
    top, left = (height - rows) // 2, (width - columns) // 2
    part = slice(top, top + rows), slice(left, left + columns)
    return _measured(np.ascontiguousarray(photo[part]), _said(photo, windows(width, height))[:, *part])


def _measured(photo: Photo, alone: Array) -> list[float]:
    """Returns mean |ab| to what is said of each alone, to the true colors, and chroma; each of windows and a square."""
    true = lab_of(photo)[1]
    ways = [_said(photo, where) for where in (windows(photo.shape[1], photo.shape[0]), _SQUARE)]
    return [
        *(float(np.abs(ab - alone).mean()) for ab in ways),
        *(float(np.abs(ab - true).mean()) for ab in ways),
        *(float(np.hypot(*ab).mean()) for ab in ways),
    ]


def _said(photo: Photo, where: Windows) -> Array:
    """Returns ab of a photo made gray, float32[2, h, w]."""
    gray = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    seen = scaled(np.asarray(gray, np.uint8), where.size(lite().input_size))
    ab = cells(lite(), master_lightness(seen, srgb(8)), where, 0.38)
    planes = [cv2.resize(plane, gray.shape[::-1], interpolation=cv2.INTER_LINEAR) for plane in ab]
    return np.stack(planes).astype(np.float32)
