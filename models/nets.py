"""Nets: from a picture's lightness to logits over the bins."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from models.bins import COUNT
from models.decoding import annealed_mean
from shared.errors import ModelDamaged, ModelMissing, NetFailed, NetSelfTestFailed
from shared.registry import Model

Array = NDArray[np.float32]

#: Where the weights lie that ship with Photochrom.
WEIGHTS = Path(__file__).parent / "weights"

#: L* that the nets take as zero.
LIGHTNESS_CENTER = 50.0

#: How far a known answer may be off, in ab: engines and processors round differently.
_TOLERANCE = 0.05

#: Temperature of the self-test.
_PROOF_TEMPERATURE = 0.38


class Net(Protocol):
    """A loaded net."""

    #: engine, its version and device, for sidecars
    engine: str
    #: side of the square input, cells
    input_size: int

    def logits(self, lightness: Array) -> Array:
        """Returns float32[n, 313, h/4, w/4] for float32[n, 1, h, w] of L* minus 50; raises NetFailed."""


class Cv2Net:
    """A net that OpenCV runs on the CPU."""

    def __init__(self, weights: Path, input_size: int) -> None:
        """Reads an ONNX file."""
        self._net = cv2.dnn.readNetFromONNX(str(weights))
        self.engine = f"cv2 {cv2.__version__} cpu"
        self.input_size = input_size

    def logits(self, lightness: Array) -> Array:
        """Runs the net."""
        try:
            self._net.setInput(lightness)
            out = self._net.forward()
        except cv2.error as error:
            raise NetFailed(f"OpenCV could not run the net: {error}") from error
        return np.asarray(out, np.float32)


def load_net(model: Model, folder: Path, *, threads: int = 1) -> Net:
    """Loads a model whose files lie in `folder`; OpenCV will use `threads` threads in this process.

    Raises ModelMissing or ModelDamaged.
    """
    paths = [_proved(model, folder, number) for number in range(len(model.files))]
    cv2.setNumThreads(threads)
    return Cv2Net(paths[-1], model.input_size)


def color(net: Net, lightness: Array, temperature: float) -> Array:
    """Returns ab float32[2, h/4, w/4] for one picture's L*, float32[h, w] of the net's input size."""
    found = net.logits(lightness[None, None] - np.float32(LIGHTNESS_CENTER))
    if found.ndim != 4 or found.shape[1] != COUNT:
        raise NetFailed(f"The net gave an array of shape {found.shape}.", seen=list(found.shape))
    ab: Array = annealed_mean(found, temperature)[0]
    return ab


def prove(net: Net, model: Model) -> None:
    """Raises NetSelfTestFailed unless two known inputs give their two known, different answers.

    The answers lie beside the shipped weights as `<name>.answers.toml`: mean a, mean b and mean chroma of each.
    """
    path = WEIGHTS / f"{model.name}.answers.toml"
    if not path.is_file():
        raise NetSelfTestFailed(f"There are no known answers for {model.name}: {path.name} is missing.")
    known = tomllib.loads(path.read_text("utf-8"))
    for name, lightness in known_inputs(net.input_size).items():
        answer = summary(color(net, lightness, _PROOF_TEMPERATURE))
        if not np.allclose(answer, known[name], rtol=0, atol=_TOLERANCE):
            raise NetSelfTestFailed(
                f"{model.name} on {net.engine} answers {answer} to the {name}; {known[name]} is right.",
                limit=known[name],
                seen=answer,
            )


def known_inputs(size: int) -> dict[str, Array]:
    """Returns two pictures' L*, float32[size, size]: a ramp from dark to light, and a bright disc on a dark ground."""
    line = np.linspace(0, 100, size, dtype=np.float32)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size - 0.5
    disc = np.where(x * x + y * y < 0.1, np.float32(85), np.float32(20))
    return {"ramp": np.repeat(line[:, None], size, axis=1), "disc": disc.astype(np.float32)}


def summary(ab: Array) -> list[float]:
    """Returns mean a, mean b and mean chroma."""
    return [round(float(value), 3) for value in (ab[0].mean(), ab[1].mean(), np.hypot(ab[0], ab[1]).mean())]


def _proved(model: Model, folder: Path, number: int) -> Path:
    """Returns the path of one of the model's files after its size and digest were checked."""
    file = model.files[number]
    path = folder / file.name
    if not path.is_file():
        raise ModelMissing(f"{model.name} needs {file.name} in {folder}.", seen=str(path))
    size = path.stat().st_size
    if size != file.size:
        raise ModelDamaged(f"{path} has {size:,} bytes; {file.size:,} are right.", limit=file.size, seen=size)
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != file.sha256:
        raise ModelDamaged(f"{path} has the SHA-256 {digest}; {file.sha256} is right.", limit=file.sha256, seen=digest)
    return path
