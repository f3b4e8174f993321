"""The paper's net, at any width, from the same table of layers that the engines' files are made from."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from models.eccv16.layers import EPSILON, Array, Blobs, layers

#: Standard deviation of the lightness of photos, L*: the first layer brings it to about 1.
_CONTRAST = 25.0


class Eccv16(nn.Module):
    """Logits float32[n, 313, h/4, w/4] from L* minus 50, float32[n, 1, h, w]; h and w are multiples of 8."""

    def __init__(self, *, width: int = 1) -> None:
        """Starts from random weights (He et al., 2015). `width` divides the channels of all but the bins."""
        super().__init__()
        self.table = layers(width)
        self.convolutions = nn.ModuleDict()
        self.norms = nn.ModuleDict()
        for layer in self.table:
            kind = nn.ConvTranspose2d if layer.transposed else nn.Conv2d
            made = kind(
                layer.inputs, layer.outputs, layer.kernel, layer.stride, padding=layer.pad, dilation=layer.dilation
            )
            nn.init.kaiming_normal_(made.weight, mode="fan_out" if layer.transposed else "fan_in")
            nn.init.zeros_(made.bias)
            if layer.inputs == 1:
                made.weight.data /= _CONTRAST
            self.convolutions[layer.name] = made
            if layer.norm:
                self.norms[layer.norm] = nn.BatchNorm2d(layer.outputs, eps=EPSILON, affine=False)

    def forward(self, lightness: Tensor) -> Tensor:
        """Runs the layers in their order: convolution, ReLU, norm."""
        here = lightness
        for layer in self.table:
            here = self.convolutions[layer.name](here)
            if layer.relu:
                here = functional.relu(here)
            if layer.norm:
                here = self.norms[layer.norm](here)
        return here

    def blobs(self) -> Blobs:
        """Returns the arrays of each layer as a Caffe weights file holds them, float32."""
        found = {}
        for layer in self.table:
            made = self.convolutions[layer.name]
            found[layer.name] = [_array(made.weight), _array(made.bias)]
            if layer.norm:
                norm = self.norms[layer.norm]
                found[layer.norm] = [_array(norm.running_mean), _array(norm.running_var), np.ones(1, np.float32)]
        return found


def _array(values: Tensor) -> Array:
    """Returns a tensor as a plain array on the CPU."""
    return np.ascontiguousarray(values.detach().float().cpu().numpy())
