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
    samples = _shrunk(samples)
    gray = samples.ndim == 2
    data: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(samples[:, :, None] if gray else samples),
        quality=_QUALITY,
        colorspace="GRAY" if gray else "RGB",
        colorsubsampling="Gray" if gray else "420",
    )
    return data


def _shrunk(samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns the samples with a longer side of at most SIDE.

    Sides are halved while they stay above it, by the mean of 2 x 2, which is a sixth of the time of one step over all;
    the last step, below 2, is bilinear, so that every sample counts.
    """
    height, width = samples.shape[:2]
    scale = SIDE / max(height, width)
    if scale >= 1:
        return samples
    size = max(1, round(width * scale)), max(1, round(height * scale))
    while max(height, width) >= 2 * SIDE and min(height, width) > 1:
        height, width = height // 2, width // 2
        even = samples[: height * 2, : width * 2]
        samples = np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.resize(samples, size, interpolation=cv2.INTER_LINEAR), np.uint8)
