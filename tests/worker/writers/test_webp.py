"""WebP: what lies under transparency, and what has no place."""

from __future__ import annotations

import io
from dataclasses import replace

import imagecodecs
import numpy as np
from PIL import Image

from tests.worker.writers.dressed import METADATA, picture, written


def test_samples_under_full_transparency_are_kept() -> None:
    """Color that does not show is part of the picture."""
    samples = picture(30, 40, alpha=True)
    samples[:, :, 3] = np.where(samples[:, :, 0] > 128, 0, 255)
    data, _ = written("webp", samples, compression="lossless")
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(np.asarray(image), samples)
    assert np.array_equal(imagecodecs.webp_decode(data), samples)


def test_alpha_is_not_lossy() -> None:
    """By quality only colors are changed."""
    samples = picture(30, 40, alpha=True)
    data, _ = written("webp", samples, compression="lossy", quality=20)
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(np.asarray(image)[:, :, 3], samples[:, :, 3])


def test_iptc_has_no_place_and_that_is_told() -> None:
    """There is a warning where IPTC was left out, and none where there was none."""
    samples = picture(5, 7)
    assert written("webp", samples)[1] == ("metadata_dropped",)
    assert written("webp", samples, metadata=replace(METADATA, iptc=None))[1] == ()
