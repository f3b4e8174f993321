"""OpenCV's engine: what it reads, and that it never runs on another device than the one that was asked for."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.decoding import annealed_mean
from models.engines import cv2_net
from models.engines.cv2_net import Cv2Net
from models.files import WEIGHTS
from models.nets import load_net
from shared.errors import EngineUnavailable, ModelDamaged, NetFailed
from tests.house import LITE


def test_it_says_what_it_is() -> None:
    """Engine, version and device, for sidecars."""
    assert load_net(LITE, WEIGHTS).engine == f"cv2 {cv2.__version__} cpu"


def test_an_opencv_without_caffe_converts(thin_twin: Path, inputs: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no importer, as in 5.0, the net is converted in memory and says the same."""
    before = Cv2Net(thin_twin, input_size=224, device="cpu").logits(inputs[:1])
    monkeypatch.delattr(cv2.dnn, "readNetFromCaffe")
    after = Cv2Net(thin_twin, input_size=224, device="cpu").logits(inputs[:1])
    assert np.abs(annealed_mean(before, 0.38) - annealed_mean(after, 0.38)).max() < 1e-3
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(EngineUnavailable, match=r"photochrom\[convert\]"):
        Cv2Net(thin_twin, input_size=224, device="cpu")


@pytest.mark.parametrize("device", ["cuda", "cuda_fp16"])
def test_without_cuda_nothing_runs_on_the_cpu_instead(device: str) -> None:
    """An OpenCV without CUDA is refused before a net is read, with what is missing and the ways out."""
    if cv2.cuda.getCudaEnabledDeviceCount() > 0:
        pytest.skip("this OpenCV has CUDA")
    with pytest.raises(EngineUnavailable, match=rf"is {device}, .* built without NVIDIA CUDA and cuDNN") as caught:
        load_net(LITE, WEIGHTS, device=device)
    for way in ("worker-cuda.Dockerfile", "photochrom[onnxruntime-gpu]", "PHOTOCHROM_DEVICE to cpu"):
        assert way in caught.value.detail


@pytest.mark.parametrize(("devices", "words"), [(0, "sees no CUDA device"), (-1, "too old"), (1, "GPU .* too old")])
def test_a_build_with_cuda_needs_a_gpu_that_can(devices: int, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Driver and card are named where they are what is missing."""
    info = "  NVIDIA CUDA:   YES (ver 12.8)\n  cuDNN:   YES (ver 9.8)\n"
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: info)
    monkeypatch.setattr(cv2.cuda, "getCudaEnabledDeviceCount", lambda: devices)
    monkeypatch.setattr(cv2.dnn, "getAvailableTargets", lambda _: [])
    with pytest.raises(EngineUnavailable, match=words):
        Cv2Net(WEIGHTS / "lite.onnx", input_size=224, device="cuda_fp16")


def test_a_gpu_is_given_the_net(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the target is there, the net is set to it and says so."""
    asked = []

    class Recorder:
        def setPreferableBackend(self, backend: int) -> None:  # noqa: N802 - OpenCV's name
            asked.append(backend)

        def setPreferableTarget(self, target: int) -> None:  # noqa: N802 - OpenCV's name
            asked.append(target)

    monkeypatch.setattr(cv2.dnn, "getAvailableTargets", lambda _: [cv2.dnn.DNN_TARGET_CUDA_FP16])
    monkeypatch.setattr(cv2_net, "_read", lambda *_: Recorder())
    net = Cv2Net(WEIGHTS / "lite.onnx", input_size=224, device="cuda_fp16")
    assert asked == [cv2.dnn.DNN_BACKEND_CUDA, cv2.dnn.DNN_TARGET_CUDA_FP16]
    assert net.engine.endswith(" cuda_fp16")


def test_what_opencv_raises_is_translated(tmp_path: Path) -> None:
    """A file that it cannot read is damaged; an input that it cannot run is the net's failure."""
    path = tmp_path / "broken.onnx"
    path.write_bytes((WEIGHTS / "lite.onnx").read_bytes()[:5000])
    with pytest.raises(ModelDamaged, match=r"broken\.onnx"):
        Cv2Net(path, input_size=224, device="cpu")
    with pytest.raises(NetFailed):
        load_net(LITE, WEIGHTS).logits(np.zeros((1, 5, 224, 224), np.float32))


def test_a_caffe_file_of_another_net_is_refused(thin_twin: Path, tmp_path: Path) -> None:
    """It does not reach OpenCV."""
    path = tmp_path / "other.caffemodel"
    path.write_bytes(thin_twin.read_bytes().replace(b"conv7_2", b"conv7_9"))
    with pytest.raises(ModelDamaged, match="conv7_2"):
        Cv2Net(path, input_size=224, device="cpu")
