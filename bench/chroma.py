"""Chroma between the net's cells: how near true colors it comes, and what that costs, beside bilinear interpolation.

Exits 1 where the error is less than 12 % below bilinear, where a flat area rings, or where the render takes more than
3 ns a pixel longer.
"""

from __future__ import annotations

import time

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.masters import color_photos, gray_photos
from bench.render import HEIGHT, WIDTH, seconds
from models.chroma import edge_aware
from models.lab import lab_of

Array = NDArray[np.float32]

#: Cells of the net's output on each side.
CELLS = 56

#: The bars: the part of bilinear's error that may be left, ns a pixel more, and ab beyond the range of the true colors.
_LEFT, _COST, _RINGING = 0.88, 3.0, 0.5

#: Photos that the cost is measured on.
_TIMED = 4


def main() -> None:
    """Prints errors, ringing and cost."""
    missed = []
    photos = color_photos()
    if _print_errors(photos) > _LEFT:
        missed.append("the error")
    if _print_ringing() > _RINGING:
        missed.append("ringing")
    if _print_cost(photos) > _COST:
        missed.append("the cost")
    if missed:
        raise SystemExit(f"missed: {', '.join(missed)}")


def reduced(ab: Array, light: Array) -> tuple[Array, Array]:
    """Returns ab and L* of the cells: what a net that knows the truth would say."""
    size = CELLS, CELLS
    shrunk = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in (*ab, light)]
    return np.stack(shrunk[:2]).astype(np.float32), np.asarray(shrunk[2], np.float32)


def rebuilt(grid: Array, light: Array) -> Array:
    """Returns ab float32[2, h, w] that a grid of 2 or 4 planes gives pixels of L* float32[h, w]."""
    size = light.shape[1], light.shape[0]
    planes = np.stack([cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in grid])
    return np.asarray(planes if len(planes) == 2 else planes[:2] + planes[2:] * light, np.float32)


def cubic(ab: Array, light: Array) -> Array:
    """Returns ab float32[2, h, w] of cells, interpolated by cubics."""
    size = light.shape[1], light.shape[0]
    return np.stack([cv2.resize(plane, size, interpolation=cv2.INTER_CUBIC) for plane in ab]).astype(np.float32)


def _print_errors(photos: dict[str, NDArray[np.uint8]]) -> float:
    """Prints a row a photo, and returns the edge-aware error over bilinear's."""
    print(f"mean |ab| error of true colors, shrunk to {CELLS} x {CELLS} cells and brought back")
    print(f"{'':36}{'bilinear':>10}{'cubic':>8}{'edge-aware':>12}{'ratios':>9}")
    rows = []
    for name, photo in photos.items():
        light, true = lab_of(photo)
        ab, cells = reduced(true, light)
        found = rebuilt(ab, light), cubic(ab, light), rebuilt(edge_aware(ab, cells), light)
        rows.append([float(np.abs(each - true).mean()) for each in found])
        _print_row(name[:34], rows[-1])
    means = np.mean(rows, axis=0).tolist()
    _print_row("all", means)
    left: float = means[2] / means[0]
    return left


def _print_row(name: str, errors: list[float]) -> None:
    bilinear, cubic_error, ours = errors
    print(f"{name:36}{bilinear:10.2f}{cubic_error:8.2f}{ours:12.2f}{cubic_error / bilinear:9.3f}{ours / bilinear:7.3f}")


def _print_ringing() -> float:
    """Prints how far ab leaves the range of the true colors on two flat scenes, and returns the worse of ours."""
    dice = np.random.default_rng(7)
    blocks = dice.choice(np.array([-40, 0, 50], np.float32), (2, 14, 14)).repeat(32, axis=1).repeat(32, axis=2)
    even = np.full(blocks.shape[1:], 50, np.float32)
    edge = np.full((448, 448), 80, np.float32)
    edge[220:] = 25
    roof = np.stack([np.where(edge > 50, -5, 40), np.where(edge > 50, -30, 25)]).astype(np.float32)
    worst = 0.0
    print("\nhow far ab leaves the range of the true colors")
    print(f"{'':36}{'cubic':>8}{'edge-aware':>12}")
    for name, true, light in (("one lightness, colors in blocks", blocks, even), ("a roof before a sky", roof, edge)):
        ab, cells = reduced(true, light)
        beyond = [_beyond(each, true) for each in (cubic(ab, light), rebuilt(edge_aware(ab, cells), light))]
        print(f"{name:36}{beyond[0]:8.2f}{beyond[1]:12.2f}")
        worst = max(worst, beyond[1])
    return worst


def _beyond(found: Array, true: Array) -> float:
    low, high = true.min(axis=(1, 2), keepdims=True), true.max(axis=(1, 2), keepdims=True)
    return float(max((found - high).max(), (low - found).max(), 0))


def _print_cost(photos: dict[str, NDArray[np.uint8]]) -> float:
    """Prints ns a pixel of both renders, turn by turn on one thread, and returns the difference."""
    rows = []
    spent = []
    for photo, gray in list(zip(photos.values(), gray_photos(WIDTH, HEIGHT), strict=False))[:_TIMED]:
        ab, cells = reduced(lab_of(photo)[1], lab_of(photo)[0])
        begun = time.thread_time()
        grid = edge_aware(ab, cells)
        spent.append(time.thread_time() - begun)
        rows.append(seconds(gray, [ab, grid]))
    bilinear, ours = (np.mean(rows, axis=0) / (WIDTH * HEIGHT) * 1e9).tolist()
    print(f"\nrender of {WIDTH} x {HEIGHT} gray pixels of 8 bits on one thread, ns a pixel")
    once = float(np.mean(spent)) / (WIDTH * HEIGHT) * 1e9
    print(f"bilinear {bilinear:.2f}, edge-aware {ours:.2f}, its grid once a picture {once:.2f}", end="; ")
    print(f"difference {ours + once - bilinear:.2f}")
    difference: float = ours + once - bilinear
    return difference
