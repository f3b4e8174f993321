"""The same master, recipe, engine and thread count give the same bytes, whoever makes them."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from models.files import WEIGHTS
from models.nets import load_net
from shared.settings import load
from tests.worker.making import LITE, derive
from worker.deriving import InPlace
from worker.sandbox import Sandbox

ROOT = Path(__file__).parents[2]

PROCESSES = 3


def _deep(photo: Path) -> bytes:
    """A TIFF of 16 bits with values between those of 8."""
    with Image.open(photo) as image:
        gray = np.asarray(image.convert("L"), np.uint16)
    out = io.BytesIO()
    tifffile.imwrite(out, gray * 256 + (gray[:, ::-1] // 2), metadata=None, compression="zlib", rowsperstrip=32)
    return out.getvalue()


def _png(photo: Path) -> bytes:
    out = io.BytesIO()
    with Image.open(photo) as image:
        image.convert("L").save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def masters(tmp_path: Path, photos: Path) -> list[Path]:
    """A JPEG, a TIFF of 16 bits and a PNG."""
    made = {
        "detroit.jpg": (photos / "detroit.jpg").read_bytes(),
        "nipomo.tif": _deep(photos / "nipomo.jpg"),
        "saratoga.png": _png(photos / "saratoga.jpg"),
    }
    for name, data in made.items():
        (tmp_path / name).write_bytes(data)
    return [tmp_path / name for name in made]


@pytest.mark.slow
def test_every_process_makes_the_same_bytes(masters: list[Path], tmp_path: Path) -> None:
    """Three processes at once, each with a sandbox, and one that decodes in place give equal files."""
    names = [str(master) for master in masters]
    folders = [tmp_path / f"worker-{number}" for number in range(PROCESSES)]
    running = [_start("photochrom", "colorize", *names, "-o", str(folder)) for folder in folders]
    in_place = _start("tests.worker.making", *names)
    for process in (*running, in_place):
        out, said = process.communicate(timeout=200)
        assert process.returncode == 0, said
    wanted = out.split()
    assert len(set(wanted)) == len(masters)
    for folder in folders:
        files = [folder / f"{master.stem}_colorized{master.suffix}" for master in masters]
        assert [hashlib.sha256(file.read_bytes()).hexdigest() for file in files] == wanted


def test_one_process_makes_the_same_bytes_again(masters: list[Path]) -> None:
    """A net that has colored other pictures, and a sandbox that has decoded them, leave no trace in the next."""
    settings = load({})
    net = load_net(LITE, WEIGHTS, threads=1)
    with Sandbox(settings.cache_dir, settings.sandbox_megabytes << 20) as sandbox:
        makers = (InPlace(), sandbox, sandbox)
        orders = (masters, masters[::-1], masters)
        made = [
            {master: derive(maker, master.read_bytes(), net, {}) for master in order}
            for maker, order in zip(makers, orders, strict=True)
        ]
    assert made[0] == made[1] == made[2]


def _start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
