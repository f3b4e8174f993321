"""Profiles at work: how a master's samples become lightness, and what profile its derivative gets.

A gray or matrix profile is kept exact: samples are read and written in the master's own space. Whatever else has a
profile that can be read (tables, CMYK) is brought to sRGB by Little CMS at 16 bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import imagecodecs
import numpy as np

from models.lab import XYZ_OF_RGB, encoded, luminance
from models.spaces import Samples, Space, make_space, srgb
from worker.icc import color_space, make_profile, read_matrix
from worker.pictures import Header, Kind

Convert = Callable[[Samples], Samples]

#: Least distance of the darkest and the lightest color of a profile that says something, of 65,535.
_LEAST_SPAN = 6554

#: A profile that we made of a gray one says so.
_GRAY_NAME = "Photochrom: sRGB primaries, the master's own tone curve"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Handling:
    """How a page's samples are read, and what its derivative is written in."""

    #: makes gray or RGB samples of `source` of the page's samples, alpha left out
    convert: Convert
    #: makes RGB or gray samples of `tinted` of them, in which the page's own tint shows
    tint: Convert
    #: space of the converted samples
    source: Space
    #: space of the tinted samples
    tinted: Space
    #: space of the derivative's samples
    target: Space
    #: profile of the derivative; None for sRGB that the master did not name
    profile: bytes | None
    #: what could not be kept
    warnings: tuple[str, ...] = ()


def handle(header: Header, *, depth: int) -> Handling:
    """Decides how a page is colored into a derivative of `depth` bits.

    Samples without a profile are sRGB. A gray profile becomes an RGB one with its own curve, so that gray in is gray
    out. A profile with a matrix and one curve is kept, also on gray samples. Any other that can be read is replaced by
    sRGB, with the warning `profile_replaced`; one that cannot, or does not fit the samples, counts as none
    (`profile_unreadable`).
    """
    if header.kind is Kind.LAB:
        return _handle_lab(header, depth)
    if header.kind is Kind.CMYK:
        return _handle_cmyk(header.profile, depth)
    if not header.profile:
        return _kept(header, depth, profile=None)
    return _handle_profile(header, header.profile, depth)


def widened(samples: Samples) -> Samples:
    """Returns 8-bit samples at 16 bits: 255 becomes 65,535, and rounding back gives the same."""
    return samples if samples.dtype == np.uint16 else samples.astype(np.uint16) * np.uint16(257)


def _handle_profile(header: Header, profile: bytes, depth: int) -> Handling:
    fitting = ("GRAY", "RGB") if header.kind is Kind.GRAY else ("RGB",)
    if color_space(profile) in fitting:
        if read_matrix(profile):
            return _kept(header, depth, profile=profile)
        own = "gray" if color_space(profile) == "GRAY" else "rgb"
        if convert := _managed(profile, own):
            return _converted(convert, depth)
    return _kept(header, depth, profile=None, warnings=("profile_unreadable",))


def _handle_cmyk(profile: bytes | None, depth: int) -> Handling:
    if profile and color_space(profile) == "CMYK" and (convert := _managed(profile, "cmyk")):
        return _converted(convert, depth)
    return _converted(_unmanaged_cmyk, depth, "profile_unreadable" if profile else "cmyk_without_profile")


def _kept(header: Header, depth: int, *, profile: bytes | None, warnings: tuple[str, ...] = ()) -> Handling:
    """Samples are read and written in one space, widened first where the derivative has more bits."""
    convert = widened if depth > header.depth else _unchanged
    source = _space(profile, max(depth, header.depth))
    is_gray = profile is not None and color_space(profile) == "GRAY"
    return Handling(
        convert=convert,
        tint=convert,
        source=source,
        tinted=source,
        target=_space(profile, depth),
        profile=_rgb_of_gray(profile) if profile and is_gray else profile,
        warnings=warnings,
    )


def _converted(convert: Convert, depth: int, warning: str = "profile_replaced") -> Handling:
    """Samples are brought to sRGB at 16 bits."""
    return Handling(
        convert=convert,
        tint=convert,
        source=srgb(16),
        tinted=srgb(16),
        target=srgb(depth),
        profile=make_profile(),
        warnings=(warning,),
    )


def _handle_lab(header: Header, depth: int) -> Handling:
    """L* is the gray; a and b show only in the tint."""
    return Handling(
        convert=lambda samples: np.ascontiguousarray(samples[:, :, 0]),
        tint=_rgb_of_lab,
        source=_lightness_space(header.depth),
        tinted=srgb(16),
        target=srgb(depth),
        profile=make_profile(),
    )


def _unchanged(samples: Samples) -> Samples:
    return samples


@lru_cache(maxsize=16)
def _space(profile: bytes | None, depth: int) -> Space:
    """Returns the space of a gray or matrix profile; one object for the same profile and depth."""
    read = read_matrix(profile) if profile else None
    return make_space(read.curve, read.primaries, depth) if read else srgb(depth)


@lru_cache(maxsize=16)
def _rgb_of_gray(profile: bytes) -> bytes:
    read = read_matrix(profile)
    if read is None:
        raise ValueError("no gray profile with a curve")
    return make_profile(read.tag, name=_GRAY_NAME)


@lru_cache(maxsize=2)
def _lightness_space(depth: int) -> Space:
    """Returns the space in which samples are L*, in equal steps."""
    return make_space(lambda levels: luminance(levels * 100), XYZ_OF_RGB, depth)


def _managed(profile: bytes, own: str) -> Convert | None:
    """Returns the way from a profile's samples to sRGB at 16 bits, perceptual intent, or None where CMS has none."""
    target = make_profile()

    def convert(samples: Samples) -> Samples:
        out: Samples = imagecodecs.cms_transform(
            np.ascontiguousarray(samples), profile, target, colorspace=own, outcolorspace="rgb", outdtype="uint16"
        )
        return out

    shape = (1, 2) if own == "gray" else (1, 2, 4 if own == "cmyk" else 3)
    ends = np.zeros(shape, np.uint8)
    ends[:, 1] = 255
    try:
        seen = convert(ends).astype(int)
    except Exception:  # noqa: BLE001 - Little CMS refuses in many ways, and each means that it cannot be read
        return None
    return convert if np.abs(seen[0, 0] - seen[0, 1]).max() > _LEAST_SPAN else None


def _unmanaged_cmyk(samples: Samples) -> Samples:
    """Returns RGB at 16 bits of CMYK without a profile: R = (1 - C)(1 - K) and so on."""
    left = np.uint16(65535) - widened(samples)
    black = left[:, :, 3:].astype(np.uint32)
    return ((left[:, :, :3] * black + 32767) // 65535).astype(np.uint16)


def _rgb_of_lab(samples: Samples) -> Samples:
    """Returns sRGB at 16 bits of Lab; what lies outside the gamut is clipped, as it is only looked at."""
    top = float(np.iinfo(samples.dtype).max)
    lightness = samples[:, :, 0] * (100 / top)
    # ICC.1:2022, 6.3.4.2: a and b are offset by 128 and have 255 steps of 1 at 8 bits, 257 times as many at 16.
    a, b = (samples[:, :, channel] * (255 / top) - 128 for channel in (1, 2))
    root = (lightness + 16) / 116
    f = np.stack([root + a / 500, root, root - b / 200], axis=-1)
    relative = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    light = np.clip(relative @ srgb(16).matrix.astype(np.float64).T, 0, 1)
    return np.rint(encoded(light) * 65535).astype(np.uint16)
