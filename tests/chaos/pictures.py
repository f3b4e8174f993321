"""Small pictures, each other than all before, and a net that takes milliseconds."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

#: What the net is called in recipes.
MODEL = "chaos"

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
    # A few seconds that a look at the options need not wait for.
    import onnx  # noqa: PLC0415
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415

    dice = np.random.default_rng(0)
    weights = {
        "kernel": dice.normal(0, 0.08, (313, 1, 4, 4)).astype(np.float32),
        "bias": dice.normal(0, 1, 313).astype(np.float32),
    }
    node = helper.make_node("Conv", ["lightness", *weights], ["logits"], kernel_shape=[4, 4], strides=[4, 4])
    graph = helper.make_graph(
        [node],
        MODEL,
        [helper.make_tensor_value_info("lightness", TensorProto.FLOAT, ["n", 1, 224, 224])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 313, 56, 56])],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    file = models.with_suffix(".onnx")
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), file)
    command = [sys.executable, "-m", "photochrom", "models", "add", MODEL, "--like", "lite", "--from", str(file)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PHOTOCHROM_MODELS_DIR": str(models)})
