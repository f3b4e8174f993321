"""The net of eccv16 as its release describes it, run by OpenCV: the yardstick for the form that we run."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.eccv16.layers import INPUT_SIZE
from models.eccv16.weights import description

Array = NDArray[np.float32]


class Released:
    """A net that OpenCV runs from the release's own description; see `models.nets.Net`."""

    engine = f"cv2 {cv2.__version__} cpu, as released"
    input_size = INPUT_SIZE

    def __init__(self, weights: Path) -> None:
        """Reads a Caffe weights file."""
        text = np.frombuffer(description(weights, space_to_batch=False), np.uint8)
        self._net = cv2.dnn.readNetFromCaffe(text, np.fromfile(weights, np.uint8))

    def logits(self, lightness: Array) -> Array:
        """Returns float32[n, 313, 56, 56] for float32[n, 1, 224, 224] of L* minus 50."""
        self._net.setInput(lightness)
        return np.asarray(self._net.forward(), np.float32)
