"""onnxruntime's engine."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest

from models.answers import prove
from models.decoding import annealed_mean
from models.engines.onnxruntime_net import OnnxRuntimeNet
from models.files import WEIGHTS
from models.nets import load_net
from shared.errors import EngineUnavailable, ModelDamaged, NetFailed
from tests.house import LITE, lite


def test_the_shipped_net_runs_on_it(inputs: np.ndarray) -> None:
    """It gives the known answers, and OpenCV's within 1e-3 in ab."""
    net = load_net(LITE, WEIGHTS, engine="onnxruntime")
    assert net.engine == f"onnxruntime {onnxruntime.__version__} cpu"
    prove(net, LITE, WEIGHTS)
    ours, others = (annealed_mean(each.logits(inputs), 0.38) for each in (lite(), net))
    assert np.abs(ours - others).max() < 1e-3


@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_input_gives_the_same_bytes(threads: int, inputs: np.ndarray) -> None:
    """Every run of every session with as many threads gives the same logits to the last bit."""
    nets = [load_net(LITE, WEIGHTS, engine="onnxruntime", threads=threads) for _ in range(2)]
    runs = {net.logits(inputs[:1]).tobytes() for net in nets for _ in range(3)}
    assert len(runs) == 1


def test_without_it_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is not installed, the words say what to install."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(EngineUnavailable, match=r"pip install 'photochrom\[onnxruntime\]'"):
        load_net(LITE, WEIGHTS, engine="onnxruntime")


def test_without_cuda_nothing_runs_on_the_cpu_instead() -> None:
    """A build without the provider is refused; so is a session that started without it; so is half precision."""
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    with pytest.raises(EngineUnavailable, match="without CUDAExecutionProvider"):
        load_net(LITE, WEIGHTS, engine="onnxruntime", device="cuda")
    with pytest.raises(EngineUnavailable, match="half precision is for PHOTOCHROM_ENGINE=cv2"):
        load_net(LITE, WEIGHTS, engine="onnxruntime", device="cuda_fp16")


def test_a_session_that_fell_back_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where CUDA's libraries do not load, onnxruntime makes a session on the CPU: that is an error."""
    asked: list[Any] = []

    def session(*_: object, providers: list[tuple[str, dict[str, str]]]) -> object:
        asked.extend(providers)
        return onnxruntime.InferenceSession(WEIGHTS / "lite.onnx", providers=["CPUExecutionProvider"])

    fake = SimpleNamespace(**vars(onnxruntime))
    fake.get_available_providers = lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    fake.InferenceSession = session
    fake.preload_dlls = lambda **options: asked.append(options)
    monkeypatch.setitem(sys.modules, "onnxruntime", fake)
    with pytest.raises(EngineUnavailable, match="CUDAExecutionProvider did not start"):
        load_net(LITE, WEIGHTS, engine="onnxruntime", device="cuda")
    looked_in, (provider, options) = asked
    assert looked_in == {"directory": ""}
    assert provider == "CUDAExecutionProvider"
    assert options["use_tf32"] == "0"


def test_what_onnxruntime_raises_is_translated(tmp_path: Path) -> None:
    """A file that it cannot read is damaged; an input that it cannot run is the net's failure, whatever is wrong."""
    path = tmp_path / "broken.onnx"
    for content in (b"", b"<html>", (WEIGHTS / "lite.onnx").read_bytes()[:5000]):
        path.write_bytes(content)
        with pytest.raises(ModelDamaged, match=r"broken\.onnx"):
            OnnxRuntimeNet(path, input_size=224, device="cpu", threads=1)
    net = load_net(LITE, WEIGHTS, engine="onnxruntime")
    for wrong in (np.zeros((1, 5, 224, 224), np.float32), np.zeros((1, 1, 224, 224)), np.zeros(3, np.float32)):
        with pytest.raises(NetFailed):
            net.logits(wrong)
