"""The plain loop that this project grew out of: whole pictures in float, one process, OpenCV's own threads.

`python -m bench.seed OUT FILE...` prints the seconds that the loop took, its imports and the net's loading left out.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import cv2
import numpy as np

from models.bins import centers
from models.nets import WEIGHTS

_TEMPERATURE = 0.38


def run(paths: list[Path], out: Path) -> float:
    """Colors the files one after the other and returns the seconds."""
    net = cv2.dnn.readNetFromONNX(str(WEIGHTS / "lite.onnx"))
    bins = centers()
    begun = time.perf_counter()
    for path in paths:
        picture = cv2.imread(str(path))
        if picture is None:
            raise SystemExit(f"{path} cannot be read.")
        lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
        lightness = lab[:, :, 0]
        net.setInput(cv2.dnn.blobFromImage(cv2.resize(lightness, (224, 224)) - 50))
        logits = np.asarray(net.forward())[0].reshape(313, -1) / _TEMPERATURE
        weights = np.exp(logits - logits.max(axis=0))
        ab = (bins.T @ (weights / weights.sum(axis=0))).reshape(2, 56, 56).transpose(1, 2, 0)
        ab = cv2.resize(ab, (picture.shape[1], picture.shape[0]))
        joined = np.concatenate([lightness[:, :, None], ab], axis=2).astype(np.float32)
        color = np.clip(cv2.cvtColor(joined, cv2.COLOR_LAB2BGR), 0, 1)
        cv2.imwrite(str(out / path.name), (color * 255).astype(np.uint8))
    return time.perf_counter() - begun


if __name__ == "__main__":
    print(run([Path(name) for name in sys.argv[2:]], Path(sys.argv[1])))
