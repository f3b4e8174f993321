"""Previews: pictures of up to 1,024 pixels in sRGB, for browsers."""

from __future__ import annotations

import cv2
import numpy as np
import simplejpeg

from models.lab import RGB_OF_RELATIVE_XYZ, encoded
from models.spaces import Samples, Space, srgb

#: The longer side of a preview, pixels.
SIDE = 1024

_QUALITY = 85


def preview_size(width: int, height: int) -> tuple[int, int]:
    """Returns width and height of the preview of a picture, which is never enlarged."""
    scale = min(1.0, SIDE / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def preview(samples: Samples, space: Space, *, size: tuple[int, int]) -> bytes:
    """Returns a JPEG of `size` (width, height) of gray [h, w] or RGB [h, w, 3] samples in their space.

    The samples should be a picture that is not much larger than `size` already.
    """
    if samples.shape[1::-1] != size:
        samples = cv2.resize(samples, size, interpolation=cv2.INTER_AREA).astype(samples.dtype, copy=False)
    return jpeg(in_srgb(samples, space))


def jpeg(seen: Samples) -> bytes:
    """Returns a JPEG of 8-bit gray [h, w] or RGB [h, w, 3] samples."""
    gray = seen.ndim == 2
    data: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(seen[:, :, None] if gray else seen),
        quality=_QUALITY,
        colorspace="GRAY" if gray else "RGB",
        colorsubsampling="Gray" if gray else "420",
    )
    return data


def in_srgb(samples: Samples, space: Space) -> Samples:
    """Returns 8-bit sRGB samples; what lies outside the gamut is clipped."""
    if space is srgb(8):
        return samples
    light = space.light[samples]
    if samples.ndim == 3:
        # Both matrices are relative to white, as a gray stays a gray.
        relative = np.linalg.inv(space.matrix.astype(np.float64))
        to_srgb = RGB_OF_RELATIVE_XYZ @ relative
        light = light @ to_srgb.T.astype(np.float32)
    values = encoded(np.clip(light, 0, 1).astype(np.float64))
    return np.rint(values * 255).astype(np.uint8)
