"""The contact sheet."""

from __future__ import annotations

import numpy as np

from models.sheet import Sheet


def test_pictures_stand_in_their_columns() -> None:
    """Each picture fills its place in its own colors, upright ones as well as wide ones, gray as well as RGB."""
    sheet = Sheet(["gray", "red"])
    for height, width in ((300, 600), (600, 300)):
        red = np.zeros((height, width, 3), np.uint8)
        red[:, :, 0] = 200
        sheet.add("a photo", [np.full((height, width), 30, np.uint8), red])
    picture = sheet.picture()
    half = picture.shape[1] // 2
    for part, color in ((picture[:, :half], (30, 30, 30)), (picture[:, half:], (200, 0, 0))):
        inside = (part == color).all(axis=2)
        assert inside.sum() == 2 * 256 * 128
    ground = picture[0, 0]
    assert (picture[20:] == ground).all(axis=2).any()


def test_captions_are_there_in_any_script() -> None:
    """Words leave ink above their column and their row, also where OpenCV has no letters for them."""
    plain, named = Sheet(["gray", "lite"]), Sheet(["gray", ""])
    for sheet, name in ((plain, "фото"), (named, "")):
        sheet.add(name, [np.zeros((10, 10), np.uint8)] * 2)
    half = plain.picture().shape[1] // 2
    differs = (plain.picture() != named.picture()).any(axis=2)
    assert differs[:20, half:].any()
    assert not differs[:20, :half].any()
    assert differs[20:40, :half].any()
