"""Whole files at 12 megapixels on one thread: ours, decoding and encoding alone, and the plain loop's float way.

Seconds are processor time, which other processes on the machine disturb least.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import simplejpeg
import tifffile

from bench import seed
from bench.in_place import lite
from bench.masters import photo_paths
from models.nets import Net
from models.reduction import scaled
from models.spaces import master_lightness, srgb
from models.windows import cells, windows
from shared.recipes import resolve
from shared.settings import load
from worker.orders import Limits, Order
from worker.pictures import Dressing, Metadata
from worker.pipeline import derive
from worker.readers import open_master
from worker.writers import writer_of

WIDTH, HEIGHT = 4000, 3000

_ROUNDS = 7


def gray_of(photo: Path, width: int, height: int, *, depth: int = 8) -> np.ndarray:
    """Returns a photo as gray samples of a size, with the grain of a print, so that it compresses as a scan does."""
    picture = cv2.imread(str(photo), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise SystemExit(f"{photo} cannot be read.")
    top = 2**depth - 1
    large = cv2.resize(picture.astype(np.float32) / 255, (width, height), interpolation=cv2.INTER_CUBIC)
    large += np.random.default_rng(1907).normal(0, 0.012, (height, width)).astype(np.float32)
    samples: np.ndarray = np.rint(np.clip(large, 0, 1) * top).astype(np.uint8 if depth == 8 else np.uint16)
    return samples


def main() -> None:
    """Prints the ratios for a JPEG of 8 bits and TIFFs of 8 and 16; exits 1 where a bar is missed."""
    net, photo = lite(), photo_paths()[0]
    print(f"{WIDTH * HEIGHT / 1e6:.0f} MP on one thread, processor time, median of {_ROUNDS} rounds; the net left out")
    print(f"{'':22}{'ours':>10}{'codecs':>10}{'float way':>11}{'ours/codecs':>13}{'float/ours':>12}")
    failed = False
    for name, data in _masters(photo).items():
        ab = _ab_of(data, net)
        ways: dict[str, Callable[[], float]] = {
            "ours": partial(_ours, data, ab),
            "codecs": partial(_codecs, data),
            "float": partial(_float, data, ab),
        }
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(_ROUNDS):
            for way, run in ways.items():
                seconds[way].append(run())
        ours, codecs, floats = (median(seconds[way]) for way in ways)
        print(
            f"{name:22}{ours * 1e3:7.0f} ms{codecs * 1e3:7.0f} ms{floats * 1e3:8.0f} ms"
            f"{ours / codecs:13.2f}{floats / ours:12.2f}"
        )
        failed |= name.startswith("JPEG") and (ours / codecs > 2 or floats / ours < 4)
    if failed:
        raise SystemExit("JPEG: ours must be within 2 of the codecs alone, and 4 times as fast as the float way.")


def _masters(photo: Path) -> dict[str, bytes]:
    masters = {}
    gray = gray_of(photo, WIDTH, HEIGHT)
    masters["JPEG, 8 bit gray"] = simplejpeg.encode_jpeg(
        gray[:, :, None], quality=95, colorspace="GRAY", colorsubsampling="Gray"
    )
    for depth in (8, 16):
        for compression in (None, "zlib"):
            out = io.BytesIO()
            samples = gray_of(photo, WIDTH, HEIGHT, depth=depth)
            tifffile.imwrite(
                out, samples, rowsperstrip=64, metadata=None, compression=compression, predictor=bool(compression)
            )
            masters[f"TIFF, {depth} bit, {'Deflate' if compression else 'plain'}"] = out.getvalue()
    return masters


def _ab_of(data: bytes, net: Net) -> np.ndarray:
    """Returns what the net says of a picture, so that each way colors with the same."""
    gray = np.concatenate(list(open_master(io.BytesIO(data)).pages[0].strips()))
    where = windows(WIDTH, HEIGHT)
    seen = scaled(gray, where.size(net.input_size))
    return cells(net, master_lightness(seen, srgb(8 * gray.itemsize)), where, 0.38)


def _ours(data: bytes, ab: np.ndarray) -> float:
    """Returns the seconds of reading, looking, rendering and writing."""
    order = Order(
        master=hashlib.sha256(data).hexdigest(),
        recipe=resolve({}),
        model_name="lite",
        limits=Limits.of(load()),
        net_side=224,
        previews=False,
        verify=False,
    )
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as target:
        source.write(data)
        source.seek(0)
        begun = time.process_time()
        derive(source, target, order, colorist=lambda lightness, where: ab, admit=lambda pixels: None)
        return time.process_time() - begun


def _codecs(data: bytes) -> float:
    """Returns the seconds of reading the master and writing RGB of its kind, by the same reader and writer."""
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as target:
        source.write(data)
        source.seek(0)
        begun = time.process_time()
        master = open_master(source)
        page = master.pages[0]
        gray = np.concatenate(list(page.strips()))
        decoded = time.process_time() - begun
        # What is encoded costs by what it shows: colors, as a derivative has them.
        rgb = np.stack([gray, gray - gray // 8, gray - gray // 4], axis=-1)
        dressing = Dressing(
            width=WIDTH,
            height=HEIGHT,
            depth=page.header.depth,
            metadata=Metadata(),
            description="",
            compression="lossy" if master.format.name == "jpeg" else page.header.compression,
        )
        begun = time.process_time()
        writer_of(master.format).write(target, iter([(dressing, iter([rgb]))]))
        return decoded + time.process_time() - begun


def _float(data: bytes, ab: np.ndarray) -> float:
    """Returns the seconds of the plain loop: whole pictures, float, 8 bits."""
    with tempfile.TemporaryDirectory() as name:
        suffix = "jpg" if data.startswith(b"\xff\xd8") else "tif"
        source, target = Path(name) / f"in.{suffix}", Path(name) / f"out.{suffix}"
        source.write_bytes(data)
        begun = time.process_time()
        seed.color(source, target, lambda lightness: ab)
        return time.process_time() - begun
