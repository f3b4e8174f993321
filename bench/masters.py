"""The masters of the benches: distinct gray JPEGs of 2 megapixels, cut from a folder of photos."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

#: Pixels of a master: 2 megapixels in the shape of a 4 x 3 print.
WIDTH, HEIGHT = 1632, 1224


def photo_folder() -> Path:
    """Returns the folder that PHOTOS names, else that of the tests' few small photos."""
    named = os.environ.get("PHOTOS")
    return Path(named) if named else Path(__file__).parents[1] / "tests" / "photos"


def make_masters(folder: Path, count: int) -> list[Path]:
    """Writes `count` masters into `folder`, each another cut of another photo, and returns their paths."""
    photos = sorted(path for path in photo_folder().iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not photos:
        raise SystemExit(f"There are no photos in {photo_folder()}: name a folder by PHOTOS=.")
    dice = np.random.default_rng(1890)
    paths = []
    for number in range(count):
        photo = cv2.imread(str(photos[number % len(photos)]), cv2.IMREAD_GRAYSCALE)
        if photo is None:
            raise SystemExit(f"{photos[number % len(photos)]} cannot be read.")
        height, width = photo.shape
        share = dice.uniform(0.6, 0.9)
        cut_width = int(width * share)
        cut_height = min(height, int(cut_width * HEIGHT / WIDTH))
        left, top = int(dice.integers(0, width - cut_width + 1)), int(dice.integers(0, height - cut_height + 1))
        cut = photo[top : top + cut_height, left : left + cut_width]
        path = folder / f"{number:03}.jpg"
        cv2.imwrite(str(path), cv2.resize(cut, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))
        paths.append(path)
    return paths
