"""The net as text for OpenCV's Caffe importer: names, order and shapes; the weights come from the weights file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from models.eccv16.layers import AB, EPSILON, INPUT_SIZE, LOGITS, SCALE, SOFTMAX, Layer

#: Name of the input.
_INPUT = "data_l"


def prototxt(table: Sequence[Layer], *, decoding: bool = False, space_to_batch: bool = False) -> str:
    """Returns the description of the layers, from `data_l` [1, 1, 224, 224] to `conv8_313` [1, 313, 56, 56].

    With `decoding` it goes on as the release does: times 2.606, softmax, and `class8_ab` [1, 2, 56, 56]. The arrays of
    those layers are the program's to fill in: [1, 313] of 2.606, and the bins as [2, 313, 1, 1].

    With `space_to_batch` dilated convolutions run as plain ones, over d x d pictures of every d-th row and column: the
    same products and sums. OpenCV's CPU has Winograd's form for plain ones only, so that a dilated one takes five times
    as long; it says the same but for rounding, in 0.6 of the time.
    """
    shape = f"dim: 1 dim: 1 dim: {INPUT_SIZE} dim: {INPUT_SIZE}"
    lines = ['name: "eccv16"', f'input: "{_INPUT}"', f"input_shape {{ {shape} }}"]
    last, side = _INPUT, INPUT_SIZE
    for step, group in groupby(table, lambda layer: layer.dilation if space_to_batch else 1):
        run = list(group)
        if step > 1:
            run = [replace(layer, dilation=1, pad=layer.pad // step) for layer in run]
            lines += _to_batch(last, run[0].inputs, side // step, step)
            last = f"{last}_batch"
        for layer in run:
            lines += _layer(layer, last)
            last = layer.norm or layer.name
            side = layer.side(side)
        if step > 1:
            lines += _to_space(last, run[-1].outputs, side // step, step)
            last = f"{last}_space"
    if decoding:
        lines += _decoding()
    return "\n".join(lines) + "\n"


def _to_batch(source: str, channels: int, side: int, step: int) -> Iterator[str]:
    """Turns [n, c, side x step, side x step] into [n x step x step, c, side, side]."""
    yield _reshape(f"{source}_apart", source, -1, channels, side, step, side, step)
    yield _permute(f"{source}_turned", f"{source}_apart", 0, 3, 5, 1, 2, 4)
    yield _reshape(f"{source}_batch", f"{source}_turned", -1, channels, side, side)


def _to_space(source: str, channels: int, side: int, step: int) -> Iterator[str]:
    """Undoes `_to_batch`."""
    yield _reshape(f"{source}_apart", source, -1, step, step, channels, side, side)
    yield _permute(f"{source}_turned", f"{source}_apart", 0, 3, 4, 1, 5, 2)
    yield _reshape(f"{source}_space", f"{source}_turned", -1, channels, side * step, side * step)


def _layer(layer: Layer, source: str) -> Iterator[str]:
    yield _text(
        layer.name,
        "Deconvolution" if layer.transposed else "Convolution",
        source,
        f"convolution_param {{ num_output: {layer.outputs} kernel_size: {layer.kernel} stride: {layer.stride} "
        f"pad: {layer.pad} dilation: {layer.dilation} }}",
    )
    if layer.relu:
        # In place, as in the release.
        yield _text(f"relu_{layer.name}", "ReLU", layer.name, top=layer.name)
    if layer.norm:
        yield _text(
            layer.norm, "BatchNorm", layer.name, f"batch_norm_param {{ use_global_stats: true eps: {EPSILON:g} }}"
        )


def _decoding() -> Iterator[str]:
    yield _text(SCALE, "Scale", LOGITS, "scale_param { bias_term: false }")
    yield _text(SOFTMAX, "Softmax", SCALE)
    yield _text(AB, "Convolution", SOFTMAX, "convolution_param { num_output: 2 kernel_size: 1 bias_term: false }")


def _reshape(name: str, source: str, *shape: int) -> str:
    dims = " ".join(f"dim: {size}" for size in shape)
    return _text(name, "Reshape", source, f"reshape_param {{ shape {{ {dims} }} }}")


def _permute(name: str, source: str, *axes: int) -> str:
    return _text(name, "Permute", source, f"permute_param {{ {' '.join(f'order: {axis}' for axis in axes)} }}")


def _text(name: str, kind: str, bottom: str, parameters: str = "", *, top: str = "") -> str:
    return f'layer {{ name: "{name}" type: "{kind}" bottom: "{bottom}" top: "{top or name}" {parameters} }}'
