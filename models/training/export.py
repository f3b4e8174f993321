"""From a trained net to the files that engines run."""

from __future__ import annotations

import copy
import io
import json
import os
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import torch
from torch import nn
from torch.nn.utils import fuse_conv_bn_eval

from models.answers import known_inputs
from models.eccv16 import caffemodel
from models.eccv16.onnx_file import to_onnx
from models.nets import LIGHTNESS_CENTER
from models.training.eccv16 import Eccv16
from models.training.plan import Plan
from shared.errors import TrainingFailed

#: Side of the input, pixels.
INPUT_SIZE = 224

#: Version of ONNX's operators: one that OpenCV 4.12 reads.
_OPSET = 13

#: Farthest that a logit of the file may be from the net's own, where logits are of a trained net's size, and that size.
TOLERANCE = 1e-3
_USUAL = 20.0


def export(net: nn.Module, plan: Plan, out: Path, *, half: bool = True) -> list[Path]:
    """Writes `<net>.onnx`, of eccv16 also `eccv16.caffemodel`; returns the paths.

    Its input is `lightness`, float32[n, 1, 224, 224] of L* minus 50, its output `logits`, float32[n, 313, 56, 56].
    `half` rounds the weights to half precision; they stay float32 in the file, which then compresses to half. A file
    gets its name only after OpenCV gave the net's own logits, within TOLERANCE: else raises
    TrainingFailed.
    """
    ready = copy.deepcopy(net).cpu().to(memory_format=torch.contiguous_format).eval().requires_grad_(False)
    _fold(ready)
    if half:
        for values in ready.parameters():
            values.copy_(values.half().float())
    model = to_onnx(ready.blobs()) if isinstance(ready, Eccv16) else _traced(ready)
    model.producer_name = "photochrom"
    model.metadata_props.add(key="plan", value=json.dumps(asdict(plan)))
    onnx.checker.check_model(model)
    data = model.SerializeToString()
    _prove(ready, data)
    paths = [out / f"{plan.net}.onnx"]
    _write(paths[0], data)
    if isinstance(ready, Eccv16):
        file = io.BytesIO()
        caffemodel.write(file, plan.net, _caffe_layers(ready))
        paths.append(out / f"{plan.net}.caffemodel")
        _write(paths[1], file.getvalue())
    return paths


def _fold(module: nn.Module) -> None:
    """Puts each batch norm that follows a convolution directly into its weights, all the way down."""
    for name, child in module.named_children():
        if [type(part) for part in child.children()] == [nn.Conv2d, nn.BatchNorm2d]:
            setattr(module, name, fuse_conv_bn_eval(*child))
        else:
            _fold(child)


def _traced(net: nn.Module) -> onnx.ModelProto:
    """Returns the net as torch's tracing exporter writes it: the newer one knows no opset that OpenCV 4 reads."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            net,
            (torch.zeros(1, 1, INPUT_SIZE, INPUT_SIZE),),
            file,
            dynamo=False,
            opset_version=_OPSET,
            input_names=["lightness"],
            output_names=["logits"],
            dynamic_axes={"lightness": {0: "n"}, "logits": {0: "n"}},
        )
    return onnx.load_model_from_string(file.getvalue())


def _prove(net: nn.Module, data: bytes) -> None:
    """Raises TrainingFailed unless OpenCV answers as the net does, to one picture and to two."""
    seen = np.stack([lightness[None] for lightness in known_inputs(INPUT_SIZE).values()]) - np.float32(LIGHTNESS_CENTER)
    engine = cv2.dnn.readNetFromONNX(np.frombuffer(data, np.uint8))
    for lightness in (seen[:1], seen):
        engine.setInput(lightness)
        with torch.inference_mode():
            own = net(torch.from_numpy(lightness)).numpy()
        apart = float(np.abs(engine.forward() - own).max())
        # A net that has hardly learned gives logits in the hundreds, and float32 has 7 digits.
        limit = TOLERANCE * max(1, float(np.abs(own).max()) / _USUAL)
        if not apart < limit:
            raise TrainingFailed(
                f"OpenCV's answer to the exported net is up to {apart:.2g} off; {limit:.2g} is the limit.",
                limit=limit,
                seen=apart,
            )


def _caffe_layers(net: Eccv16) -> list[tuple[str, str, Any]]:
    """Returns name, type and arrays of each layer, as the writer of Caffe's files takes them."""
    blobs = net.blobs()
    kinds = {layer.name: "Deconvolution" if layer.transposed else "Convolution" for layer in net.table}
    return [(name, kinds.get(name, "BatchNorm"), arrays) for name, arrays in blobs.items()]


def _write(path: Path, data: bytes) -> None:
    """Writes a file that has its name only when it is whole."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
