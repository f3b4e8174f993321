"""ICC profiles of matrix and tone curve: reading them, and making an RGB profile for a curve.

The layout is ICC.1:2022: a header of 128 bytes, a table of tags, the tags' data. Of the curves `curv` and `para` are
read, of the colorants `XYZ`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.spaces import Curve

Array = NDArray[np.float64]

#: sRGB's primaries as ICC has them, adapted to D50 (IEC 61966-2-1 with the Bradford matrix).
_SRGB_D50 = {
    b"rXYZ": (0.43607, 0.22249, 0.01392),
    b"gXYZ": (0.38515, 0.71687, 0.09708),
    b"bXYZ": (0.14307, 0.06061, 0.71410),
}
_D50 = (0.9642, 1.0, 0.8249)

#: sRGB's curve as a parametric one of kind 3: g, a, b, c, d (IEC 61966-2-1).
_SRGB_CURVE = b"para\0\0\0\0\0\3\0\0" + struct.pack(
    ">5i", *(round(value * 65536) for value in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
)

_SIGNATURE = slice(36, 40)
_COLOR_SPACE = slice(16, 20)
_TAGS = 128

#: Tags of a profile at most; real ones have some twenty.
_MOST_TAGS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class MatrixProfile:
    """What a gray profile, or an RGB profile with one tone curve, says."""

    #: linear light 0..1 of encoded values 0..1
    curve: Curve
    #: the curve's tag, as it stands in the profile
    tag: bytes
    #: XYZ of R, G and B in columns, float64[3, 3]
    primaries: Array


def color_space(profile: bytes) -> str:
    """Returns what a profile is for: GRAY, RGB, CMYK, Lab and so on; empty for what is no profile."""
    if len(profile) < _TAGS or profile[_SIGNATURE] != b"acsp":
        return ""
    return profile[_COLOR_SPACE].decode("latin-1").strip()


def read_matrix(profile: bytes) -> MatrixProfile | None:
    """Returns what a gray profile with a curve, or an RGB one with a matrix and one curve, says; None for others."""
    try:
        tags = _read_tags(profile)
        if color_space(profile) == "GRAY":
            tag, primaries = tags[b"kTRC"], srgb_primaries()
        else:
            if b"A2B0" in tags or not tags[b"rTRC"] == tags[b"gTRC"] == tags[b"bTRC"]:
                return None
            tag, primaries = tags[b"rTRC"], _colorants({name: _xyz(tags[name]) for name in _SRGB_D50})
            if abs(np.linalg.det(primaries)) < 1e-6 or (primaries.sum(axis=1) <= 0).any() or (primaries[1] <= 0).any():
                return None
        return MatrixProfile(curve=_curve(tag), tag=tag, primaries=primaries)
    except (ValueError, KeyError, struct.error, IndexError):
        return None


def srgb_primaries() -> Array:
    """Returns XYZ of sRGB's R, G and B in columns, as ICC has them."""
    return _colorants(_SRGB_D50)


