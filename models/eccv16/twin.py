"""Synthetic twins: weights files of the net's shape with random weights, to test with what cannot be shipped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from models.bins import COUNT, centers
from models.eccv16.caffemodel import write
from models.eccv16.layers import AB, LOGITS, SCALE, SCALE_FACTOR, Array, Layer, layers

#: Bytes of the release's weights file, for comparison.
RELEASE_BYTES = 128_946_764

#: Standard deviation of the lightness of photos, L*: the first layer brings it to about 1.
_CONTRAST = 25.0

#: Distance over which the logits of bins are alike, ab.
_ALIKE = 60.0

#: Standard deviation of the distribution that the last layer's biases alone give, ab: 0.62 of it at T = 0.38.
_PRIOR = 18.0

#: What Caffe's running sums are divided by: 1 + 0.999 + 0.999^2 + ... after a long training.
_SUMS = 999.98


def write_twin(path: Path, *, width: int = 1, seed: int = 0) -> None:
    """Writes a weights file: the same bytes for the same seed.

    `width` divides the channels: 1 gives the full shape, 16 the thin twin. The graph's own decoding layers are there
    and filled in, as the program that came with the release fills them in.
    """
    with path.open("wb") as file:
        write(file, "eccv16 twin", _layers(layers(width), np.random.default_rng(seed)))


def _layers(table: Sequence[Layer], dice: np.random.Generator) -> Iterator[tuple[str, str, Sequence[Array]]]:
    for layer in table:
        arrays = _head(layer, dice) if layer.name == LOGITS else _convolution(layer, dice)
        yield layer.name, "Deconvolution" if layer.transposed else "Convolution", arrays
        if layer.norm:
            yield layer.norm, "BatchNorm", _statistics(layer.outputs, dice)
    yield SCALE, "Scale", [np.full((1, COUNT), SCALE_FACTOR, np.float32)]
    yield AB, "Convolution", [centers().T.reshape(2, COUNT, 1, 1)]


def _convolution(layer: Layer, dice: np.random.Generator) -> list[Array]:
    """Returns weights that keep the spread of what passes (He et al., ICCV 2015, equation 10), and small biases."""
    shape, bias = layer.shapes
    # An output of a deconvolution sees one of stride x stride taps.
    taps = layer.inputs * layer.kernel**2 / (layer.stride**2 if layer.transposed else 1)
    gain = (2 / taps) ** 0.5 / (_CONTRAST if layer.inputs == 1 else 1)
    weights = dice.standard_normal(shape, np.float32)
    weights *= np.float32(gain)
    return [weights, dice.normal(0, 0.1, bias).astype(np.float32)]


def _head(layer: Layer, dice: np.random.Generator) -> list[Array]:
    """Returns weights and biases whose distributions look like a trained net's.

    Bins that lie together get like logits, and gray is likely. Where each bin has weights of its own instead, bins far
    apart compete, and ab hangs on the last digit of float32.
    """
    bins = centers().astype(np.float64)
    apart = ((bins[:, None] - bins) ** 2).sum(axis=2)
    alike = np.exp(-apart / (2 * _ALIKE**2))
    alike *= layer.inputs**-0.5 / np.linalg.norm(alike, axis=1, keepdims=True)
    weights = alike @ dice.standard_normal((COUNT, layer.inputs))
    biases = -(bins**2).sum(axis=1) / (2 * _PRIOR**2)
    return [weights.astype(np.float32).reshape(layer.shapes[0]), biases.astype(np.float32)]


def _statistics(channels: int, dice: np.random.Generator) -> list[Array]:
    """Returns means and variances such as ReLU leaves of a normal of variance 2, 0.56 and 0.68, as running sums."""
    mean = 0.56 * dice.uniform(0.8, 1.2, channels)
    variance = 0.68 * dice.uniform(0.5, 1.5, channels)
    return [np.asarray(array, np.float32) for array in (mean * _SUMS, variance * _SUMS, np.array([_SUMS]))]
