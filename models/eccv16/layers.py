"""The layers of the net as data (Zhang, Isola & Efros, Colorful Image Colorization, ECCV 2016, release v2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.bins import COUNT
from shared.errors import ModelDamaged

Array = NDArray[np.float32]

#: Layer -> its arrays, as a Caffe weights file holds them.
Blobs = Mapping[str, Sequence[Array]]

#: Side of the square input that the net was trained on, cells.
INPUT_SIZE = 224

#: The last layer that we run: its output are the logits.
LOGITS = "conv8_313"

#: What the graph does with them, where it decodes by itself: scale, softmax, mean of the bins. The release leaves the
#: weights of the first and the last for the program to fill in.
SCALE, SOFTMAX, AB = "conv8_313_rh", "class8_313_rh", "class8_ab"

#: Factor of the graph's own scale layer, about 1 / 0.38.
SCALE_FACTOR = 2.606

#: What BatchNorm adds to a variance, Caffe's default.
EPSILON = 1e-5


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """A convolution, with the ReLU and the BatchNorm that may follow it in this order."""

    #: its name in the weights file
    name: str
    #: channels of its input
    inputs: int
    #: channels of its output
    outputs: int
    #: side of its kernel, cells
    kernel: int = 3
    #: step of the kernel; of a deconvolution, how much larger the output's side is
    stride: int = 1
    #: distance between the cells that the kernel takes
    dilation: int = 1
    #: cells of zeros on each side of the input
    pad: int = 0
    #: whether it is a deconvolution
    transposed: bool = False
    #: whether ReLU follows
    relu: bool = True
    #: name of the BatchNorm that follows; empty for none
    norm: str = ""

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Shapes of its weights and its biases."""
        ends = (self.inputs, self.outputs) if self.transposed else (self.outputs, self.inputs)
        return (*ends, self.kernel, self.kernel), (self.outputs,)

    @property
    def weights(self) -> int:
        """How many numbers are trained: weights and biases."""
        return (self.inputs * self.kernel**2 + 1) * self.outputs

    def side(self, side: int) -> int:
        """Returns the side of the output for an input of this side, cells."""
        reach = self.dilation * (self.kernel - 1) - 2 * self.pad
        return (side - 1) * self.stride + reach + 1 if self.transposed else (side - reach - 1) // self.stride + 1

    def operations(self, side: int) -> int:
        """Returns the floating-point operations for an input of this side: two for each product and sum."""
        cells = side if self.transposed else self.side(side)
        return 2 * self.inputs * self.outputs * self.kernel**2 * cells**2


#: Group, channels, strides of its convolutions, dilation. Each group but the last ends in a BatchNorm.
_GROUPS = (
    (1, 64, (1, 2), 1),
    (2, 128, (1, 2), 1),
    (3, 256, (1, 1, 2), 1),
    (4, 512, (1, 1, 1), 1),
    (5, 512, (1, 1, 1), 2),
    (6, 512, (1, 1, 1), 2),
    (7, 512, (1, 1, 1), 1),
)


def layers(width: int = 1) -> tuple[Layer, ...]:
    """Returns the layers from lightness to logits, in their order.

    `width` divides the channels of all but the 313 bins: 1 is the net itself, 16 its thin twin for tests.
    """
    found: list[Layer] = []
    inputs = 1
    for group, channels, strides, dilation in _GROUPS:
        outputs = channels // width
        for number, stride in enumerate(strides, 1):
            name = f"{'bw_' if not found else ''}conv{group}_{number}"
            norm = f"conv{group}_{number}norm" if number == len(strides) else ""
            found.append(
                Layer(
                    name=name,
                    inputs=inputs,
                    outputs=outputs,
                    stride=stride,
                    dilation=dilation,
                    pad=dilation,
                    norm=norm,
                )
            )
            inputs = outputs
    half = inputs // 2
    return (
        *found,
        Layer(name="conv8_1", inputs=inputs, outputs=half, kernel=4, stride=2, pad=1, transposed=True),
        Layer(name="conv8_2", inputs=half, outputs=half, pad=1),
        Layer(name="conv8_3", inputs=half, outputs=half, pad=1),
        Layer(name=LOGITS, inputs=half, outputs=COUNT, kernel=1, relu=False),
    )


def operations(table: Sequence[Layer], side: int = INPUT_SIZE) -> int:
    """Returns the floating-point operations of one picture of this side, the convolutions' alone."""
    total = 0
    for layer in table:
        total += layer.operations(side)
        side = layer.side(side)
    return total


def layers_of(blobs: Blobs) -> tuple[Layer, ...]:
    """Returns the layers that these arrays belong to, their width told by the first one's.

    Raises ModelDamaged, with the layer and the shapes, where an array is missing or has another shape.
    """
    full = layers()[0].outputs
    first = blobs.get(layers()[0].name, ())
    channels = first[0].shape[0] if first and first[0].ndim else 0
    table = layers(full // channels if channels and full % channels == 0 else 1)
    for layer in table:
        _check(blobs, layer.name, layer.shapes)
        if layer.norm:
            _check(blobs, layer.norm, ((layer.outputs,), (layer.outputs,), (1,)))
    return table


def statistics(blobs: Blobs, norm: str) -> tuple[Array, Array]:
    """Returns mean and variance of a BatchNorm; Caffe keeps running sums of both, and what divides them."""
    mean, variance, count = blobs[norm]
    factor = np.float32(1 / count[0] if count[0] else 0)
    return mean * factor, variance * factor


def _check(blobs: Blobs, name: str, shapes: Sequence[tuple[int, ...]]) -> None:
    seen = [blob.shape for blob in blobs.get(name, ())]
    if seen != list(shapes):
        raise ModelDamaged(
            f"The layer {name} has arrays of the shapes {seen}; {list(shapes)} are right.",
            limit=[list(shape) for shape in shapes],
            seen=[list(shape) for shape in seen],
        )
