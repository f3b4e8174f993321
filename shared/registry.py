"""The registry of models: what each is called, which files it has, and their digests."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from shared.errors import UnknownModel


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFile:
    """One file of a model."""

    #: file name below the models folder
    name: str
    #: bytes
    size: int
    #: SHA-256 of the bytes, hexadecimal
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A net with its files, known by digest."""

    #: what people call it
    name: str
    #: SHA-256 of the weights file: the model's identity in recipes, queues and sidecars
    digest: str
    #: one sentence for people
    summary: str
    #: the engine that runs it by default
    engine: str
    #: terms of use
    license: str
    #: who made it
    origin: str
    #: side of the square input, cells
    input_size: int
    #: side of the square output, cells
    output_size: int
    #: the files, in the order the engine wants them
    files: tuple[ModelFile, ...]


@cache
def models() -> tuple[Model, ...]:
    """Returns the registered models in the order of `registry.toml`."""
    data = tomllib.loads(resources.files("shared").joinpath("registry.toml").read_text("utf-8"))
    return tuple(
        Model(name=name, **(entry | {"files": tuple(ModelFile(**file) for file in entry["files"])}))
        for name, entry in data["models"].items()
    )


def model_named(name: str) -> Model:
    """Returns the model called `name`; raises UnknownModel with the names that exist."""
    for model in models():
        if model.name == name:
            return model
    known = [model.name for model in models()]
    raise UnknownModel(f"No model is called {name!r}. Known: {', '.join(known)}.", seen=name, known=known)


def model_by_digest(digest: str) -> Model | None:
    """Returns the model with this digest, or None for one that this version does not know."""
    return next((model for model in models() if model.digest == digest), None)
