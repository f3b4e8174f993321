"""Previews: pictures of up to 1,024 pixels, for browsers."""

from __future__ import annotations

import cv2
import numpy as np
import simplejpeg

from models.spaces import Samples

#: The longer side of a preview, pixels.
SIDE = 1024

_QUALITY = 85


def preview(samples: Samples) -> bytes:
    """Returns a JPEG of gray [h, w] or RGB [h, w, 3] samples of 8 or 16 bits, no larger than they are."""
    small = _shrunk(samples)
    # 65,535 of 16 bits are 255 of 8: 257 times as much.
    seen = small.astype(np.uint8) if small.dtype == np.uint8 else ((small + 128.0) / 257).astype(np.uint8)
    gray = seen.ndim == 2
    data: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(seen[:, :, None] if gray else seen),
        quality=_QUALITY,
        colorspace="GRAY" if gray else "RGB",
        colorsubsampling="Gray" if gray else "420",
    )
    return data


def _shrunk(samples: Samples) -> Samples:
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
        samples = _resized(even, (width, height), cv2.INTER_AREA)
    return _resized(samples, size, cv2.INTER_LINEAR)


def _resized(samples: Samples, size: tuple[int, int], method: int) -> Samples:
    return cv2.resize(samples, size, interpolation=method).astype(samples.dtype, copy=False)
