"""`photochrom models`: the registered models and their files."""

from __future__ import annotations

import json
import sys

import click

from cli.reporting import Group
from models.nets import load_net, prove
from shared import registry
from shared.errors import Misconfigured
from shared.settings import load
from worker.workshop import models_folder


@click.group(cls=Group)
def models() -> None:
    """List and verify the nets."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(as_json: bool) -> None:
    """List the registered models and whether their files are here."""
    folder = models_folder(load())
    for model in registry.models():
        here = all((folder / file.name).is_file() for file in model.files)
        size = sum(file.size for file in model.files)
        if as_json:
            facts = {"name": model.name, "digest": model.digest, "size": size, "here": here, "license": model.license}
            click.echo(json.dumps(facts))
        else:
            click.echo(f"{model.name:12} {size / 1e6:6.1f} MB  {'here' if here else 'missing'}  {model.summary}")


@models.command()
@click.argument("names", nargs=-1)
def verify(names: tuple[str, ...]) -> None:
    """Prove files by their digests and nets by their known answers; all models that are here by default."""
    folder = models_folder(load())
    chosen = [registry.model_named(name) for name in names] or [
        model for model in registry.models() if all((folder / file.name).is_file() for file in model.files)
    ]
    failed = False
    for model in chosen:
        try:
            net = load_net(model, folder)
            prove(net, model)
        except Misconfigured as error:
            failed = True
            click.echo(f"{model.name}: {error.code}: {error.detail}", err=True)
        else:
            click.echo(f"{model.name}: files and answers are right ({net.engine}).")
    sys.exit(2 if failed else 0)
