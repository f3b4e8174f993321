"""`python -m bench.scale.sleepy`: the command `photochrom`, with nets that sleep before they answer.

Each process that Celery spawns imports the main module of its parent, so that this one is what they all see.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import worker.host
import worker.workshop
from models.nets import Net, load_net
from photochrom.command import main
from shared.registry import Model

#: How long a look of the net takes, seconds.
SLEEP = 0.25


class _Sleepy:
    """A net that sleeps first."""

    def __init__(self, net: Net) -> None:
        self._net = net
        self.engine = net.engine
        self.input_size = net.input_size

    def logits(self, lightness: NDArray[np.float32]) -> NDArray[np.float32]:
        """Runs the net."""
        time.sleep(SLEEP)
        return self._net.logits(lightness)


def _load(model: Model, folder: Path, **how: Any) -> Net:
    return _Sleepy(load_net(model, folder, **how))


for module in (worker.host, worker.workshop):
    vars(module)["load_net"] = _load

if __name__ == "__main__":
    main()
