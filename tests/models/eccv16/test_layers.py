"""The layer table of eccv16."""

from __future__ import annotations

import numpy as np
import pytest

from models.eccv16.layers import INPUT_SIZE, LOGITS, layers, layers_of, operations, statistics
from shared.errors import ModelDamaged


def blobs_of(width: int) -> dict[str, list[np.ndarray]]:
    """Arrays of zeros of the right shapes."""
    found = {}
    for layer in layers(width):
        found[layer.name] = [np.zeros(shape, np.float32) for shape in layer.shapes]
        if layer.norm:
            found[layer.norm] = [np.ones(n, np.float32) for n in (layer.outputs, layer.outputs, 1)]
    return found


def test_the_net_has_its_published_size() -> None:
    """32.2 million weights, and 64 GFLOP a picture where a product and a sum are two."""
    table = layers()
    assert sum(layer.weights for layer in table) == 32_230_393
    assert operations(table) == 63_963_561_984
    assert sum(layer.weights for layer in table) == sum(np.prod(shape) for layer in table for shape in layer.shapes)


def test_224_cells_become_56() -> None:
    """Three convolutions halve the side and a deconvolution doubles it; each layer takes what the one before gives."""
    side, channels = INPUT_SIZE, 1
    halved = []
    for layer in layers():
        assert layer.inputs == channels
        if layer.side(side) * 2 == side:
            halved.append(layer.name)
        side, channels = layer.side(side), layer.outputs
    assert halved == ["conv1_2", "conv2_2", "conv3_3"]
    assert (side, channels) == (56, 313)


def test_the_thin_twin_has_a_sixteenth_of_the_channels() -> None:
    """All channels but the bins are divided; names and order stay."""
    thin, full = layers(16), layers()
    assert [layer.name for layer in thin] == [layer.name for layer in full]
    assert [layer.outputs * 16 for layer in thin[:-1]] == [layer.outputs for layer in full[:-1]]
    assert (thin[-1].name, thin[-1].outputs) == (LOGITS, 313)


@pytest.mark.parametrize("width", [1, 2, 16, 64])
def test_arrays_tell_the_width(width: int) -> None:
    """The table of a weights file is found by the channels of its first layer."""
    assert layers_of(blobs_of(width)) == layers(width)


@pytest.mark.parametrize(
    ("name", "arrays", "words"),
    [
        pytest.param("conv4_2", [], "conv4_2", id="a layer is missing"),
        pytest.param("conv5_3norm", [np.ones(32)] * 2, "conv5_3norm", id="a BatchNorm without its factor"),
        pytest.param("conv8_1", [np.ones((16, 32, 4, 4)), np.ones(16)], r"\(32, 16, 4, 4\)", id="ends swapped"),
        pytest.param("conv8_313", [np.ones((7, 16, 1, 1)), np.ones(7)], r"\(7, 16, 1, 1\)", id="other bins"),
        pytest.param("bw_conv1_1", [np.ones((5, 1, 3, 3)), np.ones(5)], "bw_conv1_1", id="no divisor of 64"),
        pytest.param("bw_conv1_1", [np.float32(1)], "bw_conv1_1", id="a single number"),
    ],
)
def test_arrays_of_another_net_are_refused(name: str, arrays: list[np.ndarray], words: str) -> None:
    """The words name the layer and both shapes."""
    blobs = blobs_of(16) | {name: arrays}
    with pytest.raises(ModelDamaged, match=words):
        layers_of(blobs)


def test_running_sums_are_divided() -> None:
    """Caffe's third array divides the sums; where it is 0, nothing has run yet and both are 0."""
    sums = [np.array([6.0], np.float32), np.array([3.0], np.float32), np.array([3.0], np.float32)]
    mean, variance = statistics({"norm": sums}, "norm")
    assert (mean[0], variance[0]) == pytest.approx((2, 1))
    mean, variance = statistics({"norm": [*sums[:2], np.zeros(1, np.float32)]}, "norm")
    assert (mean[0], variance[0]) == (0, 0)
