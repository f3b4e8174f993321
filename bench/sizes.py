"""Peak memory and speed of one picture by its size, each in a process of its own; the plain loop beside it.

`python -m bench.sizes one WAY FILE` colors one file and prints seconds and peak resident memory as JSON.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import simplejpeg
import tifffile

#: Megapixels of the bench.
SIZES = (2, 12, 50, 100, 400, 1000)

#: JPEG and other files that are decoded as a whole go up to this, megapixels.
_LARGEST_JPEG = 100

#: Bars: peak resident memory of the whole process, the net included, bytes.
TIFF_BAR = 700 << 20
JPEG_BAR = 1_200 << 20

_ROWS = 64
_MEGAPIXEL = 1_000_000

#: Address space that the plain loop is given: more is not to be had on the machines this runs on.
_LOOP_BYTES = 18 << 30


def main() -> None:
    """Prints a row a size for gray TIFF (16 bit, Deflate) and gray JPEG; exits 1 where a bar is missed."""
    print(f"{'':30}{'peak MB':>9}{'MP/s':>8}{'loop: peak MB':>16}{'MP/s':>8}")
    failed = False
    with tempfile.TemporaryDirectory(prefix="photochrom-bench-") as name:
        for megapixels in SIZES:
            for kind in ("TIFF, 16 bit", "JPEG, 8 bit"):
                if kind.startswith("JPEG") and megapixels > _LARGEST_JPEG:
                    continue
                make = make_tiff if kind.startswith("TIFF") else make_jpeg
                path = make(Path(name), megapixels)
                ours, loop = measure("ours", path), measure("loop", path)
                path.unlink()
                assert ours is not None
                beside = f"{loop[1] / 2**20:16,.0f}{megapixels / loop[0]:8.1f}" if loop else f"{'does not survive':>24}"
                print(
                    f"{f'{megapixels:,} MP {kind}':30}{ours[1] / 2**20:9,.0f}{megapixels / ours[0]:8.1f}{beside}",
                    flush=True,
                )
                failed |= ours[1] > (TIFF_BAR if kind.startswith("TIFF") else JPEG_BAR)
    if failed:
        raise SystemExit(f"Bars: TIFF {TIFF_BAR >> 20} MB, JPEG {JPEG_BAR >> 20} MB.")


def make_tiff(folder: Path, megapixels: int, *, grain: float = 0.01) -> Path:
    """Writes a gray TIFF of 16 bits, Deflate, in strips of 64 rows that repeat a few times over."""
    width = round((megapixels * _MEGAPIXEL) ** 0.5)
    height = megapixels * _MEGAPIXEL // width
    bands = [_compressed(_band(width, _ROWS, seed, grain)) for seed in range(8)]

    def strips() -> Iterator[bytes]:
        for number, top in enumerate(range(0, height, _ROWS)):
            rows = min(_ROWS, height - top)
            yield bands[number % len(bands)] if rows == _ROWS else _compressed(_band(width, rows, 0, grain))

    path = folder / f"{megapixels}.tif"
    tifffile.imwrite(
        path,
        strips(),
        shape=(height, width),
        dtype=np.uint16,
        rowsperstrip=_ROWS,
        compression="zlib",
        predictor=True,
        bigtiff=megapixels > 1000,
        metadata=None,
    )
    return path


def make_jpeg(folder: Path, megapixels: int) -> Path:
    """Writes a gray JPEG."""
    width = round((megapixels * _MEGAPIXEL) ** 0.5)
    height = megapixels * _MEGAPIXEL // width
    samples = np.concatenate([_band(width, _ROWS, seed % 8) >> 8 for seed in range(height // _ROWS + 1)])[:height]
    path = folder / f"{megapixels}.jpg"
    path.write_bytes(
        simplejpeg.encode_jpeg(
            samples.astype(np.uint8)[:, :, None], quality=95, colorspace="GRAY", colorsubsampling="Gray"
        )
    )
    return path


def measure(way: str, path: Path) -> tuple[float, int] | None:
    """Returns seconds and peak resident bytes of coloring one file in a process of its own; None where it dies."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.sizes", "one", way, str(path)],
        check=False,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    if done.returncode:
        if way == "ours":
            raise RuntimeError(done.stderr)
        return None
    seconds, peak = json.loads(done.stdout.splitlines()[-1])
    return seconds, peak


def _band(width: int, rows: int, seed: int, grain: float = 0.01) -> np.ndarray:
    """Returns rows of slowly changing gray with grain."""
    dice = np.random.default_rng(seed)
    x = np.linspace(0, 12 * np.pi, width, dtype=np.float32)
    gray = 0.5 + 0.4 * np.sin(x + seed)[None] + dice.normal(0, grain, (rows, width)).astype(np.float32)
    return np.rint(np.clip(gray, 0, 1) * 65535).astype(np.uint16)


def _compressed(band: np.ndarray) -> bytes:
    predicted = imagecodecs.delta_encode(band, axis=-1)
    return bytes(imagecodecs.zlib_encode(predicted.tobytes(), level=1))


def _one(way: str, path: Path) -> None:
    """Colors one file in this process and prints what it took, the start of the process left out."""
    with tempfile.TemporaryDirectory(prefix="photochrom-bench-") as name:
        if way == "ours":
            from bench.in_place import color, lite  # noqa: PLC0415 - each way loads only what it needs

            lite()
            begun = time.perf_counter()
            color(path, Path(name))
            seconds = time.perf_counter() - begun
        else:
            from bench.seed import run  # noqa: PLC0415

            resource.setrlimit(resource.RLIMIT_AS, (_LOOP_BYTES, _LOOP_BYTES))
            seconds = run([path], Path(name))
    print(json.dumps([seconds, _peak()]))


def _peak() -> int:
    """Returns the peak resident memory of this program; ru_maxrss would count what its parent held before it began."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) << 10


if __name__ == "__main__":
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(1 << 40)
    _one(sys.argv[2], Path(sys.argv[3]))
