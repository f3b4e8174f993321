"""Previews: pictures of up to 1,024 pixels, for browsers."""

from __future__ import annotations

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

#: The longer side of a preview, pixels.
SIDE = 1024

_QUALITY = 85


def preview(samples: NDArray[np.uint8]) -> bytes:
    """Returns a JPEG of gray uint8[h, w] or RGB uint8[h, w, 3] samples, no larger than they are."""
    height, width = samples.shape[:2]
    scale = SIDE / max(height, width)
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        samples = np.asarray(cv2.resize(samples, size, interpolation=cv2.INTER_AREA), np.uint8)
    gray = samples.ndim == 2
    data: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(samples[:, :, None] if gray else samples),
        quality=_QUALITY,
        colorspace="GRAY" if gray else "RGB",
        colorsubsampling="Gray" if gray else "420",
    )
    return data
