"""What the net sees: a picture at 500 and at 8,000 pixels, and panoramas in windows or squeezed into a square."""

from __future__ import annotations

import cv2
import numpy as np

from bench.in_place import lite
from bench.masters import photo_paths
from models.nets import color
from models.reduction import Reduction
from models.spaces import master_lightness, srgb
from models.windows import cells, windows

_TEMPERATURE = 0.38

#: Mean ab difference that the two sizes must stay below.
_BAR = 2.0


def main() -> None:
    """Prints mean ab differences by size, and mean chroma of panoramas; exits 1 where a size changes the colors."""
    print(f"{'':36}{'500 to 8,000 px':>16}{'5:1, squeezed':>16}{'in windows':>12}")
    rows = []
    for path in photo_paths():
        gray = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        assert gray is not None
        small, large = (_ab(_sized(gray, side)) for side in (500, 8000))
        strip = gray[: max(1, gray.shape[1] // 5)]
        where = windows(strip.shape[1], strip.shape[0])
        lightness = master_lightness(
            cv2.resize(strip, where.size(224), interpolation=cv2.INTER_AREA).astype(np.uint8), srgb(8)
        )
        squeezed = color(
            lite(),
            np.asarray(cv2.resize(lightness, (224, 224), interpolation=cv2.INTER_AREA), np.float32),
            _TEMPERATURE,
        )
        tiled = cells(lite(), lightness, where, _TEMPERATURE)
        rows.append((float(np.abs(small - large).mean()), _chroma(squeezed), _chroma(tiled)))
        print(f"{path.stem[:35]:36}{rows[-1][0]:16.2f}{rows[-1][1]:16.1f}{rows[-1][2]:12.1f}")
    means = np.mean(rows, axis=0)
    print(f"{'mean':36}{means[0]:16.2f}{means[1]:16.1f}{means[2]:12.1f}")
    if means[0] > _BAR:
        raise SystemExit(f"Colors must not change by more than {_BAR} with a picture's size.")


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
    seen = cv2.resize(reduction.result(), size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    return cells(lite(), master_lightness(seen, srgb(8)), where, _TEMPERATURE)


def _chroma(ab: np.ndarray) -> float:
    return float(np.hypot(ab[0], ab[1]).mean())
