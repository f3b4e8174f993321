"""onnxruntime's engine (extra `onnxruntime` or `onnxruntime-gpu`): on the CPU, or on a GPU by CUDA."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.eccv16 import weights
from shared.errors import EngineUnavailable, ModelDamaged, NetFailed, PhotochromError

Array = NDArray[np.float32]

#: Device -> provider and its options. TF32 has 10 bits of mantissa, with which engines would not agree; heuristics
#: choose the same kernels at every start, where trials would choose by the clock.
_PROVIDERS: dict[str, tuple[str, dict[str, str]]] = {
    "cpu": ("CPUExecutionProvider", {}),
    "cuda": ("CUDAExecutionProvider", {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}),
}

#: Least severity that is logged: errors. The rest is about optimizations.
_ERRORS_ONLY = 3


class OnnxRuntimeNet:
    """A net that onnxruntime runs."""

    def __init__(self, path: Path, *, input_size: int, device: str, threads: int) -> None:
        """Reads an ONNX file or a Caffe weights file; raises ModelDamaged or EngineUnavailable."""
        runtime = _runtime()
        provider, options = _provider(runtime, device)
        if device != "cpu":
            # CUDA and cuDNN may have come as Python packages, where no linker looks.
            runtime.preload_dlls(directory="")
        source = weights.converted(path) if path.suffix == weights.SUFFIX else str(path)
        with _translated(runtime, ModelDamaged, f"onnxruntime cannot read {path}"):
            self._session = runtime.InferenceSession(
                source, _session_options(runtime, threads), providers=[(provider, options)]
            )
        # Where CUDA's libraries do not load, the session is made without its provider, and only a line is logged.
        if provider not in self._session.get_providers():
            raise _no_cuda(runtime, f"{provider} did not start: CUDA or cuDNN is missing or of another version")
        self._session.disable_fallback()
        self._runtime = runtime
        self._input = self._session.get_inputs()[0].name
        self.engine = f"onnxruntime {runtime.__version__} {device}"
        self.input_size = input_size

    def logits(self, lightness: Array) -> Array:
        """Runs the net."""
        with _translated(self._runtime, NetFailed, "onnxruntime could not run the net"):
            (found,) = self._session.run(None, {self._input: lightness})
        return np.asarray(found, np.float32)


def _runtime() -> Any:
    try:
        import onnxruntime  # noqa: PLC0415 - heavy, and an extra
    except ImportError as error:
        raise EngineUnavailable(
            "PHOTOCHROM_ENGINE is onnxruntime, which is not installed: pip install 'photochrom[onnxruntime]', or for a "
            "GPU 'photochrom[onnxruntime-gpu]'; or set PHOTOCHROM_ENGINE to cv2.",
            seen="no onnxruntime",
        ) from error
    return onnxruntime


def _provider(runtime: Any, device: str) -> tuple[str, dict[str, str]]:
    if device not in _PROVIDERS:
        raise EngineUnavailable(
            f"PHOTOCHROM_DEVICE is {device}, which onnxruntime does not offer here. It has "
            f"{' and '.join(_PROVIDERS)}; half precision is for PHOTOCHROM_ENGINE=cv2.",
            limit=list(_PROVIDERS),
            seen=device,
        )
    provider, options = _PROVIDERS[device]
    if provider not in runtime.get_available_providers():
        raise _no_cuda(runtime, f"this onnxruntime {runtime.__version__} was built without {provider}")
    return provider, options


def _session_options(runtime: Any, threads: int) -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = _ERRORS_ONLY
    return options


def _no_cuda(runtime: Any, found: str) -> EngineUnavailable:
    return EngineUnavailable(
        f"PHOTOCHROM_DEVICE is cuda, but {found}. Remove onnxruntime, install 'photochrom[onnxruntime-gpu]' with the "
        "CUDA and cuDNN that it names (deploy/worker-cuda.Dockerfile), or set PHOTOCHROM_DEVICE to cpu.",
        limit="cuda",
        seen=runtime.get_available_providers(),
    )


@contextmanager
def _translated(runtime: Any, kind: type[PhotochromError], words: str) -> Iterator[None]:
    """Raises `kind` for what onnxruntime raises: Python's errors, and its own, which have no class in common."""
    state = vars(runtime.capi.onnxruntime_pybind11_state).values()
    own = (found for found in state if isinstance(found, type) and issubclass(found, Exception))
    foreign: tuple[type[Exception], ...] = (RuntimeError, ValueError, TypeError, *own)
    try:
        yield
    except foreign as error:
        raise kind(f"{words}: {error}") from error
