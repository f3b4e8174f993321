"""Known answers: what a net must say to two known inputs, on every engine and machine.

They lie beside the model's files as `<name>.answers.toml`: mean a, mean b and mean chroma of each answer.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.decoding import TEMPERATURE
from models.files import home
from models.nets import Net, color
from shared.errors import NetFailed, NetSelfTestFailed
from shared.registry import Model

Array = NDArray[np.float32]
Answers = dict[str, list[float]]

#: How far a known answer may be off, in ab: engines and processors round differently.
TOLERANCE = 0.05


def answers_path(model: Model, folder: Path) -> Path:
    """Returns where the model's known answers lie."""
    return home(model, folder) / f"{model.name}.answers.toml"


def prove(net: Net, model: Model, folder: Path) -> None:
    """Raises NetSelfTestFailed unless two known inputs give their two known, different answers."""
    path = answers_path(model, folder)
    try:
        known = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise NetSelfTestFailed(
            f"There are no known answers for {model.name}: {path.name} is missing. "
            f"`photochrom models verify {model.name}` records them.",
            seen=str(path),
        ) from None
    except ValueError as error:
        raise NetSelfTestFailed(f"{path} cannot be read: {error}. Remove it and verify the model anew.") from error
    try:
        found = {name: _summary(ab) for name, ab in _colors(net).items()}
    except NetFailed as error:
        raise NetSelfTestFailed(f"{model.name} on {net.engine} gives no answer: {error.detail}") from error
    for name, answer in found.items():
        if not np.allclose(answer, known.get(name, np.nan), rtol=0, atol=TOLERANCE):
            raise NetSelfTestFailed(
                f"{model.name} on {net.engine} answers {answer} to the {name}; {known.get(name)} is right.",
                limit=known.get(name),
                seen=answer,
            )


def first_answers(net: Net, model: Model) -> Answers:
    """Returns the answers of a net that was never asked before.

    Raises NetSelfTestFailed where they have not the registered size or cannot be told apart, NetFailed where the net
    does not take the input or gives no distribution over the bins.
    """
    colors = _colors(net)
    side = model.output_size
    for ab in colors.values():
        if ab.shape != (2, side, side):
            raise NetSelfTestFailed(
                f"{model.name} on {net.engine} answers with {ab.shape[1]} x {ab.shape[2]} cells; {side} x {side} "
                "are right.",
                limit=[side, side],
                seen=list(ab.shape[1:]),
            )
    found = {name: _summary(ab) for name, ab in colors.items()}
    ramp, disc = found.values()
    if np.allclose(ramp, disc, rtol=0, atol=2 * TOLERANCE):
        raise NetSelfTestFailed(
            f"{model.name} on {net.engine} gives the same answer to two different pictures: {ramp}.", seen=found
        )
    return found


def text_of(answers: Answers, model: Model) -> str:
    """Returns the file that holds the answers."""
    lines = "".join(f"{name} = {answer}\n" for name, answer in answers.items())
    return (
        f"# Answers of {model.name} (SHA-256 {model.digest}) to the two known inputs of models/answers.py at "
        f"temperature {TEMPERATURE}: mean a, mean b, mean chroma.\n{lines}"
    )


def known_inputs(size: int) -> dict[str, Array]:
    """Returns two pictures' L*, float32[size, size]: a ramp from dark to light, and a bright disc on a dark ground."""
    line = np.linspace(0, 100, size, dtype=np.float32)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size - 0.5
    disc = np.where(x * x + y * y < 0.1, np.float32(85), np.float32(20))
    return {"ramp": np.repeat(line[:, None], size, axis=1), "disc": disc.astype(np.float32)}


def _colors(net: Net) -> dict[str, Array]:
    """Returns the net's ab, float32[2, h/4, w/4], for each known input."""
    return {name: color(net, lightness, TEMPERATURE) for name, lightness in known_inputs(net.input_size).items()}


def _summary(ab: Array) -> list[float]:
    """Returns mean a, mean b and mean chroma."""
    return [round(float(value), 3) for value in (ab[0].mean(), ab[1].mean(), np.hypot(ab[0], ab[1]).mean())]
