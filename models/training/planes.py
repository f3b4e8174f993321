"""Between RGB and lightness with ab, on tensors of any device: models/lab.py says where the formulas are from."""

from __future__ import annotations

import torch
from torch import Tensor

from models.lab import RGB_OF_RELATIVE_XYZ, WHITE, XYZ_OF_RGB

#: (6/29)^3 and 3 (6/29)^2: where the cube root gives way to a line (CIE 15:2004, 8.2.1).
_EPSILON = (6 / 29) ** 3
_SLOPE = 3 * (6 / 29) ** 2


def lab_of(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """Returns L* float32[n, 1, h, w], 0..100, and ab float32[n, 2, h, w] of sRGB uint8[n, 3, h, w]."""
    samples = rgb.float() / 255
    light = torch.where(samples <= 0.04045, samples / 12.92, ((samples + 0.055) / 1.055) ** 2.4)
    relative = _mixed(light, torch.as_tensor(XYZ_OF_RGB / WHITE[:, None]))
    root = torch.where(relative > _EPSILON, relative.clamp_min(_EPSILON) ** (1 / 3), relative / _SLOPE + 4 / 29)
    x, y, z = root.split(1, dim=1)
    return 116 * y - 16, torch.cat([500 * (x - y), 200 * (y - z)], dim=1)


def rgb_of(lightness: Tensor, ab: Tensor) -> Tensor:
    """Returns sRGB uint8[n, 3, h, w] of L* float32[n, 1, h, w] and ab float32[n, 2, h, w]; beyond gamut it clips."""
    y = (lightness + 16) / 116
    root = torch.cat([y + ab[:, :1] / 500, y, y - ab[:, 1:] / 200], dim=1)
    relative = torch.where(root > 6 / 29, root**3, _SLOPE * (root - 4 / 29))
    light = _mixed(relative, torch.as_tensor(RGB_OF_RELATIVE_XYZ)).clamp(0, 1)
    samples = torch.where(light <= 0.0031308, light * 12.92, 1.055 * light.clamp_min(0.0031308) ** (1 / 2.4) - 0.055)
    return (samples * 255).round().to(torch.uint8)


def _mixed(planes: Tensor, matrix: Tensor) -> Tensor:
    """Returns the three planes mixed by a matrix 3x3."""
    return torch.einsum("ij,njhw->nihw", matrix.to(planes), planes)
