"""OpenCV's engine: ONNX and Caffe files, on the CPU or, where OpenCV was built with CUDA, on a GPU."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.eccv16 import weights
from shared.errors import EngineUnavailable, ModelDamaged, NetFailed, PhotochromError

Array = NDArray[np.float32]

#: Device -> what OpenCV calls backend and target.
_PLACES = {
    "cpu": (cv2.dnn.DNN_BACKEND_OPENCV, cv2.dnn.DNN_TARGET_CPU),
    "cuda": (cv2.dnn.DNN_BACKEND_CUDA, cv2.dnn.DNN_TARGET_CUDA),
    "cuda_fp16": (cv2.dnn.DNN_BACKEND_CUDA, cv2.dnn.DNN_TARGET_CUDA_FP16),
}


class Cv2Net:
    """A net that OpenCV runs. One thread at a time may use it."""

    def __init__(self, path: Path, *, input_size: int, device: str) -> None:
        """Reads an ONNX file or a Caffe weights file; raises ModelDamaged or EngineUnavailable."""
        _require(device)
        with _translated(ModelDamaged, f"OpenCV cannot read {path}"):
            self._net = _read(path, device)
            backend, target = _PLACES[device]
            self._net.setPreferableBackend(backend)
            self._net.setPreferableTarget(target)
        self.engine = f"cv2 {cv2.__version__} {device}"
        self.input_size = input_size

    def logits(self, lightness: Array) -> Array:
        """Runs the net."""
        with _translated(NetFailed, "OpenCV could not run the net"):
            self._net.setInput(lightness)
            return np.asarray(self._net.forward(), np.float32)


def reads_caffe() -> bool:
    """Tells whether this OpenCV has the Caffe importer; 5.0 has none."""
    return hasattr(cv2.dnn, "readNetFromCaffe")


def _read(path: Path, device: str) -> cv2.dnn.Net:
    # OpenCV 5.0 tries its new engine first, which does not run lite.
    engine = (cv2.dnn.ENGINE_CLASSIC,) if hasattr(cv2.dnn, "ENGINE_CLASSIC") else ()
    if path.suffix != weights.SUFFIX:
        return cv2.dnn.readNetFromONNX(str(path), *engine)
    if not reads_caffe():
        return cv2.dnn.readNetFromONNX(np.frombuffer(weights.converted(path), np.uint8), *engine)
    # cuDNN has kernels of its own for dilated convolutions.
    description = np.frombuffer(weights.description(path, space_to_batch=device == "cpu"), np.uint8)
    return cv2.dnn.readNetFromCaffe(description, np.memmap(path, np.uint8, "r"))


def _require(device: str) -> None:
    """Raises EngineUnavailable where OpenCV would run the net on the CPU instead, with no more than a warning."""
    backend, target = _PLACES[device]
    if device == "cpu" or target in cv2.dnn.getAvailableTargets(backend):
        return
    asked = f"PHOTOCHROM_DEVICE is {device}, but"
    remedy = "Change that, or set PHOTOCHROM_DEVICE to cpu."
    if missing := [part for part in ("NVIDIA CUDA", "cuDNN") if not _built_with(part)]:
        raise EngineUnavailable(
            f"{asked} this OpenCV {cv2.__version__} was built without {' and '.join(missing)}, as those of PyPI are. "
            "Build one that has them (deploy/worker-cuda.Dockerfile), set PHOTOCHROM_ENGINE to onnxruntime with the "
            "extra photochrom[onnxruntime-gpu], or set PHOTOCHROM_DEVICE to cpu.",
            limit=device,
            seen=f"OpenCV without {' and '.join(missing)}",
        )
    count = cv2.cuda.getCudaEnabledDeviceCount()
    if count < 1:
        raise EngineUnavailable(
            f"{asked} OpenCV sees no CUDA device: the driver is missing or too old, or the container was started "
            f"without the GPU. {remedy}",
            limit=device,
            seen=count,
        )
    raise EngineUnavailable(f"{asked} the GPU of this machine is too old for it. {remedy}", limit=device, seen=count)


def _built_with(part: str) -> bool:
    return re.search(rf"^\s*{part}:\s+YES", cv2.getBuildInformation(), re.MULTILINE) is not None


@contextmanager
def _translated(kind: type[PhotochromError], words: str) -> Iterator[None]:
    """Raises `kind` for what OpenCV raises."""
    try:
        yield
    except cv2.error as error:
        raise kind(f"{words}: {error}") from error
