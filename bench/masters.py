"""The pictures of the benches: a folder's photos, and distinct gray JPEGs of 2 megapixels cut from them."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

#: Pixels of a master: 2 megapixels in the shape of a 4 x 3 print.
WIDTH, HEIGHT = 1632, 1224


def photo_folder() -> Path:
    """Returns the folder that PHOTOS names, else that of the tests' few small photos."""
    named = os.environ.get("PHOTOS")
    return Path(named) if named else Path(__file__).parents[1] / "tests" / "photos"


def photo_paths(pattern: str = "*") -> list[Path]:
    """Returns the photos of that folder whose names match, in order; ends the bench where there are none."""
    folder = photo_folder()
    photos = sorted(path for path in folder.glob(pattern) if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not photos:
        raise SystemExit(f"There are no photos {pattern} in {folder}: name a folder by PHOTOS=.")
    return photos


def color_photos() -> dict[str, NDArray[np.uint8]]:
    """Returns the folder's photos that are called color-*, RGB uint8[h, w, 3] by name."""
    return {
        path.stem: np.ascontiguousarray(_read(path, cv2.IMREAD_COLOR)[:, :, ::-1]) for path in photo_paths("color-*")
    }


def gray_photos(width: int, height: int) -> list[NDArray[np.uint8]]:
    """Returns the folder's photos in gray, uint8[height, width], upscaled where they are smaller."""
    photos = (_read(path, cv2.IMREAD_GRAYSCALE) for path in photo_paths())
    upright = (photo if photo.shape[1] >= photo.shape[0] else np.ascontiguousarray(photo.T) for photo in photos)
    return [
        np.asarray(cv2.resize(photo, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8) for photo in upright
    ]


def make_masters(folder: Path, count: int) -> list[Path]:
    """Writes `count` masters into `folder`, each another cut of another photo, and returns their paths."""
    photos = photo_paths()
    dice = np.random.default_rng(1890)
    paths = []
    for number in range(count):
        photo = _read(photos[number % len(photos)], cv2.IMREAD_GRAYSCALE)
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


def _read(path: Path, flags: int) -> NDArray[np.uint8]:
    photo = cv2.imread(str(path), flags)
    if photo is None:
        raise SystemExit(f"{path} cannot be read.")
    return np.asarray(photo, np.uint8)
