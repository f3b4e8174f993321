"""The synthetic twins."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.eccv16.caffemodel import read
from models.eccv16.layers import AB, SCALE, layers_of
from models.eccv16.twin import write_twin
from models.engines.cv2_net import Cv2Net


def test_a_seed_gives_the_same_file(thin_twin: Path, tmp_path: Path) -> None:
    """The same seed gives the same bytes, another one others."""
    write_twin(tmp_path / "same", width=16)
    write_twin(tmp_path / "other", width=16, seed=1)
    assert (tmp_path / "same").read_bytes() == thin_twin.read_bytes() != (tmp_path / "other").read_bytes()


def test_it_holds_what_the_release_holds(thin_twin: Path) -> None:
    """Every layer of the table, and the two that the graph decodes with."""
    blobs = read(thin_twin)
    table = layers_of(blobs)
    names = {layer.name for layer in table} | {layer.norm for layer in table if layer.norm} | {AB, SCALE}
    assert set(blobs) == names


def test_its_logits_look_like_a_nets(thin_twin: Path, inputs: np.ndarray) -> None:
    """They change from cell to cell by 1 to 4, and no bin takes all."""
    logits = Cv2Net(thin_twin, input_size=224, device="cpu").logits(inputs)
    assert 1 < logits.std(axis=(2, 3)).mean() < 4
    chances = np.exp((logits - logits.max(axis=1, keepdims=True)) / 0.38)
    assert (chances.max(axis=1) / chances.sum(axis=1)).mean() < 0.5
