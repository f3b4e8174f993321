"""Batches of crops from photos that lie on the device; the step's number and the seed decide all of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.nn import functional

from models.nets import LIGHTNESS_CENTER
from models.training.plan import Plan
from models.training.planes import lab_of
from models.training.prints import aged

#: Pixels of the input a cell of the output has, along each side.
CELL = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What one step learns from."""

    #: the net's input: L* minus 50, float32[n, 1, h, w]
    lightness: Tensor
    #: the true ab, mean over each cell: float32[n, 2, h/4, w/4]
    ab: Tensor


class Batches:
    """Endless batches. Any step can be asked for at any time, which is what makes a resumed run go on as it was."""

    def __init__(self, pixels: NDArray[np.uint8], plan: Plan, device: torch.device) -> None:
        """Takes uint8[n, 3, side, side] to the device: on a GPU no photo travels during training."""
        self._pixels = torch.from_numpy(pixels).to(device)
        self._plan = plan
        self._device = device
        self._order: tuple[int, Tensor] | None = None

    def at(self, step: int) -> Batch:
        """Returns the batch of a step: crops, half of them mirrored, some made to look like old prints."""
        dice = self._dice("step", step)
        lightness, ab = lab_of(self._crops(self._numbers(step), dice))
        seen = aged(lightness, dice, self._plan.degraded) if self._plan.degraded else lightness
        return Batch(lightness=seen - LIGHTNESS_CENTER, ab=functional.avg_pool2d(ab, CELL))

    def _numbers(self, step: int) -> Tensor:
        """Returns which photos a step takes: each photo once an epoch, in an order of the epoch's own."""
        count, size = len(self._pixels), self._plan.batch
        places = range(step * size, (step + 1) * size)
        return torch.cat(
            [
                self._shuffled(epoch)[max(places.start - epoch * count, 0) : places.stop - epoch * count]
                for epoch in range(places.start // count, (places.stop - 1) // count + 1)
            ]
        )

    def _shuffled(self, epoch: int) -> Tensor:
        """Returns the order of an epoch, int64[photos]; the latest is kept."""
        if self._order is None or self._order[0] != epoch:
            dice = self._dice("epoch", epoch)
            self._order = (epoch, torch.randperm(len(self._pixels), generator=dice, device=self._device))
        return self._order[1]

    def _crops(self, numbers: Tensor, dice: Generator) -> Tensor:
        """Returns a random square of each photo, every other mirrored: uint8[n, 3, crop, crop]."""
        count, crop, room = len(numbers), self._plan.crop, self._pixels.shape[-1] - self._plan.crop
        corners = torch.randint(room + 1, (2, count, 1), generator=dice, device=self._device)
        line = torch.arange(crop, device=self._device)
        mirrored = torch.randint(2, (count, 1), generator=dice, device=self._device, dtype=torch.bool)
        rows = corners[0] + line
        columns = corners[1] + torch.where(mirrored, line.flip(0), line)
        picked = self._pixels[numbers[:, None, None], :, rows[:, :, None], columns[:, None, :]]
        return picked.permute(0, 3, 1, 2)

    def _dice(self, kind: str, number: int) -> Generator:
        """Returns dice that follow from the plan's seed and these two; torch takes only 32 bits of a seed on a CPU."""
        digest = hashlib.sha256(f"{self._plan.seed} {kind} {number}".encode()).digest()
        return Generator(self._device).manual_seed(int.from_bytes(digest[:4]))


def middle(pixels: NDArray[np.uint8], crop: int) -> NDArray[np.uint8]:
    """Returns the middle square of each photo, uint8[n, 3, crop, crop]: what evaluation looks at."""
    edge = (pixels.shape[-1] - crop) // 2
    return pixels[:, :, edge : edge + crop, edge : edge + crop]
