"""Tones: what `tone_of` says of color photos, and of the same made gray and toned; exits 1 where it errs often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.masters import color_photos
from models.lab import RGB_OF_RELATIVE_XYZ, XYZ_OF_RGB, encoded, lightness, linear
from models.spaces import srgb
from models.tones import Tone, tone_of

Array = NDArray[np.float64]
Photo = NDArray[np.uint8]
Dice = np.random.Generator

#: The longer side that defects are made at, pixels.
_SIDE = 512

#: Toned pictures of each kind at most.
_MOST = 300

#: The part of toned pictures that may be called color.
_BAR = 0.01


def main() -> None:
    """Prints a row a kind."""
    photos = list(color_photos().values())
    dice = np.random.default_rng(1894)
    print(f"{len(photos)} color photos, and the same made gray and toned, with grain and JPEG of quality 60 to 95")
    print(f"{'':24}{'pictures':>9}" + "".join(f"{tone:>9}" for tone in Tone))
    _print_row("in color", Counter(tone_of(photo, srgb(8)) for photo in photos))
    toned: Counter[Tone] = Counter()
    for kind, (tint, flaw) in KINDS.items():
        found: Counter[Tone] = Counter()
        for number in range(_MOST if len(photos) > _MOST else _MOST // len(photos) * len(photos)):
            found[tone_of(make_toned(photos[number % len(photos)], tint, flaw, dice), srgb(8))] += 1
        _print_row(kind, found)
        toned += found
    _print_row("all gray and toned", toned)
    if toned[Tone.COLOR] > _BAR * toned.total():
        raise SystemExit(f"missed: {toned[Tone.COLOR]} toned pictures of {toned.total()} are called color")


def make_toned(photo: Photo, tint: Tint, flaw: Flaw, dice: Dice) -> Photo:
    """Returns a color photo as a print with a tint and a flaw, scanned: uint8[h, w, 3] of some 512 pixels."""
    scale = _SIDE / max(photo.shape[:2])
    size = max(1, round(photo.shape[1] * scale)), max(1, round(photo.shape[0] * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    light = linear(np.arange(256) / 255)[cv2.resize(photo, size, interpolation=method)] @ XYZ_OF_RGB[1]
    # Faded: neither black nor white.
    low, high = dice.uniform(0, 20), dice.uniform(80, 100)
    shade = lightness(light) / 100 * (high - low) + low
    a, b = tint(shade / 100, dice)
    print_ = flaw(_rgb_of(shade, a, b), dice)
    grain = dice.normal(0, dice.uniform(0, 6), shade.shape)[:, :, None]
    noise = dice.normal(0, dice.uniform(0, 6), print_.shape)
    scan = np.clip(np.rint(print_ + grain + noise), 0, 255).astype(np.uint8)
    quality = int(dice.integers(60, 96))
    data = cv2.imencode(".jpg", scan[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    again = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert again is not None
    return np.asarray(again[:, :, ::-1], np.uint8)


#: Gives a and b of each shade, 0 black to 1 white.
Tint = Callable[[Array, Dice], tuple[Array, Array]]

#: Changes a print, float64[h, w, 3] of 0 to 255.
Flaw = Callable[[Array, Dice], Array]


def _hump(shade: Array) -> Array:
    """Returns what is most in the middle tones."""
    return 4 * shade * (1 - shade)


def _neutral(shade: Array, dice: Dice) -> tuple[Array, Array]:
    return np.zeros_like(shade), np.zeros_like(shade)


def _sepia(shade: Array, dice: Dice) -> tuple[Array, Array]:
    hump = _hump(shade) ** dice.uniform(0.5, 1.5)
    return dice.uniform(2, 12) * hump, dice.uniform(8, 30) * hump + dice.uniform(0, 12) * shade


def _cyanotype(shade: Array, dice: Dice) -> tuple[Array, Array]:
    return dice.uniform(-12, 5) * _hump(shade), dice.uniform(-45, -15) * _hump(shade) ** 0.7


def _selenium(shade: Array, dice: Dice) -> tuple[Array, Array]:
    return dice.uniform(3, 12) * (1 - shade), dice.uniform(-8, 2) * (1 - shade)


def _split(shade: Array, dice: Dice) -> tuple[Array, Array]:
    """One color in the lights, another in the shadows."""
    share = 1 / (1 + np.exp((dice.uniform(0.3, 0.7) - shade) * dice.uniform(8, 20)))
    lights, shadows = (dice.uniform(5, 20) * np.exp(2j * np.pi * dice.uniform()) for _ in range(2))
    mixed = lights * share + shadows * (1 - share)
    return mixed.real, mixed.imag


def _any_tint(shade: Array, dice: Dice) -> tuple[Array, Array]:
    tints = (_neutral, _sepia)
    return tints[dice.integers(len(tints))](shade, dice)


def _none(print_: Array, dice: Dice) -> Array:
    return print_


def _cast(print_: Array, dice: Dice) -> Array:
    """A scanner whose channels do not agree."""
    return np.clip(print_ * dice.uniform(0.8, 1, 3) + dice.uniform(0, 12, 3), 0, 255)


def _stain(print_: Array, dice: Dice) -> Array:
    """Yellow over a part, with a soft or a sharp edge."""
    x, y = _places(print_)
    (left, top), radius = dice.uniform(-0.5, 0.5, 2), dice.uniform(0.15, 0.6)
    share = 1 / (1 + np.exp((np.hypot(x - left, y - top) - radius) * dice.uniform(8, 60)))
    depth = dice.uniform(0.03, 0.3)
    return np.asarray(print_ * (1 - share[:, :, None] * np.array([0.1, 0.35, 1]) * depth))


def _vignette(print_: Array, dice: Dice) -> Array:
    """Darker toward the corners, yellowed or silvered."""
    share = np.clip(np.hypot(*_places(print_)) / 0.7, 0, 1) ** 2
    hue = np.array([0.7, 0.85, 1]) if dice.random() < 0.7 else np.array([1, 0.9, 0.75])
    return np.asarray(print_ * (1 - share[:, :, None] * dice.uniform(0.05, 0.3) * hue))


def _shift(print_: Array, dice: Dice) -> Array:
    """Red and blue up to half a pixel of 512, or 4 of 4,000, beside green."""
    out = print_.copy()
    for channel in (0, 2):
        move = np.array([[1, 0, dice.uniform(-0.5, 0.5)], [0, 1, dice.uniform(-0.5, 0.5)]])
        line = np.ascontiguousarray(print_[:, :, channel])
        out[:, :, channel] = cv2.warpAffine(line, move, line.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    return out


KINDS: dict[str, tuple[Tint, Flaw]] = {
    "gray": (_neutral, _none),
    "sepia": (_sepia, _none),
    "cyanotype": (_cyanotype, _none),
    "selenium": (_selenium, _none),
    "split tone": (_split, _none),
    "scanner's cast": (_any_tint, _cast),
    "stain": (_any_tint, _stain),
    "vignette": (_any_tint, _vignette),
    "shifted channels": (_any_tint, _shift),
}


def _places(print_: Array) -> tuple[Array, Array]:
    """Returns x and y of each pixel, -0.5 to 0.5."""
    height, width = print_.shape[:2]
    x, y = np.meshgrid(np.linspace(-0.5, 0.5, width), np.linspace(-0.5, 0.5, height))
    return x, y


def _rgb_of(shade: Array, a: Array, b: Array) -> Array:
    """Returns sRGB 0 to 255 of Lab, clipped."""
    root = (shade + 16) / 116
    f = np.stack([root + a / 500, root, root - b / 200], axis=-1)
    relative = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    rgb: Array = encoded(np.clip(relative @ RGB_OF_RELATIVE_XYZ.T, 0, 1)) * 255
    return rgb


def _print_row(kind: str, found: Counter[Tone]) -> None:
    total = found.total()
    print(f"{kind:24}{total:9}" + "".join(f"{found[tone] / total:9.2%}" for tone in Tone))
