"""Nets: from a picture's lightness to logits over the bins."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from models.bins import COUNT
from models.decoding import annealed_mean
from models.engines.cv2_net import Cv2Net
from models.engines.onnxruntime_net import OnnxRuntimeNet
from models.files import proved
from shared.errors import NetFailed
from shared.registry import Model

Array = NDArray[np.float32]

#: L* that the nets take as zero.
LIGHTNESS_CENTER = 50.0


class Net(Protocol):
    """A loaded net."""

    #: engine, its version and device, for sidecars
    engine: str
    #: side of the square input, cells
    input_size: int

    def logits(self, lightness: Array) -> Array:
        """Returns float32[n, 313, h/4, w/4] for float32[n, 1, h, w] of L* minus 50; raises NetFailed."""


def load_net(model: Model, folder: Path, *, threads: int = 1, engine: str = "cv2", device: str = "cpu") -> Net:
    """Loads a model, from `folder` unless it ships.

    `engine` and `device` are those of the settings, `threads` how many the net and OpenCV use in this process. Raises
    ModelMissing, ModelDamaged, or EngineUnavailable where engine or device are not here: no other takes their place.
    """
    path = proved(model, folder)[-1]
    # Decoding runs on OpenCV, whatever runs the net.
    cv2.setNumThreads(threads)
    if engine == "onnxruntime":
        return OnnxRuntimeNet(path, input_size=model.input_size, device=device, threads=threads)
    return Cv2Net(path, input_size=model.input_size, device=device)


def logits_of(net: Net, lightness: Array) -> Array:
    """Returns float32[1, 313, h/4, w/4] for one picture's L*, float32[h, w] of the net's input size.

    Raises NetFailed.
    """
    found = net.logits(lightness[None, None] - np.float32(LIGHTNESS_CENTER))
    if found.ndim != 4 or found.shape[1] != COUNT:
        raise NetFailed(f"The net gave an array of shape {found.shape}.", seen=list(found.shape))
    return found


def color(net: Net, lightness: Array, temperature: float) -> Array:
    """Returns ab float32[2, h/4, w/4] for one picture's L*, float32[h, w] of the net's input size."""
    ab: Array = annealed_mean(logits_of(net, lightness), temperature)[0]
    return ab
