"""Tones: gray, toned as old prints are, or in color."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data

from models.lab import XYZ_OF_RGB
from models.spaces import make_space, srgb
from models.tones import Tone, tone_of

#: Colors of the darkest, middle and lightest tone of a print.
PRINTS = {
    "sepia": ([40, 25, 10], [150, 120, 85], [250, 235, 205]),
    "cyanotype": ([10, 25, 70], [80, 120, 165], [235, 240, 240]),
    "split tone": ([20, 20, 45], [130, 120, 115], [250, 240, 215]),
    "cast": ([20, 22, 20], [120, 132, 122], [240, 252, 242]),
}


def gray() -> np.ndarray:
    """Returns a scene's shades, 0..255."""
    return skimage.data.astronaut().astype(float) @ XYZ_OF_RGB[1]


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_a_photograph_in_color_is_told(name: str) -> None:
    """Its colors are no function of its lightness, also where they are few."""
    assert tone_of(getattr(skimage.data, name)(), srgb(8)) is Tone.COLOR


@pytest.mark.parametrize("name", PRINTS)
@pytest.mark.parametrize("noise", [0, 5])
def test_a_toned_print_is_told(name: str, noise: float) -> None:
    """A tint that follows lightness is a tone, also with the noise of a scanner."""
    channels = [np.interp(gray(), [0, 128, 255], levels) for levels in zip(*PRINTS[name], strict=True)]
    picture = np.stack(channels, axis=-1) + np.random.default_rng(1).normal(0, noise, (*gray().shape, 3))
    assert tone_of(np.clip(picture, 0, 255).astype(np.uint8), srgb(8)) is Tone.TONED


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("noise", [0, 4])
def test_three_equal_channels_are_gray(depth: int, noise: float) -> None:
    """Gray stored as RGB is gray, with the noise of a scanner too, and in any space."""
    picture = gray()[:, :, None] + np.random.default_rng(2).normal(0, noise, (*gray().shape, 3))
    samples = np.clip(picture, 0, 255) * (1 if depth == 8 else 257)
    space = make_space(lambda levels: levels**1.8, XYZ_OF_RGB, depth)
    assert tone_of(samples.astype(space.dtype), space) is Tone.GRAY


def test_a_single_pixel_has_a_tone() -> None:
    """The smallest picture is judged without trouble."""
    assert tone_of(np.full((1, 1, 3), 90, np.uint8), srgb(8)) is Tone.GRAY
