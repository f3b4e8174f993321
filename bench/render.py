"""The render: nanoseconds a pixel on one thread, and how exact it is; exits 1 where a bar on exactness is missed."""

from __future__ import annotations

import time
from statistics import mean

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.masters import gray_photos
from bench.reference import SPACES, Array, Colorimetry, Exact, rendered
from models.chroma import edge_aware
from models.files import WEIGHTS
from models.lab import lightness
from models.nets import color, load_net
from models.reduction import scaled
from models.render import Render
from models.spaces import Samples, master_lightness, srgb
from shared.registry import shipped

#: The size of a picture that is timed: 12 megapixels.
WIDTH, HEIGHT = 4000, 3000

#: Photos that are timed, and how often each.
_PHOTOS, _ROUNDS = 6, 4

#: Rows of a strip.
_ROWS = 250

#: Levels that a sample may be off, and what L* may move, by depth. Where half a sample moves L* by more, that counts:
#: linear samples are that coarse in the dark.
_LEVELS = {8: 1.0, 16: 2.0}
_DELTA = {8: 0.6, 16: 0.05}


def main() -> None:
    """Prints both tables."""
    _print_speed()
    if missed := _print_exactness():
        raise SystemExit(f"missed: {', '.join(missed)}")


def net_grid(photo: Samples) -> NDArray[np.float32]:
    """Returns the grid that the shipped net gives a gray photo of 8 bits."""
    net = load_net(shipped().named("lite"), WEIGHTS, threads=1)
    light = master_lightness(scaled(photo, (net.input_size, net.input_size)), srgb(8))
    ab = color(net, light, 0.38)
    cells = cv2.resize(light, ab.shape[:0:-1], interpolation=cv2.INTER_AREA)
    return edge_aware(ab, np.asarray(cells, np.float32))


def seconds(samples: Samples, grids: list[NDArray[np.float32]]) -> list[float]:
    """Returns the processor's seconds that a render with each grid takes on one thread.

    They take turns strip by strip, and of each strip the best of four rounds counts.
    """
    space = srgb(8 if samples.dtype == np.uint8 else 16)
    out = np.empty((_ROWS, samples.shape[1], 3), space.dtype)
    best = np.full((len(grids), len(samples) // _ROWS), np.inf)
    for _ in range(_ROUNDS):
        painters = [Render(grid, height=len(samples), source=space, target=space) for grid in grids]
        for strip in range(best.shape[1]):
            for number, painter in enumerate(painters):
                begun = time.thread_time()
                painter.strip(samples[strip * _ROWS : (strip + 1) * _ROWS], out)
                best[number, strip] = min(best[number, strip], time.thread_time() - begun)
    total: list[float] = best.sum(axis=1).tolist()
    return total


def _print_speed() -> None:
    photos = gray_photos(WIDTH, HEIGHT)
    chosen = photos[:: max(1, len(photos) // _PHOTOS)][:_PHOTOS]
    print(f"ns a pixel of 12 MP on one thread, sRGB, colors of the net lite, {len(chosen)} photos")
    print(f"{'':16}{'mean':>8}{'least':>8}{'most':>8}")
    grids = [net_grid(photo) for photo in chosen]
    for depth in (8, 16):
        for channels in (1, 3):
            found = []
            for photo, grid in zip(chosen, grids, strict=True):
                samples: Samples = photo if depth == 8 else photo.astype(np.uint16) * np.uint16(257)
                if channels == 3:
                    samples = np.repeat(samples[:, :, None], 3, axis=2)
                found += [taken / (WIDTH * HEIGHT) * 1e9 for taken in seconds(samples, [grid])]
            label = f"{depth} bits, {'gray' if channels == 1 else 'RGB'}"
            print(f"{label:16}{mean(found):8.1f}{min(found):8.1f}{max(found):8.1f}")


def _print_exactness() -> list[str]:
    """Prints one row a space and depth, and returns the bars that were missed."""
    missed = []
    axis = np.arange(-110.0, 111.0, 10.0)
    a, b = (side.ravel() for side in np.meshgrid(axis, axis))
    print(f"\nworst of {len(a)} colors, a and b from -110 to 110, on grays from black to white")
    print(f"{'':24}{'samples off':>12}{'|delta L*|':>12}{'half a sample':>15}")
    for depth in (8, 16):
        grays = _grays(depth)
        for space in SPACES:
            out = rendered(grays, a, b, space.space(depth))
            off = float(Exact(grays[None], a[:, None], b[:, None], space).distance(out).max())
            moved = np.abs(space.lightness(out) - space.grays(grays))
            coarse = _half_a_sample(grays, space)
            print(f"{depth:2} bits  {space.name:15}{off:12.3f}{moved.max():12.4f}{coarse.max():15.4f}")
            if off > _LEVELS[depth]:
                missed.append(f"samples of {space.name} at {depth} bits")
            if (moved > np.maximum(_DELTA[depth], coarse)).any():
                missed.append(f"lightness of {space.name} at {depth} bits")
    return missed


def _grays(depth: int) -> Samples:
    """Returns all samples of 8 bits; of 16 those next to black and white, and some 200 between."""
    if depth == 8:
        return np.arange(256, dtype=np.uint8)
    between = [np.geomspace(40, 65535, 150), np.linspace(0, 65535, 60)]
    return np.unique(np.concatenate([np.arange(40), *between, 65535 - np.arange(5)])).astype(np.uint16)


def _half_a_sample(grays: Samples, space: Colorimetry) -> Array:
    """Returns what L* of each gray moves by where light is half the way to the next sample."""
    top = np.iinfo(grays.dtype).max
    light = space.decode(np.arange(top + 2) / top)
    return lightness(np.minimum((light[grays] + light[grays.astype(int) + 1]) / 2, 1)) - lightness(light[grays])
