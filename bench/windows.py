"""What the net sees: a picture at 500 and at 8,000 pixels, and panoramas in windows or squeezed into a square."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from bench.in_place import lite
from bench.masters import photo_paths
from models.chroma import edge_aware
from models.lab import lab_of
from models.nets import color
from models.reduction import Reduction, scaled
from models.render import Render
from models.spaces import master_lightness, srgb
from models.windows import cells, windows

_TEMPERATURE = 0.38

#: Rows of a strip.
_ROWS = 256

#: Mean ab difference that the two sizes must stay below.
_BAR = 2.0


def main() -> None:
    """Prints mean ab differences by size, and mean chroma of panoramas; exits 1 where a size changes the colors."""
    print(f"{'':36}{'500 to 8,000 px':>16}{'rendered':>10}{'5:1, squeezed':>16}{'in windows':>12}")
    rows = []
    for path in photo_paths():
        gray = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        assert gray is not None
        sized = [_sized(gray, side) for side in (500, 8000)]
        small, large = (_ab(picture) for picture in sized)
        painted = [_painted(*both, sized[0].shape) for both in zip(sized, (small, large), strict=True)]
        strip = gray[: max(1, gray.shape[1] // 5)]
        where = windows(strip.shape[1], strip.shape[0])
        lightness = master_lightness(scaled(np.asarray(strip, np.uint8), where.size(224)), srgb(8))
        squeezed = color(
            lite(),
            np.asarray(cv2.resize(lightness, (224, 224), interpolation=cv2.INTER_AREA), np.float32),
            _TEMPERATURE,
        )
        tiled = cells(lite(), lightness, where, _TEMPERATURE)
        apart = float(np.abs(small - large).mean()), float(np.abs(painted[0] - painted[1]).mean())
        rows.append((*apart, _chroma(squeezed), _chroma(tiled)))
        _print_row(path.stem[:35], rows[-1])
    means = np.mean(rows, axis=0).tolist()
    _print_row("mean", means)
    if max(max(row[:2]) for row in rows) > _BAR:
        raise SystemExit(f"Colors must not change by more than {_BAR} with a picture's size.")


def _print_row(name: str, row: Sequence[float]) -> None:
    print(f"{name:36}{row[0]:16.2f}{row[1]:10.2f}{row[2]:16.1f}{row[3]:12.1f}")


def _painted(gray: np.ndarray, ab: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Returns ab of the rendered picture, reduced to a shape."""
    means = cv2.resize(gray, ab.shape[:0:-1], interpolation=cv2.INTER_AREA).astype(np.uint8)
    grid = edge_aware(ab, master_lightness(means, srgb(8)))
    painter = Render(grid, height=gray.shape[0], source=srgb(8), target=srgb(8))
    reduction = Reduction(gray.shape[1], gray.shape[0], shape[1], shape[0], 3)
    for top in range(0, gray.shape[0], _ROWS):
        reduction.add(painter.strip(gray[top : top + _ROWS]))
    return lab_of(np.asarray(reduction.result(), np.uint8))[1]


def _sized(gray: np.ndarray, side: int) -> np.ndarray:
    """Returns a picture whose longer side has so many pixels."""
    scale = side / max(gray.shape)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(gray, None, fx=scale, fy=scale, interpolation=method))


def _ab(gray: np.ndarray) -> np.ndarray:
    """Returns what the net says of a picture, reduced as the first pass reduces it."""
    height, width = gray.shape
    where = windows(width, height)
    size = where.size(224)
    reduction = Reduction(width, height, min(width, max(size[0], 1024)), min(height, max(size[1], 1024)), 1)
    reduction.add(gray)
    seen = master_lightness(scaled(reduction.result(), size), srgb(8))
    return cells(lite(), seen, where, _TEMPERATURE)


def _chroma(ab: np.ndarray) -> float:
    return float(np.hypot(ab[0], ab[1]).mean())
