"""Small pictures, each other than all before, and a net that takes milliseconds."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

#: What the net is called in recipes.
MODEL = "chaos"

#: A step of a net: operator, attributes, names of its weights.
Step = tuple[str, Mapping[str, list[int]], list[str]]

_SIZE = (64, 48)


def picture(name: str) -> bytes:
    """Returns a gray PNG that no other name gives."""
    dice = np.random.default_rng(list(name.encode()))
    coarse = Image.fromarray(dice.integers(0, 256, (6, 8), dtype=np.uint8))
    out = io.BytesIO()
    coarse.resize(_SIZE, Image.Resampling.BICUBIC).save(out, "PNG")
    return out.getvalue()


def no_picture(name: str) -> bytes:
    """Returns bytes that are no picture, other for each name."""
    return f"This is no picture: {name}".encode()


def add_model(models: Path) -> None:
    """Enters a net of the shape `lite`, one convolution from lightness to the 313 bins, into a models folder."""
    dice = np.random.default_rng(0)
    weights = {
        "kernel": dice.normal(0, 0.08, (313, 1, 4, 4)).astype(np.float32),
        "bias": dice.normal(0, 1, 313).astype(np.float32),
    }
    file = models.with_suffix(".onnx")
    write_net(file, [("Conv", {"kernel_shape": [4, 4], "strides": [4, 4]}, list(weights))], weights)
    enter(models, MODEL, file, like="lite")


def write_net(
    file: Path,
    steps: Sequence[Step],
    weights: Mapping[str, NDArray[np.float32]],
) -> None:
    """Writes a net of the shape `lite` as ONNX: steps in a row, from lightness to logits."""
    # A few seconds that a look at the options need not wait for.
    import onnx  # noqa: PLC0415
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415

    wires = ["lightness", *(f"step{number}" for number in range(1, len(steps))), "logits"]
    nodes = [
        helper.make_node(operator, [wires[number], *names], [wires[number + 1]], **attributes)
        for number, (operator, attributes, names) in enumerate(steps)
    ]
    graph = helper.make_graph(
        nodes,
        file.stem,
        [helper.make_tensor_value_info("lightness", TensorProto.FLOAT, ["n", 1, 224, 224])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 313, 56, 56])],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), file)


def enter(models: Path, name: str, file: Path, *, like: str) -> None:
    """Enters a weights file into a models folder, under a name, as `photochrom models add` does."""
    command = [sys.executable, "-m", "photochrom", "models", "add", name, "--like", like, "--from", str(file)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PHOTOCHROM_MODELS_DIR": str(models)})
