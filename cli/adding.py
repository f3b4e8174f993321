"""Adding: weights of the operator's own, of a shape that is known, under a name of his own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from cli import models_folder
from models.files import EXTENSIONS, mistaken_for
from shared.errors import NotAModel
from shared.registry import NAME, Model, ModelFile, Registry


def add(name: str, like: Model, source: Path, registry: Registry, folder: Path) -> Model:
    """Copies the weights into the models folder, proves the net, and enters it into the operator's registry.

    Raises click.UsageError for a name that cannot be had, NotAModel for a file that is no net of that shape.
    """
    check_name(name, registry)
    extension = source.suffix.lower()
    if words := mistaken_for(source):
        raise NotAModel(f"{source} {words}.", seen=str(source))
    if extension not in EXTENSIONS[like.shape]:
        raise NotAModel(
            f"{source} ends in {extension or 'no extension'}; weights of the shape {like.shape} come in a file that "
            f"ends in {' or '.join(EXTENSIONS[like.shape])}.",
            limit=list(EXTENSIONS[like.shape]),
            seen=extension,
        )
    bare = replace(
        like,
        name=name,
        digest=None,
        summary=f"Added by the operator: weights of the shape {like.shape}.",
        license="not stated",
        origin=source.name,
        ships=False,
        files=(ModelFile(name=f"{name}{extension}"),),
    )
    with models_folder.opened(folder) as incoming:
        target = incoming / bare.files[-1].name
        models_folder.copy_in(source, target)
        model = models_folder.measured(bare, incoming)
        if same := registry.by_digest(model.digest or ""):
            target.unlink()
            raise click.UsageError(f"{source} is {same.name}: it has the same SHA-256. A net has one name.")
        models_folder.enter(model, incoming, str(source))
    return model


def check_name(name: str, registry: Registry) -> None:
    """Raises click.UsageError for a name that is taken or that no model can have."""
    if not NAME.fullmatch(name):
        raise click.UsageError(f"A model's name is 1 to 64 of a-z, 0-9 and -, and does not begin with -; got {name!r}.")
    if name in {model.name for model in registry.models}:
        raise click.UsageError(f"{name!r} is a model already; `photochrom models list` shows those that there are.")
