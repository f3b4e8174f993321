"""The nets on one thread: milliseconds a picture by each engine, how far they are apart, and the decoding."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.in_place import lite
from bench.masters import gray_photos
from bench.released import Released
from models.decoding import annealed_mean
from models.eccv16.layers import INPUT_SIZE, layers, operations
from models.eccv16.twin import RELEASE_BYTES, write_twin
from models.eccv16.weights import converted
from models.engines.cv2_net import Cv2Net
from models.engines.onnxruntime_net import OnnxRuntimeNet
from models.files import WEIGHTS
from models.nets import LIGHTNESS_CENTER, Net
from models.spaces import master_lightness, srgb

Array = NDArray[np.float32]

#: How often each is run; they take turns.
_ROUNDS = 7

_TEMPERATURE = 0.38

#: Milliseconds that decoding a picture may take.
_DECODING_BAR = 8.0

#: Difference in ab that engines must stay below.
_AGREEMENT_BAR = 1e-3


def main() -> None:
    """Prints both tables; exits 1 where decoding is too slow or engines are too far apart."""
    lightness = _photo()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        caffe, onnx = Path(name) / "full.caffemodel", Path(name) / "full.onnx"
        write_twin(caffe)
        onnx.write_bytes(converted(caffe))
        size = caffe.stat().st_size
        nets: dict[str, list[tuple[str, Net]]] = {
            "eccv16": [
                ("cv2, as released", Released(caffe)),
                ("cv2, Caffe file", Cv2Net(caffe, input_size=INPUT_SIZE, device="cpu")),
                ("cv2, ONNX file", Cv2Net(onnx, input_size=INPUT_SIZE, device="cpu")),
                ("onnxruntime", OnnxRuntimeNet(onnx, input_size=INPUT_SIZE, device="cpu", threads=1)),
            ],
            "lite": [
                ("cv2", lite()),
                (
                    "onnxruntime",
                    OnnxRuntimeNet(WEIGHTS / "lite.onnx", input_size=INPUT_SIZE, device="cpu", threads=1),
                ),
            ],
        }
    table = layers()
    print(f"eccv16: {sum(layer.weights for layer in table):,} weights, {operations(table) / 1e9:.1f} GFLOP a picture;")
    print(f"its synthetic twin has {size:,} bytes, {size - RELEASE_BYTES:+,} from the release.\n")
    apart = max(_compare(name, rows, lightness) for name, rows in nets.items())
    decoding = _decoding(lite().logits(lightness))
    if decoding > _DECODING_BAR or apart > _AGREEMENT_BAR:
        raise SystemExit(f"missed: decoding in {_DECODING_BAR} ms, engines within {_AGREEMENT_BAR} in ab")


def _compare(name: str, rows: list[tuple[str, Net]], lightness: Array) -> float:
    """Prints a row an engine, and returns how far they are apart in ab."""
    answers = [annealed_mean(net.logits(lightness), _TEMPERATURE) for _, net in rows]
    times = _medians([partial(net.logits, lightness) for _, net in rows])
    print(f"{name + ', one thread':28}{'ms a picture':>14}{'ratio':>8}{'GFLOP/s':>9}{'ab apart, most':>16}")
    furthest = 0.0
    for (label, _), taken, answer in zip(rows, times, answers, strict=True):
        apart = float(np.abs(answer - answers[0]).max())
        speed = f"{operations(layers()) / taken / 1e6:9.0f}" if name == "eccv16" else " " * 9
        print(f"{label:28}{taken:14.1f}{taken / times[0]:8.2f}{speed}{apart:16.1e}")
        furthest = max(furthest, apart)
    print()
    return furthest


def _decoding(logits: Array) -> float:
    """Prints and returns the milliseconds of one picture's decoding."""
    (taken,) = _medians([lambda: annealed_mean(logits, _TEMPERATURE)], rounds=50)
    print(f"annealed mean, one thread: {taken:.1f} ms a picture; {_DECODING_BAR:g} at most")
    return taken


def _medians(calls: list[Callable[[], object]], *, rounds: int = _ROUNDS) -> list[float]:
    """Returns the median of each call in milliseconds of this thread, which does all of it; they take turns."""
    taken = np.empty((rounds, len(calls)))
    for turn in range(rounds):
        for number, call in enumerate(calls):
            begun = time.thread_time()
            call()
            taken[turn, number] = (time.thread_time() - begun) * 1e3
    return [median(column) for column in taken.T.tolist()]


def _photo() -> Array:
    """Returns L* minus 50 of a gray photo, float32[1, 1, 224, 224]."""
    photo = gray_photos(INPUT_SIZE, INPUT_SIZE)[0].astype(np.uint8)
    lightness = master_lightness(photo, srgb(8)) - np.float32(LIGHTNESS_CENTER)
    return np.asarray(lightness[None, None], np.float32)
