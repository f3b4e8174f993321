"""One net by several ways: Caffe's importer, ONNX on both engines, and the graph's own decoding."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from models.bins import COUNT, centers
from models.decoding import annealed_mean
from models.eccv16.caffemodel import read
from models.eccv16.layers import AB, SCALE, SCALE_FACTOR, layers_of
from models.eccv16.prototxt import prototxt
from models.eccv16.twin import RELEASE_BYTES, write_twin
from models.eccv16.weights import converted, description
from models.engines.cv2_net import Cv2Net
from models.engines.onnxruntime_net import OnnxRuntimeNet

#: The difference in ab that the project promises not to reach.
BAR = 1e-3

TEMPERATURE = 0.38


def answers(weights: Path, onnx: Path, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """What each way says of the inputs, one by one: ab."""
    onnx.write_bytes(converted(weights))
    nets = {
        "Caffe": Cv2Net(weights, input_size=224, device="cpu"),
        "ONNX": Cv2Net(onnx, input_size=224, device="cpu"),
        "onnxruntime": OnnxRuntimeNet(onnx, input_size=224, device="cpu", threads=1),
    }
    return {
        way: np.concatenate([annealed_mean(net.logits(one[None]), TEMPERATURE) for one in inputs])
        for way, net in nets.items()
    }


def as_released(weights: Path, one: np.ndarray) -> np.ndarray:
    """Logits by the release's own description, whose convolutions are dilated."""
    text = np.frombuffer(description(weights, space_to_batch=False), np.uint8)
    net = cv2.dnn.readNetFromCaffe(text, np.fromfile(weights, np.uint8))
    net.setInput(one)
    return np.asarray(net.forward())


def graph(weights: Path) -> cv2.dnn.Net:
    """The net with the graph's own decoding."""
    description = prototxt(layers_of(read(weights)), decoding=True).encode()
    return cv2.dnn.readNetFromCaffe(np.frombuffer(description, np.uint8), np.fromfile(weights, np.uint8))


def test_all_ways_say_the_same(thin_twin: Path, inputs: np.ndarray, tmp_path: Path) -> None:
    """The prototxt, the ONNX file and the other engine agree within 1e-3 in ab, on answers that differ by far more."""
    found = answers(thin_twin, tmp_path / "thin.onnx", inputs)
    for way in ("ONNX", "onnxruntime"):
        assert np.abs(found[way] - found["Caffe"]).max() < BAR, way
    assert found["Caffe"].shape == (3, 2, 56, 56)
    assert np.abs(found["Caffe"][1] - found["Caffe"][2]).max() > 1
    assert found["Caffe"].std(axis=(0, 2, 3)).min() > 1


def test_space_to_batch_changes_nothing(thin_twin: Path, inputs: np.ndarray) -> None:
    """Dilated convolutions and plain ones over every second row and column say the same, for several pictures too."""
    assert b"dilation: 2" in description(thin_twin, space_to_batch=False)
    assert b"dilation: 2" not in description(thin_twin, space_to_batch=True)
    ours = Cv2Net(thin_twin, input_size=224, device="cpu").logits(inputs)
    released = np.concatenate([as_released(thin_twin, one[None]) for one in inputs])
    assert ours.shape == released.shape
    assert np.abs(ours - released).max() < 1e-4 * np.abs(released).max()


@pytest.mark.slow
def test_the_full_shape_says_the_same(inputs: np.ndarray, tmp_path: Path) -> None:
    """So does the net at its real size; its file is as large as the release's to within 1 kB of names and types."""
    path = tmp_path / "full.caffemodel"
    write_twin(path)
    assert abs(path.stat().st_size - RELEASE_BYTES) < 1000
    found = answers(path, tmp_path / "full.onnx", inputs[:1])
    for way in ("ONNX", "onnxruntime"):
        assert np.abs(found[way] - found["Caffe"]).max() < BAR, way


def test_several_pictures_make_one_pass(thin_twin: Path, inputs: np.ndarray) -> None:
    """Three pictures in one pass get what each gets alone, on both engines."""
    for net in (
        Cv2Net(thin_twin, input_size=224, device="cpu"),
        OnnxRuntimeNet(thin_twin, input_size=224, device="cpu", threads=1),
    ):
        together = annealed_mean(net.logits(inputs), TEMPERATURE)
        alone = np.concatenate([annealed_mean(net.logits(one[None]), TEMPERATURE) for one in inputs])
        assert np.abs(together - alone).max() < BAR, net.engine


@pytest.mark.parametrize("filled", [pytest.param(False, id="from the file"), pytest.param(True, id="by the program")])
def test_our_decoding_is_the_graphs(thin_twin: Path, inputs: np.ndarray, filled: bool) -> None:
    """At T = 1/2.606 the annealed mean of the logits is `class8_ab`, whoever fills in the bins."""
    net = graph(thin_twin)
    if filled:
        net.getLayer(net.getLayerId(AB)).blobs = [centers().T.reshape(2, COUNT, 1, 1)]
        net.getLayer(net.getLayerId(SCALE)).blobs = [np.full((1, COUNT), SCALE_FACTOR, np.float32)]
    logits = Cv2Net(thin_twin, input_size=224, device="cpu").logits
    for one in inputs:
        net.setInput(one[None])
        ours = annealed_mean(logits(one[None]), 1 / SCALE_FACTOR)
        assert np.abs(ours - net.forward()).max() < BAR


def test_both_limits_hold_on_the_net(thin_twin: Path, inputs: np.ndarray) -> None:
    """Toward T = 0 its colors are the most likely bins', at T = 1 the means of its distributions."""
    logits = Cv2Net(thin_twin, input_size=224, device="cpu").logits(inputs)
    modes = centers()[logits.argmax(axis=1)].transpose(0, 3, 1, 2)
    high = np.sort(logits, axis=1)
    clear = high[:, -1] - high[:, -2] > 0.02
    off = np.abs(annealed_mean(logits, 0.001) - modes).max(axis=1)
    assert off[clear].max() < BAR
    assert clear.mean() > 0.5
    chances = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    assert np.abs(annealed_mean(logits, 1.0) - np.einsum("nbhw,bc->nchw", chances, centers())).max() < BAR
