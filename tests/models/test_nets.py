"""Loading nets and proving them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.answers import known_inputs, prove
from models.files import WEIGHTS
from models.nets import color, load_net
from shared.errors import ModelDamaged, ModelMissing, NetFailed, NetSelfTestFailed
from tests.house import LITE, lite


def test_the_shipped_net_proves_itself(tmp_path: Path) -> None:
    """The shipped weights give their known answers, which differ."""
    prove(lite(), LITE, tmp_path)
    answers = [color(lite(), lightness, 0.38) for lightness in known_inputs(224).values()]
    assert answers[0].shape == (2, 56, 56)
    assert np.abs(answers[0] - answers[1]).max() > 1


def test_a_net_that_answers_wrongly_is_refused(tmp_path: Path) -> None:
    """A net whose answers do not depend on its input fails its proof; so does one without known answers."""

    class Stuck:
        engine = "stuck"
        input_size = 224

        def logits(self, lightness: np.ndarray) -> np.ndarray:
            first = next(iter(known_inputs(224).values()))
            return lite().logits(first[None, None] - np.float32(50))

    with pytest.raises(NetSelfTestFailed, match="disc"):
        prove(Stuck(), LITE, tmp_path)
    with pytest.raises(NetSelfTestFailed, match="`photochrom models verify other` records them"):
        prove(lite(), replace(LITE, name="other"), tmp_path)


def test_missing_and_damaged_files_are_told_apart(tmp_path: Path) -> None:
    """A model without its file is missing; one with another size or digest is damaged; each names the way out."""
    model = replace(LITE, name="net", ships=False)
    with pytest.raises(ModelMissing, match=r"lite\.onnx is not in .*`photochrom models pull net --from FILE`"):
        load_net(model, tmp_path)
    weights = tmp_path / "lite.onnx"
    weights.write_bytes(b"<html>not found</html>")
    with pytest.raises(ModelDamaged, match=r"22 bytes.*photochrom models pull net"):
        load_net(model, tmp_path)
    data = bytearray((WEIGHTS / "lite.onnx").read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ModelDamaged, match="SHA-256"):
        load_net(model, tmp_path)
    # What ships is in the package, whatever lies in the models folder.
    assert load_net(LITE, tmp_path).input_size == 224


def test_a_wrong_input_is_a_failure_of_the_net() -> None:
    """What OpenCV cannot run becomes NetFailed."""
    with pytest.raises(NetFailed):
        lite().logits(np.zeros((1, 5, 224, 224), np.float32))