def make_profile(curve: bytes = _SRGB_CURVE, *, name: str = "sRGB") -> bytes:
    """Returns an RGB profile (ICC version 2.4, display class) with sRGB's primaries and the given curve tag."""
    text = name.encode("ascii")
    description = b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text + b"\0" + b"\0" * (4 + 4 + 2 + 1 + 67)
    tags = {b"desc": description, b"cprt": b"text\0\0\0\0" + b"Public domain\0", b"wtpt": _xyz_tag(_D50)}
    tags |= {key: _xyz_tag(value) for key, value in _SRGB_D50.items()}
    body, places = b"", {}
    start = _TAGS + 4 + 12 * (len(tags) + 3)
    for key, data in [*tags.items(), (b"rTRC", curve)]:
        places[key] = start + len(body), len(data)
        body += data + b"\0" * (-len(data) % 4)
    places[b"gTRC"] = places[b"bTRC"] = places[b"rTRC"]
    table = struct.pack(">I", len(places)) + b"".join(
        struct.pack(">4sII", key, offset, size) for key, (offset, size) in places.items()
    )
    size = _TAGS + len(table) + len(body)
    illuminant = struct.pack(">3i", *(round(value * 65536) for value in _D50))
    header = struct.pack(">I4sI4s4s4s", size, b"\0\0\0\0", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28 + illuminant
    return header.ljust(_TAGS, b"\0") + table + body


def power_curve(exponent: float) -> bytes:
    """Returns the tag of a curve that is a power, 0.1..10: a parametric one of kind 0 (ICC.1:2022, 10.18)."""
    return b"para\0\0\0\0\0\0\0\0" + struct.pack(">i", round(exponent * 65536))


def _read_tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, _TAGS)
    if count > _MOST_TAGS:
        raise ValueError("too many tags")
    tags = {}
    for number in range(count):
        name, offset, size = struct.unpack_from(">4sII", profile, _TAGS + 4 + 12 * number)
        data = profile[offset : offset + size]
        if len(data) != size:
            raise ValueError("a tag lies outside the profile")
        tags[name] = data
    return tags


def _xyz(data: bytes) -> tuple[float, ...]:
    if data[:4] != b"XYZ ":
        raise ValueError("no XYZ tag")
    return tuple(value / 65536 for value in struct.unpack_from(">3i", data, 8))


def _xyz_tag(value: tuple[float, ...]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(part * 65536) for part in value))


def _colorants(primaries: Mapping[bytes, tuple[float, ...]]) -> Array:
    return np.array([primaries[name] for name in (b"rXYZ", b"gXYZ", b"bXYZ")]).T


def _curve(data: bytes) -> Curve:
    """Returns the curve of a tag: linear light 0..1 of encoded values 0..1; raises ValueError unless it rises so."""
    if data[:4] == b"curv":
        curve = _sampled(data)
    elif data[:4] == b"para":
        curve = _parametric(data)
    else:
        raise ValueError("unknown kind of curve")
    light = curve(np.linspace(0, 1, 1024))
    if not np.isfinite(light).all() or abs(light[0]) > 0.01 or abs(light[-1] - 1) > 0.01 or (np.diff(light) < 0).any():
        raise ValueError("the curve does not rise from black to white")
    return lambda levels: np.clip(curve(levels), 0, 1)


def _sampled(data: bytes) -> Curve:
    """Returns a curve that is a line, a power or a table (ICC.1:2022, 10.6)."""
    (count,) = struct.unpack_from(">I", data, 8)
    if count == 0:
        return lambda levels: levels
    if count == 1:
        gamma = struct.unpack_from(">H", data, 12)[0] / 256
        return lambda levels: np.power(levels, gamma)
    table = np.frombuffer(data, ">u2", count, 12) / 65535
    return lambda levels: np.interp(levels, np.linspace(0, 1, count), table)


def _parametric(data: bytes) -> Curve:
    """Returns a parametric curve (ICC.1:2022, 10.18, table 68)."""
    (kind,) = struct.unpack_from(">H", data, 8)
    count = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}[kind]
    values = [value / 65536 for value in struct.unpack_from(f">{count}i", data, 12)]
    g, a, b, c, d, e, f = values + [0.0] * (7 - count)
    if kind == 0:
        return lambda x: np.power(x, g)
    if kind in (1, 2) and not a:
        raise ValueError("a parametric curve without slope")
    knee = -b / a if kind in (1, 2) else d
    # Above the knee a power and a constant, below it a line.
    rise, slope, start = {1: (0.0, 0.0, 0.0), 2: (c, 0.0, c), 3: (0.0, c, 0.0), 4: (e, c, f)}[kind]

    def curve(x: Array) -> Array:
        return np.asarray(np.where(x >= knee, np.maximum(a * x + b, 0) ** g + rise, slope * x + start), np.float64)

    return curve
