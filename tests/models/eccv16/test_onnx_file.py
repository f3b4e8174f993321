"""The net as an ONNX file."""

from __future__ import annotations

import sys
from pathlib import Path

import onnx
import pytest

from models.eccv16.caffemodel import read
from models.eccv16.onnx_file import check, to_onnx
from models.eccv16.weights import converted
from shared.errors import EngineUnavailable, ModelDamaged


def sides(value: onnx.ValueInfoProto) -> list[int | str]:
    """The shape of an input or output."""
    return [side.dim_param or side.dim_value for side in value.type.tensor_type.shape.dim]


def test_it_keeps_the_contract_of_all_nets(thin_twin: Path, tmp_path: Path) -> None:
    """Names, shapes and operators are those that every net has; the checker has nothing to say."""
    path = tmp_path / "thin.onnx"
    path.write_bytes(converted(thin_twin))
    check(path)
    model = onnx.load(path)
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 13)]
    assert [(value.name, sides(value)) for value in model.graph.input] == [("lightness", ["n", 1, 224, 224])]
    assert [(value.name, sides(value)) for value in model.graph.output] == [("logits", ["n", 313, 56, 56])]
    assert converted(thin_twin) == path.read_bytes()


def test_the_checker_refuses_a_broken_graph(thin_twin: Path, tmp_path: Path) -> None:
    """A node that takes what nobody gives is found."""
    model = to_onnx(read(thin_twin))
    model.graph.node[3].input[0] = "nowhere"
    onnx.save(model, tmp_path / "broken.onnx")
    with pytest.raises(ModelDamaged, match=r"broken\.onnx"):
        check(tmp_path / "broken.onnx")


def test_without_onnx_the_extra_is_named(thin_twin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the package is missing, the words say what to install."""
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(EngineUnavailable, match=r"photochrom\[convert\]"):
        converted(thin_twin)
