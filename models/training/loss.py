"""The paper's loss, on the device: cross-entropy with soft targets, rare colors weighing more (equations 2 and 4)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.bins import COUNT, SIGMA, centers
from models.training.batches import CELL
from models.training.encoding import REACH, Floats, neighbors, prior, weights
from models.training.planes import lab_of

#: Photos that the prior is counted over: 4 million cells, more would not move it.
_COUNTED = 4096

#: Photos that are counted at once.
_CHUNK = 64


class Loss:
    """The loss of logits against true colors."""

    def __init__(self, counts: Floats, mix: float, device: torch.device) -> None:
        """Takes how many cells fell into each bin, float64[313], and the paper's lambda."""
        self._centers = torch.from_numpy(centers()).to(device)
        self._neighbors = torch.from_numpy(neighbors()).to(device)
        self._weights = torch.from_numpy(weights(prior(counts), mix)).float().to(device)

    def __call__(self, logits: Tensor, ab: Tensor) -> Tensor:
        """Returns the mean over all cells: logits float32[n, 313, h, w], ab float32[n, 2, h, w]."""
        scores = logits.float()
        bins = self._neighbors[_whole(ab[:, 0]), _whole(ab[:, 1])]
        squares = (self._centers[bins] - ab.permute(0, 2, 3, 1).unsqueeze(3)).square().sum(dim=4)
        # Gaussians that sum to 1 are a softmax of the negative squares.
        shares = functional.softmax(-squares / (2 * SIGMA**2), dim=3).permute(0, 3, 1, 2)
        # -sum Z log softmax(scores): the whole distribution of targets is never written down.
        hit = (scores.gather(1, bins.permute(0, 3, 1, 2)) * shares).sum(dim=1)
        return (self._weights[bins[..., 0]] * (scores.logsumexp(dim=1) - hit)).mean()


def count_bins(pixels: NDArray[np.uint8], device: torch.device) -> Floats:
    """Returns how many cells of photos uint8[n, 3, side, side] fall into each bin, float64[313]."""
    table = torch.from_numpy(neighbors()[..., 0]).to(device)
    counts = torch.zeros(COUNT, dtype=torch.int64, device=device)
    for start in range(0, min(len(pixels), _COUNTED), _CHUNK):
        ab = functional.avg_pool2d(lab_of(torch.from_numpy(pixels[start : start + _CHUNK]).to(device))[1], CELL)
        counts += torch.bincount(table[_whole(ab[:, 0]), _whole(ab[:, 1])].flatten(), minlength=COUNT)
    return counts.cpu().numpy().astype(np.float64)


def _whole(values: Tensor) -> Tensor:
    """Returns the place of each value in the table of neighbors, int64."""
    return values.round().long().clamp(-REACH, REACH) + REACH
