"""The nets of these benches: one that does almost nothing, and one of the release's shape and cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.bins import centers
from models.eccv16.twin import write_twin
from tests.chaos.pictures import Step, enter, write_net

#: What they are called in recipes.
NOOP, TWIN = "noop", "eccv16-twin"

#: Logits a unit of lightness; enough for two known inputs to get two answers.
_SLOPE = 0.002


def add_noop(models: Path) -> None:
    """Enters a net whose logits are the mean lightness of each cell, times a number a bin."""
    slopes = (centers()[:, 0] * _SLOPE).astype(np.float32)
    file = models.parent / f"{NOOP}.onnx"
    pool: Step = ("AveragePool", {"kernel_shape": [4, 4], "strides": [4, 4]}, [])
    spread = ("Conv", {"kernel_shape": [1, 1]}, ["slopes"])
    write_net(file, [pool, spread], {"slopes": slopes.reshape(-1, 1, 1, 1)})
    enter(models, NOOP, file, like="lite")


def add_twin(models: Path) -> None:
    """Enters the synthetic twin of eccv16 at full size."""
    file = models.parent / f"{TWIN}.caffemodel"
    write_twin(file)
    enter(models, TWIN, file, like="eccv16")
