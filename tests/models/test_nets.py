"""Loading nets and proving them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.nets import WEIGHTS, color, known_inputs, load_net, prove
from shared.errors import ModelDamaged, ModelMissing, NetFailed, NetSelfTestFailed
from tests.house import LITE, lite


def test_the_shipped_net_proves_itself() -> None:
    """The shipped weights give their known answers, which differ."""
    prove(lite(), LITE)
    answers = [color(lite(), lightness, 0.38) for lightness in known_inputs(224).values()]
    assert answers[0].shape == (2, 56, 56)
    assert np.abs(answers[0] - answers[1]).max() > 1


def test_a_net_that_answers_wrongly_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A net whose answers do not depend on its input fails its proof; so does one without known answers."""

    class Stuck:
        engine = "stuck"
        input_size = 224

        def logits(self, lightness: np.ndarray) -> np.ndarray:
            first = next(iter(known_inputs(224).values()))
            return lite().logits(first[None, None] - np.float32(50))

    with pytest.raises(NetSelfTestFailed, match="disc"):
        prove(Stuck(), LITE)
    with pytest.raises(NetSelfTestFailed, match="missing"):
        prove(lite(), replace(LITE, name="other"))


def test_missing_and_damaged_files_are_told_apart(tmp_path: Path) -> None:
    """A model without its file is missing; one with another size or digest is damaged."""
    with pytest.raises(ModelMissing, match=r"lite\.onnx"):
        load_net(LITE, tmp_path)
    weights = tmp_path / "lite.onnx"
    weights.write_bytes(b"<html>not found</html>")
    with pytest.raises(ModelDamaged, match="22 bytes"):
        load_net(LITE, tmp_path)
    data = bytearray((WEIGHTS / "lite.onnx").read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ModelDamaged, match="SHA-256"):
        load_net(LITE, tmp_path)


def test_a_wrong_input_is_a_failure_of_the_net() -> None:
    """What OpenCV cannot run becomes NetFailed."""
    with pytest.raises(NetFailed):
        lite().logits(np.zeros((1, 5, 224, 224), np.float32))
