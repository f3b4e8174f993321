"""Small color photos with detail, as real ones have: batch norm is ill-conditioned on smooth ones."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from tests.house import picture

#: Side of a photo, pixels.
SIDE = 40


def textured(seed: int) -> bytes:
    """A PNG with broad areas of color and fine detail in lightness."""
    with Image.open(io.BytesIO(picture(SIDE, SIDE, seed=seed, mode="RGB"))) as image:
        colors = np.asarray(image, np.float64)
    detail = np.random.default_rng(seed).normal(0, 30, (SIDE, SIDE, 1))
    out = io.BytesIO()
    Image.fromarray(np.clip(colors + detail, 0, 255).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()
