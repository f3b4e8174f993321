"""The net as an ONNX file, for engines that read no Caffe files; it takes the package `onnx` (extra `convert`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.bins import COUNT
from models.eccv16.layers import EPSILON, INPUT_SIZE, Array, Blobs, Layer, layers_of, statistics
from shared.errors import EngineUnavailable, ModelDamaged

if TYPE_CHECKING:
    import onnx

#: Version of ONNX's operators: one that OpenCV 4.12 and every onnxruntime of today know.
_OPSET = 13

#: Version of the file format that goes with it.
_IR_VERSION = 7

#: Names of input and output, those of every net that Photochrom runs.
_INPUT, _OUTPUT = "lightness", "logits"


def to_onnx(blobs: Blobs) -> onnx.ModelProto:
    """Returns the net with these weights.

    Its input `lightness` is float32[n, 1, 224, 224], L* minus 50; its output `logits` float32[n, 313, 56, 56]. Raises
    ModelDamaged where arrays are missing, EngineUnavailable without the package `onnx`.
    """
    try:
        from onnx import TensorProto, helper  # noqa: PLC0415 - heavy, and an extra
    except ImportError as error:
        raise EngineUnavailable(
            "A Caffe model is run by onnxruntime, or by OpenCV 5, after it was converted, and that takes the package "
            "onnx: pip install 'photochrom[convert]'.",
            seen="no onnx",
        ) from error
    table = layers_of(blobs)
    nodes, arrays = [], {}
    last = _INPUT
    for layer in table:
        for node, weights in _nodes(layer, last, blobs):
            nodes.append(node)
            arrays.update(weights)
            last = node.output[0]
    nodes[-1].output[0] = _OUTPUT
    side = INPUT_SIZE
    for layer in table:
        side = layer.side(side)
    graph = helper.make_graph(
        nodes,
        "eccv16",
        [helper.make_tensor_value_info(_INPUT, TensorProto.FLOAT, ["n", 1, INPUT_SIZE, INPUT_SIZE])],
        [helper.make_tensor_value_info(_OUTPUT, TensorProto.FLOAT, ["n", COUNT, side, side])],
        [_tensor(name, array) for name, array in arrays.items()],
    )
    return helper.make_model(
        graph,
        producer_name="photochrom",
        ir_version=_IR_VERSION,
        opset_imports=[helper.make_opsetid("", _OPSET)],
    )


def check(path: Path) -> None:
    """Raises ModelDamaged for a file that ONNX's own checker refuses, shapes included."""
    from onnx import checker  # noqa: PLC0415

    try:
        checker.check_model(str(path), full_check=True)
    except checker.ValidationError as error:
        raise ModelDamaged(f"ONNX's checker refuses {path}: {error}") from error


def _nodes(layer: Layer, source: str, blobs: Blobs) -> Iterator[tuple[onnx.NodeProto, dict[str, Array]]]:
    """Yields each node of a layer with its arrays by name."""
    from onnx import helper  # noqa: PLC0415

    weights = dict(zip((f"{layer.name}.weight", f"{layer.name}.bias"), blobs[layer.name], strict=True))
    name = layer.name
    yield (
        helper.make_node(
            "ConvTranspose" if layer.transposed else "Conv",
            [source, *weights],
            [name],
            name=name,
            kernel_shape=[layer.kernel] * 2,
            strides=[layer.stride] * 2,
            dilations=[layer.dilation] * 2,
            pads=[layer.pad] * 4,
        ),
        weights,
    )
    if layer.relu:
        name = f"relu_{layer.name}"
        yield helper.make_node("Relu", [layer.name], [name], name=name), {}
    if layer.norm:
        mean, variance = statistics(blobs, layer.norm)
        # It must stay a layer: folded into the next convolution it would change what that sees of the zeros around.
        arrays = {
            f"{layer.norm}.scale": np.ones_like(mean),
            f"{layer.norm}.bias": np.zeros_like(mean),
            f"{layer.norm}.mean": mean,
            f"{layer.norm}.variance": variance,
        }
        node = helper.make_node("BatchNormalization", [name, *arrays], [layer.norm], name=layer.norm, epsilon=EPSILON)
        yield node, arrays


def _tensor(name: str, array: Array) -> onnx.TensorProto:
    from onnx import numpy_helper  # noqa: PLC0415

    return numpy_helper.from_array(array, name)
