"""The net as text for OpenCV's Caffe importer: names, order and shapes; the weights come from the weights file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from models.eccv16.layers import AB, EPSILON, INPUT_SIZE, LOGITS, SCALE, SOFTMAX, Layer

#: Name of the input.
_INPUT = "data_l"


def prototxt(table: Sequence[Layer], *, decoding: bool = False) -> str:
    """Returns the description of the layers, from `data_l` [1, 1, 224, 224] to `conv8_313` [1, 313, 56, 56].

    With `decoding` it goes on as the release does: times 2.606, softmax, and `class8_ab` [1, 2, 56, 56]. The arrays of
    those layers are the program's to fill in: [1, 313] of 2.606, and the bins as [2, 313, 1, 1].
    """
    shape = f"dim: 1 dim: 1 dim: {INPUT_SIZE} dim: {INPUT_SIZE}"
    lines = ['name: "eccv16"', f'input: "{_INPUT}"', f"input_shape {{ {shape} }}"]
    last = _INPUT
    for layer in table:
        lines += _layer(layer, last)
        last = layer.norm or layer.name
    if decoding:
        lines += _decoding()
    return "\n".join(lines) + "\n"


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


def _text(name: str, kind: str, bottom: str, parameters: str = "", *, top: str = "") -> str:
    return f'layer {{ name: "{name}" type: "{kind}" bottom: "{bottom}" top: "{top or name}" {parameters} }}'
