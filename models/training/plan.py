"""What one training run is: everything that decides the weights beside the photos."""

from __future__ import annotations

import math
from dataclasses import dataclass

from models.training.encoding import MIX


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """One run. The same plan on the same photos and processor gives the same weights."""

    #: `lite` or `eccv16`
    net: str
    #: the channels of eccv16 are divided by this
    width: int = 1
    #: steps of the optimizer
    steps: int = 2000
    #: pictures a step
    batch: int = 64
    #: side of a crop, pixels: a multiple of 32
    crop: int = 128
    #: highest learning rate
    rate: float = 2e-3
    #: steps in which the rate rises to it
    warm_up: int = 100
    #: weight decay of AdamW; biases and norms have none
    decay: float = 0.01
    #: the gradient's norm is cut to this
    clip: float = 1.0
    #: the paper's lambda: 1 turns class rebalancing off
    mix: float = MIX
    #: share of pictures that are made to look like old prints
    degraded: float = 0.5
    #: whether the encoder of lite keeps its ImageNet weights
    freeze: bool = True
    #: bfloat16 where it is safe
    bf16: bool = False
    #: steps between two evaluations; each also saves a checkpoint
    every: int = 500
    #: batches by which the batch-norm statistics are found anew at the end
    settle: int = 50
    #: share of the photos that is held back to judge by
    held: float = 0.02
    #: what all dice start from
    seed: int = 0

    def rate_at(self, step: int) -> float:
        """Returns the learning rate of a step, 0..steps-1: a line up, then half a cosine down to 0."""
        if step < self.warm_up:
            return self.rate * (step + 1) / self.warm_up
        left = (step - self.warm_up) / max(1, self.steps - self.warm_up)
        return self.rate * 0.5 * (1 + math.cos(math.pi * left))
