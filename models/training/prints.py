"""Lightness as old prints have it, so that a net trained on today's photos meets the tones of the past."""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.nn import functional

#: Gamma lies between the two, evenly in its logarithm.
GAMMA = (0.6, 1.7)

#: Blacks are lifted by up to this share of the range, whites lowered by up to the other.
LIFT = 0.25
DULL = 0.2

#: Widest blur, pixels (sigma), and how far its kernel reaches.
BLUR = 1.2
_REACH = 4

#: Strongest grain, a share of the range (standard deviation).
GRAIN = 0.04


def aged(lightness: Tensor, dice: Generator, share: float) -> Tensor:
    """Returns L* float32[n, 1, h, w] in which about `share` of the pictures look like old prints, each in its own way.

    One way for a whole batch would make the statistics of batch norm wander.
    """
    count = len(lightness)
    draws = torch.rand((6, count, 1, 1, 1), generator=dice, device=lightness.device)
    low, high = torch.tensor(GAMMA).log().tolist()
    values = _blurred(lightness / 100, draws[0].reshape(count) * BLUR)
    noise = torch.randn(values.shape, generator=dice, device=values.device)
    values = (values + noise * draws[1] * GRAIN).clamp(0, 1)
    values = values ** torch.exp(low + draws[2] * (high - low))
    black, white = draws[3] * LIFT, 1 - draws[4] * DULL
    return torch.where(draws[5] < share, 100 * (black + values * (white - black)), lightness)


def _blurred(values: Tensor, sigmas: Tensor) -> Tensor:
    """Returns float32[n, 1, h, w] blurred by a Gaussian of each picture's own sigma, float32[n]."""
    taps = torch.arange(-_REACH, _REACH + 1, device=values.device)
    kernels = torch.exp(-(taps**2) / (2 * sigmas.clamp_min(0.05)[:, None] ** 2))
    kernels = kernels / kernels.sum(dim=1, keepdim=True)
    count = len(values)
    # One group a picture: the batch stands where channels do.
    rows = functional.pad(values.transpose(0, 1), (_REACH,) * 4, mode="reflect")
    across = functional.conv2d(rows, kernels[:, None, None], groups=count)
    return functional.conv2d(across, kernels[:, None, :, None], groups=count).transpose(0, 1)
