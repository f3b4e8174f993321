"""The plain loop that this project grew out of: whole pictures in float, one process, OpenCV's own threads.

`python -m bench.seed OUT FILE...` prints the seconds that the loop took, its imports and the net's loading left out.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.bins import centers
from models.files import WEIGHTS

_TEMPERATURE = 0.38


#: Gives ab float32[2, 56, 56] for L* float32[224, 224].
Predict = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def run(paths: list[Path], out: Path) -> float:
    """Colors the files one after the other and returns the seconds."""
    net = cv2.dnn.readNetFromONNX(str(WEIGHTS / "lite.onnx"))
    bins = centers()

    def predict(lightness: NDArray[np.float32]) -> NDArray[np.float32]:
        net.setInput(cv2.dnn.blobFromImage(lightness - 50))
        logits = np.asarray(net.forward())[0].reshape(313, -1) / _TEMPERATURE
        weights = np.exp(logits - logits.max(axis=0))
        return np.asarray((bins.T @ (weights / weights.sum(axis=0))).reshape(2, 56, 56), np.float32)

    begun = time.perf_counter()
    for path in paths:
        color(path, out / path.name, predict)
    return time.perf_counter() - begun


def color(source: Path, target: Path, predict: Predict) -> None:
    """Colors one file."""
    picture = cv2.imread(str(source))
    if picture is None:
        raise SystemExit(f"{source} cannot be read.")
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
    lightness = lab[:, :, 0]
    ab = predict(np.asarray(cv2.resize(lightness, (224, 224)), np.float32)).transpose(1, 2, 0)
    full = cv2.resize(ab, (picture.shape[1], picture.shape[0]))
    joined = np.concatenate([lightness[:, :, None], full], axis=2).astype(np.float32)
    colors = np.clip(cv2.cvtColor(joined, cv2.COLOR_LAB2BGR), 0, 1)
    cv2.imwrite(str(target), (colors * 255).astype(np.uint8))


if __name__ == "__main__":
    print(run([Path(name) for name in sys.argv[2:]], Path(sys.argv[1])))
