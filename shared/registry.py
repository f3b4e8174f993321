"""The registry of models: what each is called, which files it has, and their digests.

It has two parts: what ships with Photochrom (`registry.toml` beside this module), and what the operator has entered
into the `registry.toml` of the models folder by `photochrom models add` and `pull`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from shared.errors import ModelMissing, RegistryDamaged, UnknownModel

#: The operator's registry in the models folder.
FILE_NAME = "registry.toml"

#: What a model may be called: it becomes a file name, a word of a command and a field of a recipe.
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFile:
    """One file of a model."""

    #: file name below the models folder
    name: str
    #: bytes; None where nobody has published it
    size: int | None = None
    #: SHA-256 of the bytes, hexadecimal; None where nobody has published it
    sha256: str | None = None
    #: addresses that have it, in the order in which they are tried
    mirrors: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A net with its files, known by digest."""

    #: what people call it
    name: str
    #: SHA-256 of the weights file: the model's identity in recipes, queues and sidecars; None until it is first fetched
    digest: str | None = None
    #: one sentence for people
    summary: str
    #: whose net's description runs the weights: lite or eccv16
    shape: str
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
    #: whether the files are part of the package, and not of the models folder
    ships: bool = False
    #: the files, in the order the engine wants them
    files: tuple[ModelFile, ...]

    @property
    def remedy(self) -> str:
        """The command that brings the model's files here."""
        if self.ships:
            return "pip install --force-reinstall photochrom"
        hand_over = "" if all(file.mirrors for file in self.files) else " --from FILE"
        return f"photochrom models pull {self.name}{hand_over}"


@dataclass(frozen=True, slots=True)
class Registry:
    """The models that are known here, those that ship first."""

    models: tuple[Model, ...]

    def named(self, name: str) -> Model:
        """Returns the model called `name`; raises UnknownModel with the names that exist."""
        for model in self.models:
            if model.name == name:
                return model
        known = [model.name for model in self.models]
        raise UnknownModel(f"No model is called {name!r}. Known: {', '.join(known)}.", seen=name, known=known)

    def digest_of(self, name: str) -> str:
        """Returns the digest of the model called `name`.

        Raises UnknownModel, and ModelMissing for a model whose digest is known only once its file is here.
        """
        model = self.named(name)
        if model.digest is None:
            raise ModelMissing(
                f"{name} is not on this machine yet, and its digest is published nowhere. `{model.remedy}` fetches it.",
                seen=name,
            )
        return model.digest

    def by_digest(self, digest: str) -> Model | None:
        """Returns the model with this digest, or None for one that is not known here."""
        return next((model for model in self.models if model.digest == digest), None)

    def name_of(self, digest: str) -> str:
        """Returns the name of the model with this digest, or the start of the digest where it is not known here."""
        model = self.by_digest(digest)
        return model.name if model else digest[:12]


@cache
def shipped() -> Registry:
    """Returns the models that ship with Photochrom or that it knows how to fetch."""
    text = resources.files("shared").joinpath(FILE_NAME).read_text("utf-8")
    return Registry(_models(tomllib.loads(text)))


def load_registry(folder: Path) -> Registry:
    """Returns the shipped models and those that the operator has entered into the registry of the models folder.

    An entry of the operator's may complete a shipped one that has no digest; it cannot change one that has. Raises
    RegistryDamaged for a file that cannot be understood.
    """
    entered = {model.name: model for model in operators_models(folder)}
    known = tuple(model if model.digest else entered.get(model.name, model) for model in shipped().models)
    names = {model.name for model in known}
    return Registry(known + tuple(model for name, model in entered.items() if name not in names))


def operators_models(folder: Path) -> tuple[Model, ...]:
    """Returns what the operator has entered into the registry of the models folder; raises RegistryDamaged."""
    path = folder / FILE_NAME
    try:
        text = path.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise RegistryDamaged(f"{path} cannot be read: {error}.", seen=str(path)) from error
    try:
        models = _models(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, TypeError, KeyError, AttributeError) as error:
        raise RegistryDamaged(f"{path} is not a registry of models: {error}.", seen=str(path)) from error
    for model in models:
        if words := _wrong(model):
            raise RegistryDamaged(f"{path} has a model {model.name!r} with {words}.", seen=model.name)
    return models


def _wrong(model: Model) -> str | None:
    """Returns what is wrong with an entry of the operator's, in words; None for one that holds up."""
    shapes = sorted({known.shape for known in shipped().models})
    texts = (model.summary, model.engine, model.license, model.origin)
    sides = (model.input_size, model.output_size)
    rules = (
        (NAME.fullmatch(model.name), "a name that is not 1 to 64 of a-z, 0-9 and -"),
        (_is_digest(model.digest), f"the digest {model.digest!r}, where 64 of 0-9 and a-f are right"),
        (model.shape in shapes, f"the shape {model.shape!r}, where {' or '.join(shapes)} is right"),
        (not model.ships, "`ships`, which only those of Photochrom may have"),
        (all(isinstance(text, str) for text in texts), "a summary, engine, license or origin that is no text"),
        (all(isinstance(side, int) and side > 0 for side in sides), "a size that is no number of cells"),
        (model.files, "no files"),
        (all(map(_holds_up, model.files)), "a file whose name, size or SHA-256 cannot be"),
    )
    return next((words for right, words in rules if not right), None)


def _holds_up(file: ModelFile) -> bool:
    """Tells whether a file of an entry has a name without a folder, and a size and a digest that can be, if any."""
    named = isinstance(file.name, str) and Path(file.name).name == file.name
    return named and isinstance(file.size, int | None) and (file.sha256 is None or _is_digest(file.sha256))


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _models(data: Mapping[str, Any]) -> tuple[Model, ...]:
    return tuple(_model(name, entry) for name, entry in data["models"].items())


def _model(name: str, entry: Mapping[str, Any]) -> Model:
    files = tuple(ModelFile(**{**file, "mirrors": tuple(file.get("mirrors", ()))}) for file in entry["files"])
    return Model(name=name, **{**entry, "files": files})
